"""Trained networks on disk: safetensors weights with a model card, and nothing that runs.

The card is JSON in the file's metadata. It says what the network is and how to feed it, what it was trained on and how
well it did, so that a checkpoint can be judged, used and refused without the program that made it:

    model          "estimator", "optimizer", "imnn" or "density"
    architecture   kind and sizes
    inputs         how fields are made from a catalogue: smoothing, normalisation, target
    training       the [train] table, updates, epochs, seconds
    data           universes, hash, simulator settings, mass definition, min_particles, box, cosmology
    validation     losses and figures on universes that were kept back
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lss.errors import DataError
from lss.files.atomic import atomic

if TYPE_CHECKING:
    import torch

    from lss.nets.unet import UNet

SHIPPED = Path(__file__).parents[1] / "checkpoints"
FORMAT = "lss-checkpoint"
FORMAT_VERSION = 1
CARD_KEYS = ("model", "architecture", "inputs", "training", "data", "validation")
# What memory is taken for on a file's word.
_LARGEST = {"inputs": 1024, "outputs": 1024, "channels": 1024, "levels": 10}

Card = dict[str, Any]
Network = TypeVar("Network", bound="torch.nn.Module")


def save_checkpoint(path: Path | str, state_dict: "dict[str, torch.Tensor]", card: Card) -> None:
    """Write weights and card, whole or not at all.

    state_dict : name -> tensor, on any device; card : JSON values under every one of CARD_KEYS
    """
    from safetensors.torch import save

    missing = [key for key in CARD_KEYS if key not in card]
    if missing:
        raise ValueError(f"the card lacks {', '.join(missing)}")
    # Dense and row-major: a file does not know channels_last.
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in state_dict.items()}
    metadata = {"format": FORMAT, "version": str(FORMAT_VERSION), "card": json.dumps(card, allow_nan=False)}
    with atomic(Path(path)) as temporary:
        temporary.write_bytes(save(tensors, metadata))


def resolve(name_or_path: Path | str) -> Path:
    """Where a checkpoint is: a path (with a slash or .safetensors), or the name of one that ships with the package.

    Raises DataError naming those that ship.
    """
    text = str(name_or_path)
    path = Path(text) if "/" in text or text.endswith(".safetensors") else SHIPPED / f"{text}.safetensors"
    if path.is_file():
        return path
    if path.parent == SHIPPED:
        shipped = ", ".join(sorted(p.stem for p in SHIPPED.glob("*.safetensors"))) or "none"
        raise DataError(f"checkpoint '{text}': no such name; shipped are: {shipped}; or give a path")
    raise DataError(f"{text}: no such checkpoint")


def read_card(name_or_path: Path | str) -> Card:
    """The card of a checkpoint, without its weights (and without torch).

    Raises DataError if the file is missing, damaged, not one of ours, or lacks a part of its card.
    """
    from safetensors import SafetensorError, safe_open

    path = resolve(name_or_path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path}: not a safetensors file, or truncated ({error})") from None
    if metadata.get("format") != FORMAT:
        raise DataError(f"{path}: safetensors, but not a checkpoint of lss (metadata format is not {FORMAT})")
    if metadata.get("version") != str(FORMAT_VERSION):
        raise DataError(f"{path}: checkpoint version {metadata.get('version')}; this lss reads {FORMAT_VERSION}")
    try:
        card = json.loads(metadata["card"])
    except (KeyError, json.JSONDecodeError):
        raise DataError(f"{path}: its model card is missing or damaged") from None
    missing = [key for key in CARD_KEYS if not isinstance(card, dict) or key not in card]
    if missing:
        raise DataError(f"{path}: its model card has no {', '.join(missing)}")
    return card


def load_checkpoint(
    name_or_path: Path | str, device: str = "cpu", model: str | None = None
) -> "tuple[dict[str, torch.Tensor], Card]":
    """Weights on the device, and the card.

    model : what the checkpoint must be ("estimator", "optimizer", "imnn", "density"); anything if not given
    Raises DataError as `read_card`, for another model, and for weights that are not finite.
    """
    import torch
    from safetensors.torch import load_file

    card = read_card(name_or_path)
    path = resolve(name_or_path)
    if model is not None and card["model"] != model:
        raise DataError(f"{path}: a checkpoint of model '{card['model']}'; expected '{model}'")
    state = load_file(path, device=device)
    broken = [name for name, tensor in state.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise DataError(f"{path}: weights of {', '.join(broken)} are not finite")
    return state, card


def load_network(name_or_path: Path | str, model: str, device: str = "cpu") -> "tuple[UNet, Card]":
    """The U-Net of a checkpoint ("estimator" or "optimizer"), ready to be called, and its card; see `load_built`."""
    return load_built(name_or_path, model, build, device)


def load_built(
    name_or_path: Path | str, model: str, build: "Callable[[Card, str], Network]", device: str = "cpu"
) -> "tuple[Network, Card]":
    """The network that `build` makes of the card's architecture, with the weights of a checkpoint, and the card.

    build : architecture and the name of its source -> an untrained network
    Raises DataError as `load_checkpoint` and `build`, and if the weights do not fit the architecture.
    """
    state, card = load_checkpoint(name_or_path, device, model)
    path = resolve(name_or_path)
    network = build(card["architecture"], str(path)).to(device)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: the weights do not fit the architecture of the card: {reason[:300]}") from None
    return network.eval(), card


def build(architecture: Card, source: str) -> "UNet":
    """An untrained U-Net of this architecture. Raises DataError naming `source` if we have none such."""
    from lss.nets.unet import GROUPS, UNet

    sizes = sizes_of(architecture, "unet", _LARGEST, source)
    if sizes["channels"] % GROUPS:
        raise DataError(f"{source}: channels = {sizes['channels']}: must be a multiple of {GROUPS}")
    return UNet(**sizes)


def sizes_of(architecture: Card, kind: str, largest: dict[str, int], source: str) -> dict[str, int]:
    """The sizes that an architecture of this kind must name, and nothing else, none of them zero or above `largest`.

    Raises DataError naming `source`.
    """
    sizes: Card = {name: architecture.get(name) for name in largest} if isinstance(architecture, dict) else {}
    known = sizes and architecture.get("kind") == kind and set(architecture) == {"kind", *largest}
    if not known or not all(isinstance(size, int) and 0 < size <= largest[name] for name, size in sizes.items()):
        raise DataError(f"{source}: unknown architecture {json.dumps(architecture)}")
    return sizes
