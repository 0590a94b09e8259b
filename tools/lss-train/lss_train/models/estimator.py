"""`model = "estimator"`: halo fields to the smoothed linear field (see lss.learned.estimator)."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lss.stages import Plan
from lss_train.training.run import TrainingRun

if TYPE_CHECKING:
    import numpy as np

    from lss_train.config import Config
    from lss_train.data.universes import TrainingSet
    from lss_train.training.initial import Initial

EXPORTS = True
BEGINS_FROM_CHECKPOINT = True
DISTRIBUTED = True


def train(run: TrainingRun) -> None:
    """Train on every universe, perturbed or not. Raises as lss_train.training.unet.train_unet."""
    from lss_train.data.estimator_examples import EstimatorModel, estimator_inputs
    from lss_train.training.initial import keep_units
    from lss_train.training.unet import train_unet

    def model(universes: "TrainingSet", training: "np.ndarray", initial: "Initial | None") -> EstimatorModel:
        inputs = estimator_inputs(universes, run.config.train, training)
        return EstimatorModel(universes, keep_units(initial, inputs) if initial else inputs)

    train_unet(run, model)


def plan(inputs: Sequence[Path], config: "Config") -> Plan:
    """What a training would read, hold and cost."""
    from lss_train.training.cost import Extent, plan_unet

    settings = config.train
    counts = len(settings.count_smoothing) * settings.mass_bins
    channels = len(settings.input_smoothing) + counts + len(settings.velocity_smoothing)
    extent = Extent.of(inputs)
    return plan_unet(config, extent, channels, painted=extent.universes)
