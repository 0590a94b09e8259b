"""Where a training begins, when it is not at random weights: at those of another checkpoint (fine-tuning)."""

import json
from dataclasses import dataclass, replace

import torch

from lss.errors import ConfigError
from lss.files.provenance import file_hash
from lss.halos.halo_fields import same_edges
from lss.learned.estimator import VOXEL_TOLERANCE, Inputs
from lss.nets.checkpoint import Card, load_network, resolve

_OF_THE_DATA = ("mass_density", "number_density", "mass_edges", "bin_share", "velocity_scale", "target_scale")


@dataclass(frozen=True)
class Initial:
    """The weights of a checkpoint, what its card says, and the SHA-256 of its file."""

    weights: dict[str, torch.Tensor]
    card: Card
    hash: str
    source: str


def read_initial(name_or_path: str, model: str) -> Initial:
    """The checkpoint to begin from. Raises DataError if it cannot be read or is of another model."""
    network, card = load_network(name_or_path, model)
    return Initial(network.state_dict(), card, file_hash(resolve(name_or_path)), name_or_path)


def keep_units(initial: Initial, inputs: Inputs) -> Inputs:
    """An estimator's inputs in the units that the weights are used to; others would change what they mean."""
    held = Inputs.from_card(initial.card, initial.source)
    return replace(inputs, **{name: getattr(held, name) for name in _OF_THE_DATA})


def refuse_misfit(initial: Initial, architecture: Card, inputs: Card) -> None:
    """Raises ConfigError naming the first thing in which the checkpoint is not what this training would make."""
    given = json.loads(json.dumps({"architecture": architecture, "inputs": inputs}))
    for part, mine in given.items():
        held = initial.card[part]
        for key in sorted(mine.keys() | held.keys()):
            one, other = held.get(key), mine.get(key)
            near = key == "voxel" and one and abs(other / one - 1) <= VOXEL_TOLERANCE
            same = key == "mass_edges" and same_edges(one or (), other or ())
            if one != other and not (near or same):
                raise ConfigError(f"[train] initial = '{initial.source}': made with {key} = {one}, here it is {other}")
