"""Halo masses from initial conditions: which halo will each particle end in?

A checkpoint of model "halo-mass" holds one of the networks of `lss.nets.halo_mass_net`. It predicts the logarithm of
the mass of a particle's halo, for particles that end in a halo of the mass range it was trained on; a dense network
also gives the probability that a particle ends in a halo above that range's lower edge. What it is shown:

    raw        the linear density about the particle's place in the initial conditions
    averaged   the same with every voxel replaced by the mean of its concentric shell: spherical averages alone
    late       the density at z = 0 about the particle's last place, as a check that a network can find halos at all

The card's `inputs` says which, and its units. Source: Lucie-Smith et al. 2020.
"""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pydantic
from pydantic import Field

from lss.config import Box, Cosmology
from lss.errors import DataError
from lss.grid import fourier, mesh
from lss.grid.subboxes import shell_averages, shell_numbers, subboxes
from lss.nets.checkpoint import Card, load_network
from lss.physics.surroundings import feature_names, surroundings
from lss.universe import Universe

if TYPE_CHECKING:
    import torch

MODEL = "halo-mass"
ARCHITECTURES = ("halo-mass-subbox", "halo-mass-dense", "halo-mass-perceptron")
VOXEL_TOLERANCE = 0.01  # relative; a network sees voxels, not Mpc/h
LATE_REDSHIFT = 1e-3  # what still counts as z = 0
LOSSES = ("cauchy", "mse")
KINDS = {"density": "scalar", "potential": "scalar", "displacement": "vector", "gradient": "vector", "tide": "tensor"}
_BATCH = 256  # sub-boxes at a time
_ROWS = 65_536  # feature rows at a time


Positive = Annotated[float, Field(gt=0)]
Ascending = tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]]


@pydantic.dataclasses.dataclass(frozen=True, config=pydantic.ConfigDict(extra="forbid", allow_inf_nan=False))
class Inputs:
    """What a network is shown, and in which units.

    network : "subbox", "dense" or "perceptron"; input : "raw", "averaged" or "late"
    mass_range : Msun/h, of the halos; voxel : Mpc/h of the initial grid
    channels : names among KINDS, "density" first; scale : the unit of each channel (of "late": of ln(1 + rho))
    side : voxels of a sub-box; shells, shell_range : of "averaged", radii in voxels; refinement : cells of the grid of
    "late" per voxel and side; radii, multipoles : of a perceptron's features
    Raises ValueError (pydantic's) for what no network can be shown.
    """

    network: Literal["subbox", "dense", "perceptron"]
    input: Literal["raw", "averaged", "late"]
    mass_range: tuple[Positive, Positive]
    voxel: Positive
    channels: tuple[Literal["density", "potential", "displacement", "gradient", "tide"], ...] = ("density",)
    scale: tuple[Positive, ...] = (1.0,)
    side: Annotated[int, Field(ge=0, le=255)] = 0
    shells: Annotated[int, Field(ge=0, le=255)] = 0
    shell_range: Ascending = (0.0, 0.0)
    refinement: Annotated[int, Field(ge=1, le=32)] = 1
    radii: tuple[Positive, ...] = ()
    multipoles: tuple[Literal[0, 1, 2], ...] = ()

    @pydantic.model_validator(mode="after")
    def _parts_fit(self) -> "Inputs":
        ascending = {"mass_range": self.mass_range, "radii": self.radii}
        if self.input == "averaged":
            ascending["shell_range"] = self.shell_range
            if not self.shells:
                raise ValueError("shells = 0 of averaged inputs")
        for name, values in ascending.items():
            if list(values) != sorted(set(values)):
                raise ValueError(f"{name} = {list(values)}: expected ascending numbers")
        if self.channels[:1] != ("density",) or len(set(self.channels)) != len(self.channels):
            raise ValueError(f"channels = {list(self.channels)}: expected density first, each once")
        if len(self.scale) != len(self.channels):
            raise ValueError(f"{len(self.scale)} scales of {len(self.channels)} channels")
        if self.input != "raw" and self.network != "subbox":
            raise ValueError(f"input = {self.input!r} of a {self.network} network")
        return self

    @property
    def kinds(self) -> tuple[str, ...]:
        """How each channel turns with the universe."""
        return tuple(KINDS[name] for name in self.channels)

    @property
    def widths(self) -> list[int]:
        """Of each channel: the numbers per voxel."""
        from lss.nets.symmetries import COMPONENTS

        return [COMPONENTS[kind] for kind in self.kinds]

    @property
    def numbers(self) -> int:
        """What the network is given: fields, or of a perceptron features."""
        if self.network == "perceptron":
            return len(feature_names(self.radii, self.multipoles))
        return sum(self.widths)

    def rescaled(self, mass: np.ndarray) -> np.ndarray:
        """log10 mass [Msun/h] on the scale where the mass range is [-1, 1]."""
        low, high = np.log10(self.mass_range)
        return (2 * (mass - low) / (high - low) - 1).astype(np.float32)

    def log_mass(self, d: np.ndarray) -> np.ndarray:
        """log10 mass [Msun/h] of rescaled masses."""
        low, high = np.log10(self.mass_range)
        return (low + (d + 1) * (high - low) / 2).astype(np.float32)

    def fields(self, linear: np.ndarray, position: np.ndarray | None, box_size: float) -> np.ndarray:
        """The channels of a universe, each in its unit.

        linear : (n, n, n) float32, linear overdensity at z = 0; position : (n^3, 3) Mpc/h at z = 0, for "late"
        Returns (c, m, m, m) float32; m is n, or n times the refinement for "late".
        """
        if self.input == "late":
            assert position is not None
            fine = mesh.overdensity(position, self.refinement * len(linear), box_size, "cic")
            return np.log1p(fine + 1)[None] / np.float32(self.scale[0])
        fields = linear_channels(linear, box_size, self.channels)
        units = np.repeat(np.array(self.scale, np.float32), self.widths)
        return fields / units[:, None, None, None]

    def centres(self, points: np.ndarray, n: int, position: np.ndarray | None, box_size: float) -> np.ndarray:
        """The grid point that each particle's sub-box is centred on: its own, or for "late" the nearest to it."""
        if self.input == "late":
            assert position is not None
            return np.rint(position[points] * (self.refinement * n / box_size)).astype(np.int64)
        return np.stack(np.unravel_index(points, (n, n, n)), axis=1)

    def shown(self, boxes: np.ndarray) -> np.ndarray:
        """Sub-boxes as the network is shown them: as they are, or averaged over shells."""
        if self.input != "averaged":
            return boxes
        return shell_averages(boxes, shell_numbers(self.side, *self.shell_range, self.shells), self.shells)

    def features(self, linear: np.ndarray, box_size: float, points: np.ndarray) -> np.ndarray:
        """(m, f) float32, what a perceptron is given of these points."""
        return surroundings(linear, box_size, self.radii, self.multipoles, points)

    def refuse_smaller_box(self, n: int, box_size: float, source: str) -> None:
        """Raise DataError where the surroundings of a particle would hold parts of the box twice."""
        cells = n * self.refinement if self.input == "late" else n
        if self.network == "subbox" and self.side > cells:
            raise DataError(f"{source}: sub-boxes of {self.side} voxels a side in a box of {cells}")
        if self.network == "perceptron" and self.radii and 2 * self.radii[-1] > box_size:
            raise DataError(f"{source}: spheres of {self.radii[-1]:g} Mpc/h in a box of {box_size:g} Mpc/h")

    def as_card(self) -> Card:
        """What the checkpoint keeps."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_card(card: Card, source: str) -> "Inputs":
        """The inputs of a checkpoint. Raises DataError for a card that does not describe them, or another network."""
        what = f"{source}: the card's inputs do not describe a halo-mass network"
        try:
            inputs = pydantic.TypeAdapter(Inputs).validate_python(card["inputs"])
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            where = [".".join(map(str, first["loc"]))] if first["loc"] else []
            raise DataError(f"{what} ({': '.join([*where, first['msg'].removeprefix('Value error, ')])})") from None
        expected = {"kind": f"{MODEL}-{inputs.network}", "inputs": inputs.numbers}
        expected |= {"side": inputs.side} if inputs.network == "subbox" else {}
        for key, value in expected.items():
            if card["architecture"][key] != value:
                raise DataError(f"{what} with {key} = {card['architecture'][key]}: they are for {value}")
        return inputs


def linear_channels(linear: np.ndarray, box_size: float, names: tuple[str, ...]) -> np.ndarray:
    """Linear fields at z = 0 by name.

    "density"; "potential" phi, laplacian phi = delta, (Mpc/h)^2; "displacement" -grad phi, Mpc/h; "gradient" of the
    density, h/Mpc; "tide" d_i d_j phi in the order of `lss.nets.symmetries.TENSOR`
    Returns (c, n, n, n) float32, vectors as three channels, tensors as six.
    """
    n = len(linear)
    modes = fourier.forward(linear)
    factors = channel_factors(n, box_size)
    fields = []
    for name in names:
        if name == "density":
            fields.append(linear)
        else:
            fields += [fourier.inverse((modes * factor).astype(modes.dtype), n) for factor in factors[name]]
    return np.stack(fields).astype(np.float32)


def channel_factors(n: int, box_size: float) -> dict[str, list[Any]]:
    """What the modes of the density are multiplied by to give each channel but the density itself, by name."""
    k = fourier.derivative_wavenumbers(n, box_size)
    squared = fourier.wavenumber(n, box_size) ** 2
    inverse = np.divide(1, squared, out=np.zeros_like(squared), where=squared > 0)
    pairs = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
    return {
        "potential": [-inverse],
        "displacement": [1j * axis * inverse for axis in k],
        "gradient": [1j * axis for axis in k],
        "tide": [k[i] * k[j] * inverse for i, j in pairs],
    }


@dataclass(frozen=True)
class HaloMass:
    """A trained network and what it needs to know of its inputs; `source` names its checkpoint."""

    network: Any
    card: Card
    inputs: Inputs
    source: str
    device: str

    def predict(
        self,
        linear: np.ndarray,
        box_size: float,
        points: np.ndarray | None = None,
        position: np.ndarray | None = None,
        symmetries: tuple[int, ...] = (0,),
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The mass of the halo that particles end in, if they end in one, and the probability that they do.

        linear : (n, n, n) float32, linear overdensity at z = 0; points : (m,) flat indices of particles, all if not
        given; position : (n^3, 3) Mpc/h at z = 0, for a network of the late density
        symmetries : of the cube, over which predictions are averaged; range(48): they turn with the universe
        Returns log10 mass in Msun/h, (m,) float32, and the probability, (m,) float32, of a dense network, else None.
        Raises DataError for another voxel than that of the training, a grid that the network cannot halve, a box
        smaller than a sub-box or a sphere, missing positions, and predictions that are not finite.
        """
        import torch

        n = len(linear)
        self._refuse_other_grid(n, box_size)
        chosen = np.arange(n**3) if points is None else np.asarray(points)
        if self.inputs.input == "late" and position is None:
            raise DataError(f"{self.source}: a network of the density at z = 0 needs particles; run lss-sim first")
        probability = None
        with torch.inference_mode():
            if self.inputs.network == "dense":
                d, everywhere = self._dense(linear, box_size, symmetries)
                d, probability = d[chosen], everywhere[chosen]
            elif self.inputs.network == "perceptron":
                d = self._of_features(linear, box_size, chosen)
            else:
                d = self._of_boxes(linear, box_size, chosen, position, symmetries, self.rescaled_mass)
        if not np.isfinite(d).all():
            raise DataError(f"{self.source}: predicts masses that are not finite; its weights or the field are damaged")
        return self.inputs.log_mass(d), probability

    def outputs(
        self, linear: np.ndarray, box_size: float, points: np.ndarray, position: np.ndarray | None = None
    ) -> np.ndarray:
        """y, what the network of a sub-box says itself: the location of its likelihood, (m,) float32."""
        import torch

        with torch.inference_mode():
            return self._of_boxes(linear, box_size, points, position, (0,), lambda y: y)

    def refuse_other_universe(self, universe: Universe) -> None:
        """Raise DataError for a universe of another cosmology than the network was trained in."""
        trained = self.card["data"]["cosmology"]
        for key, value in universe.cosmology.model_dump().items():
            if trained.get(key) != value:
                raise DataError(
                    f"{universe.source}: [cosmology] {key} = {value!r}, but {self.source} was trained with"
                    f" {trained.get(key)!r}"
                )

    def _refuse_other_grid(self, n: int, box_size: float) -> None:
        voxel = box_size / n
        if abs(voxel / self.inputs.voxel - 1) > VOXEL_TOLERANCE:
            raise DataError(
                f"{self.source}: trained on voxels of {self.inputs.voxel:.4g} Mpc/h, asked for {voxel:.4g} Mpc/h"
                f" ({box_size:g} Mpc/h over {n}); choose [box] n = {round(box_size / self.inputs.voxel)} or another"
                " checkpoint"
            )
        if self.inputs.network == "dense" and n % self.network.divisor:
            raise DataError(f"{self.source}: [box] n = {n}: the network needs a multiple of {self.network.divisor}")
        self.inputs.refuse_smaller_box(n, box_size, self.source)

    def _dense(self, linear: np.ndarray, box_size: float, symmetries: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        import torch

        from lss.nets.symmetries import inverse, transformed

        fields = torch.from_numpy(self.inputs.fields(linear, None, box_size))
        total = torch.zeros(2, *linear.shape)
        for symmetry in symmetries:
            shown = transformed(fields, symmetry, self.inputs.kinds)[None].to(self.device)
            mass, logit = self.network(shown)[0].cpu()
            total += transformed(torch.stack([self.rescaled_mass(mass), logit.sigmoid()]), inverse(symmetry))
        d, probability = (total / len(symmetries)).numpy().reshape(2, -1)
        return d, probability

    def _of_boxes(
        self,
        linear: np.ndarray,
        box_size: float,
        points: np.ndarray,
        position: np.ndarray | None,
        symmetries: tuple[int, ...],
        read: "Callable[[torch.Tensor], torch.Tensor]",
    ) -> np.ndarray:
        """What is read of the network's outputs, averaged over the symmetries."""
        import torch

        from lss.nets.symmetries import transformed

        fields = self.inputs.fields(linear, position, box_size)
        centres = self.inputs.centres(points, len(linear), position, box_size)
        found = np.zeros(len(centres), np.float32)
        for rows in _slices(len(centres), _BATCH):
            boxes = torch.from_numpy(self.inputs.shown(subboxes(fields, centres[rows], self.inputs.side)))
            for symmetry in symmetries:
                shown = transformed(boxes, symmetry, self.inputs.kinds).to(self.device)
                found[rows] += read(self.network(shown)).cpu().numpy() / len(symmetries)
        return found

    def _of_features(self, linear: np.ndarray, box_size: float, points: np.ndarray) -> np.ndarray:
        import torch

        d = np.empty(len(points), np.float32)
        for rows in _slices(len(points), _ROWS):
            features = torch.from_numpy(self.inputs.features(linear, box_size, points[rows]))
            d[rows] = self.rescaled_mass(self.network(features.to(self.device))).cpu().numpy()
        return d

    def rescaled_mass(self, y: "torch.Tensor") -> "torch.Tensor":
        """The rescaled mass that is predicted where the network's output is y."""
        from lss.nets.truncated_cauchy import truncated_mean

        return truncated_mean(y, self.network.log_gamma.exp()) if self.card["training"]["loss"] == "cauchy" else y


def load(name_or_path: Path | str, device: str = "cpu") -> HaloMass:
    """The halo-mass network of a checkpoint (a shipped name or a path). Raises DataError as lss.nets.checkpoint."""
    network, card = load_network(name_or_path, MODEL, device, ARCHITECTURES)
    source = str(name_or_path)
    training, data = (card[part] if isinstance(card[part], dict) else {} for part in ("training", "data"))
    if training.get("loss") not in LOSSES:
        raise DataError(f"{source}: the card's training has no loss of {', '.join(LOSSES)}")
    for name, table in (("cosmology", Cosmology), ("box", Box)):
        try:
            table.model_validate(data.get(name))
        except pydantic.ValidationError:
            raise DataError(f"{source}: the card's data has no {name}, or one that makes no sense") from None
    return HaloMass(network, card, Inputs.from_card(card, source), source, device)


def late_position(universe: Universe) -> np.ndarray:
    """Where the particles are at z = 0, (n^3, 3) float32 Mpc/h. Raises DataError without them, or at another z."""
    particles = universe.particles
    if abs(particles.redshift) > LATE_REDSHIFT:
        raise DataError(
            f"{universe.source}: the particles are at z = {particles.redshift:g}; the density at z = 0 is needed:"
            " run lss-sim first"
        )
    return particles.position


def _slices(count: int, size: int) -> Iterator[slice]:
    return (slice(first, first + size) for first in range(0, count, size))
