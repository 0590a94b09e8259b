"""The Lagrangian bias on universes that no choice was made on: python -m bench.lagrangian_bias [...]

Seven universes of set-up A (examples/lagrangian-bias/truth.toml): two to train and choose on, five to judge on. All of
it is kept in the folder and made only once. The last line printed is JSON; values with two numbers are [value, error]:

    e_ratio_k15, e_ratio_k30 [_lulo]      E of the best network over that of the polynomial of the paper's one radius,
                                          at k < 0.15 and 0.15-0.3 h/Mpc, over the five in pairs
    e_ratio_best_polynomial_*             the same over the best polynomial found on the training universes
    e_ratio_binned                        the same over the mean occupation in bins of (delta, laplacian)
    e_k15, r2_inverse_k15, p_ratio, p_uncorr    of the best network, means of the five
    e_paper_recipe, e_one_scale, e_least_squares, e_polynomial, e_labels    E in the three bands
    occupation_p, occupation_e            the true occupation as f, |P ratio - 1| and E at k < 0.15
    pc2_r2_change, pc2_e_change           two principal components against all inputs
    thin_fall                             f of the thin low range at high PC0 over its peak
    mock_f_error                          f of a mock whose f is known, rms relative error in ten bins
    cheap_e_ratio, cheap_cpu_s, cheap_speedup    displacements of PM on 64^3
    features_s_256, train_s_128           wall s of the operators of 256^3, CPU s of one training by labels
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from bench.lagrangian_bias import cheap, checks
from bench.lagrangian_bias.trainings import LOWEST, judge, judged, mean, paired, seconds, trained
from bench.lagrangian_bias.universes import HELD_OUT, TRAINING
from lss.process.threads import set_threads

NETWORK = {"radii": [1.41, 2.83, 5.66], "width": 64, "layers": 5, "label_epochs": 2}
SMALL = {"width": 32, "layers": 3, "members": 1, "label_epochs": 2}
CANDIDATES: dict[str, dict[str, Any]] = {
    "labels": {"losses": ["labels"]},
    "labels-modes": {"losses": ["labels", "modes"], "mode_updates": 12, "mode_rate": 2e-3},
}
SETS = {  # Table 1 of the paper, 1 Mpc/h replaced by the smallest that these voxels hold
    "1R": [2.83],
    "3R": [1.41, 2.83, 5.66],
    "3R + 11.3": [1.41, 2.83, 5.66, 11.3],
    "3R coarse": [1.41, 4.0, 11.3],
    "3R fine": [2.0, 2.83, 4.0],
    "5R fine": [1.41, 2.0, 2.83, 4.0, 5.66],
}
POLYNOMIAL_RADII = (1.41, 2.0, 2.83, 4.0)


def main() -> None:
    """Print the JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("build/lagrangian-bias"), help="what is made once")
    parser.add_argument("--members", type=int, default=5, help="trainings averaged in the best networks")
    parser.add_argument("--paper", type=int, default=5, help="networks of the paper's cell loss (long)")
    arguments = parser.parse_args()
    set_threads(1)
    folder = arguments.folder
    found: dict[str, Any] = {}
    for suffix, weight in (("", "mass"), ("_lulo", "mass_weighted")):
        found |= {f"{key}{suffix}": value for key, value in of_weight(folder, weight, arguments.members).items()}
        print(json.dumps(found), flush=True)
    found |= table(folder) | components(folder) | checks.everything(folder)
    print(json.dumps(found), flush=True)
    found |= cheap.everything(folder)
    print(json.dumps(found), flush=True)
    if arguments.paper:
        found |= paper(folder, arguments.paper)
    print(json.dumps(found), flush=True)


def chosen(folder: Path, weight: str, candidates: dict[str, dict[str, Any]]) -> tuple[str, dict[str, list[float]]]:
    """The candidate whose E is least when trained on one training universe and judged on the other, and all of them."""
    scores = {}
    for name, keys in candidates.items():
        each = []
        for index, other in (TRAINING, TRAINING[::-1]):
            bias = trained(folder, f"{weight}-{name}-on-{index}", [index], weight=weight, **keys)
            each += judged(folder, bias, [other])
        scores[name] = mean(each, "error")
    return min(scores, key=lambda name: np.prod(scores[name][:2])), scores


def of_weight(folder: Path, weight: str, members: int) -> dict[str, Any]:
    """The best network of one weight against the functions without one."""
    networks = {name: {"radii": NETWORK["radii"]} | SMALL | keys for name, keys in CANDIDATES.items()}
    best, scores = chosen(folder, weight, networks)
    polynomials = {
        f"polynomial-{fitted}-{radius:g}": {"function": "polynomial", "fitted_on": fitted, "radii": [radius]}
        for fitted in ("labels", "modes", "cells")
        for radius in POLYNOMIAL_RADII
    }
    best_polynomial, polynomial_scores = chosen(folder, weight, polynomials)
    bins = {f"binned-{radius:g}": {"function": "binned", "radii": [radius]} for radius in POLYNOMIAL_RADII}
    best_bins, bin_scores = chosen(folder, weight, bins)
    keys = NETWORK | CANDIDATES[best] | {"members": members, "distil": [32, 3]}
    network = judged(folder, trained(folder, f"{weight}-best", TRAINING, weight=weight, **keys), HELD_OUT)
    radius = paper_radius(folder)
    fits = {
        "polynomial": {"function": "polynomial", "fitted_on": "labels", "radii": [radius]},
        "best_polynomial": polynomials[best_polynomial],
        "binned": bins[best_bins],
    }
    others = {
        name: judged(folder, trained(folder, f"{weight}-{name}", TRAINING, weight=weight, **fit), HELD_OUT)
        for name, fit in fits.items()
    }
    ratios = np.array([one.power_ratio[0] for one in network])
    scatter = float(ratios.std(ddof=1))
    excess = [mean(found, "inverse_r2")[0] - 1 for found in (network, others["polynomial"], others["best_polynomial"])]
    return {
        "chosen": [best, best_polynomial, best_bins],
        "chosen_from": {name: value[:2] for name, value in {**scores, **polynomial_scores, **bin_scores}.items()},
        "polynomial_radius": radius,
        "e_ratio_k15": paired(network, others["polynomial"], 0),
        "e_ratio_k30": paired(network, others["polynomial"], 1),
        "e_ratio_best_polynomial_k15": paired(network, others["best_polynomial"], 0),
        "e_ratio_best_polynomial_k30": paired(network, others["best_polynomial"], 1),
        "e_ratio_binned": paired(network, others["binned"], 0),
        "e_ratio_binned_k30": paired(network, others["binned"], 1),
        "e_k15": mean(network, "error")[0],
        "e_bands": mean(network, "error"),
        "e_polynomial": mean(others["polynomial"], "error"),
        "e_best_polynomial": mean(others["best_polynomial"], "error"),
        "e_binned": mean(others["binned"], "error"),
        "r2_inverse_k15": mean(network, "inverse_r2")[0],
        "r2_excess_ratio": [round(excess[0] / excess[1], 4), round(excess[0] / excess[2], 4)],
        "p_ratio": [round(float(ratios.mean()), 4), round(scatter * (1 / 2 + 1 / 5) ** 0.5, 4)],
        "p_scatter": round(scatter, 4),
        "p_uncorr": mean(network, "uncorrelated")[0],
    }


def paper_radius(folder: Path) -> float:
    """The paper's one radius, 2.83 Mpc/h at its mean mass, scaled to ours: halos averaged with their mass as weight."""
    masses = np.concatenate([judge(folder, index).halo_mass for index in TRAINING]).astype(float)
    masses = masses[masses >= LOWEST]
    return round(2.83 * float((masses**2).sum() / masses.sum() / 2.4e13) ** (1 / 3), 2)


def table(folder: Path) -> dict[str, Any]:
    """E of everything by one table: labels in five trainings, sets of radii, least squares."""
    rows: dict[str, list[float]] = {}
    for name, radii in SETS.items():
        bias = trained(folder, f"mass-set-{name}", TRAINING, **SMALL, radii=radii)
        rows[name] = mean(judged(folder, bias, HELD_OUT), "error")
    labels = trained(folder, "mass-labels-1", TRAINING, **NETWORK, members=1)
    squares = trained(folder, "mass-nnls", TRAINING, function="least-squares", radii=[paper_radius(folder)])
    one = trained(folder, "mass-one", TRAINING, function="one", radii=[2.83])
    linear = trained(folder, "mass-linear", TRAINING, function="linear", radii=[2.83])
    return {
        "e_sets": rows,
        "e_one_scale": rows["1R"],
        "e_labels": mean(judged(folder, labels, HELD_OUT), "error"),
        "e_least_squares": mean(judged(folder, squares, HELD_OUT), "error"),
        "e_one": mean(judged(folder, one, HELD_OUT), "error"),
        "e_linear": mean(judged(folder, linear, HELD_OUT), "error"),
        "train_s_128": seconds(folder, "mass-labels-1"),
    }


def components(folder: Path) -> dict[str, Any]:
    """Two principal components of grad f against all inputs, by the best network's losses and the small sizes.

    By labels alone two components lose a third of E: there f follows single particles, in more directions than two.
    """
    keys = SMALL | CANDIDATES["labels-modes"]
    whole = trained(folder, "mass-3R-modes", TRAINING, **keys, radii=SETS["3R"])
    path = str(folder / "models" / "mass-3R-modes.safetensors")
    two = trained(folder, "mass-components-modes", TRAINING, **keys, components=2, initial=path)
    all_inputs, reduced = judged(folder, whole, HELD_OUT), judged(folder, two, HELD_OUT)
    r2 = mean(reduced, "inverse_r2")[0] - mean(all_inputs, "inverse_r2")[0]
    return {
        "pc2_r2_change": round(r2, 5),
        "pc2_e_change": round(mean(reduced, "error")[0] / mean(all_inputs, "error")[0] - 1, 4),
        "pc_eigenvalues": two.card["training"]["eigenvalues"],
    }


def paper(folder: Path, members: int) -> dict[str, Any]:
    """The paper's cell loss on one universe, with the constraint in the form that trains here and as printed."""
    keys = {"losses": ["cells"], "radii": SETS["3R"], "members": members, "width": 64, "layers": 5}
    bias = trained(folder, "mass-cells", TRAINING[:1], **keys)
    printed = keys | {"members": 1, "cell_epochs": 5, "constraint": "printed"}
    as_printed = trained(folder, "mass-printed", TRAINING[:1], **printed)
    return {
        "e_paper_recipe": mean(judged(folder, bias, HELD_OUT), "error"),
        "p_paper_recipe": mean(judged(folder, bias, HELD_OUT), "power_ratio"),
        "paper_networks": members,
        "paper_s": seconds(folder, "mass-cells"),
        "p_as_printed": mean(judged(folder, as_printed, HELD_OUT), "power_ratio"),
    }
