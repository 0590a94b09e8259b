"""The data of a reconstruction: the observed catalogue, and what must agree before the first simulation."""

import dataclasses
import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from lss import stages
from lss.config import Box, Settings, validate
from lss.errors import ConfigError, DataError
from lss.halos.halo_fields import halo_fields, mass_bins, mass_edges, same_edges
from lss.learned.estimator import match_abundance
from lss.nets.checkpoint import SHIPPED, Card, read_card
from lss.universe import Halos, Universe
from lss_recon.config import Config, Reconstruction

log = logging.getLogger("lss.recon")

FieldsOf = Callable[[Halos], np.ndarray]

SAME_REDSHIFT = 1e-3  # of halos and the last output
LEAST_WINDOW = 0.05  # of W(k_max): deconvolving further multiplies the network's rounding errors

_TABLES = {"ic", "sim", "halo"}  # of the forward model

# What of a simulator changes nothing that a network of halos has learned from.
_IMMATERIAL: dict[str, set[str]] = {
    "ic": set(),
    "sim": {"redshifts", "offset_seed", "matter_grid", "eta", "levels"},  # the last two: accuracy of time steps
    "halo": {"mass_range", "mass_bins", "fields", "assignment", "catalogue"},
    "cosmology": set(),
}
# Keys that may be left to the method, and what the table of lss-sim then says; a card without any other key is older.
_LEFT_TO_THE_METHOD = {"start": "pm_start", "steps": "mesh_steps"}


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
    halos, source = universe.halos, universe.source
    if not len(halos):
        raise DataError(f"{source}: /halos is empty: there is nothing to reconstruct from")
    refuse_halos_outside(halos, settings["box"]["size"], source)
    wanted = settings["halo"]["mass_definition"]
    if halos.mass_definition != wanted:
        raise ConfigError(
            f'{source}: the observed masses are "{halos.mass_definition}", those of the forward model "{wanted}": '
            f'set [halo] mass_definition, or match the masses ([halo.catalogue] match = "abundance")'
        )
    redshift = min(settings["sim"].get("redshifts", [0.0]))
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


def on_scale_of(universe: Universe, checkpoint: str) -> Universe:
    """The observed masses put by abundance on the scale of the universes that a network was trained on.

    Raises DataError if its card has no table of abundances.
    """
    halos, card = universe.halos, read_card(checkpoint)
    columns = {**halos.columns, "mass": match_abundance(halos.mass, universe.box.size**3, card)}
    definition = card["data"]["mass_definition"]
    return universe.with_halos(dataclasses.replace(halos, columns=columns, mass_definition=definition, members=None))


def comparison(observed: Halos, settings: Settings, mean_counts: str = "data") -> FieldsOf:
    """Catalogue -> the halo fields that are compared, (channels, n, n, n) float32.

    mean_counts : "data" normalises all by the mean counts of the observed catalogue, so that a lack of halos is a
        mismatch too; "own" each by its own
    Raises DataError if no observed halo is within [halo] mass_range.
    """
    box, halo = settings["box"], settings["halo"]
    low, high = halo["mass_range"]
    edges = mass_edges(low, high, halo["mass_bins"])
    reference = mass_bins(observed.mass, edges)
    if not reference.count.sum():
        raise DataError(f"none of the {len(observed)} observed halos is within [halo] mass_range = [{low:g}, {high:g}]")

    def fields(halos: Halos) -> np.ndarray:
        return halo_fields(
            *(halos.position, halos.mass, box["n"], box["size"]),
            mass_bins(halos.mass, edges) if mean_counts == "own" else reference,
            channels=halo["fields"],
            assignment=halo["assignment"],
            velocity=halos.velocity,
        )

    return fields


def check_card(card: Card, recon: Reconstruction, settings: Settings) -> None:
    """Hold the checkpoint of [recon] against the forward model and the direction that it is asked for.

    Raises ConfigError for another kind of network, and where its mass definition, its voxels or its inputs are others;
    warns of another simulator or cosmology.
    """
    name, trained, model = recon.checkpoint, card["data"], {"estimate": "estimator", "pairs": "optimizer"}
    if card["model"] != model[recon.direction]:
        raise ConfigError(
            f'checkpoint {name} is of model "{card["model"]}"; [recon] direction = "{recon.direction}" needs '
            f'"{model[recon.direction]}"'
        )
    wanted = settings["halo"]["mass_definition"]
    if trained["mass_definition"] != wanted:
        raise ConfigError(
            f'checkpoint {name} was trained on "{trained["mass_definition"]}" halos; '
            f'[halo] mass_definition = "{wanted}": set one to suit the other{_shipped_for(wanted, card["model"])}'
        )
    box, voxel = Box(**settings["box"]), trained["box"]["size"] / trained["box"]["n"]
    if abs(box.size / box.n / voxel - 1) > 0.01:
        raise ConfigError(
            f"checkpoint {name} was trained on voxels of {voxel:.4g} Mpc/h; "
            f"[box] size / n = {box.size / box.n:.4g} Mpc/h"
        )
    if recon.direction == "pairs":
        _check_pairs(card, recon, settings)
    else:
        _check_estimator(card, recon)
    tables = {**trained["simulator"], "cosmology": trained["cosmology"]}
    ours = dict(settings)
    tables["ic"] = _start(tables)
    if "sim" in tables:
        tables["sim"], ours["sim"] = _written_out(tables["sim"]), _written_out(settings["sim"])
    others = [
        f"[{table}] {key} = {tables[table][key]}, here {ours[table].get(key, 'the default')}"
        for table, immaterial in _IMMATERIAL.items()
        if table in tables
        for key in sorted(tables[table].keys() - immaterial)
        if tables[table][key] != ours[table].get(key)
    ]
    if others:
        log.warning("checkpoint %s was trained on another forward model: %s", name, "; ".join(others))


def _check_estimator(card: Card, recon: Reconstruction) -> None:
    smoothing = card["inputs"]["target_smoothing"]
    if np.exp(-((recon.k_max * smoothing) ** 2) / 2) < LEAST_WINDOW:
        highest = np.sqrt(-2 * np.log(LEAST_WINDOW)) / smoothing
        raise ConfigError(
            f"[recon] k_max = {recon.k_max:g}: checkpoint {recon.checkpoint} estimates the field smoothed with "
            f"{smoothing:g} Mpc/h, which holds nothing beyond k = {highest:.2g} h/Mpc"
        )


def _check_pairs(card: Card, recon: Reconstruction, settings: Settings) -> None:
    halo, n, divisor = settings["halo"], settings["box"]["n"], 2 ** (card["architecture"]["levels"] - 1)
    low, high = halo["mass_range"]
    edges = mass_edges(low, high, halo["mass_bins"]).tolist()
    given = {
        "channels": list(halo["fields"]),
        "assignment": halo["assignment"],
        "mean_counts": recon.mean_counts,
        "mass_edges": edges,
    }
    held = {"mean_counts": "data", **card["inputs"]}  # older cards are without
    for key, value in given.items():
        alike = same_edges(held.get(key, ()), edges) if key == "mass_edges" else held.get(key) == value
        if not alike:
            raise ConfigError(f"checkpoint {recon.checkpoint}: halo fields with {key} {held.get(key)}, here {value}")
    if n % divisor:
        raise ConfigError(f"[box] n = {n}: checkpoint {recon.checkpoint} needs a multiple of {divisor}")


def _start(tables: Settings) -> dict[str, Any]:
    """Of [ic] what its particles are: p3m alone begins with them, the other methods with the white noise."""
    if "ic" not in tables or tables.get("sim", {}).get("method") != "p3m":
        return {}
    model = stages.find("ic").Config
    said = {key: value for key, value in tables["ic"].items() if key == "redshift"}
    return {"redshift": getattr(validate(model, {"ic": said}, "[ic]"), "ic").redshift}  # noqa: B009  (as below)


def _written_out(sim: dict[str, Any]) -> dict[str, Any]:
    """[sim] with what its method takes where the table does not say."""
    model = stages.find("sim").Config
    said = {key: sim[key] for key in ("method", *_LEFT_TO_THE_METHOD) if key in sim}
    resolved = getattr(validate(model, {"sim": said}, "[sim]"), "sim")  # noqa: B009  (a table that only lss-sim knows)
    return {**sim, **{key: getattr(resolved, name) for key, name in _LEFT_TO_THE_METHOD.items()}}


def _shipped_for(mass_definition: str, model: str) -> str:
    """Which networks of a kind that ship know such halos."""
    cards = {path.stem: read_card(path.stem) for path in sorted(SHIPPED.glob("*.safetensors"))}
    suiting = (model, mass_definition)
    names = [name for name, card in cards.items() if (card["model"], card["data"]["mass_definition"]) == suiting]
    return f' (shipped for "{mass_definition}": {", ".join(names)})' if names else ""
