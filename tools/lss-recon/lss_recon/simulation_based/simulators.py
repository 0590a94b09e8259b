"""Parameters -> summaries, by the simulator: in memory for random fields, or through any stages."""

import logging
from collections.abc import Callable, Sequence

import numpy as np

from lss import stages
from lss.config import Configuration, Settings, merge, validate
from lss.differentiable.field_models import allowed
from lss.differentiable.field_models import simulator as field_simulator
from lss.errors import LssError, Stopped
from lss.files.restart import Restart
from lss.inference import with_parameters
from lss.physics.random_field import white_noise
from lss.universe import Universe
from lss_recon import forward
from lss_recon.config import Config

log = logging.getLogger("lss.recon")

FIELDS = 100  # made and compressed at a time
# A stream that no universe of lss-ic uses: the simulations never have the noise of the data.
_NOISE = 2**28 + 2**30

# Parameters (b, p) and the number of the first, which its noise follows from -> summaries (b, s), NaN where it failed.
Simulator = Callable[[np.ndarray, int], np.ndarray]
Compress = Callable[[np.ndarray], np.ndarray]  # fields (b, 1, n, n[, n]) float32 -> (b, s) float64


def fields_in_memory(
    settings: Settings, parameters: Sequence[str], compress: Compress, seed: int, sample: int
) -> Simulator:
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
            parts.append(compress_finite(fields, compress))
        x = np.concatenate(parts)
        x[~allowed(settings, parameters, theta)] = np.nan
        return x

    return simulate


def fields_of_stages(
    names: Sequence[str],
    settings: Settings,
    parameters: Sequence[str],
    data: str,
    compress: Compress,
    seed: int,
    sample: int,
    restart: Restart,
) -> Simulator:
    """Send white noise through stages, one simulation after the other; one that fails gives NaN, and a warning.

    settings : of all stages, whose keys `parameters` are replaced; data : the field that is compressed;
    restart : where a stage that takes minutes keeps its own state
    """

    def one(theta: np.ndarray, number: int) -> np.ndarray:
        own = with_parameters(settings, parameters, theta.tolist())
        config = validate(Configuration, own, "configuration")
        dimensions = stages.table("ic", own).dimensions
        noise = white_noise(seed, number, config.box.n, partner=_NOISE + sample, dimensions=dimensions)
        blank = Universe(config.cosmology, config.box, own, {}, "simulation")
        field = forward.by_stages(names, blank, number, restart)(noise).field(data)
        return compress_finite(field.value[None, None].astype(np.float32), compress)[0]

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


def compress_finite(fields: np.ndarray, compress: Compress) -> np.ndarray:
    """Summaries of fields (b, 1, n, n[, n]); NaN for those that are not finite, which no network is shown."""
    finite = np.isfinite(fields).reshape(len(fields), -1).all(axis=1)
    x = compress(np.where(finite.reshape(-1, *(1,) * (fields.ndim - 1)), fields, np.float32(0)))
    x[~finite] = np.nan
    return x


def makes_fields_in_memory(config: Config) -> bool:
    """Whether the data is a random field that torch makes by the thousand."""
    if config.inference.stages != ("ic",):
        return False
    field = stages.table("ic", {"ic": config.ic}).field
    return field.replace("-", "_") == config.inference.data


def complete_settings(universe: Universe, config: Config) -> Settings:
    """The settings of a simulation: those of the input and the user's, every table that was checked complete.

    Raises ConfigError if they do not suit the stages of [inference].
    """
    given = {name: getattr(config, name) for name in ("ic", "sim", "halo")}
    known = {name: getattr(config, name).model_dump() for name in ("cosmology", "box")}
    settings = merge(universe.config, given | known)
    stages.check(config.inference.stages, settings)
    return settings
