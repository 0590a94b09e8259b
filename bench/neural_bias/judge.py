"""Our ensembles against an exact posterior: on a mock drawn from the model itself, MCLMC's.

An estimator is trained on such mocks (lss-train, model estimator); its ensembles are draws of lss-recon's `start =
"sample"`, and the same after updates through the forward model that the mock was drawn from.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.neural_bias import mocks
from bench.neural_bias.boxes import BOX, CHECKPOINT, CONFIG, FOLDER, MOCK_SEED, Box, N, mock
from bench.neural_bias.chains import correlation, shells
from lss.config import Configuration, merge, read_toml, validate
from lss.differentiable.lpt import hartley
from lss.files.restart import Restart
from lss.files.universe_file import member_path, write_universe
from lss.grid import fourier
from lss.learned import fitted_bias
from lss.learned.mock_halos import draw_halos
from lss.physics.random_field import linear_overdensity, white_noise
from lss.universe import Halos, Universe, WhiteNoise
from lss_recon import stage as recon_stage
from lss_recon.config import Config as ReconConfig
from lss_train.config import Config as TrainConfig
from lss_train.train import train

MOCK = 0
TRAINING, TRAINING_SEED = 300, 31415
SAMPLES, UPDATED, SIMULATIONS = 100, 12, 5
SMOOTHING = 4.0  # Mpc/h, of the fields whose variance per voxel is compared: the chain has few draws
LEVELS = (0.5, 0.9)
TRAIN = {
    "model": "estimator", "channels": 8, "levels": 3, "epochs": 1, "input_smoothing": [2.0, 4.0, 8.0],
    "input_scale": [2.0, 1.0, 0.5], "count_smoothing": [2.0, 4.0], "target_smoothing": 2.0, "validation": 0.08,
}  # fmt: skip


def measured() -> dict[str, Any]:
    """judge_variance_error, judge_c2st, judge_samples: of the ensemble of draws; "updated": of that with updates."""
    of = mock(MOCK)
    chains = [mocks.sample(MOCK, number) for number in (0, 1)]
    exact = np.concatenate([c.fields for c in chains]).astype(np.float64)
    checkpoint = _checkpoint()
    result: dict[str, Any] = {}
    for name, count, simulations in (("sample", SAMPLES, 1), ("updated", UPDATED, SIMULATIONS)):
        ours = np.array([_draw(of, checkpoint, number, count, simulations) for number in range(count)])
        result[name] = _compared(of.truth, ours, exact)
    half = len(exact) // 2
    result["exact_halves"] = _compared(of.truth, exact[:half], exact[half:])
    return {
        "judge_variance_error": result["sample"]["variance_error"],
        "judge_c2st": result["sample"]["c2st"],
        "judge_samples": len(exact),
        **result,
    }


def _compared(truth: NDArray[Any], ours: NDArray[Any], exact: NDArray[Any]) -> dict[str, Any]:
    k, variance = _variance(ours)
    ratio = variance / _variance(exact)[1]
    fields, reference = _smoothed(ours), _smoothed(exact)
    maps = [one.var(axis=0, ddof=1) for one in (fields, reference)]
    noise = np.sqrt(2 / (len(ours) - 1) + 2 / (len(exact) - 1))
    covered = {}
    for level in LEVELS:
        low, high = np.quantile(fields, [(1 - level) / 2, (1 + level) / 2], axis=0)
        of_truth = _smoothed(truth[None])[0]
        covered[str(level)] = float(np.mean((of_truth > low) & (of_truth < high)))
    scatter = float(np.std(maps[0] / maps[1]))
    return {
        "samples": len(ours),
        "k": k.tolist(),
        "variance_ratio": ratio.tolist(),
        "variance_error": float(np.sqrt(max(0.0, np.mean((maps[0] / maps[1] - 1) ** 2) - noise**2))),
        "variance_mean_ratio": float(maps[0].mean() / maps[1].mean()),
        "variance_field_r": float(np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1]),
        "variance_noise": [scatter, float(noise)],
        "r_of_means": correlation(ours.mean(axis=0), exact.mean(axis=0)).tolist(),
        "r_mean": correlation(ours.mean(axis=0), truth).tolist(),
        "r_mean_exact": correlation(exact.mean(axis=0), truth).tolist(),
        "coverage": covered,
        "c2st": two_sample_accuracy(_projections(ours), _projections(exact)),
    }


def _variance(draws: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    width = draws.std(axis=0, ddof=1)
    return shells(width, width)


def _smoothed(draws: NDArray[Any]) -> NDArray[np.float32]:
    """Linear overdensities of Hartley coefficients (samples, N^3), smoothed."""
    cosmology = validate(Configuration, read_toml(CONFIG), str(CONFIG)).cosmology
    fields = []
    for h in draws:
        noise = hartley(torch.from_numpy(np.asarray(h, np.float32)).view(N, N, N)).numpy()
        fields.append(fourier.smooth(linear_overdensity(noise, cosmology, BOX), SMOOTHING, BOX))
    return np.array(fields)


def _projections(draws: NDArray[Any]) -> NDArray[np.float64]:
    """Three projections of each smoothed field on 8 x 8 cells, (samples, 192)."""
    fields = _smoothed(draws)
    rows = []
    for axis in (1, 2, 3):
        plane = fields.mean(axis=axis).reshape(len(draws), 8, N // 8, 8, N // 8).mean(axis=(2, 4))
        rows.append(plane.reshape(len(draws), -1))
    return np.concatenate(rows, axis=1).astype(np.float64)


def two_sample_accuracy(ours: NDArray[Any], exact: NDArray[Any], folds: int = 5) -> float:
    """Share of held-out draws that a small network assigns to the right set: 0.5 if they cannot be told apart.

    Contiguous folds, so that a chain's neighbours are not on both sides; equal numbers of both.
    """
    count = min(len(ours), len(exact))
    pick = [np.linspace(0, len(of) - 1, count).astype(int) for of in (ours, exact)]
    x = np.stack([ours[pick[0]], exact[pick[1]]])
    x = (x - x.mean(axis=(0, 1))) / x.std(axis=(0, 1))
    right = []
    for fold in range(folds):
        held = np.arange(count) * folds // count == fold
        torch.manual_seed(fold)
        network = torch.nn.Sequential(torch.nn.Linear(x.shape[2], 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
        optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.3)
        inputs = torch.from_numpy(x[:, ~held].reshape(-1, x.shape[2])).float()
        labels = torch.arange(2).repeat_interleave(int((~held).sum())).float()
        for _ in range(120):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(network(inputs)[:, 0], labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            said = network(torch.from_numpy(x[:, held]).float())[..., 0] > 0
        right.append(float((said == torch.tensor([[False], [True]])).float().mean()))
    return float(np.mean(right))


def _settings(**tables: Any) -> dict[str, Any]:
    """The configuration of the mocks: the grid of the phases, and no simulation but the model."""
    base = {name: table for name, table in read_toml(CONFIG).items() if name in ("cosmology", "box", "halo")}
    return merge(merge(base, {"box": {"n": N}, "halo": {"network": CHECKPOINT}}), tables)


def _universe(number: int, seed: int) -> Universe:
    settings = _settings()
    config = validate(Configuration, settings, str(CONFIG))
    fitted, noise = fitted_bias.load(CHECKPOINT), white_noise(seed, number, N)
    from lss.differentiable.forward import forward_model

    with torch.no_grad():
        density = forward_model("1lpt", config.cosmology, N, BOX, dtype=torch.float64)(
            hartley(torch.from_numpy(noise).double())
        )
    drawn = draw_halos(fitted.bias, fitted.theta, density, BOX, np.random.default_rng([seed, number]))
    order = np.argsort(-drawn.mass, kind="stable")
    columns = {
        "position": drawn.position[order].astype(np.float32),
        "velocity": np.zeros((len(order), 3), np.float32),
        "mass": drawn.mass[order].astype(np.float32),
    }
    made = Universe.create(config, settings).with_noise(WhiteNoise(noise, seed, number))
    return made.with_halos(Halos(columns, "200c", "neural-bias", 0.0))


def _checkpoint() -> Path:
    """The estimator of the mocks, trained unless it is there."""
    path = FOLDER / "judge-estimator.safetensors"
    if path.exists():
        return path
    folder = FOLDER / "judge-training"
    for number in range(TRAINING):
        if not member_path(folder, number).exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_universe(_universe(number, TRAINING_SEED), member_path(folder, number))
    config = validate(TrainConfig, _settings(train=TRAIN), "judge")
    train([folder], config, path, restart=Restart(None))
    return path


def _draw(of: Box, checkpoint: Path, number: int, count: int, simulations: int) -> NDArray[np.float64]:
    """A sample of lss-recon for the mock's catalogue, as Hartley coefficients."""
    kept = FOLDER / "judge-samples" / f"{simulations}-{number:04d}.npy"
    if kept.exists():
        return np.load(kept)
    recon = {
        "method": "lulo", "checkpoint": str(checkpoint), "start": "sample", "samples": count, "seed": 7,
        "max_simulations": simulations, "schedule": [0.5, 0.8], "update": {"k_max": 0.8},
        "limits": {"power": False, "one_point": False}, "forward": {"stages": ["halo"]},
    }  # fmt: skip
    config = validate(ReconConfig, _settings(recon=recon, ic={"seed": 1}), "judge")
    observed = Universe(config.cosmology, config.box, {}, {}, "mock").with_halos(_universe(MOCK, MOCK_SEED).halos)
    outcome = recon_stage.run(observed, config, index=number)
    h = hartley(torch.from_numpy(outcome.noise.value).double()).view(-1).numpy()
    kept.parent.mkdir(parents=True, exist_ok=True)
    np.save(kept, h)
    return h
