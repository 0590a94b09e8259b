"""The networks of the benchmark: trained on universes 0-35, chosen on 36-39, kept as build/halo-mass/networks/NAME.

A training that is interrupted goes on where it was; one whose settings have changed begins anew.
"""

import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Any

from bench.halo_mass.universes import EXAMPLES, TRAINING, VALIDATION, make
from lss.config import Settings, merge, read_toml
from lss.errors import DataError
from lss.files.restart import Restart
from lss.learned.halo_mass import HaloMass, load
from lss.nets.checkpoint import read_card, save_checkpoint
from lss_train.data.labelled import LabelledSet, read_labelled
from lss_train.models.halo_mass import trained
from lss_train.training.halo_mass_settings import Settings as Table

log = logging.getLogger("lss.bench")

FOLDER = Path(os.environ.get("LSS_HALO_MASS", "build/halo-mass")) / "networks"
SMALLER_BOX: Settings = {  # at 25 Mpc/h every length is half, every mass an eighth
    "mass_range": [4.6e11, 1.6e13],
    "radii": [0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 1.85, 2.25, 2.75, 3.3, 4.0, 5.0, 6.5],
}
_held: dict[tuple[str, bool, int], LabelledSet] = {}


def network(name: str, seed: int = 1, universes: str = "pm", training: int = len(TRAINING), **other: Any) -> HaloMass:
    """The network of examples/halo-mass/NAME.toml, trained if it is not there.

    seed : of weights and batches; universes : a set of bench.halo_mass.universes; training : how many of it are learned
    from; other : keys of [train.halo_mass] that replace those of the file
    """
    table = merge(read_toml(EXAMPLES / f"{'small' if name == 'dense' else name}.toml")["train"]["halo_mass"], other)
    settings = Table.model_validate(table)
    parts = [name, *([f"seed{seed}"] if seed != 1 else []), *([universes] if universes != "pm" else [])]
    parts += [f"{training}universes"] if training != len(TRAINING) else []
    path = FOLDER / f"{'-'.join(parts)}.safetensors"
    if not _is_of(path, settings):
        _train(path, settings, seed, universes, training)
    return load(path)


def _is_of(path: Path, settings: Table) -> bool:
    """Whether a checkpoint is there and was trained with these settings."""
    try:
        found = read_card(path)["training"]
    except DataError:
        return False
    return all(found.get(key) == value for key, value in settings.model_dump(mode="json").items())


def _train(path: Path, settings: Table, seed: int, universes: str, training: int) -> None:
    log.info("training %s", path.stem)
    late = settings.input == "late"
    if (universes, late, training) not in _held:
        _held.clear()
        files = make(universes, [*TRAINING[:training], *VALIDATION])
        _held[universes, late, training] = read_labelled(files, late=late)
    path.parent.mkdir(parents=True, exist_ok=True)
    identity = json.dumps([settings.model_dump(mode="json"), seed])
    work = hashlib.sha256(identity.encode()).hexdigest()[:10]
    restart = Restart(path.with_suffix(f".{work}.state"), resume=True, identity=identity)
    journal = path.with_suffix(".jsonl")
    weights, card = trained(_held[universes, late, training], settings, seed, "cpu", restart, journal)
    save_checkpoint(path, weights, card)
    restart.clear()
