"""The paper's size: phases on 64^3 in 250 Mpc/h behind AHF's hosts of Gadget-4's 128^3 run, with the shipped bias."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.neural_bias.bias import BOX, CATALOGUE, N, hosts, phases
from bench.neural_bias.boxes import CHECKPOINT, Box
from bench.neural_bias.chains import Wanted, at, correlation, follow, shells
from bench.neural_bias.phases import counts
from lss.config import Box as Cube
from lss.config import Cosmology
from lss.differentiable.forward import forward_model
from lss.learned import fitted_bias
from lss.universe import Universe
from lss_recon.sampling.chain import Chain
from lss_recon.sampling.diagnostics import effective_samples, r_hat
from lss_recon.sampling.target import Target

CHAINS = 2
WANTED = Wanted(warm_up=600, draws=600, thin=5)
TIMED = 20  # gradients
KS = ("0.05", "0.1", "0.2", "0.3")  # h/Mpc


def box(reference: Path) -> Box:
    """The catalogue, the phases that the run started from, and the posterior; voxels of the shipped bias."""
    folder, fitted = reference / "gadget4-128-a", fitted_bias.load(CHECKPOINT)
    seen = hosts(folder / CATALOGUE, float(np.exp(fitted.bias.head.ln_threshold)))
    target = Target(forward_model("1lpt", Cosmology(), N, BOX), fitted.bias, seen, fitted.factor)
    blank = Universe(Cosmology(), Cube(size=BOX, n=2 * N), {}, {}, str(folder))
    return Box(blank, phases(folder).view(-1).numpy(), target, BOX)


def sample(reference: Path, number: int) -> Chain:
    """Chain `number`, from a draw of the prior."""
    return follow("paper-size", box(reference), WANTED, number, fitted_bias.load(CHECKPOINT).theta)


def measured(reference: Path) -> dict[str, Any]:
    """ "paper_size": R-hat, effective samples, CPU seconds a gradient, r with the truth."""
    of, chains = box(reference), [sample(reference, number) for number in range(CHAINS)]
    draws = np.array([c.measured for c in chains])
    watched = np.r_[0, 9 : draws.shape[2]]
    hats, ess = r_hat(draws[..., watched]), effective_samples(draws[..., watched])
    mean = sum(c.sums[0] for c in chains) / sum(c.summed for c in chains)
    fields = np.concatenate([c.fields for c in chains]).astype(np.float64)
    k = shells(mean, mean, N, BOX)[0]
    r = {
        "r_mean": correlation(mean, of.truth, N, BOX),
        "r_sample": np.mean([correlation(field, of.truth, N, BOX) for field in fields], axis=0),
        "r_counts": correlation(counts(of), of.truth, N, BOX),
    }
    return {
        "paper_size": {
            "r_hat": float(hats.max()),
            "r_hat_lnl": float(hats[0]),
            "ess_median_mode": float(np.median(ess[1 + len(k) :])),
            "ess_slowest": float(ess.min()),
            "gradients": [c.gradients[0] for c in chains],
            "cpu_s_gradient": _seconds(of.target),
            "halos": len(of.target.halos),
            **{f"{name}_k{where}": at(k, values, float(where)) for name, values in r.items() for where in KS},
        }
    }


def _seconds(target: Target) -> float:
    torch.set_num_threads(1)
    density = target.phases(fitted_bias.load(CHECKPOINT).theta)
    h = torch.randn(N**3, generator=torch.Generator().manual_seed(1))
    density(h)
    before = time.process_time()
    for _ in range(TIMED):
        density(h)
    return (time.process_time() - before) / TIMED
