"""The data of a reconstruction: the observed catalogue, which the forward model must be able to reproduce."""

import dataclasses

import numpy as np

from lss import stages
from lss.config import Settings
from lss.errors import ConfigError, DataError
from lss.learned.estimator import match_abundance
from lss.nets.checkpoint import read_card
from lss.universe import Halos, Universe
from lss_recon.forward_settings import last_redshift

SAME_REDSHIFT = 1e-3  # of halos and the last output


def observed_halos(universe: Universe, settings: Settings) -> Halos:
    """The catalogue to be reconstructed from; settings : of the forward model.

    Raises DataError if it is empty or not of this box, ConfigError if the forward model makes other halos.
    """
    halos, source = universe.halos, universe.source
    if not len(halos):
        raise DataError(f"{source}: /halos is empty: there is nothing to reconstruct from")
    refuse_halos_outside(halos, universe.box.size, source)
    wanted = stages.table("halo", settings).mass_definition
    if halos.mass_definition != wanted:
        raise ConfigError(
            f'{source}: the observed masses are "{halos.mass_definition}", those of the forward model "{wanted}": '
            f'set [halo] mass_definition, or match the masses ([halo.catalogue] match = "abundance")'
        )
    redshift = last_redshift(settings)
    if abs(halos.redshift - redshift) > SAME_REDSHIFT:
        raise ConfigError(
            f"{source}: the observed halos are at z = {halos.redshift:g}, the forward model ends at z = {redshift:g}: "
            "set [sim] redshifts"
        )
    return halos


def refuse_halos_outside(halos: Halos, box_size: float, source: str) -> None:
    """Raises DataError if halos lie outside the box (kpc/h?)."""
    outside = int(np.count_nonzero(((halos.position < 0) | (halos.position > box_size)).any(axis=1)))
    if outside:
        raise DataError(f"{source}: {outside} of {len(halos)} halos lie outside the box of {box_size:g} Mpc/h")


def put_on_scale_of(universe: Universe, checkpoint: str, volume: float) -> Universe:
    """The observed masses put by abundance on the scale of the universes that a network was trained on.

    volume : (Mpc/h)^3 in which the halos were seen
    Raises DataError if its card has no table of abundances.
    """
    halos, card = universe.halos, read_card(checkpoint)
    columns = {**halos.columns, "mass": match_abundance(halos.mass, volume, card)}
    definition = card["data"]["mass_definition"]
    return universe.with_halos(dataclasses.replace(halos, columns=columns, mass_definition=definition, members=None))
