"""Phases at fixed bias: three boxes of a simulation's halos, two chains each from draws of the prior."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.neural_bias.boxes import BOX, CHECKPOINT, JUDGED, Box, N, box, coarse
from bench.neural_bias.chains import Wanted, at, correlation, follow, shells
from lss.differentiable.lpt import hartley
from lss.learned import estimator, fitted_bias
from lss.physics.random_field import white_noise_of
from lss_recon.sampling.chain import Chain
from lss_recon.sampling.diagnostics import effective_samples, r_hat
from lss_recon.sampling.target import monitors

CHAINS = 2
WANTED = Wanted(draws=2000)  # 42,000 gradients; the slowest mode needs some 800 an effective sample
ESTIMATOR = "estimator-64"


def sample(index: int, number: int) -> Chain:
    """Chain `number` of box `index`."""
    return follow(f"phases-{index}", box(index), WANTED, number, fitted_bias.load(CHECKPOINT).theta)


def measured() -> dict[str, Any]:
    """The keys of the phases; figures' numbers in "boxes"."""
    found = [_of_box(box(index), [sample(index, number) for number in range(CHAINS)]) for index in JUDGED]
    keys = {}
    for name in ("r_mean", "r_counts", "r_sample", "r_estimator"):
        for k in (0.1, 0.2):
            values = [at(np.array(one["k"]), np.array(one[name]), k) for one in found]
            keys[f"{name}_k0{round(10 * k)}"] = float(np.mean(values))
    keys["r_hat_phases"] = max(one["r_hat"] for one in found)
    keys["prior_power_ok"] = _prior_power(found)
    return {**keys, "boxes": found}


def _of_box(of: Box, chains: list[Chain]) -> dict[str, Any]:
    truth = of.truth
    shortest = min(len(c.measured) for c in chains)  # chains that were extended may differ in length
    draws = np.array([c.measured[-shortest:] for c in chains])
    watched = np.r_[0, 9 : draws.shape[2]]  # ln L, shells, modes; the bias is given
    hats, ess = r_hat(draws[..., watched]), effective_samples(draws[..., watched])
    summed = sum(c.summed for c in chains)
    mean = sum(c.sums[0] for c in chains) / summed
    variance = sum(c.sums[1] for c in chains) / summed - mean**2
    fields = np.concatenate([c.fields for c in chains]).astype(np.float64)
    k, error = shells(truth - mean, truth - mean)
    _, spread = shells(np.sqrt(variance), np.sqrt(variance))
    estimate = _estimate(of)
    power = np.array([shells(f, f)[1] for f in fields])
    return {
        "k": k.tolist(),
        "r_mean": correlation(mean, truth).tolist(),
        "r_sample": np.mean([correlation(f, truth) for f in fields], axis=0).tolist(),
        "r_counts": correlation(counts(of), truth).tolist(),
        "r_estimator": correlation(estimate, truth).tolist(),
        "error": error.tolist(),
        "variance": spread.tolist(),
        "error_estimator": _residual(estimate, truth).tolist(),
        "error_counts": _residual(counts(of), truth).tolist(),
        "power": draws[:, :, 9 : 9 + len(k)].mean(axis=(0, 1)).tolist(),
        "power_ess": effective_samples(draws[..., 9 : 9 + len(k)]).tolist(),
        "power_std": power.std(axis=0).tolist(),
        "r_hat": float(np.max(hats)),
        "r_hat_lnl": float(hats[0]),
        "ess_slowest": float(ess.min()),
        "ess_median_mode": float(np.median(ess[1 + len(k) :])),
        "gradients": [c.gradients[0] for c in chains],
        "energy": [c.phases.energy for c in chains if c.phases],
        "halos": len(of.target.halos),
    }


def _residual(guess: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power of the truth that the best multiple of a guess leaves, per shell: a Wiener filter's error."""
    return shells(truth, truth)[1] * (1 - correlation(guess, truth) ** 2)


def counts(of: Box) -> NDArray[np.float64]:
    """Hartley coefficients of the halo counts in the voxels."""
    n = of.target.n
    found = of.target.halos.counts(n**3).double().view(n, n, n)
    return hartley(found - found.mean()).view(-1).numpy()


def _estimate(of: Box) -> NDArray[np.float64]:
    """The shipped estimator's linear field as white noise on the grid of the phases."""
    learned, halos, made = estimator.load(ESTIMATOR), of.universe.halos, of.universe
    linear = learned.estimate(halos.position, halos.mass, made.box.n, BOX, halos.velocity)
    return coarse(white_noise_of(linear, made.cosmology, BOX))


def _prior_power(found: list[dict[str, Any]]) -> bool:
    """Whether the boxes' mean P(k) over the prior's is one within three standard errors, those of cosmic variance."""
    k = np.array(found[0]["k"])

    modes = np.bincount(monitors(N, BOX).shell)[1:]
    power = np.array([one["power"] for one in found])
    error = np.sqrt(2 / modes / len(found))
    return bool((np.abs(power.mean(axis=0) - 1) < 3 * error)[: len(k)].all())
