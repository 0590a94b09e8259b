"""The density of summaries given parameters, p(x | theta): an ensemble of masked autoregressive flows (zuko).

The flows see u = L^-1 (x - q(theta)): the quadratic regression of the summaries on the parameters is taken off and the
residual whitened. Each starts as the identity, so that the ensemble starts as the Gaussian of quadratic mean and
constant covariance, which the summaries of an information-maximising network nearly have, and learns what differs
(`lss.learned.density_training`).

The ensemble is sum_k w_k p_k with w_k proportional to exp(-validation loss), the loss being the mean of -ln p over
simulations that were kept back (Alsing et al. 2019 take the training loss, which rewards overfitting).

Because p(x | theta) is learned and not the posterior, the parameters of the simulations may come from any proposal.
Source: Papamakarios et al. 2017 (masked autoregressive flows), Alsing et al. 2019 (ensembles of conditional ones).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lss.errors import DataError
from lss.inference import SINGULAR
from lss.learned.flows import Flows, build_flow, one_thread
from lss.nets.checkpoint import Card, load_checkpoint, save_checkpoint

if TYPE_CHECKING:
    import torch

FLOWS_BYTES = 100_000_000  # beside torch: zuko, and the simulations that flows are trained on
_LARGEST = {"summaries": 1024, "parameters": 1024, "transforms": 64, "members": 64}  # what a file may ask for


@dataclass(frozen=True)
class Frame:
    """Where the flows see summaries and parameters: centred, scaled, without what is linear or quadratic.

    centre, scale (p,) : of theta; coefficients (q, s) : of the regression of x on 1, the scaled theta and its products;
    factor (s, s) : Cholesky factor of the covariance of its residual
    """

    centre: np.ndarray
    scale: np.ndarray
    coefficients: np.ndarray
    factor: np.ndarray

    @staticmethod
    def of(theta: np.ndarray, x: np.ndarray) -> "Frame":
        """The frame of a training set. Raises DataError if it has too few simulations, or degenerate summaries."""
        (m, p), s = theta.shape, x.shape[1]
        refuse_few(m, s, p)
        centre, scale = theta.mean(axis=0), theta.std(axis=0)
        fixed = [f"{i + 1}" for i in np.flatnonzero(scale <= 1e-12 * np.abs(centre))]
        if fixed:
            raise DataError(f"parameter {', '.join(fixed)} is the same in all {m} simulations")
        design = _products((theta - centre) / scale)
        coefficients = np.linalg.lstsq(design, x, rcond=None)[0]
        residual = x - design @ coefficients
        covariance = residual.T @ residual / (m - _terms(p))
        _refuse_degenerate(covariance, x)
        return Frame(centre, scale, coefficients, np.linalg.cholesky(covariance))

    def parameters(self, theta: np.ndarray) -> np.ndarray:
        """theta (b, p) as the flows are given it."""
        return (theta - self.centre) / self.scale

    def summaries(self, x: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """u (b, s), of unit covariance about zero."""
        residual = x - _products(self.parameters(theta)) @ self.coefficients
        return np.linalg.solve(self.factor, residual.T).T

    @property
    def log_volume(self) -> float:
        """ln |det L|: what ln p(u) exceeds ln p(x) by."""
        return float(np.log(np.diag(self.factor)).sum())


def refuse_few(simulations: int, summaries: int, parameters: int) -> None:
    """Raise DataError if a density needs more simulations."""
    fewest = _terms(parameters) + summaries + 1
    if simulations < fewest:
        raise DataError(
            f"{simulations} simulations for {summaries} summaries and {parameters} parameters: at least {fewest} are"
            " needed"
        )


def _products(theta: np.ndarray) -> np.ndarray:
    """1, theta_i and theta_i theta_j with i <= j, (b, q)."""
    i, j = np.triu_indices(theta.shape[1])
    return np.column_stack([np.ones(len(theta)), theta, theta[:, i] * theta[:, j]])


def _terms(parameters: int) -> int:
    """How many columns `_products` has."""
    return (parameters + 1) * (parameters + 2) // 2


def _refuse_degenerate(covariance: np.ndarray, x: np.ndarray) -> None:
    spread = np.sqrt(np.diag(covariance))
    constant = [f"{i + 1}" for i in np.flatnonzero(spread <= 1e-10 * np.abs(x).max(axis=0))]
    if constant:
        raise DataError(f"degenerate summaries: number {', '.join(constant)} does not vary at fixed parameters")
    eigenvalues = np.linalg.eigvalsh(covariance / np.outer(spread, spread))
    if SINGULAR * eigenvalues[0] <= eigenvalues[-1]:
        raise DataError(
            f"degenerate summaries: the covariance of the {len(spread)} is singular"
            f" (eigenvalues of their correlation from {eigenvalues[0]:.1e} to {eigenvalues[-1]:.2g})"
        )


@dataclass(frozen=True)
class ConditionalDensity:
    """p(x | theta), ready to be asked.

    names : of the parameters; flows : the ensemble; weights (k,) : adding up to 1; losses (k,) : mean -ln p of each
    over the simulations kept back; epochs (k,) : passes that the kept weights took
    """

    names: tuple[str, ...]
    frame: Frame
    settings: Flows
    flows: "tuple[torch.nn.Module, ...]"
    losses: tuple[float, ...]
    epochs: tuple[int, ...]

    @property
    def weights(self) -> np.ndarray:
        """w_k, proportional to exp(-loss of k)."""
        relative = np.exp(min(self.losses) - np.asarray(self.losses))
        return relative / relative.sum()

    def log_prob(self, x: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """ln p(x | theta).

        x : (b, s), or (s,) for all; theta : (b, p), or (p,) for all
        Returns (b,) float64.
        """
        import torch

        theta = np.atleast_2d(np.asarray(theta, np.float64))
        u = self.frame.summaries(np.atleast_2d(np.asarray(x, np.float64)), theta)
        context = np.broadcast_to(self.frame.parameters(theta), (len(u), theta.shape[1]))
        given, wanted = (torch.from_numpy(np.array(a, np.float32)) for a in (context, u))
        with torch.inference_mode(), one_thread():
            each = torch.stack([flow(given).log_prob(wanted) for flow in self.flows]).double()
        mixed = torch.logsumexp(each + torch.from_numpy(np.log(self.weights))[:, None], dim=0)
        return mixed.numpy() - self.frame.log_volume


# --- on disk ---------------------------------------------------------------------------------------------------------


def save(density: ConditionalDensity, path: Path, data: Card) -> None:
    """Write a checkpoint of model "density". data : what it was trained on, for the card."""
    frame = density.frame
    state = {f"{k}.{name}": t for k, flow in enumerate(density.flows) for name, t in flow.state_dict().items()}
    sizes = {"summaries": len(frame.factor), "parameters": len(frame.centre)}
    shape = {key: getattr(density.settings, key) for key in ("members", "transform", "transforms", "hidden")}
    card: Card = {
        "model": "density",
        "architecture": {"kind": "flows", **sizes, **shape},
        "inputs": {"parameters": list(density.names), **{name: a.tolist() for name, a in vars(frame).items()}},
        "training": density.settings.model_dump(mode="json") | {"best_epochs": list(density.epochs)},
        "data": data,
        "validation": {"losses": list(density.losses), "weights": density.weights.tolist()},
    }
    save_checkpoint(path, state, card)


def load(name_or_path: Path | str) -> tuple[ConditionalDensity, Card]:
    """The density of a checkpoint, and what its card says of the data that it was trained on.

    Raises DataError as lss.nets.checkpoint, and for a card that describes none.
    """
    state, card = load_checkpoint(name_or_path, model="density")
    try:
        return _assembled(state, card), card["data"]
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{name_or_path}: its card and weights describe no density: {reason[:300]}") from None


def _assembled(state: "dict[str, torch.Tensor]", card: Card) -> ConditionalDensity:
    architecture, inputs = card["architecture"], card["inputs"]
    for name, largest in _LARGEST.items():
        if not 0 < int(architecture[name]) <= largest:
            raise ValueError(f"{name} = {architecture[name]}")
    s, p = architecture["summaries"], architecture["parameters"]
    shapes = {"centre": (p,), "scale": (p,), "coefficients": (_terms(p), s), "factor": (s, s)}
    arrays = {name: np.array(inputs[name], np.float64).reshape(shape) for name, shape in shapes.items()}
    settings = Flows(**{k: v for k, v in card["training"].items() if k in Flows.model_fields})
    flows = []
    for k in range(settings.members):
        flow: Any = build_flow(s, p, settings)
        flow.load_state_dict({n.removeprefix(f"{k}."): t for n, t in state.items() if n.startswith(f"{k}.")})
        flows.append(flow.eval())
    losses, epochs = card["validation"]["losses"], card["training"]["best_epochs"]
    if len(losses) != settings.members or len(inputs["parameters"]) != p:
        raise ValueError("lists of different lengths")
    return ConditionalDensity(
        tuple(inputs["parameters"]), Frame(**arrays), settings, tuple(flows), tuple(losses), tuple(epochs)
    )
