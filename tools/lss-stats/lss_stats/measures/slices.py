"""Slices of the fields: what the eye compares (LULO Fig. 4)."""

import numpy as np

from lss.config import Box
from lss.grid.fourier import smooth
from lss.grid.mesh import overdensity
from lss.halos.six_fields import lattice_velocity
from lss.universe import Group, Universe
from lss_stats.config import Statistics
from lss_stats.measures.fields import available, grid_of, initial_field, stored_unit

AXIS = 2  # slices are projected along z


def slices(universe: Universe, config: Statistics) -> Group:
    """Means over a slice [0, thickness) along z of every field there is: (n, n) float32 each.

    initial (smoothed), matter, velocity (x component, on the initial lattice, km/s), halo fields.
    """
    data: dict[str, np.ndarray] = {}
    box = universe.box
    if "initial" in available(universe):
        smoothed = smooth(initial_field(universe), config.slice_smoothing, box.size)
        data["initial"] = _mean(smoothed, box, config)
    if universe.has("PartType1"):
        particles = universe.particles
        matter = overdensity(particles.position, grid_of(box, config), box.size, config.assignment)
        data["matter"] = _mean(matter, box, config)
        if round(len(particles.velocity) ** (1 / 3)) ** 3 == len(particles.velocity):
            data["velocity"] = _mean(lattice_velocity(universe)[..., 0], box, config)
    elif universe.has("fields/matter"):
        data["matter"] = _mean(universe.field("matter").value, box, config)
    for name in universe.field_names:
        if name != "matter":
            data[name] = _mean(universe.field(name).value, box, config)
    attrs = {"thickness": config.slice_thickness, "box_size": box.size, "smoothing_initial": config.slice_smoothing}
    units = {name: stored_unit(universe, name) for name in universe.field_names} | {"velocity": "km/s"}
    return Group(data, attrs | {"source": universe.source}, units)


def _mean(field: np.ndarray, box: Box, config: Statistics) -> np.ndarray:
    """Over the slice; a field in two dimensions is one already."""
    n = len(field)
    if field.ndim == 2:
        return field
    cells = int(np.clip(round(config.slice_thickness / box.size * n), 1, n))
    return field[:, :, :cells].mean(axis=AXIS, dtype=np.float64).astype(np.float32)
