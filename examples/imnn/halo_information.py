"""What a compressor of halo fields keeps, beside their power spectrum: python halo_information.py TOML NET FOLDER...

sqrt(det F) of the summaries, on the universes that the training kept back for its figures, and of the binned P(k) of
the field, on all of them, as nothing is trained for it. Errors: bootstrap over universes.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from lss.config import read_toml
from lss.differentiable.information import binned_power
from lss.errors import DataError
from lss.inference import Inference
from lss.learned import compression
from lss.learned.compression import Moments
from lss_train.data.field_batches import FIGURES, Batch
from lss_train.data.stored import read_stored

BINS, DRAWS = 6, 200


def main() -> None:
    """Print sqrt(det F) of both."""
    settings, network = read_toml(Path(sys.argv[1])), sys.argv[2]
    inference, train = Inference(**settings["inference"]), settings["train"]
    folders = [folder for path in sys.argv[3:] for folder in sorted(Path(path).iterdir()) if folder.is_dir()]
    stored = read_stored(folders, inference, train["validation"], train.get("seed", 1), "cpu")
    kept_back = next(stored.batches(FIGURES, 0, 0))
    everything = Batch(stored.fiducial, None, stored.below, stored.above, stored.span)
    size = settings["box"]["size"]

    def spectrum(fields: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(np.log(binned_power(fields, size, BINS)))

    compressor = compression.load(network)

    def summaries(fields: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(compressor.summaries(fields))

    for name, function, batch in (("P(k)", spectrum, everything), ("summaries", summaries, kept_back)):
        value, error = information(*(part.numpy() for part in batch.apply(function)))
        print(f"{name:10} sqrt(det F) = {value:.1f} +- {error:.1f}, {len(batch.fiducial)} universes")


def information(summaries: np.ndarray, derivatives: np.ndarray) -> tuple[float, float]:
    """sqrt(det F) and its error."""
    random, found = np.random.default_rng(1), []
    for _ in range(DRAWS):
        alone = random.integers(len(summaries), size=len(summaries))
        pairs = random.integers(derivatives.shape[1], size=derivatives.shape[1])
        try:
            found.append(root(Moments.of(summaries[alone], derivatives[:, pairs])))
        except DataError:
            continue
    return root(Moments.of(summaries, derivatives)), float(np.std(found))


def root(moments: Moments) -> float:
    """sqrt(det F), 0 where it is not positive."""
    return float(np.sqrt(max(np.linalg.det(moments.fisher()), 0)))


if __name__ == "__main__":
    main()
