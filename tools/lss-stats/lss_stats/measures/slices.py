"""Slices of the fields: what the eye compares (LULO Fig. 4)."""

from lss.halos.six_fields import lattice_velocity
from lss.universe import Group, Universe
from lss_stats.config import Statistics
from lss_stats.fields import Fields, stored_unit
from lss_stats.statistic import PAINTING, Figure, Groups, Statistic, Subject

_PAINTED = ("initial", "matter")  # by `Fields`; the others are there as they are


def slices(universe: Universe, config: Statistics, fields: Fields | None = None) -> Group:
    """Means over a slice [0, thickness) along z of every field there is: (n, n) float32 each.

    initial (smoothed), matter, velocity (x component, on the initial lattice, km/s), halo fields.
    """
    fields = fields or Fields(universe, config)
    data = {name: fields.slice(name) for name in _PAINTED if name in fields}
    if universe.has("PartType1"):
        particles = len(universe.particles.velocity)
        if round(particles ** (1 / 3)) ** 3 == particles and universe.particles.lattice:
            data["velocity"] = fields.mean_over_slice(lattice_velocity(universe)[..., 0])
    for name in universe.field_names:
        if name != "matter":
            data[name] = fields.mean_over_slice(universe.field(name).value)
    attrs = {
        "thickness": config.slice_thickness,
        "box_size": universe.box.size,
        "smoothing_initial": config.slice_smoothing,
        "source": universe.source,
    }
    units = {name: stored_unit(universe, name) for name in universe.field_names} | {"velocity": "km/s"}
    return Group(data, attrs, units)


def _fields(subject: Subject) -> dict[str, tuple[str, ...]]:
    return {name: () for name in _PAINTED if subject.config.wants("power") and name in subject.fields}


def _of_field(subject: Subject, name: str) -> Groups:
    """The slice is taken while the field is there; `_of_universe` gathers them."""
    subject.fields.slice(name)
    return {}


def _of_universe(subject: Subject) -> Groups:
    if not subject.config.wants("power") or not (subject.fields.available or subject.fields.planes):
        return {}
    return {"slices": slices(subject.universe, subject.config, subject.fields)}


STATISTIC = Statistic(
    groups=("slices",),
    fields=_fields,
    of_field=_of_field,
    of_universe=_of_universe,
    pictures=frozenset({"slices"}),
    figures={
        "slices": Figure(
            "Slices of the fields (LULO Fig. 4)",
            "lss_stats.figures.fields:slices",
            (
                "Mean of each field over a slab along z; the truth above, where there is one, in the same "
                "colours. The initial field is smoothed, as its title says."
            ),
            (*PAINTING, "slice_thickness", "slice_smoothing"),
        )
    },
)
