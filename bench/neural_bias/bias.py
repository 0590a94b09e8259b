"""The bias at fixed density: AHF's hosts of Gadget-4's 128^3 run on a 64^3 grid, against classical biases."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from lss.config import Cosmology
from lss.differentiable.forward import forward_model
from lss.differentiable.lpt import hartley
from lss.files.universe_file import read_universe
from lss.grid.mesh import overdensity
from lss.learned.bias_checks import likelihood_ratios, mass_distribution, total_likelihood
from lss.learned.bias_fit import hessian, maximise
from lss.learned.neural_bias import Catalogue, catalogue, log_likelihood, unfitted
from lss.physics.lpt import linear_field
from lss.physics.random_field import replace_large_scales, white_noise_of
from lss_halo.catalogues import ahf
from lss_halo.config import Catalogue as Described
from lss_halo.config import Config

N, BOX = 64, 250.0
CATALOGUE = "ahf.z0.000.AHF_halos"
LEAST = 20  # particles of a host
STARTS = 4


def measured(reference: Path) -> dict[str, Any]:
    """gain_*: ln L of the neural bias less the rivals', at the maximum of its posterior; n_m_delta_chi2."""
    folder = reference / "gadget4-128-a"
    halos = hosts(folder / CATALOGUE)
    result: dict[str, Any] = {}
    for name, density in (("nbody", _nbody(folder)), ("lpt", _lpt(folder))):
        found = _compared(density, halos)
        result[f"gain_counts_{name}"] = found["over"]["neyrinck"]["counts"]
        result[f"gain_plus_{name}"] = found["over"]["neyrinck+"]["total"]
        result[name] = found
    result["n_m_delta_chi2"] = result["nbody"]["chi2"]
    return result


def _compared(density: torch.Tensor, halos: Catalogue) -> dict[str, Any]:
    threshold = float(np.exp(halos.ln_mass.min())) * (1 - 1e-9)
    bias = unfitted(density, threshold, len(halos) / BOX**3, BOX / N, log_floor=0.1)
    features = bias.standardised(density)

    def log_target(theta: torch.Tensor) -> torch.Tensor:
        at = bias.argument(features, theta)
        return log_likelihood(bias, theta, at, halos).total + bias.log_prior(theta)

    starts = 0.5 * np.random.default_rng(1).standard_normal((STARTS, bias.parameters))
    found = maximise(log_target, starts)
    curvature = torch.linalg.eigvalsh(hessian(log_target, found.theta))
    data = [(density, halos)]
    distribution = mass_distribution(bias, found.theta, data)
    ours = total_likelihood(bias, found.theta, data)
    return {
        "over": likelihood_ratios(bias, found.theta, data),
        "chi2": distribution.chi2,
        "values": list(found.values),
        "condition": float(curvature.max() / curvature.min()),
        "ln_likelihood": [float(ours.counts), float(ours.masses)],
        "n_m_delta": {
            name: np.nan_to_num(getattr(distribution, name), posinf=1e9).tolist()
            for name in ("density_edges", "mass_edges", "observed", "expected", "volume")
        },
    }


def hosts(path: Path, threshold: float = 0.0) -> Catalogue:
    """AHF's hosts of at least 20 particles on the grid of the phases; threshold in Msun/h."""
    columns = ahf.read(path, Described(), Config()).columns
    kept = columns["n_particles"] >= LEAST
    mass = columns["mass"][kept]
    each = float(np.median(mass / columns["n_particles"][kept]))
    position = columns["position"][kept] % BOX
    return catalogue(position, mass, N, BOX, threshold, particle_mass=each)


def _nbody(folder: Path) -> torch.Tensor:
    position = read_universe(folder / "snapshot_z0.hdf5").particles.position
    return torch.from_numpy(overdensity(position, N, BOX, "cic")).double() + 1


def _lpt(folder: Path) -> torch.Tensor:
    """1LPT of the phases that the run started from, one particle a voxel."""
    with torch.no_grad():
        return forward_model("1lpt", Cosmology(), N, BOX, dtype=torch.float64)(phases(folder))


def phases(folder: Path) -> torch.Tensor:
    """Hartley coefficients (N, N, N) of what the run started from."""
    start = read_universe(folder / "snapshot_z127.hdf5").particles
    cosmology = Cosmology()
    linear = linear_field(start.position, BOX, cosmology.omega_m, start.redshift)
    noise = replace_large_scales(np.zeros((N, N, N), np.float32), white_noise_of(linear, cosmology, BOX))
    return hartley(torch.from_numpy(noise).double())
