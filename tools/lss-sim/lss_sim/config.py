"""The table [sim]."""

from typing import Annotated, Literal

import pydantic

from lss.config import Configuration, Table, quantity
from lss.universe import snapshot_name

# What each method takes when the table does not say (figures in docs/gravity.md).
STEPS = {"p3m": 72, "pm": 20}
PM_START = 19.0
HIGHEST = 9999.0  # the growth of fluctuations is tabulated so far


class Snapshot(Table):
    """[sim.snapshot]: what another code's snapshot does not say of itself."""

    length_unit: Literal["kpc/h", "Mpc/h"] | None = quantity(
        None, "of a Gadget snapshot without unit attributes (masses are then 1e10 Msun/h, velocities km/s)"
    )


class Simulation(Table):
    """How particles are evolved."""

    method: Literal["p3m", "pm", "2lpt", "1lpt"] = quantity(
        "p3m", '"p3m": N-body; "pm": mesh forces only, for approximate work; "2lpt", "1lpt": perturbation theory'
    )
    engine: Literal["numba", "torch"] = quantity(
        "numba", '"torch": pm, 2lpt and 1lpt on a GPU if there is one, to float32 rounding the same'
    )
    redshifts: list[Annotated[float, pydantic.Field(ge=0, le=HIGHEST)]] = quantity([0.0], "outputs", min_length=1)
    start: float | None = quantity(
        None,
        "redshift at which pm takes over from 2LPT (default 19; p3m starts from the particles it is given)",
        gt=0,
        le=HIGHEST,
    )
    steps: int | None = quantity(
        None,
        "mesh steps from start to last output, uniform in log a (p3m: log a + 8 sqrt(a)); default: p3m 72, pm 20",
        ge=1,
    )
    mesh: int = quantity(2, "mesh cells per particle and side", ge=1, le=8)
    # 15.0397 / 2 pi, a zero of j_4: the clouds of lss_sim.split then have no power at the wavenumber of the lattice.
    reach: float = quantity(
        2.3936, "of the pair force of p3m, in mean particle separations; the mesh does the rest", gt=0
    )
    softening: float = quantity(
        0.05, "Plummer-equivalent softening; Gadget's spline reaches 2.8 times that", "Mpc/h", gt=0
    )
    eta: float = quantity(
        0.02, "accuracy of time bins: dt = sqrt(eta) / omega, omega^2 = G sum m / r^3 over the pairs in reach", gt=0
    )
    levels: int = quantity(6, "deepest time bin: 2^levels short-range steps in a mesh step", ge=0, le=10)
    offset_seed: int = quantity(1, "seed of the random shifts of the mesh against the particles", ge=0, lt=2**32)
    snapshot: Snapshot = quantity(Snapshot(), "what another code's snapshot does not say of itself")
    matter_grid: int = quantity(0, "points per side of fields/matter, CIC at the last output; 0: none", ge=0)

    @pydantic.model_validator(mode="after")
    def _outputs_have_names_of_their_own(self) -> "Simulation":
        outputs = set(self.redshifts)
        if len({snapshot_name(z) for z in outputs}) < len(outputs):
            raise ValueError(f"redshifts = {self.redshifts}: two outputs are the same to three decimals, their names")
        return self

    @property
    def mesh_steps(self) -> int:
        """Steps of the chosen method."""
        return self.steps if self.steps is not None else STEPS.get(self.method, 0)

    @property
    def pm_start(self) -> float:
        """Start redshift of method "pm"."""
        return self.start if self.start is not None else PM_START


class Config(Configuration):
    """What lss-sim reads."""

    sim: Simulation = quantity(Simulation(), "how particles are evolved")
