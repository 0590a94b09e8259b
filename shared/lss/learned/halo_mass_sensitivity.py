"""What in the initial conditions decides a particle's halo mass: the gradient of a dense network's prediction."""

import numpy as np

from lss.errors import DataError
from lss.grid import fourier
from lss.learned.halo_mass import HaloMass, channel_factors


def sensitivity(model: HaloMass, linear: np.ndarray, box_size: float, point: int) -> np.ndarray:
    """How the predicted log10 mass of one particle's halo changes with the linear overdensity of each voxel.

    linear : (n, n, n) float32, linear overdensity at z = 0; point : flat index of the particle
    Returns (n, n, n) float32, d log10 M / d delta; the network's other channels change with the density.
    Raises DataError for a network that is not dense.
    """
    import torch

    if model.inputs.network != "dense":
        raise DataError(f"{model.source}: a {model.inputs.network} network; the gradient is that of a dense one")
    n = len(linear)
    fields = torch.from_numpy(model.inputs.fields(linear, None, box_size)).to(model.device).requires_grad_()
    mass = model.network(fields[None])[0, 0].reshape(-1)[point]
    (slope,) = torch.autograd.grad(model.rescaled_mass(mass), fields)
    units = np.repeat(np.array(model.inputs.scale), model.inputs.widths)
    slopes = slope.cpu().numpy() / units[:, None, None, None]
    factors = channel_factors(n, box_size)
    total, first = np.zeros((n, n, n)), 0
    for name, width in zip(model.inputs.channels, model.inputs.widths, strict=True):
        own = slopes[first : first + width]
        first += width
        if name == "density":
            total += own[0]
            continue
        for part, factor in zip(own, factors[name], strict=True):  # the transpose of a filter has the conjugate factor
            modes = fourier.forward(part.astype(np.float32))
            total += fourier.inverse((modes * np.conj(factor)).astype(modes.dtype), n)
    low, high = np.log10(model.inputs.mass_range)
    return (total * (high - low) / 2).astype(np.float32)
