"""What training the U-Net costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lss.config import Settings
from lss.files.universe_file import ensemble_members, read_universe
from lss.stages import IMPORTS_BYTES, TORCH_BYTES, Plan
from lss_train.config import Config
from lss_train.data.universes import read_training_set

BACKWARD_BYTES = 200_000_000  # what torch holds beside itself when it has run forward and backward
# Measured: one example's step at 64^3 with 16 channels.
STEP_BYTES = 1_400  # per voxel
STEP_CPU_SECONDS = {"float32": 5.6e-6, "bfloat16": 3.2e-6}  # per voxel


@dataclass(frozen=True)
class Extent:
    """How many universes the inputs hold, their points per side, and the configuration of the first."""

    universes: int
    n: int
    settings: Settings

    @staticmethod
    def of(inputs: Sequence[Path]) -> "Extent":
        """Counted without reading more than one universe of each directory."""
        each = [_extent(path) for path in inputs]
        return Extent(sum(extent.universes for extent in each), each[0].n, each[0].settings)


def _extent(path: Path) -> Extent:
    if path.is_dir():
        members = ensemble_members(path)
        first = read_universe(members[0], ["halos"])
        return Extent(len(members), first.box.n, first.config)
    universes = read_training_set([path])
    return Extent(len(universes), universes.box.n, universes.settings)


def plan_unet(config: Config, extent: Extent, channels: int, painted: int) -> Plan:
    """The cost of training a U-Net. channels : of its input; painted : sets of fields kept in memory if they fit."""
    from lss_train.data.examples import planned_bytes

    settings, voxels, wide = config.train, extent.n**3, config.train.channels / 16
    held = min(planned_bytes(painted, channels, extent.n), int(settings.cache * 1e9))
    return Plan(
        int(IMPORTS_BYTES + TORCH_BYTES + BACKWARD_BYTES + held + STEP_BYTES * voxels * settings.batch * wide),
        settings.epochs * extent.universes * voxels * STEP_CPU_SECONDS[settings.precision] * wide**2,
        [
            f"read {extent.universes} universes of {extent.n}^3",
            f"train model '{settings.model}' for {settings.epochs} epochs",
        ],
    )
