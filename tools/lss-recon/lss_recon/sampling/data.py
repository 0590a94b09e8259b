"""From a universe and [recon.hmc] to the posterior that is sampled, everything that can be wrong looked at."""

import numpy as np
import torch
from numpy.typing import NDArray

from lss.differentiable.forward import Forward, forward_model
from lss.differentiable.lpt import hartley
from lss.errors import ConfigError, DataError
from lss.halos.mask import read_mask
from lss.learned import fitted_bias, neural_bias
from lss.physics.random_field import replace_large_scales
from lss.universe import Halos, Universe
from lss_recon.config import Config
from lss_recon.observation import refuse_halos_outside
from lss_recon.sampling.settings import Hmc
from lss_recon.sampling.target import Target

VOXEL_TOLERANCE = 0.01


def grid_of(config: Config) -> int:
    """Points a side of the phases."""
    return config.recon.hmc.grid or config.box.n


def target_of(universe: Universe, config: Config) -> tuple[Target, fitted_bias.FittedBias]:
    """The posterior, and the bias that the checkpoint fitted.

    Raises DataError for a catalogue without halos above the threshold, outside the box or the mask; ConfigError for a
    checkpoint of other voxels, a mask of another grid, or a selection by mass.
    """
    settings, n, size = config.recon.hmc, grid_of(config), config.box.size
    fitted = fitted_bias.load(settings.bias)
    _refuse_other_voxels(fitted.bias, settings, n, size)
    halos = universe.halos
    refuse_halos_outside(halos, size, universe.source)
    threshold = float(np.exp(fitted.bias.head.ln_threshold))
    _refuse_missing_mass_unit(halos, universe.source)
    try:
        catalogue = neural_bias.catalogue(
            halos.position,
            halos.mass,
            n,
            size,
            threshold,
            _exposure(config, n),
            particle_mass=_particle_mass(halos, settings),
            seed=config.recon.seed,
        )
    except DataError as error:
        raise DataError(f"{universe.source}: /halos: {error}") from None
    forward = _forward(config, halos, n)
    return Target(forward, fitted.bias, catalogue, fitted.factor), fitted


def given_phases(universe: Universe, config: Config) -> torch.Tensor:
    """The Hartley coefficients of the input's own initial conditions on the grid of the phases, (n^3,) float32.

    Raises DataError if it has none.
    """
    n = grid_of(config)
    if not universe.has("ic"):
        raise DataError(
            f'{universe.source}: no /ic: with [recon.hmc] blocks = ["bias"] the density is that of the input\'s phases'
        )
    noise = (
        replace_large_scales(np.zeros((n, n, n), np.float32), universe.noise.value)
        if n != universe.box.n
        else (universe.noise.value)
    )
    return hartley(torch.from_numpy(np.ascontiguousarray(noise, np.float32))).view(-1)


def noise_of(h: NDArray[np.float32], config: Config, small: NDArray[np.float32]) -> NDArray[np.float32]:
    """White noise of Hartley coefficients (n^3,) on the grid of [box], its finer modes those of `small`."""
    n = grid_of(config)
    noise = hartley(torch.from_numpy(h.reshape(n, n, n))).numpy()
    return noise if n == config.box.n else replace_large_scales(small, noise)


def _forward(config: Config, halos: Halos, n: int) -> Forward:
    settings, axis = config.recon.hmc, str(halos.attrs.get("redshift_space", "none"))
    return forward_model(
        settings.forward, config.cosmology, n, config.box.size, halos.redshift, axis, steps=settings.steps
    )


def _particle_mass(halos: Halos, settings: Hmc) -> float:
    """By what masses are discrete, Msun/h; 0 if they are not."""
    if settings.particle_mass is not None:
        return settings.particle_mass
    if "n_particles" not in halos.columns or not len(halos):
        return 0.0
    each = halos.mass.astype(np.float64) / np.maximum(halos.n_particles, 1)
    return float(np.median(each)) if np.ptp(each) < 1e-3 * np.median(each) else 0.0


def _refuse_missing_mass_unit(halos: Halos, source: str) -> None:
    """Masses of halos in Msun/h lie between 1e8 and 1e17; what does not is in another unit."""
    if len(halos) and not 1e8 < float(np.median(halos.mass)) < 1e17:
        raise DataError(
            f"{source}: /halos: the median mass is {np.median(halos.mass):.4g}: masses have to be in Msun/h"
            " ([halo.catalogue] mass_unit)"
        )


def _refuse_other_voxels(bias: neural_bias.NeuralBias, settings: Hmc, n: int, size: float) -> None:
    if abs(size / n / bias.voxel - 1) > VOXEL_TOLERANCE:
        raise ConfigError(
            f"[recon.hmc] bias = {settings.bias!r} was made for voxels of {bias.voxel:.4g} Mpc/h, asked for"
            f" {size / n:.4g} ({size:g} Mpc/h over {n}): set grid = {round(size / bias.voxel)}, or train another"
        )


def _exposure(config: Config, n: int) -> NDArray[np.float32] | None:
    survey = config.halo.get("survey", {})
    if survey.get("selection"):
        raise ConfigError('[halo.survey] selection: method = "hmc" knows no selection by mass; raise the threshold')
    if not survey.get("mask"):
        return None
    if n != config.box.n:
        raise ConfigError(f"[halo.survey] mask has the grid of [box] n = {config.box.n}; set [recon.hmc] grid to it")
    return read_mask(survey["mask"], n)
