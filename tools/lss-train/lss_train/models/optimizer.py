"""`model = "optimizer"`: LULO's network, from a difference of halo fields to that of the white noise behind it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lss.stages import Plan
from lss_train.training.run import TrainingRun

if TYPE_CHECKING:
    from lss_train.config import Config

EXPORTS = True
BEGINS_FROM_CHECKPOINT = True
DISTRIBUTED = True


def train(run: TrainingRun) -> None:
    """Train on pairs of universes. Raises as lss_train.training.unet.train_unet."""
    from lss_train.data.optimizer_examples import OptimizerModel
    from lss_train.training.unet import train_unet

    train_unet(run, lambda universes, _training, _initial: OptimizerModel(universes, run.config.train, run.config.halo))


def plan(inputs: Sequence[Path], config: "Config") -> Plan:
    """What a training would read, hold and cost."""
    from lss_train.training.cost import Extent, plan_unet

    extent = Extent.of(inputs)
    fields = config.halo.get("fields", extent.settings.get("halo", {}).get("fields", ()))
    twice = config.train.pairs == "independent"  # each universe normalised by its own counts and by another's
    return plan_unet(config, extent, len(fields), painted=extent.universes * (2 if twice else 1))
