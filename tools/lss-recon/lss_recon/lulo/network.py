"""The learned part: a checkpoint made into a direction, and for an estimator a start."""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from lss.config import Settings
from lss.grid.fourier import cut_modes, filter_modes, wavenumber
from lss.learned import estimator
from lss.nets.checkpoint import load_network, read_card
from lss.physics.random_field import linear_overdensity, white_noise_of
from lss.universe import Halos, Universe
from lss_recon.config import Config
from lss_recon.halo_comparison import FieldsOf
from lss_recon.lulo.card_check import check_card
from lss_recon.lulo.directions import (
    Direction,
    by_estimate,
    by_estimate_from_all_sides,
    by_pairs,
    match_halos,
    pull_to_estimate,
    whiten,
)
from lss_recon.lulo.orientation import SIDES, Orientation, estimate_from, orientation
from lss_recon.lulo.power_limit import expected_power
from lss_recon.lulo.start import certainty, constrained_draw
from lss_recon.view import View


@dataclass(frozen=True)
class Guidance:
    """What a checkpoint knows of a catalogue.

    direction : of an update; start : a draw of the prior -> the draw constrained by the estimate from the data;
    power : that the estimate expects of every mode, (n, n, n//2+1). The last two are an estimator's.
    """

    direction: Direction
    start: Callable[[np.ndarray], np.ndarray] = lambda draw: draw
    power: Callable[[], np.ndarray | None] = lambda: None


@dataclass(frozen=True)
class Data:
    """halos : observed; fields : catalogue -> the halo fields that are compared; view : of the survey; whole : makes
    the observed catalogue with what stands in for its unseen halos"""

    halos: Halos
    fields: FieldsOf
    view: View
    whole: Callable[[], Halos]


def make_guidance(config: Config, data: Data, settings: Settings, index: int) -> Guidance:
    """What the checkpoint of [recon] knows of the observed catalogue.

    settings : of the forward model; index : number of the sample

    Raises DataError for a checkpoint that cannot be used, ConfigError for one that does not suit the settings.
    """
    check_card(read_card(config.recon.checkpoint), config, settings)
    if config.recon.direction == "pairs":
        return _by_pairs(config, data)
    return _by_estimator(config, data, index)


def _by_estimator(config: Config, data: Data, index: int) -> Guidance:
    observed, view, whole = data.halos, data.view, data.whole
    recon, box, cosmology = config.recon, config.box, config.cosmology
    network = estimator.load(recon.checkpoint)
    smoothing = network.target_smoothing

    def estimate(halos: Halos) -> np.ndarray:
        linear = network.estimate(halos.position, halos.mass, box.n, box.size, halos.known_velocity)
        return whiten(linear, smoothing, recon.update.k_max, cosmology, box.size)

    def scatter(remainder: np.ndarray, about: np.ndarray) -> np.ndarray:
        drawn, estimated = (linear_overdensity(noise, cosmology, box.size) for noise in (remainder, about))
        return white_noise_of(network.scatter(drawn, estimated, box.size), cosmology, box.size)

    def start(draw: np.ndarray) -> np.ndarray:
        sharp = recon.start == "estimate"
        return constrained_draw(
            *(of_data(), draw, network.calibration, recon.update.k_max, box.size), sharp=sharp, scatter=scatter
        )

    def select(simulated: Halos) -> Halos:
        if recon.update.mass_margin == 1:
            return simulated
        heavy = simulated.mass >= recon.update.mass_margin * observed.mass.min()
        columns = {name: column[heavy] for name, column in simulated.columns.items()}
        return dataclasses.replace(simulated, columns=columns, members=None)

    k = wavenumber(box.n, box.size)
    slope, correlation = network.calibration(k)
    line_of_sight = view.survey.line_of_sight if view.survey else None
    side = partial(orientation, box.n, line_of_sight, recon.seed, index)

    @functools.cache
    def of_data() -> np.ndarray:
        if not recon.update.rotate:
            return estimate(whole())
        sides = [estimate_from(estimate, whole(), side(0, number), box.n, box.size) for number in range(SIDES)]
        return np.mean(sides, axis=0)

    def seen_beside(simulated: Halos) -> tuple[Halos, Halos]:
        selected = select(simulated)
        return view.beside(observed, selected), selected

    if recon.update.rotate:

        def orientation_at(update: int) -> Orientation:
            return side(recon.cheap.simulations + update)  # the cheap model's had the first

        direction = by_estimate_from_all_sides(estimate, seen_beside, orientation_at, box.n, box.size)
    else:

        def residual(simulated: Universe) -> np.ndarray:
            beside, selected = seen_beside(simulated.halos)
            return (estimate(beside) if view.completes else of_data()) - estimate(selected)

        direction = by_estimate(residual)
    if recon.update.pull_to_estimate:
        # b e has the power r^2.
        full = np.divide(slope, correlation, out=np.zeros_like(slope), where=correlation > 0)
        certain = np.where(k < recon.update.k_max, certainty(correlation), 0)
        direction = pull_to_estimate(
            direction, recon.update.pull_to_estimate, functools.cache(lambda: filter_modes(of_data(), full)), certain
        )
    if recon.update.match_halos:
        from lss_recon.lulo.halo_places import change_towards_places

        undecided = np.where(k < recon.update.k_max, 1 - np.clip(correlation, 0, 1) ** 2, 0)
        change = change_towards_places(
            lambda simulated: view.beside(observed, simulated), undecided, cosmology, box.size, line_of_sight
        )
        direction = match_halos(direction, recon.update.match_halos, change)
    return Guidance(direction, start, functools.cache(lambda: expected_power(of_data(), slope, correlation)))


def _by_pairs(config: Config, data: Data) -> Guidance:
    import torch

    recon, box_size = config.recon, config.box.size
    network, _ = load_network(recon.checkpoint, "optimizer")

    def difference(of_fields: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            of_noise = network(torch.from_numpy(of_fields)[None])[0, 0].numpy()
        return cut_modes(of_noise, recon.update.k_max, box_size)

    def simulated_fields(simulated: Universe) -> np.ndarray:
        return data.fields(data.view.seen(simulated.halos))

    return Guidance(by_pairs(difference, simulated_fields, data.fields(data.halos)))
