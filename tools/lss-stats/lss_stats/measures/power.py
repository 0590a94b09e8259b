"""The power spectrum P(k) of a field."""

import numpy as np

from lss.errors import DataError
from lss.grid.fourier import forward, half_space_weights
from lss.grid.spectra import Spectra, measure_modes
from lss.universe import Group, Universe
from lss_stats.config import Statistics
from lss_stats.fields import VECTORS, FieldModes
from lss_stats.statistic import PAINTING, Figure, Groups, Statistic, Subject


def power(field: FieldModes, config: Statistics) -> Group:
    """P(k) of a field, averaged over its components; shot noise in a column of its own, never subtracted.

    Columns: k (h/Mpc), n_modes, power, shot_noise ((Mpc/h)^3, times unit^2 of the field).
    """
    spectra = [measure_together([modes], [field.window], field, config) for modes in field.modes]
    data = {
        "k": spectra[0].k,
        "n_modes": spectra[0].n_modes,
        "power": np.mean([s.power[0, 0] for s in spectra], axis=0),
        "shot_noise": np.full(len(spectra[0].k), field.shot_noise),
    }
    return Group(data, attributes(field), units_of(field, "power", "shot_noise"))


def plane_power(universe: Universe, name: str, config: Statistics) -> Group:
    """P(k) of a field in two dimensions, in shells of width 2 pi / L.

    Columns: k (h/Mpc), n_modes, power ((Mpc/h)^2).
    """
    value, size = universe.field(name).value, universe.box.size
    n = len(value)
    squared = np.square(np.abs(forward(value).astype(np.complex128))) * (size / n**2) ** 2
    m = np.hypot(np.fft.fftfreq(n, 1 / n)[:, None], np.arange(n // 2 + 1))
    shell = np.rint(m).astype(int).ravel()
    weight = np.broadcast_to(half_space_weights(n), m.shape).ravel()
    n_modes = np.bincount(shell, weight)[1:]
    k, mean = (np.bincount(shell, weight * x.ravel())[1:] / n_modes for x in (2 * np.pi / size * m, squared))
    kept = in_range(k, config)
    attrs = {"field": name, "source": universe.source, "grid": n, "nyquist": np.pi * n / size}
    data = {"k": k[kept], "n_modes": n_modes[kept].astype(np.int64), "power": mean[kept]}
    return Group(data, attrs, {"k": "h/Mpc", "power": "(Mpc/h)^2"})


def in_range(k: np.ndarray, config: Statistics) -> np.ndarray:
    """Which shells are kept. Raises DataError when none is."""
    kept = (k >= config.k_min) & (k <= (config.k_max or np.inf))
    if not kept.any():
        high = "the corner" if config.k_max is None else f"{config.k_max:g}"
        raise DataError(
            f"no mode between k_min = {config.k_min:g} and k_max = {high}: shells run {k[0]:.3g} - {k[-1]:.3g}"
        )
    return kept


def measure_together(
    modes: list[np.ndarray] | tuple[np.ndarray, ...], windows: list[str], field: FieldModes, config: Statistics
) -> Spectra:
    stack = modes[0][None] if len(modes) == 1 else np.stack(modes)
    try:
        spectra = measure_modes(stack, field.n, field.box_size, windows)
    except DataError as error:
        raise DataError(f"{field.source}: {field.name}: {error}") from None
    kept = in_range(spectra.k, config)
    return Spectra(spectra.k[kept], spectra.n_modes[kept], spectra.power[..., kept])


def attributes(field: FieldModes) -> dict[str, str | int | float | bool]:
    return {
        "field": field.name,
        "source": field.source,
        "grid": field.n,
        "window": field.window,
        "interlaced": field.interlaced,
        "nyquist": field.nyquist,
    }


def units_of(field: FieldModes, *columns: str) -> dict[str, str]:
    unit = "(Mpc/h)^3" if field.unit == "1" else f"(Mpc/h)^3 ({field.unit})^2"
    return {"k": "h/Mpc", **dict.fromkeys(columns, unit)}


def measured_fields(subject: Subject) -> list[str]:
    """The fields whose spectra are asked for."""
    wants = subject.config.wants
    scalars = wants("power", "correlation", "transfer")
    return [name for name in subject.fields.available if (wants(name) if name in VECTORS else scalars)]


def _of_field(subject: Subject, name: str) -> Groups:
    return {f"power/{name}": power(subject.fields.modes(name), subject.config)}


def _of_planes(subject: Subject) -> Groups:
    if not subject.config.wants("power"):
        return {}
    return {f"power/{name}": plane_power(subject.universe, name, subject.config) for name in subject.fields.planes}


STATISTIC = Statistic(
    groups=("power",),
    fields=lambda subject: dict.fromkeys(measured_fields(subject), ()),
    of_field=_of_field,
    of_universe=_of_planes,
    units={"k": "h/Mpc"},
    abscissae=frozenset({"k"}),
    shared=frozenset({"n_modes"}),
    figures={
        "random-field": Figure(
            "Random field and its spectrum",
            "lss_stats.figures.fields:random_field",
            (
                "A slice of the field, and its power spectrum with one standard deviation from the number of "
                "modes; dotted: the truth."
            ),
            ("k_min", "k_max"),
        ),
        "spectra": Figure(
            "Power, transfer function and cross-correlation (LULO Fig. 5)",
            "lss_stats.figures.spectra:fields",
            (
                "Top: power, with one standard deviation from the number of modes as a pale band; shot noise "
                "(dotted) is part of it. Below, with a truth: T(k), the square root of the ratio of the power, "
                "grey where it is within 10% of one, and the correlation r(k); without a truth: r(k) with the "
                "initial field of the same universe. The dot marks where r falls through 0.8 (dashed). Orange: "
                "mean and 1, 2 and 3 standard deviations of the ensemble, where there is one."
            ),
            PAINTING,
        ),
        "velocity-spectra": Figure(
            "Momentum and Lagrangian velocity (LULO Fig. 6)",
            "lss_stats.figures.spectra:velocities",
            (
                "The same of the momentum, painted with the particles, and of the velocity of each particle at "
                "its place in the initial lattice; power is that of all three components."
            ),
            PAINTING,
        ),
    },
)
