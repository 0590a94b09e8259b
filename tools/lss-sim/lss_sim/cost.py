"""What a run needs, said before it starts: memory by counting arrays, time from measured speeds (bench/RESULTS.md)."""

from lss.config import Box
from lss.stages import IMPORTS_BYTES, Plan
from lss_sim.config import Simulation

# Bytes held at the moment of the largest mesh: per mesh cell the modes, one component in Fourier space, its transform
# with the copy that the FFT works in, and the components made before; per particle the input, the state and forces.
CELL_BYTES = 24
PARTICLE_BYTES = {"p3m": 110, "pm": 28}
LPT_BYTES = 20
MESH_CODE_BYTES = 50_000_000  # compiled kernels and thread pools, which perturbation theory does without

# CPU seconds on one core of a 2023 server (AMD Zen 4), busy with other work.
MESH_CELL_SECONDS = 20e-9
MESH_PARTICLE_SECONDS = {"p3m": 200e-9, "pm": 100e-9}
PAIR_SECONDS = 250e-9  # on average over all particles
DEEPER_SECONDS = 700e-9  # in sub-steps, where it is dense
LPT_SECONDS = 0.6e-6
START_SECONDS = 1.0


def estimate(sim: Simulation, box: Box, outputs: int) -> Plan:
    """Peak memory and CPU time of a run with compiled kernels at hand, and its steps in words."""
    n3, cells = box.n**3, (sim.mesh * box.n) ** 3
    memory = IMPORTS_BYTES + 24 * outputs * n3
    lpt_seconds = START_SECONDS + n3 * LPT_SECONDS
    if sim.method in ("1lpt", "2lpt"):
        about = f"{sim.method} particles at z = {', '.join(f'{z:g}' for z in sim.redshifts)}"
        return Plan(memory - MESH_CODE_BYTES + LPT_BYTES * n3, lpt_seconds * outputs, [about], START_SECONDS)
    memory += PARTICLE_BYTES[sim.method] * n3 + CELL_BYTES * cells
    steps = sim.mesh_steps
    seconds = lpt_seconds + steps * (cells * MESH_CELL_SECONDS + n3 * MESH_PARTICLE_SECONDS[sim.method])
    about = f"{steps} steps of {sim.method} on a mesh of {sim.mesh * box.n}^3"
    if sim.method == "p3m":
        seconds += n3 * (PAIR_SECONDS * steps + DEEPER_SECONDS * _deeper_evaluations(sim))
        about += f", pair forces within {sim.reach * box.size / box.n:.3g} Mpc/h on up to 2^{sim.levels} sub-steps"
    return Plan(memory, seconds, [about], START_SECONDS)


def _deeper_evaluations(sim: Simulation) -> float:
    """How many pair forces of all particles the sub-steps come to: 46 from z = 127 to 0 with eta = 0.025 (measured).

    Most are made late and in halos, where eta sets the steps however long the mesh's are.
    """
    return 46 * min(1.0, sim.levels / 4) * (0.025 / sim.eta) ** 0.5
