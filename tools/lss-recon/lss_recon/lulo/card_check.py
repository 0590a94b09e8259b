"""What must agree between a network and the reconstruction that uses it."""

import logging
from typing import Any

import numpy as np

from lss import stages
from lss.config import Cosmology, Settings
from lss.errors import ConfigError
from lss.halos.halo_fields import mass_edges, same_edges
from lss.nets.checkpoint import SHIPPED, Card, read_card
from lss.trust import unmarked
from lss_recon.config import Config, Reconstruction

log = logging.getLogger("lss.recon")

LEAST_WINDOW = 0.05  # of W(k_max): deconvolving further multiplies the network's rounding errors

_MODELS = {"estimate": "estimator", "pairs": "optimizer"}  # that a direction is made of
# What of a simulator changes nothing that a network of halos has learned from.
_IMMATERIAL: dict[str, set[str]] = {
    "ic": set(),
    "sim": {"redshifts", "offset_seed", "matter_grid", "eta", "levels"},  # the last two: accuracy of time steps
    "halo": {"mass_range", "mass_bins", "fields", "assignment", "catalogue"},
    "cosmology": set(),
}
# Keys that may be left to the method, and what the table of lss-sim then says; a card without any other key is older.
_LEFT_TO_THE_METHOD = {"start": "pm_start", "steps": "mesh_steps"}


def check_card(card: Card, config: Config, settings: Settings) -> None:
    """Compare what the checkpoint of [recon] was trained for and on with what it is used for here.

    settings : of the forward model
    Raises ConfigError for another kind of network, and where its mass definition, line of sight, voxels or inputs
    differ; warns of another simulator or cosmology.
    """
    recon, box = config.recon, config.box
    name, trained = recon.checkpoint, card["data"]
    if card["model"] != _MODELS[recon.direction]:
        raise ConfigError(
            f'checkpoint {name} is of model "{card["model"]}"; [recon] direction = "{recon.direction}" needs '
            f'"{_MODELS[recon.direction]}"'
        )
    wanted = stages.table("halo", settings).mass_definition
    if trained["mass_definition"] != wanted:
        raise ConfigError(
            f'checkpoint {name} was trained on "{trained["mass_definition"]}" halos; '
            f'[halo] mass_definition = "{wanted}": change one of them{_shipped_for(wanted, card["model"])}'
        )
    voxel = trained["box"]["size"] / trained["box"]["n"]
    if abs(box.size / box.n / voxel - 1) > 0.01:
        raise ConfigError(
            f"checkpoint {name} was trained on voxels of {voxel:.4g} Mpc/h; "
            f"[box] size / n = {box.size / box.n:.4g} Mpc/h"
        )
    survey = stages.table("halo", settings).survey
    shown, here = trained.get("redshift_space", "none"), survey.redshift_space if survey else "none"
    if shown != here and not recon.survey_may_differ:
        raise ConfigError(
            f'checkpoint {name} was trained on halos with redshift_space = "{shown}"; [halo.survey] redshift_space ='
            f' "{here}": train one for it (lss-train with [halo.survey]), or set [recon] survey_may_differ = true'
        )
    if recon.direction == "pairs":
        _check_pairs(card, config, settings)
    else:
        _check_estimator(card, recon)
    differences = _differences(trained, settings)
    if differences:
        log.warning("checkpoint %s was trained on another forward model: %s", name, "; ".join(differences))


def _differences(trained: dict[str, Any], settings: Settings) -> list[str]:
    """What of the simulator and the cosmology that a card names is not as here."""
    ours = unmarked(dict(settings))
    given = ours.get("cosmology", {})
    ours["cosmology"] = {name: field.default for name, field in Cosmology.model_fields.items()} | given
    known = {key: value for key, value in trained["cosmology"].items() if key not in given.get("unknown", [])}
    tables = {**trained["simulator"], "cosmology": known}
    tables["ic"] = _start_redshift(tables)
    if "sim" in tables:
        tables["sim"], ours["sim"] = _written_out(tables["sim"]), _written_out(settings["sim"])
    return [
        f"[{table}] {key} = {tables[table][key]}, here {ours[table].get(key, 'the default')}"
        for table, immaterial in _IMMATERIAL.items()
        if table in tables
        for key in sorted(tables[table].keys() - immaterial)
        if tables[table][key] != ours[table].get(key)
    ]


def _check_estimator(card: Card, recon: Reconstruction) -> None:
    smoothing = card["inputs"]["target_smoothing"]
    if np.exp(-((recon.update.k_max * smoothing) ** 2) / 2) < LEAST_WINDOW:
        highest = np.sqrt(-2 * np.log(LEAST_WINDOW)) / smoothing
        raise ConfigError(
            f"[recon.update] k_max = {recon.update.k_max:g}: checkpoint {recon.checkpoint} estimates the field "
            f"smoothed with {smoothing:g} Mpc/h, which has no information beyond k = {highest:.2g} h/Mpc"
        )


def _check_pairs(card: Card, config: Config, settings: Settings) -> None:
    recon, n, divisor = config.recon, config.box.n, 2 ** (card["architecture"]["levels"] - 1)
    halo = stages.table("halo", settings)
    low, high = halo.mass_range
    given = {
        "channels": list(halo.fields),
        "assignment": halo.assignment,
        "mean_counts": recon.loss.mean_counts,
        "mass_edges": mass_edges(low, high, halo.mass_bins).tolist(),
    }
    held = {"mean_counts": "data", **card["inputs"]}  # older cards are without
    for key, value in given.items():
        alike = same_edges(held.get(key, ()), value) if key == "mass_edges" else held.get(key) == value
        if not alike:
            raise ConfigError(
                f"checkpoint {recon.checkpoint}: trained on halo fields with {key} = {held.get(key)}, here {value}"
            )
    if n % divisor:
        raise ConfigError(f"[box] n = {n}: checkpoint {recon.checkpoint} needs a multiple of {divisor}")


def _start_redshift(tables: Settings) -> dict[str, Any]:
    """Of [ic] what its particles are: p3m alone begins with them, the other methods with the white noise."""
    if "ic" not in tables or tables.get("sim", {}).get("method") != "p3m":
        return {}
    given = {key: value for key, value in tables["ic"].items() if key == "redshift"}
    return {"redshift": stages.table("ic", {"ic": given}, "[ic]").redshift}


def _written_out(sim: dict[str, Any]) -> dict[str, Any]:
    """[sim] with what its method takes where the table does not say."""
    given = {key: sim[key] for key in ("method", *_LEFT_TO_THE_METHOD) if key in sim}
    resolved = stages.table("sim", {"sim": given}, "[sim]")
    return {**sim, **{key: getattr(resolved, name) for key, name in _LEFT_TO_THE_METHOD.items()}}


def _shipped_for(mass_definition: str, model: str) -> str:
    """Which networks of a kind that ship know such halos."""
    cards = {path.stem: read_card(path.stem) for path in sorted(SHIPPED.glob("*.safetensors"))}
    suiting = (model, mass_definition)
    names = [name for name, card in cards.items() if (card["model"], card["data"]["mass_definition"]) == suiting]
    return f' (shipped for "{mass_definition}": {", ".join(names)})' if names else ""
