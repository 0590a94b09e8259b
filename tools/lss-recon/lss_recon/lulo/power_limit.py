"""The power limit: white noise whose shells hold no more power than is expected of them.

Updates from a learned residual keep adding power: without the limit the transfer function at k = 0.3 grows to 1.5 in
six updates of the reference problem, and at k = 0.1, where reconstructed halos cluster a little less than real ones and
the updates make up for it, to 1.13 in sixteen. On small scales the prior's power is expected. On the largest, whose few
modes may rightly differ from it, an estimate knows better: the power of b A(d) / W and what scatters about it.

Where halos decide the modes, a reconstruction is not quite Gaussian: its modes at 0.2 < k < 0.5 correlate with its own
squares, as those of a truth do not. Its halos of 50 particles and more are then too many and too heavy, its matter has
too much power. A share of the prior's power below one, on the scales that such halos are made of, takes that back. The
updates fit the halos anew to whatever share there is, in two or three of them: so it works best while it falls.

Updates that are pulled to an estimate, which their field resembles in part, lose power: then shells are filled as well.
"""

import numpy as np

from lss.grid import fourier
from lss.grid.fourier import wavenumber

FROM = 0.125  # h/Mpc: below, only an estimate can say what power the few modes of a shell should have
WIDTH = 0.05  # h/Mpc, of a shell
OF_HALOS = (0.175, 0.825)  # h/Mpc, the scales that resolved halos are made of; edges of shells


def limit_power(
    noise: np.ndarray, box_size: float, expected: np.ndarray | None = None, *, share: float = 1.0, fill: bool = False
) -> np.ndarray:
    """Scale the modes of every shell above the expected power back to it; the other modes stay (or `fill` it).

    noise : (n, n, n) float32 white noise; box_size : Mpc/h; expected : (n, n, n//2+1) power of every mode in units of
    the prior's, of which k <= FROM counts; without it those modes are left alone; share : of the prior's power, for
    the scales OF_HALOS; fill : shells of k > FROM that have less are scaled up to it
    Returns (n, n, n) float32, the argument itself where every shell stays.
    """
    n = len(noise)
    modes = fourier.forward(noise)
    k = wavenumber(n, box_size)
    shell = np.ceil((k - FROM) / WIDTH).astype(np.int64)  # 1 begins at FROM
    largest = -shell.min()  # the last shell of those up to FROM
    shell += largest
    weight = np.broadcast_to(fourier.half_space_weights(n), modes.shape)
    allowed = np.where((k > OF_HALOS[0]) & (k <= OF_HALOS[1]), share, 1.0)
    allowed = np.where(k <= FROM, np.inf if expected is None else expected, allowed)
    power = np.bincount(shell.ravel(), (weight * np.square(np.abs(modes), dtype=np.float64)).ravel())
    bound = np.bincount(shell.ravel(), (weight * allowed).ravel()) * float(n) ** 3
    excess = np.divide(power, bound, out=np.zeros_like(power), where=bound > 0)
    filled = fill & (np.arange(len(power)) > largest) & (power > 0)
    excess = np.where(filled, excess, np.maximum(excess, 1))
    if (excess == 1).all():
        return noise
    modes *= (1 / np.sqrt(excess)).astype(np.float32)[shell]
    return fourier.inverse(modes, n, overwrite=True)


def expected_power(estimate: np.ndarray, slope: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """Power of every mode, in units of the prior's, that an estimate expects: b^2 |e|^2 + 1 - r^2.

    estimate : e, (n, n, n) float32 white noise of the estimated field; slope, correlation : b, r of every mode,
    (n, n, n//2+1)
    """
    return (slope * np.abs(fourier.forward(estimate))) ** 2 / float(estimate.size) + 1 - np.clip(correlation, 0, 1) ** 2
