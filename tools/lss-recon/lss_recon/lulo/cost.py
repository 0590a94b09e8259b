"""What a reconstruction would cost, said before it begins."""

from lss import stages
from lss.config import Settings, validate
from lss.nets.checkpoint import read_card
from lss.stages import IMPORTS_BYTES, TORCH_BYTES, Plan
from lss.universe import Universe
from lss_recon.config import Config, ForwardSettings
from lss_recon.forward_settings import forward_settings
from lss_recon.halo_comparison import compared_fields
from lss_recon.lulo.card_check import check_card
from lss_recon.lulo.cheap import cheap_config, cheap_data
from lss_recon.lulo.orientation import SIDES
from lss_recon.observation import observed_halos

# Measured at 64^3 and 128^3 with 16 channels; the first is what torch holds beside itself when it has run.
WORKSPACE_BYTES = 40_000_000
NETWORK_BYTES_PER_VOXEL, NETWORK_CPU_SECONDS_PER_VOXEL, MEASURED_CHANNELS = 640, 2.8e-6, 16
# 1.2e-6 at 64^3, 4.5e-6 at 128^3.
PLACE_CPU_SECONDS_PER_VOXEL = 3e-6
# Python, numba and torch, before anything is computed.
IMPORTS_CPU_SECONDS = 2.5
# White noise, particles, two halo fields and the members of halos.
UNIVERSE_BYTES_PER_VOXEL = 40
# Where the loop stands, the best, and the one under way, or those of a search; and the one being made.
KEPT = {"schedule": 4, "line_search": 7, "bisection": 7}


def plan(universe: Universe | None, config: Config) -> Plan:
    """Peak memory of the whole process and CPU time of all simulations.

    Raises ConfigError and DataError as the run would, for a network or a catalogue that does not suit the settings.
    """
    recon, voxels = config.recon, config.box.n**3
    config.cosmology.need("omega_b", "h", "n_s", "sigma8")
    found = f"{len(universe.halos)} halos of {universe.source}" if universe and universe.has("halos") else "none named"
    blank = Universe(config.cosmology, config.box, universe.config if universe else {})
    settings, card = forward_settings(blank, config), read_card(recon.checkpoint)
    if universe and universe.has("halos"):
        compared_fields(observed_halos(universe, settings), config.box, settings)
    check_card(card, config, settings)
    simulation = _simulation(recon.forward, settings)
    width = card["architecture"]["channels"] / MEASURED_CHANNELS
    network = IMPORTS_BYTES + WORKSPACE_BYTES + NETWORK_BYTES_PER_VOXEL * width * voxels
    kept = UNIVERSE_BYTES_PER_VOXEL * voxels * min(KEPT[recon.step], recon.max_simulations + 1)
    # Stages that run in this process start once, whatever the number of simulations.
    start = IMPORTS_CPU_SECONDS + sum(part.start_seconds for part in simulation)
    each = sum(part.cpu_seconds - part.start_seconds for part in simulation)
    look = NETWORK_CPU_SECONDS_PER_VOXEL * width**2 * voxels
    each += (2 if recon.update.rotate else 1) * look  # from another side, the data have to be seen again
    each += PLACE_CPU_SECONDS_PER_VOXEL * voxels if recon.update.match_halos else 0
    before_all = (SIDES if recon.update.rotate else 1) * look
    steps = [
        f"start: {recon.start}; direction: {recon.direction}, checkpoint {recon.checkpoint}; step: {recon.step}",
        f"at most {recon.max_simulations - recon.cheap.simulations} simulations, each:",
        *(f"    {step}" for part in simulation for step in part.steps),
    ]
    memory = int(TORCH_BYTES + kept + max(network, *(part.memory_bytes for part in simulation)))
    cpu_seconds = start + before_all + each * (recon.max_simulations - recon.cheap.simulations)
    if recon.cheap.simulations:
        before = plan(cheap_data(universe, config) if universe else None, cheap_config(config))
        memory = max(memory, before.memory_bytes)
        cpu_seconds += before.cpu_seconds - before.start_seconds
        steps = [*before.steps[1:], "then, from the best of these:", *steps[1:]]
    return Plan(memory, cpu_seconds, [f"observed: {found}", *steps], start)


def _simulation(forward: ForwardSettings, settings: Settings) -> list[Plan]:
    """What each stage of the forward model says of itself; of another program nothing is known."""
    if forward.command:
        return [Plan(IMPORTS_BYTES, 0.0, [" ".join(forward.command)])]
    found = map(stages.find, forward.stages)
    return [stage.plan(None, validate(stage.Config, settings, "configuration")) for stage in found]
