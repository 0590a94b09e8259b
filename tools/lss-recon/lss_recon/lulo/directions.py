"""The direction of an update: where a learned residual says that the white noise should go.

Two residuals between the data d and the current universe S(x); a positive step along either lowers the mismatch:

    estimate    [A(d) - A(S(x))] / W      A: halo catalogue -> E[linear field smoothed with W | catalogue]
    pairs       N(d - S(x)), rms 1        N: difference of halo fields -> difference of white noise (LULO)

The first is Matheron's rule (Hoffman & Ribak 1991) with a learned conditional mean: one full step from a prior draw is
a constrained realisation. It vanishes where the two catalogues look alike to A, so A's own bias drops out.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from lss.config import Cosmology
from lss.grid.fourier import filter_modes, wavenumber
from lss.physics.random_field import white_noise_of
from lss.universe import Halos
from lss_recon.lulo.loop import Evaluation
from lss_recon.lulo.orientation import Orientation, estimate_from

Direction = Callable[[Evaluation, int], np.ndarray]
OfOutcome = Callable[[Any], np.ndarray]


def by_estimate(residual: OfOutcome) -> Direction:
    """e(d) - e(S(x)), with e the estimated white noise of a catalogue, A / W; residual : outcome -> that."""

    def direction(evaluation: Evaluation, update: int) -> np.ndarray:
        return residual(evaluation.outcome)

    return direction


def by_estimate_from_all_sides(
    estimate: Callable[[Halos], np.ndarray],
    compared: Callable[[Halos], tuple[Halos, Halos]],
    orientation_at: Callable[[int], Orientation],
    n: int,
    box_size: float,
) -> Direction:
    """e(d) - e(S(x)) of catalogues that both are seen in another orientation at every update.

    estimate : e, catalogue -> (n, n, n) float32 white noise; compared : simulated halos -> d, and those of them that e
    is given; orientation_at : update -> orientation; box_size : Mpc/h
    """

    def direction(evaluation: Evaluation, update: int) -> np.ndarray:
        side = orientation_at(update)
        of_data, of_simulated = (
            estimate_from(estimate, halos, side, n, box_size) for halos in compared(evaluation.outcome.halos)
        )
        return of_data - of_simulated

    return direction


def by_pairs(network: Callable[[np.ndarray], np.ndarray], fields: OfOutcome, data: np.ndarray) -> Direction:
    """N(d - S(x)) rescaled to unit rms: the cosine loss that N was trained with leaves its length free.

    network : (channels, n, n, n) difference of halo fields -> (n, n, n) difference of white noise;
    fields : the halo fields of an outcome; data : those of the data, (channels, n, n, n) float32
    Source: LULO section 3.2; the sign is that of its training pairs, (x_a - x_b, d_a - d_b): its Eq. 8 prints minus.
    """

    def direction(evaluation: Evaluation, update: int) -> np.ndarray:
        towards_data = network(data - fields(evaluation.outcome))
        rms = np.sqrt(np.mean(np.square(towards_data, dtype=np.float64)))
        return towards_data / np.float32(rms) if rms > 0 else towards_data

    return direction


def with_noise(direction: Direction, amplitude: float, decay: float, draw: Callable[[int], np.ndarray]) -> Direction:
    """A direction and amplitude decay^t of white noise, t = 0 at the first update. Source: LULO (0.1, 0.9).

    draw : update -> (n, n, n) float32 white noise
    """

    def noisy(evaluation: Evaluation, update: int) -> np.ndarray:
        added = draw(update) * np.float32(amplitude * decay ** (update - 1))
        return direction(evaluation, update) + added

    return noisy


def hold_below(direction: Direction, k_hold: float, box_size: float) -> Direction:
    """A direction that leaves the largest scales to the start: modes times 1 - exp(-(k / k_hold)^2 / 2).

    Where the start is as good as the network can make it, what A(d) - A(S(x)) adds on those scales is the noise of two
    halo catalogues. k_hold : h/Mpc; box_size : Mpc/h
    """

    def held(evaluation: Evaluation, update: int) -> np.ndarray:
        free = direction(evaluation, update)
        return filter_modes(free, -np.expm1(-((wavenumber(len(free), box_size) / k_hold) ** 2) / 2))

    return held


def pull_to_estimate(
    direction: Direction, strength: float, target: Callable[[], np.ndarray], certain: np.ndarray
) -> Direction:
    """A direction with a pull to what the estimate decides: + strength c(k) (target - x).

    After a few updates A(d) - A(S(x)) says no more of the truth: it fits this simulator's halos, with modes that wander
    off from where the data have them. The pull lets what is no use to the halos fade.

    target : makes the (n, n, n) float32 white noise of the estimate at full power;
    certain : c, (n, n, n//2+1) in [0, 1]
    """

    def pulling(evaluation: Evaluation, update: int) -> np.ndarray:
        return direction(evaluation, update) + np.float32(strength) * filter_modes(target() - evaluation.noise, certain)

    return pulling


def match_halos(direction: Direction, strength: float, change: Callable[[Halos], np.ndarray]) -> Direction:
    """A direction that also moves halos: + strength times what brings them to their places:
    lss_recon.lulo.halo_places.

    change : halos of an outcome -> (n, n, n) float32 white noise
    """

    def moving(evaluation: Evaluation, update: int) -> np.ndarray:
        return direction(evaluation, update) + np.float32(strength) * change(evaluation.outcome.halos)

    return moving


def whiten(linear: np.ndarray, smoothing: float, k_max: float, cosmology: Cosmology, box_size: float) -> np.ndarray:
    """The white noise behind a smoothed linear field, without its modes at k >= k_max.

    linear : (n, n, n) float32, overdensity at z = 0 smoothed with W = exp(-k^2 R^2 / 2); smoothing : R, Mpc/h;
    k_max : h/Mpc; box_size : Mpc/h
    Returns (n, n, n) float32: modes divided by W sqrt(P n^3 / L^3).
    """
    k = wavenumber(len(linear), box_size)
    deconvolution = np.where(k < k_max, np.exp(np.minimum(k * smoothing, 20) ** 2 / 2), 0)
    return filter_modes(white_noise_of(linear, cosmology, box_size), deconvolution)
