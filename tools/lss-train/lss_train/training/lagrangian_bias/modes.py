"""The mode loss of a Lagrangian bias: the halo field in Fourier space up to a wavenumber.

L is the mean over shells of E(k) = sum |m - h|^2 / sum |h|^2 up to k_max, m being the field that f paints and h the
halos': amplitude and phases of large scales count, cells do not. Its gradient is needed for every particle of a
universe at once; those whose f is small carry next to no mass, and are left out of it.
Source: what Wu et al. 2023 leave to future work (section 3.2); the high-k cut is that of their Paper I.
"""

from collections.abc import Sequence

import numpy as np
import torch

from lss.grid import fourier, mesh
from lss.nets.perceptron import Perceptron
from lss_train.data.bias_universes import BiasUniverse
from lss_train.training.lagrangian_bias.descent import Descent, chunked_ratios, pull_back

NEGLIGIBLE = 0.05  # f below which a particle has no gradient
_NYQUIST_SHARE = 0.5  # k_max over the Nyquist frequency of the mesh that f is painted on


def mode_descent(universes: Sequence[BiasUniverse], *, k_max: float, updates: int, learning_rate: float) -> Descent:
    """The work of the mode loss: each update sees all universes. k_max : h/Mpc"""
    losses = [ModeLoss(universe, k_max) for universe in universes]
    inputs = [torch.from_numpy(universe.inputs) for universe in universes]

    def backward(network: Perceptron, _batch: None, _epoch: int) -> float:
        total = 0.0
        for loss, x in zip(losses, inputs, strict=True):
            f = chunked_ratios(network, x)
            value, gradient = loss.value_and_gradient(f.numpy())
            counted = f > NEGLIGIBLE
            pull_back(network, x[counted], torch.from_numpy(gradient)[counted] / len(losses), 0.0)
            total += value / len(losses)
        return total

    def rate(done: float) -> float:
        return learning_rate * 0.5 * (1 + np.cos(np.pi * done))

    return Descent(lambda _epoch: [None], backward, rate, updates)


class ModeLoss:
    """The loss of one universe as a function of the f of its particles, with its gradient."""

    def __init__(self, universe: BiasUniverse, k_max: float) -> None:
        self.position, self.box_size = universe.position, universe.box_size
        least = k_max * universe.box_size / (np.pi * _NYQUIST_SHARE)
        self.n = n = 2 * int(np.ceil(least / 2))
        self.halos = fourier.forward(universe.halo_field(n))
        shape = (n, n, n)
        length = np.sqrt(fourier.squared_indices(shape)) * (2 * np.pi / self.box_size)
        shell = np.rint(length * self.box_size / (2 * np.pi)).astype(int)
        inside = (length <= k_max) & (shell > 0)
        counts = fourier.mode_counts(shape) * inside
        power = np.bincount(shell.ravel(), (counts * np.abs(self.halos) ** 2).ravel())
        shells = np.unique(shell[inside])
        weight = np.zeros(len(power))
        weight[shells] = 1 / (power[shells] * len(shells))
        # The window of the assignment is in both fields alike, and cancels in the ratio.
        self.weight = (weight[shell] * counts).astype(np.float32)
        self.per_mode = (weight[shell] * inside).astype(np.float32)

    def value_and_gradient(self, f: np.ndarray) -> tuple[float, np.ndarray]:
        """L and dL/df, (m,) float32; the model's overdensity is n^3 / sum f times the painted f, minus one."""
        n = self.n
        total = f.sum(dtype=np.float64)
        painted = mesh.paint(self.position, n, self.box_size, "cic", f) * np.float32(n**3 / total)
        residual = fourier.forward(painted - np.float32(1)) - self.halos
        value = float(np.sum(self.weight * np.abs(residual) ** 2, dtype=np.float64))
        # dL/d(painted at x) = 2 n^3 irfftn(weight residual), then back to the particles through the cloud.
        back = fourier.inverse(residual * (2 * n**3 * self.per_mode), n)
        slope = mesh.interpolate(back, self.position, self.box_size, "cic").astype(np.float64) * (n**3 / total)
        slope -= np.sum(slope * f, dtype=np.float64) / total
        return value, slope.astype(np.float32)
