"""Fields compressed to as many numbers as there are parameters: an information-maximising network (IMNN) and its use.

A checkpoint of model "imnn" holds the network; its card the mean mu, the covariance C and the derivative dmu/dtheta of
the summaries x at the fiducial parameters, measured on simulations that no weight has seen. The Fisher matrix of the
summaries, as if they were Gaussian with a covariance that does not change, and the estimate of the parameters are

    F = dmu^T C^-1 dmu        theta = theta_fiducial + F^-1 dmu^T C^-1 (x - mu)

Source: Charnock, Lavaux & Wandelt 2018; Alsing & Wandelt 2018 (the score estimate).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lss.errors import DataError
from lss.inference import hartlap_factor, is_singular
from lss.nets.checkpoint import Card, load_network
from lss.universe import Universe

if TYPE_CHECKING:
    from lss.nets.compressor_net import CompressorNet

BATCH = 100  # fields that are compressed at a time


@dataclass(frozen=True)
class Compressor:
    """A trained network and what is known of its summaries at the fiducial parameters.

    parameters : p dotted keys; fiducial (p,); mean (s,), covariance (s, s), derivative (p, s) of the summaries;
    fisher (p, p)
    """

    network: "CompressorNet"
    card: Card
    source: str
    device: str
    parameters: tuple[str, ...]
    fiducial: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    derivative: np.ndarray
    fisher: np.ndarray

    def refuse_other_box(self, universe: Universe) -> None:
        """Raise DataError for a box of another side than the network was trained on; a card may not say."""
        data = self.card["data"]
        trained = (data.get("box") or data.get("simulator", {}).get("box", {})).get("size")
        if trained not in (None, universe.box.size):
            raise DataError(
                f"{universe.source}: box of {universe.box.size:g} Mpc/h, but {self.source} was trained on {trained:g}"
            )

    def summaries(self, fields: Any) -> np.ndarray:
        """The summaries of fields (b, 1, n, n[, n]), a tensor or an array; (b, s) float64.

        Raises DataError if the fields have another shape than the network was trained on.
        """
        import torch

        shape = (1, *self.network.shape)
        if tuple(fields.shape[1:]) != shape:
            raise DataError(
                f"{self.source}: trained on fields of shape {shape[1:]}, given {tuple(fields.shape[1:])} with channels"
            )
        tensor = torch.as_tensor(fields, dtype=torch.float32)
        with torch.inference_mode():
            parts = [self.network(part.to(self.device)).double().cpu() for part in tensor.split(BATCH)]
        return torch.cat(parts).numpy()

    def score_estimate(self, summaries: np.ndarray) -> np.ndarray:
        """The parameters that summaries (b, s) point to, to first order about the fiducial; (b, p)."""
        score = self.derivative @ np.linalg.solve(self.covariance, (summaries - self.mean).T)
        return self.fiducial + np.linalg.solve(self.fisher, score).T


def load(name_or_path: Path | str, device: str = "cpu") -> Compressor:
    """The compressor of a checkpoint, on a device chosen here.

    Raises DataError as lss.nets.checkpoint, for another model, for a card or weights that do not fit, and for a Fisher
    matrix that is not positive definite.
    """
    network, card = load_network(name_or_path, "imnn", device, kinds=("compressor",))
    source = str(name_or_path)
    try:
        names = tuple(str(name) for name in card["inputs"]["parameters"])
        fiducial = np.array(card["inputs"]["fiducial"], np.float64)
        measured = card["validation"]
        mean, covariance, derivative, fisher = (
            np.array(measured[key], np.float64) for key in ("mean", "covariance", "derivative", "fisher")
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{source}: the card does not describe a compressor ({error})") from None
    p, s = len(names), network.outputs
    shapes = (fiducial.shape, mean.shape, covariance.shape, derivative.shape, fisher.shape)
    if shapes != ((p,), (s,), (s, s), (p, s), (p, p)):
        raise DataError(f"{source}: the card's mean, covariance, derivative and fisher do not fit together")
    if log_det(fisher) == -np.inf:
        raise DataError(f"{source}: the card's Fisher matrix is not positive definite: no posterior follows from it")
    return Compressor(network, card, source, device, names, fiducial, mean, covariance, derivative, fisher)


@dataclass(frozen=True)
class Moments:
    """Mean (s,), covariance (s, s) and derivative (p, s) of summaries, from `count` simulations.

    noise : (p, p, s, s) covariance of the derivative's own error, between parameters and summaries
    """

    count: int
    mean: np.ndarray
    covariance: np.ndarray
    derivative: np.ndarray
    noise: np.ndarray

    @staticmethod
    def of(summaries: np.ndarray, derivatives: np.ndarray) -> "Moments":
        """From summaries (n, s) at the fiducial, and their derivatives (p, m, s) in single simulations.

        Raises DataError for fewer simulations than summaries, or simulations that failed.
        """
        count, outputs = summaries.shape
        broken = max(int((~np.isfinite(a)).any(-1).sum()) for a in (summaries, *derivatives))
        if broken:
            raise DataError(f"{broken} of {count} simulations have no finite summaries")
        if count < outputs + 3 or derivatives.shape[1] < 2:
            raise DataError(
                f"{count} simulations and {derivatives.shape[1]} derivatives: too few for a covariance of {outputs}"
                f" summaries, which needs {outputs + 3} and 2"
            )
        covariance = np.cov(summaries.T).reshape(outputs, outputs)
        centred = derivatives - derivatives.mean(1, keepdims=True)
        m = derivatives.shape[1]
        noise = np.einsum("ams,bmt->abst", centred, centred, optimize=True) / (m * (m - 1))
        return Moments(count, summaries.mean(0), covariance, derivatives.mean(1), noise)

    def fisher(self) -> np.ndarray:
        """F = dmu^T C^-1 dmu, (p, p), without the biases of finite samples.

        C^-1 of few simulations is too large (`hartlap_factor`), and a noisy derivative adds tr(C^-1 noise).
        Raises DataError for summaries that repeat each other.
        """
        if is_singular(self.covariance):
            raise DataError("the summaries are degenerate: their covariance is singular")
        inverse = np.linalg.inv(self.covariance)
        plain = self.derivative @ inverse @ self.derivative.T
        return hartlap_factor(self.count, len(self.mean)) * (plain - np.einsum("abst,st->ab", self.noise, inverse))


def log_det(fisher: np.ndarray) -> float:
    """ln det F; minus infinity where F is not positive definite, as the noise of few simulations can make it."""
    eigenvalues = np.linalg.eigvalsh(fisher)
    return float(np.log(eigenvalues).sum()) if eigenvalues[0] > 0 else -np.inf
