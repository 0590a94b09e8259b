"""The table [recon.hmc] of the method that samples phases and bias."""

from typing import Literal, Self

from pydantic import model_validator

from lss.config import Table, quantity

Sampler = Literal["mclmc", "adjusted-mclmc", "hmc", "qn-hmc"]


class Hmc(Table):
    """Sampling of initial phases and halo bias with gradients, when method = "hmc"."""

    sampler: Sampler = quantity("mclmc", "of the phases: docs/neural-bias.md says which when")
    bias_sampler: Sampler = quantity("hmc", "of the bias")
    blocks: tuple[Literal["phases", "bias"], ...] = quantity(
        ("phases",), '"phases" at the bias of the checkpoint, "bias" at the density of the input, or both in turns',
        min_length=1, max_length=2,
    )  # fmt: skip
    bias: str = quantity(
        "neural-bias-32", "name or path of a checkpoint of lss-train, model neural-bias", names="checkpoint"
    )
    forward: Literal["1lpt", "2lpt", "pm"] = quantity("1lpt", "from phases to density")
    steps: int = quantity(5, 'of the particle mesh, for forward = "pm"', ge=1, le=100)
    grid: int = quantity(
        0, "points a side of the phases; finer modes of the result are drawn from the prior; 0: those of [box]", ge=0
    )
    chains: int = quantity(2, "from starts of their own, run at once on the threads there are", ge=1, le=64)
    start: Literal["prior", "checkpoint"] = quantity(
        "prior", "of the bias, when it is sampled: a draw of its prior, or the fit; the phases start from their prior"
    )
    warm_up: int = quantity(1000, "sweeps of each chain that tune step and widths, and are not kept", ge=10)
    draws: int = quantity(1000, "measurements kept of each chain", ge=4)
    thin: int = quantity(10, "sweeps between them", ge=1)
    phase_moves: int = quantity(0, "of the phases in a sweep; 0: one, or 20 when the bias is sampled as well", ge=0)
    bias_moves: int = quantity(2, "of the bias in a sweep", ge=1)
    joint_moves: int = quantity(0, "of phases and bias as one, by `sampler`, after those in turns", ge=0)
    fields: int = quantity(16, "draws of each chain whose phases are kept whole", ge=1)
    energy_variance: float = quantity(
        5e-4, "of a step of unadjusted MCLMC, per dimension: what its step size is chosen by", gt=0, lt=1
    )
    acceptance: float = quantity(0.8, "of the other samplers: what their step size is chosen by", gt=0, lt=1)
    length: float = quantity(1.0, "of trajectories, or over which MCLMC forgets its direction; 1: see the manual", gt=0)
    particle_mass: float | None = quantity(
        None,
        "of the catalogue's masses, which are spread over one particle; 0: they are not counts; none: mass over"
        " n_particles of the catalogue",
        "Msun/h",
        ge=0,
    )
    take: tuple[int, ...] = quantity(
        (), "samples nothing: these kept draws of the input's chains become the initial conditions of universes"
    )

    @model_validator(mode="after")
    def _a_block_occurs_once(self) -> Self:
        if len(set(self.blocks)) != len(self.blocks):
            raise ValueError(f"blocks = {list(self.blocks)}: each once")
        return self

    @model_validator(mode="after")
    def _joint_moves_move_both(self) -> Self:
        if self.joint_moves and len(self.blocks) != 2:
            raise ValueError('joint_moves: expected blocks = ["phases", "bias"]')
        return self
