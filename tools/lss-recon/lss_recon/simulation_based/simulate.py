"""Parameters -> summaries, by the simulator: in memory for random fields, or through any stages."""

import logging
from collections.abc import Callable, Sequence

import numpy as np

from lss.config import Configuration, Settings, validate
from lss.differentiable.field_models import allowed
from lss.differentiable.field_models import simulator as field_simulator
from lss.errors import LssError, Stopped
from lss.files.restart import Restart
from lss.inference import with_parameters
from lss.physics.random_field import white_noise
from lss.universe import Universe
from lss_recon import forward
from lss_recon.simulation_based.simulations import Simulate

log = logging.getLogger("lss.recon")

FIELDS = 100  # made and compressed at a time
# A stream that no universe of lss-ic uses: the simulations never have the noise of the data.
_NOISE = 2**28 + 2**30

Compress = Callable[[np.ndarray], np.ndarray]  # fields (b, 1, n, n[, n]) float32 -> (b, s) float64


def in_memory(settings: Settings, parameters: Sequence[str], compress: Compress, seed: int, sample: int) -> Simulate:
    """Simulate batches of random fields; parameters that the settings refuse, and fields not finite, give NaN."""
    import torch

    simulator = field_simulator(settings, parameters)

    def simulate(theta: np.ndarray, first: int) -> np.ndarray:
        parts = []
        for start in range(0, len(theta), FIELDS):
            wanted = torch.from_numpy(theta[start : start + FIELDS].astype(np.float32))
            entropy = np.random.SeedSequence([seed, sample, _NOISE, first + start]).generate_state(1, np.uint64)
            generator = torch.Generator().manual_seed(int(entropy[0] >> np.uint64(1)))
            with torch.inference_mode():
                fields = simulator.fields(wanted, simulator.noise(len(wanted), generator)).numpy()
            parts.append(compressed(fields, compress))
        x = np.concatenate(parts)
        x[~allowed(settings, parameters, theta)] = np.nan
        return x

    return simulate


def by_stages(
    names: Sequence[str],
    settings: Settings,
    parameters: Sequence[str],
    data: str,
    compress: Compress,
    seed: int,
    sample: int,
    restart: Restart,
) -> Simulate:
    """Send white noise through stages, one simulation after the other; one that fails gives NaN, and a warning.

    settings : of all stages, whose keys `parameters` are replaced; data : the field that is compressed;
    restart : where a stage that takes minutes keeps its own state
    """

    def one(theta: np.ndarray, number: int) -> np.ndarray:
        own = with_parameters(settings, parameters, theta.tolist())
        config = validate(Configuration, own, "configuration")
        dimensions = own.get("ic", {}).get("dimensions", 3)
        noise = white_noise(seed, number, config.box.n, partner=_NOISE + sample, dimensions=dimensions)
        blank = Universe(config.cosmology, config.box, own, {}, "simulation")
        field = forward.by_stages(names, blank, number, restart)(noise).field(data)
        return compressed(field.value[None, None].astype(np.float32), compress)[0]

    def simulate(theta: np.ndarray, first: int) -> np.ndarray:
        x = np.full(theta.shape, np.nan)
        for row, values in enumerate(theta):
            try:
                x[row] = one(values, first + row)
            except Stopped:
                raise
            except LssError as error:
                log.warning("simulation %d failed: %s", first + row + 1, error)
        return x

    return simulate


def compressed(fields: np.ndarray, compress: Compress) -> np.ndarray:
    """Summaries of fields (b, 1, n, n[, n]); NaN for those that are not finite, which no network is shown."""
    finite = np.isfinite(fields).reshape(len(fields), -1).all(axis=1)
    x = compress(np.where(finite.reshape(-1, *(1,) * (fields.ndim - 1)), fields, np.float32(0)))
    x[~finite] = np.nan
    return x
