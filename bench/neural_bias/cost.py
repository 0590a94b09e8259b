"""What samplers cost: effective samples a gradient and a second, on the phases and on the bias; gradients' errors."""

import time
from typing import Any

import numpy as np
import torch

from bench.neural_bias.boxes import BOX, CHECKPOINT, N, box, coarse, universe
from bench.neural_bias.chains import Wanted, follow
from lss.config import Cosmology
from lss.differentiable.forward import forward_model
from lss.learned import fitted_bias
from lss.learned.neural_bias import fixed_bias
from lss_recon.sampling.diagnostics import effective_samples

PHASES = {
    "mclmc": Wanted("mclmc", warm_up=600, draws=300, thin=10, fields=1),
    "adjusted-mclmc": Wanted("adjusted-mclmc", warm_up=80, draws=150, thin=1, fields=1),
    "hmc": Wanted("hmc", warm_up=80, draws=150, thin=1, fields=1),
    "qn-hmc": Wanted("qn-hmc", warm_up=80, draws=150, thin=1, fields=1),
}
BIAS = {
    "mclmc": Wanted(None, "mclmc", warm_up=500, draws=1000, thin=4, bias_moves=1),
    "adjusted-mclmc": Wanted(None, "adjusted-mclmc", warm_up=200, draws=400, thin=1, bias_moves=1),
    "hmc": Wanted(None, "hmc", warm_up=200, draws=400, thin=1, bias_moves=1),
    "qn-hmc": Wanted(None, "qn-hmc", warm_up=200, draws=400, thin=1, bias_moves=1),
}
STEP = 1e-6  # of the finite difference: no particle crosses a grid point


def sample(kind: str, name: str) -> dict[str, float]:
    """Effective samples of the median low mode (phases), or of ln L and n(> M | patch) (bias), a gradient, a second."""
    fitted, of = fitted_bias.load(CHECKPOINT), box(0)
    wanted = (PHASES if kind == "phases" else BIAS)[name]
    start = torch.from_numpy(of.truth).float()
    before = time.process_time()
    chain = follow(f"cost-{kind}-{name}", of, wanted, 0, fitted.theta, start)
    seconds = time.process_time() - before
    draws = np.array(chain.measured)[None]
    watched = np.arange(9 + N // 2, draws.shape[2]) if kind == "phases" else np.arange(9)
    ess = float(np.median(effective_samples(draws[..., watched])))
    gradients = chain.gradients[0 if kind == "phases" else 1]
    kept = gradients * (1 - wanted.warm_up / wanted.schedule().sweeps)
    moved = chain.phases or chain.bias
    return {
        "ess_per_gradient": ess / kept,
        "ess_per_second": ess / max(seconds * (1 - wanted.warm_up / wanted.schedule().sweeps), 1e-9),
        "accepted": moved.accepted if moved else 0.0,
        "gradients": gradients,
    }


def measured() -> dict[str, Any]:
    """ess_per_gradient of every sampler, and grad_rel_error."""
    table = {kind: {name: sample(kind, name) for name in PHASES} for kind in ("phases", "bias")}
    return {
        "ess_per_gradient": {
            kind: {name: one["ess_per_gradient"] for name, one in rows.items()} for kind, rows in table.items()
        },
        "table": table,
        "grad_rel_error": gradient_error(),
    }


def gradient_error() -> float:
    """The largest relative error of the gradient of ln p(phases) along five random directions, against differences."""
    fitted, of = fitted_bias.load(CHECKPOINT), box(0)
    h = torch.from_numpy(coarse(universe(0).noise.value))
    draw = torch.Generator().manual_seed(1)
    worst = 0.0
    for name in ("1lpt", "2lpt"):
        forward = forward_model(name, Cosmology(), N, BOX, dtype=torch.float64)
        likelihood = fixed_bias(fitted.bias, fitted.theta, of.target.halos, N**3, torch.float64)
        for _ in range(5):
            direction = torch.randn(N**3, generator=draw, dtype=torch.float64)
            at = h.clone().requires_grad_()

            def log_p(x: torch.Tensor, forward: Any = forward, likelihood: Any = likelihood) -> torch.Tensor:
                return likelihood(forward(x.view(N, N, N))) - 0.5 * (x**2).sum()

            ends = [forward.positions((h + s * STEP * direction).view(N, N, N)).floor() for s in (1, -1)]
            if bool((ends[0] != ends[1]).any()):
                continue  # a kink within the step: no derivative to compare with
            (gradient,) = torch.autograd.grad(log_p(at), at)
            measured = float(log_p(h + STEP * direction) - log_p(h - STEP * direction)) / (2 * STEP)
            worst = max(worst, abs(float(gradient @ direction) / measured - 1))
    return worst
