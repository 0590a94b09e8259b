"""The data of a reconstruction: the observed catalogue, and what must agree before the first simulation."""

import logging
from collections.abc import Callable

import numpy as np

from lss import stages
from lss.config import Box, Settings, validate
from lss.errors import ConfigError, DataError
from lss.features import halo_fields, mass_bins, mass_edges
from lss.nets.checkpoint import Card
from lss.universe import Halos, Universe
from lss_recon.config import Config

log = logging.getLogger("lss.recon")

FieldsOf = Callable[[Halos], np.ndarray]

_TABLES = {"ic", "sim", "halo"}  # of the forward model

# What of a simulator changes nothing that a network of halos has learned from.
_IMMATERIAL: dict[str, set[str]] = {
    "sim": {"redshifts", "offset_seed", "matter_grid"},
    "halo": {"mass_range", "mass_bins", "fields", "assignment", "catalogue"},
    "cosmology": set(),
}
# A card without these means the method's own default; one without any other key is older than the key.
_OPTIONAL: dict[str, set[str]] = {"sim": {"start", "steps"}, "halo": set(), "cosmology": set()}


def forward_settings(universe: Universe, config: Config) -> Settings:
    """The settings of the forward model: those given over those of the input, every key of each table.

    [halo.catalogue] is left out: a foreign catalogue is data, and the forward model never reads it.
    """
    halo = {key: value for key, value in config.halo.items() if key != "catalogue"}
    settings = {**universe.config, "ic": config.ic, "sim": config.sim, "halo": halo}
    settings |= {"cosmology": config.cosmology.model_dump(), "box": config.box.model_dump()}
    # The halo fields that are compared need a complete [halo], whoever simulates.
    for name in (*config.recon.forward.stages, "halo"):
        model = stages.find(name).Config
        settings |= validate(model, settings, "configuration").model_dump(
            mode="json", exclude_none=True, include=_TABLES & model.model_fields.keys()
        )
    return settings


def observed_halos(universe: Universe, settings: Settings) -> Halos:
    """The catalogue to be reconstructed from.

    Raises DataError if it is empty or not of this box, ConfigError if the forward model makes other halos.
    """
    halos, box_size, source = universe.halos, settings["box"]["size"], universe.source
    if not len(halos):
        raise DataError(f"{source}: /halos is empty: there is nothing to reconstruct from")
    outside = int(np.count_nonzero(((halos.position < 0) | (halos.position > box_size)).any(axis=1)))
    if outside:
        raise DataError(f"{source}: {outside} of {len(halos)} halos lie outside the box of {box_size:g} Mpc/h")
    wanted = settings["halo"]["mass_definition"]
    if halos.mass_definition != wanted:
        raise ConfigError(
            f'{source}: the observed masses are "{halos.mass_definition}", those of the forward model "{wanted}": '
            f'set [halo] mass_definition, or match the masses ([halo.catalogue] match = "abundance")'
        )
    redshift = min(settings["sim"].get("redshifts", [0.0]))
    if abs(halos.redshift - redshift) > 1e-3:
        raise ConfigError(
            f"{source}: the observed halos are at z = {halos.redshift:g}, the forward model ends at z = {redshift:g}: "
            "set [sim] redshifts"
        )
    return halos


def comparison(observed: Halos, settings: Settings) -> FieldsOf:
    """Catalogue -> the halo fields that are compared, (channels, n, n, n) float32.

    All are normalised by the mean counts of the observed catalogue, so that a lack of halos is a mismatch too.
    Raises DataError if no observed halo is within [halo] mass_range.
    """
    box, halo = settings["box"], settings["halo"]
    low, high = halo["mass_range"]
    reference = mass_bins(observed.mass, mass_edges(low, high, halo["mass_bins"]))
    if not reference.count.sum():
        raise DataError(f"none of the {len(observed)} observed halos is within [halo] mass_range = [{low:g}, {high:g}]")

    def fields(halos: Halos) -> np.ndarray:
        return halo_fields(
            *(halos.position, halos.mass, box["n"], box["size"], reference),
            channels=halo["fields"],
            assignment=halo["assignment"],
            velocity=halos.velocity,
        )

    return fields


def check_card(card: Card, name: str, settings: Settings) -> None:
    """Hold the checkpoint of a network against the forward model.

    Raises ConfigError where its mass definition or its voxels are others; warns of another simulator or cosmology.
    """
    trained = card["data"]
    wanted = settings["halo"]["mass_definition"]
    if trained["mass_definition"] != wanted:
        raise ConfigError(
            f'checkpoint {name} was trained on "{trained["mass_definition"]}" halos; '
            f'[halo] mass_definition = "{wanted}"'
        )
    box, voxel = Box(**settings["box"]), trained["box"]["size"] / trained["box"]["n"]
    if abs(box.size / box.n / voxel - 1) > 0.01:
        raise ConfigError(
            f"checkpoint {name} was trained on voxels of {voxel:.4g} Mpc/h; "
            f"[box] size / n = {box.size / box.n:.4g} Mpc/h"
        )
    tables = {**trained["simulator"], "cosmology": trained["cosmology"]}
    others = [
        f"[{table}] {key} = {tables[table].get(key, 'the default')}, here {settings[table].get(key, 'the default')}"
        for table, immaterial in _IMMATERIAL.items()
        if table in tables
        for key in sorted((tables[table].keys() | _OPTIONAL[table]) - immaterial)
        if tables[table].get(key) != settings[table].get(key)
    ]
    if others:
        log.warning("checkpoint %s was trained on another forward model: %s", name, "; ".join(others))
