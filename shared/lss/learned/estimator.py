"""The direct estimator A(d): the smoothed linear field that a halo catalogue makes most probable.

A is a network trained with squared error, so it is the conditional mean E[W delta_lin | catalogue] with
W = exp(-k^2 R^2 / 2), R of the target. Its inputs are CIC overdensities of halo mass and of halo counts (in one or
several bins of mass), each smoothed with several R and compressed: asinh(delta_R / s_R). Overdensities are taken
against the mean of the training set, not of the catalogue, and keep their own mean: an abundance above the average is
information too. Halo velocities can come in as what they say of the overdensity in linear theory, -div p / (a f H) of
the momentum p of the counts: a scalar, so that a rotated catalogue gives the rotated estimate.

It works on any box with the voxels it was trained with. Its inputs' layout is the card's `inputs`, its performance the
card's `validation` (see lss.nets.checkpoint).
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lss.errors import DataError
from lss.grid import fourier, mesh
from lss.learned.scatter import modulate
from lss.nets.checkpoint import Card, load_network

if TYPE_CHECKING:
    from lss.nets.unet import UNet

VOXEL_TOLERANCE = 0.01  # relative; a network sees voxels, not Mpc/h
ABUNDANCE_POINTS = 200


@dataclass(frozen=True)
class Inputs:
    """How a catalogue becomes the channels of the network, and what they are asked for.

    mass_smoothing, count_smoothing : R of each channel, Mpc/h; mass_scale, count_scale : s of each, asinh(delta_R / s)
    mass_density : Msun/h per (Mpc/h)^3 in halos; number_density : halos per (Mpc/h)^3; both means of the training set
    voxel : Mpc/h; target_smoothing : R of the linear field asked for, Mpc/h; target_scale : its rms, the unit of the
    network's output
    mass_edges : Msun/h between the mass bins of the counts, ascending; bin_share : the share of the training set's
    halos that each bin holds
    velocity_smoothing : R of each channel of velocities, Mpc/h; velocity_scale : s of each; flow : a f H, in
    km/s per Mpc/h
    """

    mass_smoothing: tuple[float, ...]
    mass_scale: tuple[float, ...]
    count_smoothing: tuple[float, ...]
    count_scale: tuple[float, ...]
    mass_density: float
    number_density: float
    voxel: float
    target_smoothing: float
    target_scale: float
    mass_edges: tuple[float, ...] = ()
    bin_share: tuple[float, ...] = (1.0,)
    velocity_smoothing: tuple[float, ...] = ()
    velocity_scale: tuple[float, ...] = ()
    flow: float = 0.0

    @property
    def channels(self) -> int:
        """How many fields the network is given."""
        counts = len(self.count_smoothing) * len(self.bin_share)
        return len(self.mass_smoothing) + counts + len(self.velocity_smoothing)

    def as_card(self) -> Card:
        """What the checkpoint keeps: options that are off are left out."""
        named = {field.name: (getattr(self, field.name), field.default) for field in dataclasses.fields(self)}
        return {name: value for name, (value, default) in named.items() if value != default}

    @staticmethod
    def from_card(card: Card, source: str) -> "Inputs":
        """The inputs of a checkpoint. Raises DataError naming the key that is missing or unknown."""
        try:
            given = {k: tuple(map(float, v)) if isinstance(v, list) else float(v) for k, v in card["inputs"].items()}
            return Inputs(**given)  # type: ignore[arg-type]
        except (TypeError, ValueError, AttributeError) as error:
            raise DataError(f"{source}: the card's inputs do not describe an estimator ({error})") from None

    def fields(
        self, position: np.ndarray, mass: np.ndarray, n: int, box_size: float, velocity: np.ndarray | None = None
    ) -> np.ndarray:
        """The channels of a catalogue.

        position : (m, 3) float32, Mpc/h in [0, L); mass : (m,) Msun/h; box_size : Mpc/h; velocity : (m, 3) km/s, needed
            where velocity_smoothing is not empty
        Returns (channels, n, n, n) float32: those of mass, those of the counts of each mass bin, those of velocities.
        Raises DataError if velocities are needed and there are none.
        """
        channels = np.empty((self.channels, n, n, n), np.float32)
        empty = iter(channels)
        for modes, radii, scales in self._overdensities(position, mass, n, box_size, velocity):
            for radius, scale in zip(radii, scales, strict=True):
                _compress(modes, radius, scale, box_size, next(empty))
        return channels

    def _overdensities(
        self, position: np.ndarray, mass: np.ndarray, n: int, box_size: float, velocity: np.ndarray | None
    ) -> Iterator[tuple[np.ndarray, tuple[float, ...], tuple[float, ...]]]:
        """Modes of each overdensity, with the R and s that it is shown with."""
        volume = (box_size / n) ** 3
        weight = (mass / (self.mass_density * volume)).astype(np.float32)
        relative_mass = mesh.paint(position, n, box_size, "cic", weight)
        yield fourier.forward(relative_mass - 1), self.mass_smoothing, self.mass_scale
        mean_count = np.float32(self.number_density * volume)
        bins = np.searchsorted(self.mass_edges, mass, side="right")
        for number, share in enumerate(self.bin_share):
            # In units of all halos, not of the bin's: one halo is as high in every channel, and the bins add up.
            relative_count = mesh.paint(position[bins == number], n, box_size, "cic") / mean_count
            yield fourier.forward(relative_count - np.float32(share)), self.count_smoothing, self.count_scale
        if self.velocity_smoothing:
            if velocity is None:
                raise DataError("the network was trained with halo velocities, and this catalogue has none")
            momentum = velocity / np.float32(self.flow * self.number_density * volume)
            yield inflow(position, momentum, n, box_size), self.velocity_smoothing, self.velocity_scale


def _compress(modes: np.ndarray, radius: float, scale: float, box_size: float, out: np.ndarray) -> None:
    """asinh(delta_R / s) of the modes of delta."""
    np.arcsinh(fourier.smooth_modes(modes.copy(), len(modes), radius, box_size) / np.float32(scale), out=out)


def inflow(position: np.ndarray, momentum: np.ndarray, n: int, box_size: float) -> np.ndarray:
    """Modes of -div p for the CIC field p of moving points.

    position : (m, 3) float32, Mpc/h in [0, L); momentum : (m, 3) float32, of each point; box_size : Mpc/h
    Returns (n, n, n//2+1) complex64: momentum per cell and Mpc/h.
    """
    modes = np.zeros((n, n, n // 2 + 1), np.complex64)
    for axis, k in enumerate(fourier.derivative_wavenumbers(n, box_size)):
        component = mesh.paint(position, n, box_size, "cic", np.ascontiguousarray(momentum[:, axis], np.float32))
        modes -= np.complex64(1j) * k.astype(np.float32) * fourier.forward(component)
    return modes


@dataclass(frozen=True)
class Estimator:
    """A trained network with its card: catalogue in, smoothed linear field out."""

    network: "UNet"
    card: Card
    inputs: Inputs
    source: str
    device: str

    @property
    def target_smoothing(self) -> float:
        """R of the Gaussian in W(k) = exp(-k^2 R^2 / 2), Mpc/h."""
        return self.inputs.target_smoothing

    def estimate(
        self, position: np.ndarray, mass: np.ndarray, n: int, box_size: float, velocity: np.ndarray | None = None
    ) -> np.ndarray:
        """A(d): the linear overdensity at z = 0, smoothed with W.

        position : (m, 3) float32, Mpc/h in [0, L); mass : (m,) Msun/h, on the scale of the training set (see
            `match_abundance`); n : grid points per side, of any box with the voxels of the training set;
        velocity : (m, 3) km/s, for a network that was trained with velocities
        Returns (n, n, n) float32.
        Raises DataError if the voxels differ by more than 1%, the pooling does not divide n, or velocities are missing.
        """
        import torch

        voxel = box_size / n
        if abs(voxel / self.inputs.voxel - 1) > VOXEL_TOLERANCE:
            fitting = round(box_size / self.inputs.voxel)
            raise DataError(
                f"{self.source}: trained on voxels of {self.inputs.voxel:.4g} Mpc/h, asked for {voxel:.4g} Mpc/h"
                f" ({box_size:g} Mpc/h over {n}); choose [box] n = {fitting} or another checkpoint"
            )
        if n % self.network.divisor:
            raise DataError(f"{self.source}: [box] n = {n}: the network needs a multiple of {self.network.divisor}")
        fields = torch.from_numpy(self.inputs.fields(position, mass, n, box_size, velocity))
        with torch.inference_mode():
            output = self.network(fields[None].to(self.device))[0, 0].cpu().numpy()
        return output * np.float32(self.inputs.target_scale)

    def calibration(self, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """b(k) and r(k) over the validation universes: slope of the truth on A(d) / W, and their correlation.

        k : h/Mpc, any shape; linear between shells, constant beyond the first and the last
        Returns two arrays of the shape of k. b A / W + sqrt(1 - r^2) z, with z from the prior, is a calibrated
        realisation with diagonal covariance.
        """
        figures = self.card["validation"]
        return np.interp(k, figures["k"], figures["slope"]), np.interp(k, figures["k"], figures["correlation"])

    def scatter(self, remainder: np.ndarray, estimate: np.ndarray, box_size: float) -> np.ndarray:
        """A homogeneous draw of truth - A given the strength that it has where A is this high;
        see `lss.learned.scatter`.

        remainder, estimate : (n, n, n) float32, linear overdensities at z = 0 without smoothing
        Returns (n, n, n) float32; the draw itself for a checkpoint that does not know the strength.
        """
        table = self.card["validation"].get("scatter")
        return modulate(remainder, estimate, table, box_size) if table else remainder


def load(name_or_path: Path | str, device: str = "cpu") -> Estimator:
    """The estimator of a checkpoint (a shipped name or a path), on a device chosen here.

    Raises DataError as lss.nets.checkpoint, and for a card without what an estimator needs.
    """
    network, card = load_network(name_or_path, "estimator", device)
    source = str(name_or_path)
    inputs = Inputs.from_card(card, source)
    missing = [name for name in ("k", "slope", "correlation") if name not in card["validation"]]
    if missing:
        raise DataError(f"{source}: the card's validation has no {', '.join(missing)}")
    if inputs.channels != card["architecture"]["inputs"]:
        raise DataError(f"{source}: the card lists {inputs.channels} inputs for a network of {card['architecture']}")
    return Estimator(network, card, inputs, source, device)


def abundance_table(mass: np.ndarray, volume: float) -> Card:
    """The cumulative mass function of catalogues that fill `volume` (Mpc/h)^3 together, as a card keeps it.

    The j-th most massive halo is at n(>M) = (j - 1/2) / V; 200 ranks, evenly spaced in log rank.
    """
    descending = np.sort(np.asarray(mass, np.float64))[::-1]
    rank = np.unique(np.geomspace(1, max(len(descending), 1), ABUNDANCE_POINTS).round().astype(int))
    rank = rank[: len(descending)]
    return {
        "log10_mass": [round(float(np.log10(descending[j - 1])), 5) for j in rank],
        "log10_density": [round(float(np.log10((j - 0.5) / volume)), 6) for j in rank],
    }


def match_abundance(mass: np.ndarray, volume: float, card: Card) -> np.ndarray:
    """Masses of another definition (or code) put on the scale of a checkpoint's training set.

    mass : (m,) of all halos in `volume` (Mpc/h)^3, any unit, in any order
    Returns (m,) float32, Msun/h: the i-th most massive takes the mass at n(>M) = (i - 1/2) / V. Halos beyond the
    training set's abundance take its smallest mass.
    Raises DataError if the card has no table of abundances.
    """
    table = card["data"].get("abundance", {})
    if not table.get("log10_mass"):
        raise DataError("the checkpoint's card has no table of abundances to match masses with")
    order = np.argsort(-np.asarray(mass, np.float64), kind="stable")
    density = np.log10((np.arange(len(order)) + 0.5) / volume)
    matched = np.empty(len(order), np.float32)
    matched[order] = 10 ** np.interp(density, table["log10_density"], table["log10_mass"])
    return matched
