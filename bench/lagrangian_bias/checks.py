"""What holds whatever the training: the machinery, a mock whose f is known, the thin ranges, the cost of the inputs."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.lagrangian_bias.trainings import LOWEST, judge, trained
from bench.lagrangian_bias.universes import HELD_OUT, TRAINING, universe_file
from lss.files.universe_file import read_universe
from lss.grid.agreement import agreement, bands
from lss.grid.bias_operators import bias_operators
from lss.halos.lagrangian import particle_halo_mass
from lss.halos.weighted_field import occupation, tracer_field
from lss.learned.lagrangian_bias import Inputs, evaluate, principal_components, unit_mean
from lss.nets.perceptron import Perceptrons
from lss.physics.random_field import linear_overdensity
from lss_train.training.lagrangian_bias.descent import descend
from lss_train.training.lagrangian_bias.labels import label_descent
from lss_train.training.lagrangian_bias.networks import untrained

RANGES = {"low": (2.7e12, 6e12), "high": (1e13, 3e13)}  # Msun/h, of Fig. 8
SMALL = {"width": 32, "layers": 3, "members": 1, "label_epochs": 2}


def everything(folder: Path) -> dict[str, Any]:
    """All of it."""
    return true_occupation(folder) | thin_ranges(folder) | mock(folder) | cost()


def true_occupation(folder: Path) -> dict[str, float]:
    """The members of halos, weighted by what they bring: the largest deviations over the universes judged on."""
    powers, errors = [], []
    for index in HELD_OUT:
        universe = read_universe(universe_file(folder, index), ["PartType1", "halos"])
        box, halos = universe.box, universe.halos
        f = occupation(particle_halo_mass(halos, box.n), "mass", (LOWEST, np.inf)).ravel()
        truth = tracer_field(halos.position, halos.mass, "mass", (LOWEST, np.inf), box.n, box.size)
        found = agreement(judge(folder, index).field(f), truth, box.size, bands(box.size))
        powers.append(abs(found.power_ratio[0] - 1))
        errors.append(found.error[0])
    return {"occupation_p": float(f"{max(powers):.2g}"), "occupation_e": float(f"{max(errors):.2g}")}


def thin_ranges(folder: Path) -> dict[str, Any]:
    """f of two thin ranges along the first principal component: its value in the last bin over its peak."""
    fall = {}
    for name, (low, high) in RANGES.items():
        keys = {"radii": [1.41, 2.83, 5.66], "lowest_mass": low, "highest_mass": high}
        bias = trained(folder, f"thin-{name}", TRAINING, **SMALL, **keys)
        universe = judge(folder, TRAINING[0])
        inputs = bias.inputs.of_field(universe.linear, universe.box_size)
        f = evaluate(bias.function, inputs)
        _, axes = principal_components(bias.function, inputs)
        curve = binned_mean(inputs @ axes[0].astype(np.float32), f)
        fall[name] = round(float(curve[-1] / curve.max()), 3)
    return {"thin_fall": fall["low"], "thin_fall_high": fall["high"]}


def binned_mean(x: np.ndarray, values: np.ndarray, bins: int = 60, least: int = 200) -> np.ndarray:
    """The mean of values in even bins of x, up to the last bin of at least 200 particles."""
    edges = np.linspace(x.min(), np.partition(x, -least)[-least], bins + 1)
    number = np.clip(np.searchsorted(edges, x) - 1, 0, bins - 1)
    count = np.bincount(number, minlength=bins)
    total = np.bincount(number, values, minlength=bins)
    return (total / np.maximum(count, 1))[count > 0]


def mock(folder: Path, share: float = 0.14) -> dict[str, float]:
    """Labels drawn from a known f(delta, G2), learned, and compared in ten bins that hold equal shares of the halos."""
    universe = read_universe(universe_file(folder, TRAINING[0]), ["ic"])
    box = universe.box
    linear = linear_overdensity(universe.noise.value, universe.cosmology, box.size)
    inputs = Inputs.of((2.83,), universe.cosmology, box.n, box.size, orthogonal=False).of_field(linear, box.size)
    true = np.exp(1.1 * inputs[:, 0] - 0.15 * inputs[:, 0] ** 2 - 0.1 * inputs[:, 2]).astype(np.float64)
    true /= true.mean()
    drawn = np.random.default_rng(4).uniform(size=len(true)) < np.minimum(share * true, 1)
    true = np.minimum(share * true, 1)
    true /= true.mean()
    labels = (drawn / drawn.mean()).astype(np.float32)
    network = untrained(3, 32, 3)
    work = label_descent([inputs], [labels], batch=8192, epochs=4, learning_rate=3e-3, seed=1)
    from lss.files.restart import Restart

    descend(network, work, Restart(None), "mock")
    function = Perceptrons(3, 32, 3)
    function.members[0] = network
    f = unit_mean(evaluate(function, inputs))
    order = np.argsort(true)
    parts = np.split(order, np.searchsorted(np.cumsum(true[order]), np.arange(1, 10) / 10 * true.sum()))
    errors = [f[part].sum() / true[part].sum() - 1 for part in parts]
    return {"mock_f_error": round(float(np.sqrt(np.mean(np.square(errors)))), 4)}


def cost(n: int = 256) -> dict[str, float]:
    """Wall seconds of the operators of five radii on all cores."""
    from lss.process.threads import set_threads

    set_threads(None)
    field = np.random.default_rng(1).standard_normal((n, n, n), np.float32)
    start, cpu = time.perf_counter(), time.process_time()
    bias_operators(field, [1.5, 2.0, 2.83, 4.0, 5.66], float(n))
    took = {
        "features_s_256": round(time.perf_counter() - start, 2),
        "features_cpu_s_256": round(time.process_time() - cpu, 2),
    }
    set_threads(1)
    return took
