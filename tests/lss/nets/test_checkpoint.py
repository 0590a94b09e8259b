import json
import sys
import types
from itertools import pairwise
from typing import ClassVar

import pytest
import torch
from safetensors.torch import save_file

from lss.errors import DataError
from lss.nets.checkpoint import (
    ARCHITECTURES,
    CARD_KEYS,
    build,
    load_checkpoint,
    load_network,
    read_card,
    save_checkpoint,
    verify_checkpoint,
)
from lss.nets.unet import UNet

ARCHITECTURE = {"kind": "unet", "inputs": 2, "outputs": 1, "channels": 4, "levels": 2}
CARD = {key: {} for key in CARD_KEYS} | {"model": "estimator", "architecture": ARCHITECTURE}


@pytest.fixture
def network():
    torch.manual_seed(3)
    return UNet(inputs=2, channels=4, levels=2).eval()


@pytest.fixture
def path(tmp_path, network):
    save_checkpoint(tmp_path / "net.safetensors", network.state_dict(), CARD)
    return tmp_path / "net.safetensors"


def test_a_network_comes_back_with_the_same_output_and_card(path, network):
    loaded, card = load_network(path, "estimator")
    x = torch.randn(1, 2, 8, 8, 8)
    assert card == CARD
    assert torch.equal(loaded(x), network(x))


def test_the_card_is_read_without_the_weights(path):
    assert read_card(path)["architecture"]["channels"] == 4


@pytest.mark.parametrize(
    ("name", "message"),
    [("no/such.safetensors", "no such checkpoint"), ("estimatr", "no such name; shipped are")],
)
def test_a_missing_checkpoint_is_named(name, message):
    with pytest.raises(DataError, match=message):
        read_card(name)


@pytest.mark.parametrize("kept", [0, 5, 300, -7])
def test_a_truncated_file_is_refused(path, kept):
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match="not a safetensors file, or truncated"):
        load_checkpoint(path)


def test_text_and_foreign_safetensors_are_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_text("this is no checkpoint")
    with pytest.raises(DataError, match="not a safetensors file"):
        read_card(path)
    save_file({"a": torch.zeros(3)}, path)
    with pytest.raises(DataError, match="not a checkpoint of lss"):
        read_card(path)


def test_a_card_without_a_part_is_refused(path):
    card = {key: value for key, value in CARD.items() if key != "validation"}
    metadata = {"format": "lss-checkpoint", "version": "1", "card": json.dumps(card)}
    save_file({"weight": torch.zeros(3)}, path, metadata)
    with pytest.raises(DataError, match="its model card has no validation"):
        read_card(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "transformer"}, "unknown architecture"),
        ({"kind": ["unet"]}, "unknown architecture"),
        ({"kind": "compressor"}, "unknown architecture"),
        ({"channels": 4.0}, "unknown architecture"),
        ({"channels": True}, "unknown architecture"),
        ({"width": 4}, "unknown architecture"),
        ({"channels": 10**9}, "unknown architecture"),
        ({"channels": 6}, "must be a multiple of 4"),
        ({"channels": 8}, "do not fit the architecture"),
        ({"levels": 3}, "do not fit the architecture"),
    ],
)
def test_a_wrong_architecture_is_refused(path, network, change, message):
    save_checkpoint(path, network.state_dict(), CARD | {"architecture": ARCHITECTURE | change})
    with pytest.raises(DataError, match=message) as raised:
        load_network(path, "estimator")
    assert "\n" not in str(raised.value)


class Toy(torch.nn.Sequential):
    LARGEST: ClassVar = {"widths": [8], "activation": ("relu", "tanh")}

    def __init__(self, widths, activation):
        layers = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}[activation]
        super().__init__(*(part for a, b in pairwise(widths) for part in (torch.nn.Linear(a, b), layers())))


def test_an_architecture_is_a_class_and_a_line_of_the_table(tmp_path, monkeypatch):
    module = types.ModuleType("toy_net")
    module.Toy = Toy
    monkeypatch.setitem(sys.modules, "toy_net", module)
    monkeypatch.setitem(ARCHITECTURES, "toy", "toy_net.Toy")
    architecture = {"kind": "toy", "widths": [2, 8, 1], "activation": "tanh"}
    network, path = build(architecture, "test"), tmp_path / "toy.safetensors"
    save_checkpoint(path, network.state_dict(), CARD | {"architecture": architecture})
    loaded, _ = load_network(path, "estimator", kinds=("toy",))
    x = torch.randn(3, 2)
    assert torch.equal(loaded(x), network(x))
    for change in ({"widths": [2, 9, 1]}, {"widths": 2}, {"widths": [2] * 100}, {"activation": "gelu"}):
        with pytest.raises(DataError, match="test: unknown architecture"):
            build(architecture | change, "test")


def test_another_model_is_refused(path):
    with pytest.raises(DataError, match="a checkpoint of model 'estimator'; expected 'optimizer'"):
        load_network(path, "optimizer")


def test_weights_that_are_not_finite_are_refused(path, network):
    network.output.bias.data.fill_(float("nan"))
    save_checkpoint(path, network.state_dict(), CARD)
    with pytest.raises(DataError, match=r"output\.bias are not finite"):
        load_network(path, "estimator")


def test_a_failed_save_leaves_the_old_file(path, network):
    before = path.read_bytes()
    with pytest.raises(ValueError, match="lacks data"):
        save_checkpoint(path, network.state_dict(), {key: {} for key in CARD_KEYS if key != "data"})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_one_flipped_bit_of_any_weight_or_of_the_card_is_found(path):
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    card = whole.index(b"estimator")
    for position in [*range(header, len(whole), max(1, (len(whole) - header) // 40)), card, card + 3]:
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"net\.safetensors: (damaged|not a safetensors|weights)"):
            load_checkpoint(path)


def test_a_checkpoint_without_checksums_is_read(tmp_path, network):
    metadata = {"format": "lss-checkpoint", "version": "1", "card": json.dumps(CARD)}
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, tmp_path / "old.safetensors", metadata)
    assert load_checkpoint(tmp_path / "old.safetensors")[1] == CARD
    assert verify_checkpoint(tmp_path / "old.safetensors") == 0
