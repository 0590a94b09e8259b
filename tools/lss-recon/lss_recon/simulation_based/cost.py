"""What an inference of parameters would cost."""

from lss import stages
from lss.config import validate
from lss.learned.conditional_density import FLOWS_BYTES
from lss.stages import IMPORTS_BYTES, TORCH_BYTES, Plan
from lss.universe import Universe
from lss_recon.config import Config
from lss_recon.simulation_based.simulators import FIELDS, complete_settings, makes_fields_in_memory

# Measured at 128^2: a random field and its summaries; what they hold, of FIELDS at a time.
FIELD_CPU_SECONDS, FIELD_BYTES = 5e-8, 400  # per voxel


def plan_simulations(universe: Universe | None, config: Config, most: int, learning_seconds: float = 0.0) -> Plan:
    """Peak memory of the whole process and CPU time of at most `most` simulations and of what is learned from them."""
    recon, inference = config.recon, config.inference
    settings = complete_settings(universe or Universe(config.cosmology, config.box), config)
    voxels = config.box.n ** stages.table("ic", settings).dimensions
    if makes_fields_in_memory(config):
        simulation = [Plan(FIELD_BYTES * FIELDS * voxels, FIELD_CPU_SECONDS * voxels, ["a field in memory"])]
    else:
        found = map(stages.find, inference.stages)
        simulation = [stage.plan(None, validate(stage.Config, settings, "configuration")) for stage in found]
    return Plan(
        int(IMPORTS_BYTES + TORCH_BYTES + FLOWS_BYTES + max(part.memory_bytes for part in simulation)),
        most * sum(part.cpu_seconds for part in simulation) + learning_seconds,
        [
            f"{recon.method}: {', '.join(inference.parameters)} from /fields/{inference.data}",
            f"at most {most} simulations, each:",
            *(f"    {step}" for part in simulation for step in part.steps),
        ],
    )
