"""A trained Lagrangian bias: the halo-to-mass ratio f of every particle, from the initial density where it started.

1 + delta_h = f(delta, laplacian, G2), the three at several radii, on the lattice of the initial conditions; carried by
the particles to where they are later, f paints the weighted halo field (Wu, Munoz & Eisenstein 2023, Eq. 1.1). The
mean of f over a universe is exactly one.

The inputs are x = M o, with o the operators of lss.grid.bias_operators; M comes from the covariance that the linear
spectrum gives them on the lattice of the training, not from the scatter of one universe, and is kept with the model.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lss.config import Cosmology
from lss.errors import ConfigError, DataError
from lss.grid.bias_operators import bias_operators, check_radii, expected_covariance, orthogonal_inputs
from lss.grid.fourier import lattice_wavenumbers
from lss.nets.checkpoint import Card, load_network
from lss.physics.linear_power import linear_power
from lss.trust import unmarked

if TYPE_CHECKING:
    import torch

MODEL = "lagrangian-bias"
KINDS = ("perceptrons", "polynomial", "bins")  # of architectures: the network, and what it is held against
VOXEL_TOLERANCE = 0.01  # relative
GRADIENT_SAMPLE = 1_000_000  # particles of the principal components


@dataclass(frozen=True)
class Inputs:
    """What a function f is given of a particle.

    radii : Gaussian R, Mpc/h; matrix : (d, 3 r) from operators to inputs; voxel : Mpc/h, of the grid they are taken on
    """

    radii: tuple[float, ...]
    matrix: np.ndarray
    voxel: float

    @staticmethod
    def of(radii: Sequence[float], cosmology: Cosmology, n: int, box_size: float, *, orthogonal: bool) -> "Inputs":
        """The inputs for n^3 particles in a box: 2 r + 1 orthogonal ones, or the 3 r operators in units of their rms.

        Raises ConfigError for a radius below 1.15 voxels.
        """
        check_radii(radii, box_size / n)
        power = linear_power(lattice_wavenumbers(n, box_size), cosmology)
        covariance = expected_covariance(radii, power, n, box_size)
        scaled = np.diag(1 / np.sqrt(np.diag(covariance)))
        return Inputs(tuple(radii), orthogonal_inputs(covariance) if orthogonal else scaled, box_size / n)

    def rotated(self, axes: np.ndarray) -> "Inputs":
        """The inputs along new axes, (e, d) rows, of the space of these."""
        return Inputs(self.radii, axes @ self.matrix, self.voxel)

    def of_field(self, linear: np.ndarray, box_size: float) -> np.ndarray:
        """The inputs of the particles that start on the grid of a linear overdensity at z = 0.

        linear : (n, n, n) float32; box_size : Mpc/h
        Returns (n^3, d) float32 in Lagrangian order. Raises ConfigError if the voxels differ by more than 1%.
        """
        n = len(linear)
        if abs(box_size / n / self.voxel - 1) > VOXEL_TOLERANCE:
            raise ConfigError(
                f"a Lagrangian bias of voxels of {self.voxel:.4g} Mpc/h does not suit {box_size / n:.4g} Mpc/h"
                f" ({box_size:g} Mpc/h over {n}); choose [box] n = {round(box_size / self.voxel)}"
            )
        operators = bias_operators(linear, self.radii, box_size).reshape(len(self.matrix[0]), -1)
        return np.ascontiguousarray((self.matrix.astype(np.float32) @ operators).T)

    def as_card(self) -> Card:
        """What the checkpoint keeps."""
        return {"radii": list(self.radii), "matrix": self.matrix.tolist(), "voxel": self.voxel}

    @staticmethod
    def from_card(card: Card, source: str) -> "Inputs":
        """The inputs of a checkpoint. Raises DataError for a card that does not describe them."""
        try:
            matrix = np.array(card["matrix"], np.float64)
            inputs = Inputs(tuple(float(radius) for radius in card["radii"]), matrix, float(card["voxel"]))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{source}: the card's inputs do not describe a Lagrangian bias ({error})") from None
        if matrix.ndim != 2 or matrix.shape[1] != 3 * len(inputs.radii) or not np.isfinite(matrix).all():
            raise DataError(f"{source}: the card's matrix of inputs has shape {matrix.shape} for {card['radii']} Mpc/h")
        return inputs


@dataclass(frozen=True)
class LagrangianBias:
    """A trained f with its card."""

    function: "torch.nn.Module"
    inputs: Inputs
    card: Card
    source: str

    @property
    def weight(self) -> str:
        """How the halos of the field are weighted (lss.halos.weighted_field)."""
        return str(self.card["data"]["weight"])

    @property
    def mass_range(self) -> tuple[float, float]:
        """Lowest and first excluded mass of the halos, Msun/h."""
        low, high = self.card["data"]["mass_range"]
        return float(low), float(high) if high is not None else np.inf

    def ratios(self, linear: np.ndarray, box_size: float) -> np.ndarray:
        """f of the particles that start on the grid of a linear overdensity at z = 0; see `Inputs.of_field`.

        Returns (n^3,) float32 in Lagrangian order, mean one.
        """
        return unit_mean(evaluate(self.function, self.inputs.of_field(linear, box_size)))

    def suits(self, cosmology: Cosmology, redshift: float) -> None:
        """Raise ConfigError if the model was trained on another cosmology or redshift."""
        trained = Cosmology.model_validate(self.card["data"]["cosmology"])
        if differing := differences(trained, cosmology):
            raise ConfigError(f"{self.source}: a Lagrangian bias of another cosmology: {differing}")
        if abs(redshift - float(self.card["data"]["redshift"])) > 1e-3:
            raise ConfigError(
                f"{self.source}: a Lagrangian bias at z = {self.card['data']['redshift']:g}; the particles are at"
                f" z = {redshift:g}"
            )


def differences(trained: Cosmology, given: Cosmology) -> str:
    """Which parameters differ, in words: "omega_m = 0.3138, here 0.3175"; empty if none does."""
    given.need("omega_b", "h", "n_s", "sigma8")
    pairs = [(name, getattr(trained, name), getattr(given, name)) for name in type(trained).model_fields]
    return "; ".join(f"{name} = {a}, here {b}" for name, a, b in pairs if unmarked(a) != unmarked(b))


def evaluate(function: "torch.nn.Module", inputs: np.ndarray) -> np.ndarray:
    """f of every row of inputs, (m,) float32, a chunk at a time."""
    import torch

    from lss.nets.perceptron import CHUNK

    with torch.inference_mode():
        parts: Iterable[np.ndarray] = (function(part).numpy() for part in torch.from_numpy(inputs).split(CHUNK))
        return np.concatenate(list(parts))


def unit_mean(values: np.ndarray) -> np.ndarray:
    """Values over their mean, float32. Raises DataError if they have none."""
    mean = values.mean(dtype=np.float64)
    if not np.isfinite(mean) or mean <= 0:
        raise DataError(f"the mean of f is {mean:g}: this Lagrangian bias gives no halos here")
    return (values / mean).astype(np.float32)


def principal_components(
    function: "torch.nn.Module", inputs: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The directions of input space in which f changes: eigenvectors of the mean of grad f grad f^T.

    inputs : (m, d); of at most a million of them, drawn with the seed
    Returns eigenvalues (d,) in units of the largest, and the axes as rows (d, d), both float64; f rises along each
    axis on average.
    Source: Wu et al. 2023, section 4.
    """
    import torch

    from lss.nets.perceptron import CHUNK

    if len(inputs) > GRADIENT_SAMPLE:
        inputs = inputs[np.random.default_rng(seed).choice(len(inputs), GRADIENT_SAMPLE, replace=False)]
    total, mean = np.zeros((inputs.shape[1],) * 2), np.zeros(inputs.shape[1])
    for part in torch.from_numpy(inputs).split(CHUNK):
        x = part.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(function(x).sum(), x)
        total += (gradient.T.double() @ gradient.double()).numpy()
        mean += gradient.double().sum(dim=0).numpy()
    values, vectors = np.linalg.eigh(total)
    axes = vectors[:, ::-1].T
    axes = axes * np.where(axes @ mean < 0, -1.0, 1.0)[:, None]
    return values[::-1] / values[-1], axes


def load(name_or_path: Path | str) -> LagrangianBias:
    """The Lagrangian bias of a checkpoint (a shipped name or a path).

    Raises DataError as lss.nets.checkpoint, and for a card without what it needs.
    """
    function, card = load_network(name_or_path, MODEL, kinds=KINDS)
    source = str(name_or_path)
    missing = [name for name in ("weight", "mass_range", "cosmology", "redshift") if name not in card["data"]]
    if missing:
        raise DataError(f"{source}: the card's data has no {', '.join(missing)}")
    return LagrangianBias(function, Inputs.from_card(card["inputs"], source), card, source)
