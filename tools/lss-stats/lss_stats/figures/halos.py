"""Figures of halos: mass function (LULO Figs. 7, 11), velocities (Fig. 8), xi(r), residuals by particle."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lss.universe import Group
from lss_stats.figures.shown import Result, Shown
from lss_stats.figures.spectra import draw_band
from lss_stats.figures.style import BAND, COLUMN, GREEN, PURPLE, SKY, SUBJECT, TRUTH, VERMILION, few_powers, ratio_rows

_MODELS = {
    "tinker08": ("Tinker et al. 2008", GREEN),
    "sheth99": ("Sheth & Tormen", GREEN),
    "press74": ("Press & Schechter", PURPLE),
}
_MASS_LABEL = r"$M$ [M$_\odot/h$]"


def mass_function(shown: Shown) -> Figure | None:
    """dn/dlnM with Poisson errors, models and band; below, the square root of the ratio to the truth or the model."""
    result = shown.result("mass_function")
    if result is None or not _any_halos(result):
        return None
    with_ratio = result.truth is not None or any(model in result.own.data for model in _MODELS)
    figure, axes = ratio_rows(1, (2.0, 1.0) if with_ratio else (1.0,), COLUMN, 3.6 if with_ratio else 2.6)
    draw_mass_function(axes[0, 0], result, shown)
    if with_ratio:
        _draw_ratio(axes[1, 0], result, shown.truth_label)
    axes[-1, 0].set_xlabel(_MASS_LABEL)
    return figure


def _any_halos(result: Result) -> bool:
    return any(group.attrs["halos"] for group in (result.own, result.truth) if group is not None)


def draw_mass_function(axis: Any, result: Result, shown: Shown) -> None:
    """dn/dlnM of the universe, the truth, the ensemble and the models."""
    own = result.own
    mass = own.data["mass"]
    axis.set(xscale="log", yscale="log", ylabel=r"d$n$/dln$M$ [($h$/Mpc)$^3$]")
    if result.band is not None:
        draw_band(axis, mass, result.band, "density", shown.band_label)
    for model, (authors, colour) in _MODELS.items():
        if model in own.data:
            axis.plot(mass, own.data[model], color=colour, lw=1, label=authors)
    if result.truth is not None:
        _points(axis, result.truth, "s", TRUTH, shown.truth_label, 0.97)
    _points(axis, own, "o", SUBJECT, shown.label, 1.0 if result.truth is None else 1.03)
    filled = own.data["count"] > 0
    grey = own.attrs["resolved_mass"] > mass[filled][0] / 1.3 if filled.any() else False
    axis.axvspan(
        mass[0] / 10, own.attrs["resolved_mass"], color="0.5", alpha=0.15, lw=0, label="not resolved" if grey else None
    )
    if filled.any():
        density = own.data["density"][filled]
        axis.set_ylim(density.min() / 2.5, density.max() * 12)  # room for the legend
        axis.set_xlim(mass[filled][0] / 1.3, mass[filled][-1] * 2)
        few_powers(axis.xaxis)
    axis.legend(loc="upper right")  # the mass function falls


def _points(axis: Any, group: Group, marker: str, colour: str, text: str, shift: float) -> None:
    filled = group.data["count"] > 0
    axis.errorbar(
        group.data["mass"][filled] * shift,
        group.data["density"][filled],
        group.data["error"][filled],
        fmt=marker,
        ms=2.8,
        lw=0.8,
        color=colour,
        label=f"{text} ({group.attrs['halos']})",
    )


def _draw_ratio(axis: Any, result: Result, truth_text: str) -> None:
    """sqrt(n / n_reference): the reference is the truth, or else the first model there is."""
    own, truth = result.own, result.truth
    model = next((m for m in _MODELS if m in own.data), None)
    reference = truth.data["density"] if truth is not None else own.data[str(model)]
    if result.band is not None:
        mean, std = (result.band.data[f"density_{what}"] for what in ("mean", "std"))
        known = reference > 0
        for width, shade in ((3, 0.15), (2, 0.2), (1, 0.3)):
            low, high = (
                np.sqrt(np.maximum(mean[known] + sign * width * std[known], 0) / reference[known]) for sign in (-1, 1)
            )
            axis.fill_between(own.data["mass"][known], low, high, color=BAND, alpha=shade, lw=0)
    axis.axhline(1, color="0.5", lw=0.6)
    both = (own.data["count"] > 0) & (reference > 0)
    ratio = own.data["density"][both] / reference[both]
    relative = np.sqrt(1 / own.data["count"][both])
    axis.errorbar(
        own.data["mass"][both], np.sqrt(ratio), 0.5 * np.sqrt(ratio) * relative, fmt="o", ms=2.8, lw=0.8, color=SUBJECT
    )
    axis.set_ylim(0.4, float(np.clip(1.1 * np.sqrt(ratio).max(initial=0.0), 1.6, 3.0)))
    who = truth_text.replace(" ", r"\ ").replace("-", "\N{HYPHEN}") if truth is not None else "model"
    axis.set_ylabel(r"$\sqrt{n/n_{\rm " + who + "}}$")


def velocities(shown: Shown) -> Figure | None:
    """Numbers of resolved halos by velocity dispersion and by speed."""
    result = shown.result("halo_velocities")
    if result is None or not _any_halos(result):
        return None
    own = result.own
    columns = [c for c in (("dispersion", r"$\sigma_v$ [km/s]"), ("speed", r"$|v|$ [km/s]")) if c[0] in own.data]
    figure, axes = plt.subplots(1, len(columns), figsize=(2.6 * len(columns) + 0.2, 2.5), squeeze=False, sharey=True)
    for axis, (name, text) in zip(axes[0], columns, strict=True):
        for group, colour, who in ((result.truth, TRUTH, shown.truth_label), (own, SUBJECT, shown.label)):
            if group is not None and name in group.data:
                _steps(axis, group.data[name], group.data[f"{name}_count"], colour, f"{who} ({group.attrs['halos']})")
        counts = [
            group.data[f"{name}_count"] for group in (result.truth, own) if group is not None and name in group.data
        ]
        counted = np.flatnonzero(np.sum(counts, axis=0))
        axis.set_xlim(0, own.data[name][counted[-1]] * 1.15 if len(counted) else None)
        axis.set_xlabel(text)
    axes[0, 0].set_ylabel("halos")
    axes[0, 0].set_ylim(0, axes[0, 0].get_ylim()[1] * 1.5)
    axes[0, -1].legend(
        loc="upper right", title=f"halos of at least {own.attrs['least_particles']} particles", title_fontsize=6.5
    )
    return figure


def _steps(axis: Any, centre: np.ndarray, count: np.ndarray, colour: str, text: str) -> None:
    half = (centre[1] - centre[0]) / 2
    edges = np.append(centre - half, centre[-1] + half)  # from the lower edge of the first bin on
    axis.stairs(count, edges, color=colour, label=text)
    axis.stairs(
        count + np.sqrt(count), edges, baseline=count - np.sqrt(count), fill=True, color=colour, alpha=0.15, lw=0
    )


def two_point(shown: Shown) -> Figure | None:
    """r^2 xi(r) of halos."""
    result = shown.result("two_point")
    if result is None or not _any_halos(result):
        return None
    own = result.own
    figure, axis = plt.subplots(figsize=(COLUMN, 2.6))
    if result.band is not None:
        r = own.data["r"]
        draw_band(axis, r, result.band, "xi", shown.band_label, scale=1 / r**2)
    for group, marker, colour, who in (
        (result.truth, "s", TRUTH, shown.truth_label),
        (own, "o", SUBJECT, shown.label),
    ):
        if group is not None:
            r = group.data["r"]
            axis.errorbar(
                r,
                r**2 * group.data["xi"],
                r**2 * group.data["error"],
                fmt=marker,
                ms=2.8,
                lw=0.8,
                color=colour,
                label=who,
            )
    axis.axhline(0, color="0.5", lw=0.6)
    axis.set(xscale="log", xlabel=r"$r$ [Mpc/$h$]", ylabel=r"$r^2\,\xi(r)$ [(Mpc/$h)^2$]")
    axis.legend()
    return figure


def residuals(shown: Shown) -> Figure | None:
    """Left: masses found in bins of true mass, as violins. Right: residuals, against those of shuffled particles."""
    residual, by_mass = shown.result("residuals", "distribution"), shown.result("residuals", "by_mass")
    if residual is None or by_mass is None:
        return None
    distribution = residual.own
    figure, (left, right) = plt.subplots(1, 2, figsize=(5.6, 2.7))
    draw_violins(left, by_mass.own)
    d = distribution.data
    width = d["residual"][1] - d["residual"][0]
    for column, colour, text in (("count", SUBJECT, shown.label), ("count_shuffled", VERMILION, "shuffled particles")):
        right.step(d["residual"], d[column] / d[column].sum() / width, where="mid", color=colour, label=text)
    a = distribution.attrs
    right.set_title(f"K-L divergence {a['kl_divergence']:.2f} ± {a['kl_error']:.2f}")
    right.set(xlabel=r"$\log_{10}(M/M_{\rm true})$ of a particle's halo", ylabel="density [1/dex]", xlim=(-2, 2))
    right.set_ylim(0, 1.35 * right.get_ylim()[1])
    right.legend(loc="upper left")
    return figure


def draw_violins(axis: Any, group: Group) -> None:
    """Densities of the masses found in bins of true mass, with their quartiles and medians."""
    data = group.data
    widths = data["mass_high"] - data["mass_low"]
    for i in np.flatnonzero(data["particles"]):
        shape = data["density"][i] / data["density"][i].max() * 0.42 * widths[i]
        centre = data["mass_true"][i]
        axis.fill_betweenx(data["found"], centre - shape, centre + shape, color=SKY, alpha=0.7, lw=0)
        axis.plot([centre, centre], [data["q25"][i], data["q75"][i]], color=SUBJECT, lw=2)
        axis.plot([centre], [data["q50"][i]], "o", ms=3, color="white", mec=SUBJECT)
    span = [data["mass_low"][0], data["mass_high"][-1]]
    axis.plot(span, span, color="0.4", lw=0.7, ls="--")
    axis.set(xlabel=r"true $\log_{10} M$ [M$_\odot/h$]", ylabel=r"found $\log_{10} M$ [M$_\odot/h$]")
