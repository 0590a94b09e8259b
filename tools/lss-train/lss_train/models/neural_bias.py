"""Model "neural-bias": the halo mass distribution of a density field, learned from universes whose density is known.

The parameters are those of the highest posterior; the curvature there gives the coordinates in which they are sampled
(lss-recon, method hmc). The maximum is found by quasi-Newton steps on all voxels, or by stochastic gradients on some.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lss.config import Table, quantity
from lss.errors import ConfigError, DataError
from lss.files.universe_file import read_universe, universe_files
from lss.stages import IMPORTS_BYTES, TORCH_BYTES, Plan
from lss.universe import Universe
from lss_train.training.run import TrainingRun

if TYPE_CHECKING:
    import torch

    from lss.learned.bias_checks import Data
    from lss.learned.neural_bias import NeuralBias
    from lss_train.config import Config

log = logging.getLogger("lss.train")

FIT_CPU_SECONDS, BYTES_PER_VOXEL = 1e-3, 500  # per voxel of all universes


class Settings(Table):
    """The neural bias, when model = "neural-bias"."""

    density: Literal["1lpt", "2lpt", "pm", "particles"] = quantity(
        "1lpt", "that halos are a function of: of the phases by a differentiable model, or of the particles"
    )
    grid: int = quantity(0, "points a side of the density; 0: those of [box]", ge=0)
    threshold: float = quantity(0.0, "least mass; 0: the least in the catalogues", "Msun/h", ge=0)
    gaussians: int = quantity(2, "of the mass distribution", ge=1, le=8)
    kernel: int = quantity(3, "cells a side of the convolution", ge=1, le=15)
    l_max: int = quantity(0, "largest multipole of the kernel", ge=0, le=8)
    coordinates: Literal["scaled", "paper"] = quantity(
        "scaled", 'of the parameters; "paper": those of Charnock et al. 2020 to the letter'
    )
    scatter: Literal["poisson", "com-poisson"] = quantity(
        "poisson", 'of the counts; "com-poisson": narrower or wider, with a parameter more'
    )
    prior_width: float = quantity(0.0, "of every parameter; 0: 2, or 10 in the coordinates of the paper", ge=0)
    log_floor: float = quantity(0.1, "added to rho / mean below the logarithm", gt=0)
    sigma_floor: float = quantity(0.05, "least width of a Gaussian in ln M", ge=0)
    particle_mass: float | None = quantity(
        None, "masses are spread over one particle; 0: they are not counts; none: of the universe", "Msun/h", ge=0
    )
    starts: int = quantity(6, "from which the maximum is looked for", ge=1)
    fit: Literal["bfgs", "sgd"] = quantity("bfgs", '"sgd": stochastic gradients on a share of the voxels')
    updates: int = quantity(2000, 'of fit = "sgd"', ge=1)
    share: float = quantity(0.1, 'of the voxels that an update of fit = "sgd" sees', gt=0, le=1)


def train(run: TrainingRun) -> None:
    """Fit the bias to all inputs, write its checkpoint, and log how it compares with classical biases.

    Raises ConfigError and DataError for universes without halos, phases or particles, or of different boxes.
    """
    import torch

    from lss.learned import fitted_bias
    from lss.learned.bias_checks import likelihood_ratios, mass_distribution
    from lss.learned.bias_fit import hessian, laplace_covariance

    torch.set_num_threads(1)
    settings = run.config.train.sub_table(Settings)
    universes = [read_universe(file, ["ic", "halos", "PartType1"]) for file in universe_files(run.inputs)]
    bias, data = prepared(universes, run.config, settings)
    log_target = posterior(bias, data)
    if settings.fit == "sgd":
        theta = by_stochastic_gradients(bias, data, settings, run.config.train)
    else:
        theta = by_quasi_newton(bias, log_target, settings, run.config.train.seed)
    covariance = laplace_covariance(hessian(log_target, theta))
    factor = torch.linalg.cholesky(covariance + 1e-12 * torch.eye(len(theta), dtype=torch.float64))
    ratios = likelihood_ratios(bias, theta, data)
    for name, gain in ratios.items():
        log.info("ln L over %s: %.1f in counts, %.1f in all", name, gain["counts"], gain["total"])
    chi2 = mass_distribution(bias, theta, data).chi2
    log.info("n(M | density) of %d halos: chi^2 = %.2f per bin", sum(len(halos) for _, halos in data), chi2)
    box = universes[0].box
    card = {
        "training": {**run.config.train.as_card(), "ln_posterior": float(log_target(theta))},
        "data": {
            "universes": len(universes),
            "halos": sum(len(halos) for _, halos in data),
            "box": {"size": box.size, "n": len(data[0][0])},
            "mass_definition": universes[0].halos.mass_definition,
            "redshift": universes[0].halos.redshift,
            "cosmology": universes[0].cosmology.model_dump(mode="json", exclude_none=True),
        },
        "validation": {"over": ratios, "n_m_delta_chi2": chi2},
    }
    fitted_bias.save(run.checkpoint, bias, theta, factor, card)


def prepared(universes: list[Universe], config: "Config", settings: Settings) -> tuple["NeuralBias", "Data"]:
    """The model for these universes, and their densities and halos."""
    from lss.learned import neural_bias

    box = universes[0].box
    n = settings.grid or box.n
    if any(universe.box != box for universe in universes):
        raise ConfigError("the universes are of different boxes")
    threshold = settings.threshold or min(float(universe.halos.mass.min()) for universe in universes) * (1 - 1e-6)
    data = []
    for number, universe in enumerate(universes):
        halos = universe.halos
        try:
            seen = neural_bias.catalogue(
                halos.position,
                halos.mass,
                n,
                box.size,
                threshold,
                particle_mass=_particle_mass(universe, settings),
                seed=number,
            )
        except DataError as error:
            raise DataError(f"{universe.source}: /halos: {error}") from None
        data.append((_density(universe, n, settings.density), seen))
    mean_density = sum(len(halos) for _, halos in data) / (len(data) * box.size**3)
    bias = neural_bias.unfitted(
        data[0][0],
        threshold,
        mean_density,
        box.size / n,
        gaussians=settings.gaussians,
        size=settings.kernel,
        l_max=settings.l_max,
        coordinates=settings.coordinates,
        scatter=settings.scatter,
        log_floor=settings.log_floor,
        sigma_floor=settings.sigma_floor,
        prior_width=settings.prior_width or None,
    )
    return bias, data


def posterior(bias: "NeuralBias", data: "Data") -> Callable[["torch.Tensor"], "torch.Tensor"]:
    """ln of the posterior of theta given all universes."""
    from lss.learned.neural_bias import log_likelihood

    features = [bias.standardised(density) for density, _ in data]

    def log_target(theta: "torch.Tensor") -> "torch.Tensor":
        total = bias.log_prior(theta)
        for known, (_, halos) in zip(features, data, strict=True):
            total = total + log_likelihood(bias, theta, bias.argument(known, theta), halos).total
        return total

    return log_target


def by_quasi_newton(bias: "NeuralBias", log_target: Callable[..., Any], settings: Settings, seed: int) -> Any:
    """The best maximum from several starts."""
    from lss.learned.bias_fit import maximise

    starts = np.random.default_rng(seed).standard_normal((settings.starts, bias.parameters)) * bias.prior_width / 4
    found = maximise(log_target, starts)
    log.info("maxima of the posterior from %d starts: %s", len(starts), ", ".join(f"{v:.1f}" for v in found.values))
    return found.theta


def by_stochastic_gradients(bias: "NeuralBias", data: "Data", settings: Settings, train: Any) -> Any:
    """Adam on random voxels of one universe at a time, the rest of the likelihood in proportion."""
    import torch

    from lss.learned.neural_bias import Catalogue, log_likelihood

    draw = np.random.default_rng(train.seed)
    features = [bias.standardised(density) for density, _ in data]
    theta = torch.from_numpy(0.1 * draw.standard_normal(bias.parameters)).requires_grad_()
    optimizer = torch.optim.Adam([theta], lr=train.learning_rate)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.updates)
    voxels = features[0].shape[1]
    weight = len(data) / settings.share
    for _ in range(settings.updates):
        one = int(draw.integers(len(data)))
        rows = torch.from_numpy(np.flatnonzero(draw.random(voxels) < settings.share))
        place = torch.full((voxels,), -1, dtype=torch.int64)
        place[rows] = torch.arange(len(rows))
        halos = data[one][1]
        inside = place[halos.voxel] >= 0
        some = Catalogue(place[halos.voxel[inside]], halos.ln_mass[inside])
        y = bias.argument(features[one][:, rows], theta)
        loss = -(weight * log_likelihood(bias, theta, y, some).total + bias.log_prior(theta)) / voxels
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
    return theta.detach()


def _density(universe: Universe, n: int, of: str) -> Any:
    """rho / mean on the grid, (n, n, n) float64."""
    import torch

    from lss.differentiable.forward import forward_model
    from lss.differentiable.lpt import hartley
    from lss.grid.mesh import overdensity
    from lss.physics.random_field import replace_large_scales

    if of == "particles":
        return torch.from_numpy(overdensity(universe.particles.position, n, universe.box.size, "cic")).double() + 1
    noise = universe.noise.value
    if n != universe.box.n:
        noise = replace_large_scales(np.zeros((n, n, n), np.float32), noise)
    redshift = universe.halos.redshift
    axis = str(universe.halos.attrs.get("redshift_space", "none"))
    forward = forward_model(of, universe.cosmology, n, universe.box.size, redshift, axis, dtype=torch.float64)
    with torch.no_grad():
        return forward(hartley(torch.from_numpy(noise).double()))


def _particle_mass(universe: Universe, settings: Settings) -> float:
    if settings.particle_mass is not None:
        return settings.particle_mass
    halos = universe.halos
    if "n_particles" not in halos.columns:
        return 0.0
    each = halos.mass.astype(np.float64) / np.maximum(halos.n_particles, 1)
    return float(np.median(each)) if np.ptp(each) < 1e-3 * np.median(each) else 0.0


def plan(inputs: Sequence[Path], config: "Config") -> Plan:
    """What would be read and fitted."""
    files = universe_files(inputs)
    first = read_universe(files[0], ["halos"])
    settings = config.train.sub_table(Settings)
    n = settings.grid or first.box.n
    voxels = n**3 * len(files)
    return Plan(
        IMPORTS_BYTES + TORCH_BYTES + BYTES_PER_VOXEL * voxels,
        10 + FIT_CPU_SECONDS * voxels,
        [f"{len(files)} universes, density of {settings.density} on {n}^3", f"fit by {settings.fit}"],
    )
