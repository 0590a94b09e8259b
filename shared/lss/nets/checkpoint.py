"""Trained networks on disk: safetensors weights with a model card, and nothing that runs.

The card is JSON in the file's metadata. It says what the network is and how to feed it, what it was trained on and how
well it did, so that a checkpoint can be judged, used and refused without the program that made it:

    model          what lss-train was asked for: "estimator", "optimizer", "imnn", "density", "halo-mass", ...
    architecture   kind and sizes
    inputs         how fields are made from a catalogue: smoothing, normalisation, target
    training       the [train] table, updates, epochs, seconds
    data           universes, hash, simulator settings, mass definition, min_particles, box, cosmology
    validation     losses and figures on universes that were kept back
"""

import hashlib
import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lss.errors import DataError
from lss.files.atomic import atomic
from lss.files.integrity import checksum
from lss.trust import is_checkpoint_path, stated, unmarked

if TYPE_CHECKING:
    import torch

SHIPPED = Path(__file__).parents[1] / "checkpoints"
FORMAT = "lss-checkpoint"
FORMAT_VERSION = 1
CARD_KEYS = ("model", "architecture", "inputs", "training", "data", "validation")
MOST_LAYERS = 64  # of a list of sizes

Card = dict[str, Any]

ARCHITECTURES: dict[str, str] = {
    "unet": "lss.nets.unet.UNet",
    "compressor": "lss.nets.compressor_net.CompressorNet",
    "perceptrons": "lss.nets.perceptron.Perceptrons",
    "polynomial": "lss.nets.bias_functions.Polynomial",
    "bins": "lss.nets.bias_functions.Bins",
    "halo-mass-subbox": "lss.nets.halo_mass_net.SubboxNet",
    "halo-mass-dense": "lss.nets.halo_mass_net.DenseNet",
    "halo-mass-perceptron": "lss.nets.halo_mass_net.PerceptronNet",
}
"""Kind -> the torch module of a network, imported only when one is built.

Its attribute LARGEST names the sizes that it is made with, and the largest value of each that is accepted from a file:
a whole number, [a whole number] for a list of them, or a tuple of words.
"""


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
    metadata = {"format": FORMAT, "version": str(FORMAT_VERSION), "card": json.dumps(unmarked(card), allow_nan=False)}
    metadata |= {"card_checksum": _of_card(metadata["card"]), "checksum": _of_weights(tensors)}
    with atomic(Path(path)) as temporary:
        temporary.write_bytes(save(tensors, metadata))


def record_identity(path: Path, identity: str) -> None:
    """Note in a checkpoint what work made it (lss.command.resuming)."""
    raw = path.read_bytes()
    end = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:end])
    header["__metadata__"]["identity"] = identity
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with atomic(path) as temporary:
        temporary.write_bytes(len(text).to_bytes(8, "little") + text + raw[end:])


def resolve(name_or_path: Path | str) -> Path:
    """Where a checkpoint is: a path (with a slash or .safetensors), or the name of one that ships with the package.

    Raises DataError naming those that ship, and ConfigError for a path that is not the user's own.
    """
    text = str(stated(str(name_or_path)))
    path = Path(text) if is_checkpoint_path(text) else SHIPPED / f"{text}.safetensors"
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
    path = resolve(name_or_path)
    metadata = _metadata(path)
    if metadata.get("format") != FORMAT:
        raise DataError(f"{path}: safetensors, but not a checkpoint of lss (metadata format is not {FORMAT})")
    if metadata.get("version") != str(FORMAT_VERSION):
        raise DataError(f"{path}: checkpoint version {metadata.get('version')}; this lss reads {FORMAT_VERSION}")
    if "card_checksum" in metadata and metadata["card_checksum"] != _of_card(metadata.get("card", "")):
        raise DataError(f"{path}: damaged: its model card differs from what its checksum says")
    try:
        card = json.loads(metadata["card"])
    except (KeyError, ValueError, RecursionError):
        raise DataError(f"{path}: its model card is missing or damaged") from None
    missing = [key for key in CARD_KEYS if not isinstance(card, dict) or key not in card]
    if missing:
        raise DataError(f"{path}: its model card has no {', '.join(missing)}")
    return card


def load_checkpoint(
    name_or_path: Path | str, device: str = "cpu", model: str | None = None
) -> "tuple[dict[str, torch.Tensor], Card]":
    """Weights on the device, and the card.

    model : what the checkpoint must be ("estimator", "imnn", ...); anything if not given
    Raises DataError as `read_card`, for another model, and for weights that are not finite.
    """
    import torch
    from safetensors.torch import load_file

    card = read_card(name_or_path)
    path = resolve(name_or_path)
    if model is not None and card["model"] != model:
        raise DataError(f"{path}: a checkpoint of model '{card['model']}'; expected '{model}'")
    try:
        state = load_file(path, device="cpu")
    except Exception as error:  # noqa: BLE001  (torch and safetensors raise all kinds for damaged headers)
        raise DataError(f"{path}: not a safetensors file, or damaged ({' '.join(str(error).split())[:200]})") from None
    written = _metadata(path).get("checksum")
    if written is not None and written != _of_weights(state):
        raise DataError(f"{path}: damaged: its weights differ from what their checksum says")
    state = {name: tensor.to(device) for name, tensor in state.items()}
    broken = [name for name, tensor in state.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise DataError(f"{path}: weights of {', '.join(broken)} are not finite")
    return state, card


def verify_checkpoint(path: Path) -> int:
    """How many checksums a checkpoint has. Raises DataError if it is damaged."""
    load_checkpoint(path)
    return len({"checksum", "card_checksum"} & _metadata(path).keys())


def _metadata(path: Path) -> dict[str, str]:
    from safetensors import safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return dict(file.metadata() or {})
    except Exception as error:  # noqa: BLE001  (SafetensorError, OSError, and what a damaged header makes of either)
        raise DataError(f"{path}: not a safetensors file, or truncated ({error})") from None


def _of_card(card: str) -> str:
    return hashlib.blake2b(card.encode(), digest_size=16).hexdigest()


def _of_weights(tensors: "dict[str, torch.Tensor]") -> str:
    """Over all tensors: name, type, shape and bytes."""
    import torch

    hashed = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(tensors.items()):
        hashed.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        hashed.update(checksum(tensor.reshape(-1).view(torch.uint8).numpy()).encode())
    return hashed.hexdigest()


def load_network(
    name_or_path: Path | str, model: str, device: str = "cpu", kinds: Sequence[str] = ("unet",)
) -> tuple[Any, Card]:
    """The network of a checkpoint with its weights, ready to be called, and its card.

    model : what the checkpoint must be; kinds : of ARCHITECTURES, those that the model may have
    Raises DataError as `load_checkpoint` and `build`, and if the weights do not fit the architecture.
    """
    state, card = load_checkpoint(name_or_path, device, model)
    path = resolve(name_or_path)
    network = build(card["architecture"], str(path), kinds).to(device)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: the weights do not fit the architecture of the card: {reason[:300]}") from None
    return network.eval(), card


def build(architecture: Card, source: str, kinds: Sequence[str] | None = None) -> Any:
    """An untrained network of this architecture.

    architecture : "kind", and every size that LARGEST of its class names; kinds : those allowed, all if not given
    Raises DataError naming `source` for an unknown kind, a size that is missing, unknown or too large, and for sizes
    that the network refuses.
    """
    kind = architecture.get("kind") if isinstance(architecture, dict) else None
    unknown = DataError(f"{source}: unknown architecture {json.dumps(architecture)}")
    if not isinstance(kind, str) or kind not in ARCHITECTURES or kind not in (kinds or ARCHITECTURES):
        raise unknown
    module, _, name = ARCHITECTURES[kind].rpartition(".")
    network = getattr(importlib.import_module(module), name)
    sizes = {key: value for key, value in architecture.items() if key != "kind"}
    if sizes.keys() != network.LARGEST.keys() or not all(_fits(sizes[key], network.LARGEST[key]) for key in sizes):
        raise unknown
    try:
        return network(**sizes)
    except ValueError as error:
        raise DataError(f"{source}: {error}") from None


def _fits(size: Any, largest: Any) -> bool:
    """Whether a size is what LARGEST allows: a number up to it, one of its words, or a list of such numbers."""
    if isinstance(largest, list):
        return isinstance(size, list) and len(size) <= MOST_LAYERS and all(_fits(one, largest[0]) for one in size)
    if isinstance(largest, tuple):
        return size in largest
    return isinstance(size, int) and not isinstance(size, bool) and 0 < size <= largest
