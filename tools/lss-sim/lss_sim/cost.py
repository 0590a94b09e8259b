"""What a run needs, said before it starts: memory by counting arrays, time from measured speeds (bench/RESULTS.md)."""

from lss.config import Box
from lss.stages import IMPORTS_BYTES, Plan
from lss_sim.config import Simulation

# Bytes held at the moment of the largest mesh: per mesh cell the modes, one component in Fourier space, its transform
# with the copy that the FFT works in, and the components made before; per particle the input, the state and forces.
CELL_BYTES = 24
PARTICLE_BYTES = {"p3m": 145, "pm": 90, "2lpt": 110, "1lpt": 90}
LPT_CELL_BYTES = 60

# CPU seconds on one core of a 2023 server (AMD Zen 4), busy with other work.
MESH_CELL_SECONDS = 25e-9
MESH_PARTICLE_SECONDS = {"p3m": 200e-9, "pm": 80e-9}
PAIR_SECONDS = 290e-9
LPT_SECONDS = 0.6e-6
COMPILATION_SECONDS = 1.0


def estimate(sim: Simulation, box: Box, outputs: int) -> Plan:
    """Peak memory and CPU time of a run, with its steps in words."""
    n3, cells = box.n**3, (sim.mesh * box.n) ** 3
    memory = IMPORTS_BYTES + n3 * (PARTICLE_BYTES[sim.method] + 24 * outputs)
    if sim.method in ("1lpt", "2lpt"):
        lpt = f"{sim.method} particles at z = {', '.join(f'{z:g}' for z in sim.redshifts)}"
        return Plan(memory + n3 * LPT_CELL_BYTES, COMPILATION_SECONDS + outputs * n3 * LPT_SECONDS, [lpt])
    memory += cells * CELL_BYTES
    steps = sim.mesh_steps
    seconds = COMPILATION_SECONDS + steps * (cells * MESH_CELL_SECONDS + n3 * MESH_PARTICLE_SECONDS[sim.method])
    about = f"{steps} steps of {sim.method} on a mesh of {sim.mesh * box.n}^3"
    if sim.method == "p3m":
        seconds += steps * n3 * PAIR_SECONDS * _evaluations(sim)
        about += f", pair forces within {sim.reach * box.size / box.n:.3g} Mpc/h on up to 2^{sim.levels} sub-steps"
    else:
        seconds += n3 * LPT_SECONDS
    return Plan(int(memory), seconds, [about])


def _evaluations(sim: Simulation) -> float:
    """Pair forces of all particles, or as much work, in a mesh step: one, and 0.95 for the deeper levels by default.

    That share was measured from z = 127 to 0; it grows as the inverse root of eta and of the softening.
    """
    return 1 + 0.95 * min(1.0, sim.levels / 4) * (0.025 / sim.eta) ** 0.5 * (0.05 / sim.softening) ** 0.5
