"""What a configuration's networks cost: the universes that they learned from, and the training."""

import json
import time
from pathlib import Path

from bench.lulo.kept import FOLDER, checkpoint_hashes, code_hash, key
from bench.lulo.truths import STAGES, simulated
from lss.config import Settings
from lss.nets.checkpoint import Card, read_card
from lss_train.training.cost import STEP_CPU_SECONDS

HOUR = 3600.0


def cpu_hours(settings: Settings) -> tuple[float, float]:
    """CPU hours of the universes and of the training of every checkpoint that [recon] names, and of those that their
    trainings began with; a set or a checkpoint that several share counts once.

    Universes: their number times the seconds that one of them takes here. Training: what the card says, or the updates
    times the step that lss-train plans with.
    """
    cards = {name: card for named in checkpoint_hashes(settings) for name, card in _descent(named).items()}.values()
    sets = {card["data"]["hash"]: card for card in cards}
    universes = sum(card["data"]["universes"] * _universe_seconds(card) for card in sets.values())
    return universes / HOUR, sum(_training_seconds(card) for card in cards) / HOUR


def _descent(name: str) -> dict[str, Card]:
    """The card of a checkpoint, of the one whose weights its training began with, and so on."""
    card = read_card(name)
    initial = card["training"].get("initial")
    return {name: card, **(_descent(initial) if initial else {})}


def _universe_seconds(card: Card) -> float:
    """CPU seconds of one universe of the training set on one thread, measured once."""
    data = card["data"]
    settings = {**data["simulator"], "box": data["box"], "cosmology": data["cosmology"]}
    path = FOLDER / "costs" / f"{key(settings, code_hash(*(f'lss_{name}.stage' for name in STAGES)))}.json"
    if not path.exists():
        simulated(settings)  # compiles
        begin = time.process_time()
        simulated(settings, index=1)
        _write(path, {"cpu_s": time.process_time() - begin})
    return float(json.loads(path.read_text())["cpu_s"])


def _training_seconds(card: Card) -> float:
    training, n = card["training"], card["data"]["box"]["n"]
    if "cpu_seconds" in training:
        return float(training["cpu_seconds"])
    step = STEP_CPU_SECONDS[training["precision"]] * n**3 * (training["channels"] / 16) ** 2
    return float(training["updates"] * training["batch"] * step)


def _write(path: Path, figures: dict[str, float]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures) + "\n")
