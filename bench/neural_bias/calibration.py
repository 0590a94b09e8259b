"""Simulation-based calibration: parameters drawn from the prior, data from the model, ranks of the truth in the chain.

Problems small enough for a hundred chains, with proper priors. If the sampler is right every rank is uniform (Talts et
al. 2018, arXiv:1804.06788); the p-value is the least of the quantities' (Kolmogorov & Smirnov), times their number.
"""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import kstest

from bench.neural_bias.boxes import FOLDER
from lss.config import Cosmology
from lss.differentiable.forward import forward_model
from lss.learned.mock_halos import draw_halos
from lss.learned.neural_bias import Catalogue, NeuralBias, fixed_bias, log_likelihood, unfitted
from lss_recon.sampling import block
from lss_recon.sampling.log_density import with_gradient

RANKS = 100
SEED = 271828
N, BOX = 8, 48.0
DENSITY_OF_HALOS, THRESHOLD = 1.5e-3, 1e13
PLAN = block.Plan("mclmc", 300, energy_variance=1e-4)
DRAWS, THIN = 40, 10
# With slopes of zero every density would have the same halos, and no phases would be preferred.
SLOPES = {"w_psi0": 1.0, "w_psi1": 0.5, "w_alpha0": 1.5, "w_mu0": 0.5}


def measured() -> dict[str, Any]:
    """sbc_p_bias and sbc_p_phases."""
    torch.set_num_threads(1)
    ranks = {name: _ranks(name, of) for name, of in (("bias", _bias_rank), ("phases", _phases_rank))}
    return {f"sbc_p_{name}": _p_value(values) for name, values in ranks.items()} | {
        "ranks": {name: values.tolist() for name, values in ranks.items()}
    }


def _ranks(name: str, of: Any) -> NDArray[np.float64]:
    """(RANKS, quantities), those there already from their file."""
    path = FOLDER / f"sbc-{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(path.read_text()) if path.exists() else []
    for number in range(len(known), RANKS):
        known.append(of(number))
        path.write_text(json.dumps(known))
    return np.array(known)


def _p_value(ranks: NDArray[np.float64]) -> float:
    least = min(kstest(column, "uniform").pvalue for column in ranks.T)
    return float(min(1.0, least * ranks.shape[1]))


def _model(width: float) -> tuple[NeuralBias, torch.Tensor]:
    """A bias of one Gaussian, 11 parameters, whose prior is narrow enough for catalogues of tens of halos."""
    forward = forward_model("1lpt", Cosmology(), N, BOX, dtype=torch.float64)
    h = torch.from_numpy(np.random.default_rng(SEED).standard_normal((N, N, N)))
    density = forward(h)
    bias = unfitted(density, THRESHOLD, DENSITY_OF_HALOS, BOX / N, gaussians=1, log_floor=0.1)
    return replace(bias, prior_width=width), density


def _bias_rank(number: int) -> list[float]:
    """Ranks of ln L and of abundances in two patches, for parameters drawn from the prior."""
    bias, density = _model(0.5)
    draw = np.random.default_rng([SEED, 1, number])
    truth = torch.from_numpy(draw.standard_normal(bias.parameters) * bias.prior_width)
    halos = _drawn(bias, truth, density, draw)
    features = bias.standardised(density)

    def log_p(theta: torch.Tensor) -> torch.Tensor:
        at = bias.argument(features, theta)
        return log_likelihood(bias, theta, at, halos, 0).total + bias.log_prior(theta)

    def seen(theta: torch.Tensor) -> list[float]:
        with torch.no_grad():
            at = torch.tensor([-1.0, 1.0, 3.0], dtype=torch.float64)
            abundance = bias.mixture(at, theta).above(bias.head.ln_threshold + 0.7).tolist()
            return [float(log_p(theta)), *abundance, *theta[:5].tolist()]

    start = torch.from_numpy(draw.standard_normal(bias.parameters) * bias.prior_width)
    return _rank(log_p, start, seen, truth, [SEED, 1, number])


def _phases_rank(number: int) -> list[float]:
    """Ranks of ln p, the power of two shells, and low modes, for phases drawn from the prior."""
    bias, _ = _model(0.5)
    theta = torch.zeros(bias.parameters, dtype=torch.float64)
    for name, value in SLOPES.items():
        theta[bias.names().index(name)] = value
    draw = np.random.default_rng([SEED, 2, number])
    forward = forward_model("1lpt", Cosmology(), N, BOX, dtype=torch.float64)
    truth = torch.from_numpy(draw.standard_normal(N**3))
    with torch.no_grad():
        halos = _drawn(bias, theta, forward(truth.view(N, N, N)), draw)
    likelihood = fixed_bias(bias, theta, halos, N**3, torch.float64)
    index = np.fft.fftfreq(N, 1 / N)
    radius = np.sqrt(sum(axis**2 for axis in np.meshgrid(index, index, index))).ravel()
    low, high = (torch.from_numpy(np.flatnonzero((radius > a) & (radius <= b))) for a, b in ((0, 1.5), (1.5, 3)))

    def log_p(h: torch.Tensor) -> torch.Tensor:
        return likelihood(forward(h.view(N, N, N))) - 0.5 * (h**2).sum()

    def seen(h: torch.Tensor) -> list[float]:
        with torch.no_grad():
            powers = [float((h[rows] ** 2).mean()) for rows in (low, high)]
            return [float(likelihood(forward(h.view(N, N, N)))), *powers, *h[low[:4]].tolist()]

    start = torch.from_numpy(draw.standard_normal(N**3))
    return _rank(log_p, start, seen, truth, [SEED, 2, number])


def _drawn(bias: NeuralBias, theta: torch.Tensor, density: torch.Tensor, draw: np.random.Generator) -> Catalogue:
    made = draw_halos(bias, theta, density, BOX, draw)
    return Catalogue(torch.from_numpy(made.voxel), torch.from_numpy(np.log(made.mass)))


def _rank(
    log_p: Any,
    start: torch.Tensor,
    seen: Any,
    truth: torch.Tensor,
    seed: list[int],
) -> list[float]:
    """The share of the chain's draws below the truth, for each quantity; ties by a coin."""
    stream = torch.Generator().manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
    log_density = with_gradient(log_p)
    state = block.begin(start, stream, log_density, PLAN)
    rows = []
    for move in range(PLAN.warm_up + DRAWS * THIN):
        state, _ = block.advance(state, stream, log_density, PLAN)
        if move >= PLAN.warm_up and (move - PLAN.warm_up) % THIN == THIN - 1:
            rows.append(seen(state.x))
    below = (np.array(rows) < np.array(seen(truth))).sum(axis=0)
    coin = np.random.default_rng(seed).random(len(below))
    return ((below + coin) / (DRAWS + 1)).tolist()
