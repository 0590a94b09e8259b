"""Slices of the fields, universe above truth or alone (LULO Fig. 4)."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lss.universe import Group
from lss_stats.fields import label
from lss_stats.figures import errors
from lss_stats.figures.shown import Result, Shown
from lss_stats.figures.style import PAGE, SUBJECT, few_labels

SHOWN = ("initial", "matter", "velocity", "halo_mass_weighted")
RANDOM = ("power_law", "lognormal", "normal")
_SIGNED = ("initial", "velocity", "power_law", "normal")
_WIDTH = 1.75  # inches a panel


def slices(shown: Shown) -> Figure | None:
    """One column a field; the truth in the upper row where there is one."""
    result = shown.result("slices")
    names = told(result, SHOWN)
    if result is None or not names:
        return None
    own, truth = result.own, result.truth
    rows = [(shown.truth_label, truth), (shown.label, own)] if truth is not None else [(shown.label, own)]
    figure, axes = plt.subplots(
        len(rows), len(names), figsize=(min(PAGE, _WIDTH * len(names) + 0.5), 1.62 * len(rows) + 0.75), squeeze=False
    )
    for column, name in enumerate(names):
        scale = (truth if truth is not None and name in truth.data else own).data[name]
        for row, (text, group) in enumerate(rows):
            axis = axes[row, column]
            if name not in group.data:
                axis.set_axis_off()
                continue
            image = draw_slice(axis, group, name, scale)
            if column == 0:
                axis.set_ylabel(f"{text}\n$y$ [Mpc/$h$]")
            else:
                axis.tick_params(labelleft=False)
            if row < len(rows) - 1:
                axis.tick_params(labelbottom=False)
            else:
                axis.set_xlabel("$x$ [Mpc/$h$]")
        smoothed = f", R = {own.attrs['smoothing_initial']:g} Mpc/$h$" if name == "initial" else ""
        axes[0, column].set_title(label(name) + smoothed)
        figure.colorbar(image, ax=axes[:, column], location="bottom", label=_quantity(name), shrink=0.9, aspect=18)
    figure.suptitle(f"mean over {own.attrs['thickness']:g} Mpc/$h$ along $z$", fontsize=7, color="0.3")
    return figure


def told(result: Result | None, names: tuple[str, ...]) -> list[str]:
    """The fields whose slice, here or in the truth, is more than one colour: without halos there is nothing to see."""
    groups = [group for group in (result.own, result.truth) if group is not None] if result is not None else []
    return [
        name
        for name in names
        if groups and name in groups[0].data and any(np.ptp(g.data[name]) > 0 for g in groups if name in g.data)
    ]


def random_field(shown: Shown) -> Figure | None:
    """A random field and its power spectrum, with the truth's where that is another field."""
    result = shown.result("slices")
    spectra = shown.results("power", RANDOM)
    names = [name for name in spectra if result is not None and name in result.own.data]
    if result is None or not names:
        return None
    own = result.own
    figure, axes = plt.subplots(len(names), 2, figsize=(PAGE, 3.0 * len(names)), squeeze=False)
    for name, (left, right) in zip(names, axes, strict=True):
        image = draw_slice(left, own, name, own.data[name])
        figure.colorbar(image, ax=left, label=_quantity(name), shrink=0.9)
        left.set(xlabel="$x$ [Mpc/$h$]", ylabel="$y$ [Mpc/$h$]", title=label(name))
        spectrum, of_truth = spectra[name].own, spectra[name].truth
        right.set(xscale="log", yscale="log")
        errors.draw(right, spectrum.data["k"], spectrum.data["power"], errors.of_power(spectrum), SUBJECT)
        right.loglog(spectrum.data["k"], spectrum.data["power"], color=SUBJECT, label=shown.label)
        if of_truth is not None and not np.array_equal(of_truth.data["power"], spectrum.data["power"]):
            right.loglog(of_truth.data["k"], of_truth.data["power"], ":", color=SUBJECT, label="truth")
            right.legend()
        unit = spectrum.units["power"].replace("(Mpc/h)^", "(Mpc/$h)^")
        few_labels(right)
        right.set(xlabel=r"$k$ [$h$/Mpc]", ylabel=f"$P(k)$ [{unit}$]")
    return figure


def draw_slice(axis: Any, group: Group, name: str, scale: np.ndarray) -> Any:
    """One slice, its colours spanning the values of `scale`."""
    value = group.data[name]
    if name in _SIGNED:
        limit = float(np.abs(scale).max()) or 1.0
        style = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
    else:
        value, reference = (np.log10(np.maximum(1 + v, 1e-2)) for v in (value, scale))
        low, high = float(max(reference.min(), -1)), float(reference.max())
        style = {"cmap": "cividis", "vmin": low, "vmax": high if high > low else low + 0.1}
    size = float(group.attrs["box_size"])
    return axis.imshow(value.T, extent=(0, size, 0, size), **style)


def _quantity(name: str) -> str:
    if name in ("initial", "power_law", "normal"):
        return r"$\delta$"
    return r"$v_x$ [km/s]" if name == "velocity" else r"$\log_{10}(1+\delta)$"
