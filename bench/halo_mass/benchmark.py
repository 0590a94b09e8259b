"""Which halo will this particle end in, and what in the initial conditions decides it? One JSON line.

    python -m bench.halo_mass [--networks-only]

makes the universes and trains the networks that are not in build/halo-mass yet (LSS_HALO_MASS names another folder).
Universes 0-35 are trained on, 36-39 choose (early stopping, the weights of the ensemble), 40-59 are judged. Every model
is judged on the same 3,000 particles of each. [value, error] by bootstrap over the universes, unless it says otherwise.

    r_*          correlation of predicted and true log10 mass: single (a line of one density), first_crossing,
                 peak_patch (nothing learned), spherical, dipoles, tides, anisotropic (perceptrons of l = 0, with l = 1,
                 with l = 2, with both), trees_* (boosted trees on the same numbers), raw, averaged, late (sub-box
                 networks), late_count (neighbours within 1.4 Mpc/h at z = 0), dense, best (a line through raw,
                 anisotropic and dense, fitted on 36-39); *_seeds: of networks of other seeds
    gain         raw - averaged, in pairs; gain_dipoles, gain_tides, gain_tides_given_dipoles: of the perceptrons
    gain_25      anisotropic - spherical in boxes of 25 Mpc/h
    kl_*         Kullback-Leibler divergence of residuals, nats; permuted: against raw's own predictions, permuted
    r_ceiling    of masses in two P3M runs of one field; r_pm_p3m of PM and P3M; particles in halos of >= 100 in both
    r_p3m        of `best` on the P3M labels of 8 test universes; r_p3m_pm_labels: on the PM labels of the same
    overlap_*    of the particles in halos of >= 100 by PM, P3M and the dense network: intersection over union
    dense_s, samples_per_s, train_cpu_s   CPU seconds: all particles of a universe; training samples; all trainings
"""

import argparse
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np

from bench.halo_mass import baselines, comparison
from bench.halo_mass.networks import SMALLER_BOX, network
from bench.halo_mass.particles import SYMMETRIES, Sample, predicted, read, sample
from bench.halo_mass.throughput import dense_seconds, training_speed
from bench.halo_mass.universes import P3M_TEST, TEST, TRAINING, VALIDATION, settings, universe_path
from lss.files.universe_file import read_universe
from lss.learned.halo_mass import HaloMass
from lss.process.threads import set_threads
from lss_stats.likelihood import likelihood_distance

NAMES = ("single", "spherical", "dipoles", "tides", "anisotropic", "raw", "averaged", "late", "dense")
SEEDS = {"raw": (2,), "anisotropic": (2, 3)}
COMBINED = ("raw", "anisotropic", "dense")
UNIVERSES = (2, 6, 12)  # of fewer to train on
Figures = dict[str, Any]


def main() -> None:
    """Print the JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks-only", action="store_true", help="train what is missing, and stop")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    set_threads(1)
    models = {name: network(name) for name in NAMES}
    again = {name: [network(name, seed) for seed in seeds] for name, seeds in SEEDS.items()}
    if arguments.networks_only:
        return
    mass_range = models["raw"].inputs.mass_range
    test, chosen_on = (sample("pm", tuple(indices), mass_range) for indices in (TEST, VALIDATION))
    found, said = of_models(models, test, chosen_on)
    for name, others in again.items():
        values = [comparison.correlation(predicted(m, "pm", test), test.true, test.universe) for m in others]
        found[f"r_{name}_seeds"] = [found[f"r_{name}"][0], *(value[0] for value in values)]
    found |= of_baselines(models, test, chosen_on)
    found |= divergences(said, test)
    found |= of_p3m(models, chosen_on) | overlaps(models["dense"])
    found |= smaller_box()
    found |= learning(models, test)
    found |= cost([*models.values(), *(model for others in again.values() for model in others)], models)
    print(json.dumps(found))


def of_models(models: dict[str, HaloMass], test: Sample, chosen_on: Sample) -> tuple[Figures, dict[str, np.ndarray]]:
    """The correlation of every network and of the ensemble, and the gains in pairs; their predictions."""
    said = {name: predicted(model, "pm", test) for name, model in models.items()}
    said["best"] = combined(models, "pm", test, chosen_on)
    found: Figures = {
        f"r_{name}": comparison.correlation(mass, test.true, test.universe) for name, mass in said.items()
    }
    found |= {f"rms_{name}": comparison.rms(mass, test.true) for name, mass in said.items()}
    found["rms_mean"] = round(float(test.true.std()), 4)
    for key, better, worse in (
        ("gain", "raw", "averaged"),
        ("gain_dipoles", "dipoles", "spherical"),
        ("gain_tides", "tides", "spherical"),
        ("gain_tides_given_dipoles", "anisotropic", "dipoles"),
        ("gain_dense", "dense", "spherical"),
    ):
        found[key] = comparison.gain(said[better], said[worse], test.true, test.universe)
    found["gain_by_halo"] = comparison.gain(said["raw"], said["averaged"], test.true, test.halo)
    found |= likelihood(models["raw"], test)
    return found, said


def likelihood(model: HaloMass, test: Sample) -> Figures:
    """The learned scale, and Kolmogorov's distance between the truth and the likelihood that it stands in."""
    outputs = np.empty(len(test.points), np.float32)
    for index in np.unique(test.universe):
        rows = test.universe == index
        outputs[rows] = model.outputs(read("pm", int(index)).linear, 50.0, test.points[rows])
    gamma = model.card["training"]["gamma"]
    distance = likelihood_distance(outputs, model.inputs.rescaled(test.true), gamma)
    return {"gamma": round(gamma, 4), "likelihood_distance": round(distance, 4)}


def combined(models: dict[str, HaloMass], name: str, chosen: Sample, chosen_on: Sample) -> np.ndarray:
    """The ensemble: a straight line through three networks, fitted on the validation universes."""
    columns = [
        np.column_stack([predicted(models[n], s, p) for n in COMBINED]) for s, p in (("pm", chosen_on), (name, chosen))
    ]
    return baselines.straight_line(columns[0], chosen_on.true, columns[1])


def of_baselines(models: dict[str, HaloMass], test: Sample, chosen_on: Sample) -> Figures:
    """What needs no network."""
    mass_range, omega_m = models["raw"].inputs.mass_range, settings("pm")["cosmology"]["omega_m"]
    found: Figures = {}
    for which in baselines.MODELS:
        mass = baselines.collapse(which, test, omega_m, mass_range, "pm")
        found[f"r_{which}"] = comparison.correlation(mass, test.true, test.universe)
        found[f"rms_{which}"] = comparison.rms(mass, test.true)
    count = [baselines.neighbours(particles, "pm") for particles in (chosen_on, test)]
    late = baselines.straight_line(count[0], chosen_on.true, count[1])
    found["r_late_count"] = comparison.correlation(late, test.true, test.universe)
    training = sample("pm", tuple(TRAINING), mass_range)
    for name in ("spherical", "anisotropic"):
        try:
            mass = baselines.trees(models[name].inputs, training, test, "pm")
        except ImportError:
            logging.getLogger("lss.bench").warning("no boosted trees: pip install --editable '.[trees]'")
            break
        found[f"r_trees_{name}"] = comparison.correlation(mass, test.true, test.universe)
    return found


def divergences(said: dict[str, np.ndarray], test: Sample) -> Figures:
    """Kullback-Leibler divergences of the residuals."""
    raw, averaged, spherical, true = said["raw"], said["averaged"], said["spherical"], test.true
    permuted = np.random.default_rng(1).permutation(raw)
    return {
        "kl_raw_averaged": comparison.divergence_of(raw, averaged, true, test.universe),
        "kl_raw_spherical": comparison.divergence_of(raw, spherical, true, test.universe),
        "kl_raw_permuted": comparison.divergence_of(raw, permuted, true, test.universe),
        "kl_averaged_spherical": comparison.divergence_of(averaged, spherical, true, test.universe),
        "kl_best_spherical": comparison.divergence_of(said["best"], spherical, true, test.universe),
        "kl_thirds": comparison.divergence_in_thirds(raw, averaged, true),
        "kl_floor": comparison.floor(raw, true, test.halo),
    }


def of_p3m(models: dict[str, HaloMass], chosen_on: Sample) -> Figures:
    """How far simulations themselves agree, and PM-trained networks on P3M labels."""
    mass_range = models["raw"].inputs.mass_range
    runs = {name: [labels(name, index) for index in P3M_TEST] for name in ("pm", "p3m", "p3m-again")}
    found: Figures = {}
    for key, other in (("r_ceiling", "p3m-again"), ("r_pm_p3m", "pm")):
        pairs = list(zip(runs["p3m"], runs[other], strict=True))
        both = [(one >= np.log10(mass_range[0])) & (two >= np.log10(mass_range[0])) for one, two in pairs]
        masses = [np.concatenate([pair[side][used] for pair, used in zip(pairs, both, strict=True)]) for side in (0, 1)]
        universe = np.repeat(np.arange(len(both)), [int(used.sum()) for used in both])
        found[key] = comparison.correlation(masses[0], masses[1], universe)
    for key, name in (("r_p3m", "p3m"), ("r_p3m_pm_labels", "pm")):
        particles = sample(name, tuple(P3M_TEST), mass_range)
        best = combined(models, name, particles, chosen_on)
        found[key] = comparison.correlation(best, particles.true, particles.universe)
        raw = predicted(models["raw"], name, particles)
        found[f"r_raw_{key[2:]}"] = comparison.correlation(raw, particles.true, particles.universe)
    return found


def overlaps(model: HaloMass) -> Figures:
    """Which particles end in a halo above the lower edge: those that two ways agree on, over those in either."""
    low, shares = np.log10(model.inputs.mass_range[0]), []
    for index in P3M_TEST:
        _, probability = model.predict(read("pm", index).linear, 50.0, symmetries=SYMMETRIES)
        assert probability is not None
        pm, p3m, dense = labels("pm", index) >= low, labels("p3m", index) >= low, probability > 0.5
        shares.append([np.sum(a & b) / np.sum(a | b) for a, b in ((pm, p3m), (dense, pm), (dense, p3m))])
    error = np.std(shares, axis=0, ddof=1) / np.sqrt(len(shares))
    pairs = np.round(np.stack([np.mean(shares, axis=0), error], axis=1), 4).tolist()
    return {f"overlap_{name}": pair for name, pair in zip(("pm_p3m", "dense_pm", "dense_p3m"), pairs, strict=True)}


def labels(name: str, index: int) -> np.ndarray:
    """log10 masses of all particles of a universe."""
    group = read_universe(universe_path(name, index), ["fields/halo_particle_mass"]).group("fields/halo_particle_mass")
    return np.log10(np.maximum(group.data["value"].ravel(), 1))


def smaller_box() -> Figures:
    """The gain of everything over spherical averages at an eighth of the mass."""
    models = [network(name, universes="pm-25", **SMALLER_BOX) for name in ("anisotropic", "spherical")]
    test = sample("pm-25", tuple(TEST), models[0].inputs.mass_range)
    everything, spherical = (predicted(model, "pm-25", test, 25.0) for model in models)
    return {
        "r_anisotropic_25": comparison.correlation(everything, test.true, test.universe),
        "r_spherical_25": comparison.correlation(spherical, test.true, test.universe),
        "gain_25": comparison.gain(everything, spherical, test.true, test.universe),
    }


def learning(models: dict[str, HaloMass], test: Sample) -> Figures:
    """How the correlation grows with the universes trained on, and on the validation universes with samples seen."""
    found = {}
    for count in UNIVERSES:
        mass = predicted(network("anisotropic", training=count), "pm", test)
        found[count] = comparison.correlation(mass, test.true, test.universe)[0]
    found[len(TRAINING)] = comparison.correlation(
        predicted(models["anisotropic"], "pm", test), test.true, test.universe
    )[0]
    return {"r_anisotropic_by_universes": found, "validation_r_by_samples": by_samples(models["raw"])}


def by_samples(model: HaloMass) -> dict[int, float]:
    """The correlation on the validation universes after so many samples, from the journal."""
    lines = [json.loads(line) for line in Path(model.source).with_suffix(".jsonl").read_text().splitlines()]
    batch = model.card["training"]["batch"]
    return {line["update"] * batch: float(line["figure"].split()[1].strip(",")) for line in lines if "figure" in line}


def cost(every: list[HaloMass], models: dict[str, HaloMass]) -> Figures:
    """Seconds, and the paper's number of parameters."""
    from lss.nets.halo_mass_net import SubboxNet

    return {
        "n_parameters": sum(parameter.numel() for parameter in SubboxNet().parameters()),
        "dense_s": dense_seconds(models["dense"]),
        "train_cpu_s": round(sum(model.card["training"]["cpu_seconds"] for model in every), 1),
        **training_speed(models["raw"]),
    }
