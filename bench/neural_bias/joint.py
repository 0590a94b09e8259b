"""Phases and bias sampled together, in turns and as one, from draws of both priors."""

from typing import Any

import numpy as np

from bench.neural_bias.boxes import CHECKPOINT, box
from bench.neural_bias.chains import Wanted, follow
from lss.learned import fitted_bias
from lss_recon.sampling.chain import Chain
from lss_recon.sampling.diagnostics import effective_samples, r_hat
from lss_recon.sampling.target import draw_of_prior

CHAINS = 2
WANTED = Wanted(bias_sampler="hmc", warm_up=150, draws=1000, thin=2, phase_moves=10, bias_moves=1, joint_moves=20)


def sample(number: int) -> Chain:
    """A chain of box 0; its bias starts at a draw of the prior."""
    of = box(0)
    theta = draw_of_prior(of.target.bias, np.random.default_rng([number, 17]))
    return follow("joint", of, WANTED, number, theta)


def measured() -> dict[str, Any]:
    """r_hat_joint: the largest of ln L, n(> M | patch) and the low modes."""
    chains = [sample(number) for number in range(CHAINS)]
    shortest = min(len(c.measured) for c in chains)  # chains that were extended may differ in length
    draws = np.array([c.measured[-shortest:] for c in chains])
    names = 9, 9 + 16
    watched = np.r_[0 : names[0], names[1] : draws.shape[2]]
    hats, ess = r_hat(draws), effective_samples(draws)
    return {
        "r_hat_joint": float(np.max(hats[watched])),
        "r_hat_lnl": float(hats[0]),
        "r_hat_abundances": hats[1:9].tolist(),
        "r_hat_modes": [float(np.median(hats[25:])), float(np.max(hats[25:]))],
        "ess_lnl": float(ess[0]),
        "ess_slowest": float(ess[watched].min()),
        "gradients": [list(c.gradients) for c in chains],
        "accepted": [c.bias.accepted for c in chains if c.bias],
        "checkpoint": CHECKPOINT,
        "start": "prior",
        "parameters": fitted_bias.load(CHECKPOINT).bias.parameters,
    }
