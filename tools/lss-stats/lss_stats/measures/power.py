"""Spectra of one sample, and of two held against each other: P(k), r(k), T(k), propagator, P_uncorr."""

import numpy as np

from lss.errors import DataError
from lss.grid.comparison import compared
from lss.grid.fourier import forward, half_space_weights
from lss.grid.spectra import Spectra, measure_modes
from lss.universe import Group, Universe
from lss_stats.config import Statistics
from lss_stats.measures.fields import Sample


def power(sample: Sample, config: Statistics) -> Group:
    """P(k) of a sample, averaged over its components; shot noise in a column of its own, never subtracted.

    Columns: k (h/Mpc), n_modes, power, shot_noise ((Mpc/h)^3, times unit^2 of the field).
    """
    spectra = [_measure([modes], [sample.window], sample, config) for modes in sample.modes]
    data = {
        "k": spectra[0].k,
        "n_modes": spectra[0].n_modes,
        "power": np.mean([s.power[0, 0] for s in spectra], axis=0),
        "shot_noise": np.full(len(spectra[0].k), sample.shot_noise),
    }
    return Group(data, _attrs(sample), _units(sample, "power", "shot_noise"))


def plane_power(universe: Universe, name: str, config: Statistics) -> Group:
    """P(k) of a field in two dimensions, in shells of width 2 pi / L.

    Columns: k (h/Mpc), n_modes, power ((Mpc/h)^2).
    """
    field, size = universe.field(name).value, universe.box.size
    n = len(field)
    power = np.square(np.abs(forward(field).astype(np.complex128))) * (size / n**2) ** 2
    m = np.hypot(np.fft.fftfreq(n, 1 / n)[:, None], np.arange(n // 2 + 1))
    shell = np.rint(m).astype(int).ravel()
    weight = np.broadcast_to(half_space_weights(n), m.shape).ravel()
    n_modes = np.bincount(shell, weight)[1:]
    k, mean = (np.bincount(shell, weight * x.ravel())[1:] / n_modes for x in (2 * np.pi / size * m, power))
    kept = in_range(k, config)
    attrs = {"field": name, "source": universe.source, "grid": n, "nyquist": np.pi * n / size}
    data = {"k": k[kept], "n_modes": n_modes[kept].astype(np.int64), "power": mean[kept]}
    return Group(data, attrs, {"k": "h/Mpc", "power": "(Mpc/h)^2"})


def compare(sample: Sample, other: Sample, config: Statistics) -> Group:
    """Everything that two samples on one grid say about each other; `other` is the truth, or the initial field.

    Columns: k, n_modes, power, power_other, cross_power, correlation r = P_ab / sqrt(P_aa P_bb), transfer
    T = sqrt(P_aa / P_bb), propagator P_ab / P_bb, uncorrelated_power P_aa - P_ab^2 / P_bb (Wu et al. 2023, Eq. 3.1).
    Vectors: means over the components (LULO section 5.2.2).
    Raises DataError for grids, boxes or numbers of components that differ.
    """
    _refuse_different(sample, other)
    windows = [sample.window, other.window]
    spectra = [_measure(pair, windows, sample, config) for pair in zip(sample.modes, other.modes, strict=True)]
    found = compared(spectra)
    other_power = found.power_other
    per_other = np.divide(found.cross_power, other_power, out=np.full_like(other_power, np.nan), where=other_power > 0)
    data = {
        "k": found.k,
        "n_modes": found.n_modes,
        "power": found.power,
        "power_other": other_power,
        "cross_power": found.cross_power,
        "correlation": found.correlation,
        "transfer": found.transfer,
        "propagator": per_other,
        "uncorrelated_power": found.power - per_other * found.cross_power,
    }
    attrs = _attrs(sample) | {
        "with": other.name if other.name != sample.name else "truth",
        "with_source": other.source,
        "k80": found.k80,
        "k_transfer": found.transfer_reach(),
    }
    return Group(data, attrs, _units(sample, "power", "power_other", "cross_power", "uncorrelated_power"))


def in_range(k: np.ndarray, config: Statistics) -> np.ndarray:
    """Which shells are kept. Raises DataError when none is."""
    kept = (k >= config.k_min) & (k <= (config.k_max or np.inf))
    if not kept.any():
        high = "the corner" if config.k_max is None else f"{config.k_max:g}"
        raise DataError(
            f"no mode between k_min = {config.k_min:g} and k_max = {high}: shells run {k[0]:.3g} - {k[-1]:.3g}"
        )
    return kept


def _measure(
    modes: list[np.ndarray] | tuple[np.ndarray, ...], windows: list[str], sample: Sample, config: Statistics
) -> Spectra:
    stack = modes[0][None] if len(modes) == 1 else np.stack(modes)
    try:
        spectra = measure_modes(stack, sample.n, sample.box_size, windows)
    except DataError as error:
        raise DataError(f"{sample.source}: {sample.name}: {error}") from None
    kept = in_range(spectra.k, config)
    return Spectra(spectra.k[kept], spectra.n_modes[kept], spectra.power[..., kept])


def _refuse_different(sample: Sample, other: Sample) -> None:
    if sample.box_size != other.box_size:
        raise DataError(f"{sample.source}: box of {sample.box_size:g} Mpc/h, but {other.source} has {other.box_size:g}")
    if sample.modes.shape != other.modes.shape:
        raise DataError(
            f"{sample.source}: {sample.name} on a grid of {sample.n}^3, but {other.source} has {other.name} on "
            f"{other.n}^3; [stats] mesh brings particles to one grid"
        )


def _attrs(sample: Sample) -> dict[str, str | int | float | bool]:
    return {
        "field": sample.name,
        "source": sample.source,
        "grid": sample.n,
        "window": sample.window,
        "interlaced": sample.interlaced,
        "nyquist": sample.nyquist,
    }


def _units(sample: Sample, *columns: str) -> dict[str, str]:
    unit = "(Mpc/h)^3" if sample.unit == "1" else f"(Mpc/h)^3 ({sample.unit})^2"
    return {"k": "h/Mpc", **dict.fromkeys(columns, unit)}
