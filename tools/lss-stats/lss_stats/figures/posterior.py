"""Figures of inferred parameters: posteriors over each other with Fisher ellipses, estimates, and coverage."""

from collections.abc import Iterable
from itertools import combinations, cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import gaussian_kde

from lss.inference import split_names
from lss.universe import Group
from lss_stats.figures.shown import Shown
from lss_stats.figures.style import BLACK, COLUMN, CYCLE, PAGE, plt
from lss_stats.measures.coverage import expected_deviation
from lss_stats.measures.posterior import weighted_quantile

PARAMETERS = {
    "ic.amplitude": "$A$",
    "ic.slope": "$B$",
    "ic.mean": r"$\mu$",
    "ic.variance": r"$\sigma^2$",
    "cosmology.omega_m": r"$\Omega_m$",
    "cosmology.omega_b": r"$\Omega_b$",
    "cosmology.sigma8": r"$\sigma_8$",
    "cosmology.h": "$h$",
    "cosmology.n_s": "$n_s$",
}
LEVELS = (0.68, 0.95)
GRID = 80  # points a side of a density
_RADII = tuple(np.sqrt(-2 * np.log(1 - level)) for level in LEVELS)  # of the ellipses that hold them, in sigma
_LEAST = 10  # members before their coverage means anything


def corner(shown: Shown) -> Figure | None:
    """Every posterior that is shown, over each other; 68% and 95% ellipses of Fisher matrices; the truth."""
    if not shown.posteriors:
        return None
    import corner as library

    first = next(iter(shown.posteriors.values()))
    names = split_names(first.attrs["parameters"])
    p = len(names)
    size = min(PAGE, 1.3 + 1.45 * p)
    # The library lays its panels out itself.
    figure = plt.figure(figsize=(size, size), layout="none")
    handles = []
    limits = _limits(shown.posteriors.values())
    for colour, (label, group) in zip(cycle(CYCLE), shown.posteriors.items(), strict=False):
        weights = group.data["weights"] / group.data["weights"].sum()
        library.corner(
            np.asarray(group.data["samples"], dtype=np.float64),
            weights=weights,
            fig=figure,
            color=colour,
            labels=[PARAMETERS.get(name, name) for name in names],
            range=limits,
            bins=_bins(weights),
            labelpad=-0.12,
            plot_datapoints=False,
            plot_density=False,
            plot_contours=False,
            max_n_ticks=4,
            hist_kwargs={"density": True, "lw": 1.0},
        )
        axes = np.array(figure.axes).reshape(p, p)
        for j, i in combinations(range(p), 2):
            draw_contours(axes[i, j], group.data["samples"][:, [j, i]], weights, colour)
        handles.append(Line2D([], [], color=colour, label=label))
    for (label, style), (centre, fisher) in _ellipses(shown, first).items():
        covariance = np.linalg.inv(fisher)
        for j, i in combinations(range(p), 2):
            _draw_ellipse(axes[i, j], centre[[j, i]], covariance[np.ix_([j, i], [j, i])], style)
        for i in range(p):
            _draw_normal(axes[i, i], centre[i], covariance[i, i], style)
        handles.append(Line2D([], [], color="0.35", ls=style, label=label))
    truth = _truth(shown)
    if truth is not None:
        library.overplot_lines(figure, truth, color=BLACK, lw=0.7)
        handles.append(Line2D([], [], color=BLACK, lw=0.7, label="truth"))
    _scale_histograms(axes)
    figure.legend(handles=handles, loc="upper right", bbox_to_anchor=(0.98, 0.98))
    return figure


def estimates(shown: Shown) -> Figure | None:
    """The score estimate of every member, pair by pair of parameters, about its truth or the members' mean."""
    groups = [result.own for result in shown.of_members("summaries")]
    if not groups or len(groups[0].data["estimate"]) < 2:
        return None
    names = split_names(groups[0].attrs["parameters"])
    found = np.array([group.data["estimate"] for group in groups])
    covariance = np.linalg.inv(groups[0].data["fisher"])
    pairs = list(combinations(range(len(names)), 2))
    figure, axes = plt.subplots(1, len(pairs), figsize=(min(PAGE, COLUMN * len(pairs)), 3.0), squeeze=False)
    for axis, (i, j) in zip(axes[0], pairs, strict=True):
        axis.plot(found[:, i], found[:, j], ".", color=CYCLE[0], ms=3, label=f"{len(found)} estimates")
        _draw_ellipse(axis, found.mean(0)[[i, j]], covariance[np.ix_([i, j], [i, j])], "--")
        axis.plot(*groups[0].attrs["fiducial"][[i, j]], "+", color=BLACK, ms=7, label="fiducial")
        axis.set(xlabel=PARAMETERS.get(names[i], names[i]), ylabel=PARAMETERS.get(names[j], names[j]))
    axes[0, 0].plot([], [], "--", color="0.35", label="$F^{-1}$, 68% and 95%")
    axes[0, 0].legend()
    return figure


def coverage(shown: Shown) -> Figure | None:
    """Cumulative ranks and TARP levels of the members against the diagonal, with the band of calibrated posteriors."""
    groups = [result.own for result in shown.of_members("posterior") if "rank" in result.own.data]
    if len(groups) < _LEAST:
        return None
    names = split_names(groups[0].attrs["parameters"])
    rank = np.array([group.data["rank"] for group in groups])
    tarp = np.array([group.attrs["tarp_level"] for group in groups])
    n = len(groups)
    figure, axes = plt.subplots(1, 2, figsize=(PAGE, 3.2), sharey=True)
    for name, column, colour in zip(names, rank.T, CYCLE, strict=False):
        _draw_cumulative(axes[0], column, PARAMETERS.get(name, name), colour)
    _draw_cumulative(axes[1], tarp, "TARP", CYCLE[0])
    band = expected_deviation(n)
    diagonal = np.array([0.0, 1.0])
    for axis, text in zip(axes, ("rank of the truth", "share nearer to a random point"), strict=True):
        axis.fill_between(diagonal, diagonal - band, diagonal + band, color="0.9", lw=0, zorder=0)
        axis.plot(diagonal, diagonal, color="0.5", lw=0.6)
        axis.set(xlim=(0, 1), ylim=(0, 1), xlabel=text)
        axis.legend(title=f"{n} posteriors; 95% band", title_fontsize=6.5, loc="upper left")
    axes[0].set_ylabel("cumulative share")
    return figure


def _bins(weights: np.ndarray) -> int:
    """Bins of a histogram, as narrow as so many samples allow (Scott's rule); 28 for 4,000."""
    effective = 1 / np.square(weights).sum()
    return int(np.clip(28 * (effective / 4000) ** (1 / 3), 8, 40))


def _limits(groups: Iterable[Group]) -> list[tuple[float, float]]:
    """A range for each parameter that holds every posterior's weight but a thousandth on each side."""
    ends = []
    for group in groups:
        weights = group.data["weights"] / group.data["weights"].sum()
        samples = np.asarray(group.data["samples"], dtype=np.float64)
        ends.append([weighted_quantile(samples, weights, level) for level in (0.001, 0.999)])
    low, high = np.min([e[0] for e in ends], axis=0), np.max([e[1] for e in ends], axis=0)
    margin = 0.08 * (high - low)
    return [(float(a), float(b)) for a, b in zip(low - margin, high + margin, strict=True)]


def _ellipses(shown: Shown, first: Group) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """(name, line style) -> centre (p,) and Fisher matrix (p, p)."""
    centre = np.asarray(first.attrs["score_estimate"])
    found = {("Fisher matrix of the summaries", "--"): (centre, np.asarray(first.attrs["fisher"]))}
    exact = shown.result("information")
    if exact is not None and exact.own.attrs["parameters"] == first.attrs["parameters"]:
        found["Fisher matrix of the field", ":"] = (centre, exact.own.data["field"])
        found["Fisher matrix of $P(k)$", "-."] = (centre, exact.own.data["power_spectrum"])
    return found


def _truth(shown: Shown) -> np.ndarray | None:
    result = shown.result("posterior")
    return result.own.data.get("value") if result is not None else None


def draw_contours(axis: Axes, samples: np.ndarray, weights: np.ndarray, colour: str) -> None:
    """Where LEVELS of the weight lie, by Gaussian kernels as elongated as the samples (m, 2); bins would widen these.

    The kernels stand closer to the mean than the samples, so that their sum has the covariance of these (West 1993).
    """
    width = gaussian_kde(samples.T, weights=weights).factor
    mean = weights @ samples
    density = gaussian_kde((mean + np.sqrt(1 - width**2) * (samples - mean)).T, width, weights)
    x, y = (np.linspace(*limits, GRID) for limits in (axis.get_xlim(), axis.get_ylim()))
    found = density(np.stack(np.meshgrid(x, y)).reshape(2, -1))
    ordered = np.sort(found)[::-1]
    within = np.cumsum(ordered) / ordered.sum()
    levels = sorted(ordered[np.searchsorted(within, level)] for level in LEVELS)
    axis.contour(x, y, found.reshape(GRID, GRID), levels, colors=colour, linewidths=1.0)


def _draw_ellipse(axis: Axes, centre: np.ndarray, covariance: np.ndarray, style: str) -> None:
    angle = np.linspace(0, 2 * np.pi, 200)
    circle = np.linalg.cholesky(covariance) @ np.array([np.cos(angle), np.sin(angle)])
    for radius in _RADII:
        axis.plot(*(centre[:, None] + radius * circle), ls=style, color="0.35", lw=0.8)


def _draw_normal(axis: Axes, centre: float, variance: float, style: str) -> None:
    x = np.linspace(*axis.get_xlim(), 200)
    axis.plot(x, np.exp(-0.5 * (x - centre) ** 2 / variance) / np.sqrt(2 * np.pi * variance), ls=style, color="0.35")


def _scale_histograms(axes: np.ndarray) -> None:
    """Room for the tallest of the curves on the diagonal."""
    for axis in np.diag(axes):
        tops = [np.max(line.get_ydata()) for line in axis.lines if len(line.get_ydata()) > 2]
        tops += [patch.get_path().vertices[:, 1].max() for patch in axis.patches]
        axis.set_ylim(0, 1.1 * max(tops, default=1.0))


def _draw_cumulative(axis: Axes, levels: np.ndarray, label: str, colour: str) -> None:
    axis.step(
        np.r_[0, np.sort(levels), 1],
        np.r_[0, np.arange(1, len(levels) + 1) / len(levels), 1],
        where="post",
        color=colour,
        label=label,
    )
