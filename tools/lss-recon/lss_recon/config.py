"""The table [recon], and the tables of the forward model that it passes on."""

from typing import Annotated, Any, Literal, Self

from pydantic import create_model, model_validator

from lss.config import Configuration, OneOf, Table, quantity
from lss.inference import Inference
from lss_recon.methods import METHODS, tables

# The tables that methods declare are fields of [recon] as those written below are, but not known to a type checker.
_FIELDS: dict[str, Any] = {name: (table, quantity(table(), table.__doc__ or "")) for name, table in tables().items()}
_MethodTables: Any = create_model("_MethodTables", __base__=Table, **_FIELDS)


Acceptance = Literal["best", "published"]


class LineSearch(Table):
    """AELS, when step = "line_search"; bisection takes its first step."""

    first_step: float = quantity(1.0, "of the first search; LULO: 0.01", "prior rms", gt=0)
    beta: float = quantity(0.7, "ratio of successive trial steps", gt=0, lt=1)
    accept: Acceptance = quantity("best", '"best": the best step visited; "published": AELS\'s own short step')


class Forward(Table):
    """What makes a universe of white noise."""

    stages: tuple[str, ...] = quantity(("ic", "sim", "halo"), "run in this process, one after the other", min_length=1)
    command: tuple[str, ...] | None = quantity(
        None,
        'an external program instead, as ["./my_sim.sh", "{input}", "{output}"]: a universe with /ic in, /halos out',
    )
    timeout: float = quantity(0.0, "a command that takes longer is ended, with all that it started; 0: none", "s", ge=0)
    retries: int = quantity(0, "how often a command that failed is tried again", ge=0)

    @model_validator(mode="after")
    def _command_takes_files(self) -> Self:
        text = " ".join(self.command or ("{input}", "{output}"))
        if "{input}" not in text or "{output}" not in text:
            raise ValueError("the command must mention {input} and {output}")
        return self


class Early(Table):
    """A cheaper forward model for the first simulations; where it ends, the one of [sim] and [halo] begins."""

    simulations: int = quantity(0, "by this model, of max_simulations; 0: none", ge=0)
    checkpoint: str | None = quantity(
        None, "its own network, on the scale of whose halos the observed masses are put by abundance; none: as later"
    )
    schedule: tuple[float, float] = quantity((1.0, 0.9), "of its steps")
    sim: dict[str, Any] = quantity({}, "[sim] of this model, none of whose keys are those of the later one")
    halo: dict[str, Any] = quantity({}, "[halo] of this model")


class Reconstruction(_MethodTables):
    """How the initial conditions behind a halo catalogue are found."""

    method: Annotated[str, OneOf(METHODS)] = quantity(
        "lulo", "; ".join(f'"{name}": {method.words}' for name, method in METHODS.items())
    )
    checkpoint: str = quantity(
        "estimator-64", "name or path of the network behind the direction, or that compresses fields (delfi, abc)"
    )
    direction: Literal["estimate", "pairs"] = quantity(
        "estimate", '"estimate": [A(d) - A(S(x))] / W of an estimator A; "pairs": LULO\'s network of differences'
    )
    start: Literal["estimate", "sample", "prior", "zero"] = quantity(
        "estimate",
        '"estimate": A(d) / W at full power where it is good, else as "sample": b A(d) / W and the scatter of the '
        'truth about it; "prior": a draw of it; "zero": LULO\'s',
    )
    mean_counts: Literal["data", "own"] = quantity(
        "data", "that normalise the halo fields that are compared: the data's, or of each catalogue its own (LULO)"
    )
    step: Literal["schedule", "line_search", "bisection"] = quantity(
        "schedule", '"schedule": one simulation an update; "line_search": AELS; "bisection": of a bracket instead'
    )
    schedule: tuple[float, float] = quantity((1.0, 0.9), "gamma = first x second^t at update t = 0, 1, ...")
    k_max: float = quantity(1.2, "updates end here", "h/Mpc", gt=0)
    k_hold: float = quantity(
        0.0,
        "updates leave what is well below this to the start, by 1 - exp(-(k / k_hold)^2 / 2); 0: nothing",
        "h/Mpc",
        ge=0,
    )
    pull: float = quantity(
        0.0,
        "added to a direction, times what x lacks to A(d) / W at full power, on the scales where that is good; 0: none",
        ge=0,
        lt=2,
    )
    place: float = quantity(
        0.0,
        "added to a direction, times the most probable change of x that moves simulated halos to the observed ones "
        "nearest to them, not of early simulations; 0: none",
        ge=0,
        lt=10,
    )
    margin: float = quantity(
        1.0,
        "simulated halos below this, times the least observed mass, are not shown to the estimator: those at the limit "
        "come and go",
        ge=1,
        lt=2,
    )
    turn: bool = quantity(
        False, "every update of an estimator looks from another side (axes, mirror images, shifts by voxels)"
    )
    power_limit: bool = quantity(True, "no shell above the prior's power, at every trial point; LULO: false")
    power_share: tuple[float, float] = quantity(
        (1.0, 1.0),
        "of the prior's power, what the limit allows at k = 0.175 to 0.825 h/Mpc: first x second^t at update t, the "
        "start being 0; below 1: fewer massive halos",
    )
    one_point_limit: bool = quantity(
        True, "values of the linear field distributed as the prior's, at every trial point; LULO: false"
    )
    loss_smoothing: float = quantity(
        2.0, "of the halo fields whose mismatch picks the best universe; LULO: 0", "Mpc/h", ge=0
    )
    noise: tuple[float, float] = quantity(
        (0.0, 0.9), "noise added to the direction: amplitude in prior rms, factor per update; LULO: [0.1, 0.9]"
    )
    max_simulations: int = quantity(16, "simulations, the start's included", ge=1)
    samples: int = quantity(1, "draws sent through the loop, each a universe of the directory that -o names", ge=1)
    seed: int = quantity(1, "of everything drawn, together with the sample's --index", ge=0, lt=2**32)
    line_search: LineSearch = quantity(LineSearch(), "AELS")
    forward: Forward = quantity(Forward(), "what makes a universe of white noise")
    early: Early = quantity(Early(), "a cheaper forward model to begin with")

    @model_validator(mode="after")
    def _schedules_are_positive(self) -> Self:
        for name, schedule in (("schedule", self.schedule), ("early.schedule", self.early.schedule)):
            if min(schedule) <= 0:
                raise ValueError(f"{name}: expected two positive numbers")
        if not (min(self.power_share) > 0 and max(self.power_share) <= 1):
            raise ValueError("power_share: expected two numbers above 0, neither above 1")
        if min(self.noise) < 0:
            raise ValueError("noise: expected two numbers, neither negative")
        return self

    @model_validator(mode="after")
    def _only_an_estimator_gives_a_start(self) -> Self:
        if self.start in ("estimate", "sample") and self.direction != "estimate":
            raise ValueError(
                f'start = "{self.start}" needs direction = "estimate": the pairs network estimates differences'
            )
        return self

    @model_validator(mode="after")
    def _some_keys_are_for_an_estimator(self) -> Self:
        off = Reconstruction.model_fields
        for key in ("turn", "pull", "place", "margin"):
            value = getattr(self, key)
            if value != off[key].default and self.direction != "estimate":
                raise ValueError(f'{key} = {str(value).lower()} needs direction = "estimate"')
        return self

    @model_validator(mode="after")
    def _early_simulations_leave_some(self) -> Self:
        if self.early.simulations >= self.max_simulations:
            raise ValueError(
                f"early.simulations = {self.early.simulations}: max_simulations = {self.max_simulations} leaves none "
                "to the forward model"
            )
        return self

    @model_validator(mode="after")
    def _samples_differ(self) -> Self:
        if self.samples > 1 and self.start == "zero" and not self.noise[0]:
            raise ValueError(f'samples = {self.samples}: all alike with start = "zero" and no noise')
        return self


class Config(Configuration):
    """What lss-recon reads. The tables of its forward model are checked by the stages that they belong to."""

    ic: dict[str, Any] = quantity({}, "[ic] of the forward model")
    sim: dict[str, Any] = quantity({}, "[sim] of the forward model")
    halo: dict[str, Any] = quantity({}, "[halo] of the forward model, and of the halo fields that are compared")
    inference: Inference = quantity(Inference(), "what is inferred, by delfi and abc")
    recon: Reconstruction = quantity(Reconstruction(), "how the initial conditions behind a halo catalogue are found")

    def early(self) -> "Config":
        """What the early simulations are made with: [recon.early] in the place of forward model and network.

        A cheap model is for the large scales: its halos are not where a good one has them to a fraction of 1 Mpc/h.
        What was surveyed belongs to the data, and so to every model of them.
        """
        early = self.recon.early
        survey = {"survey": self.halo["survey"]} if "survey" in self.halo else {}
        changed = {
            "checkpoint": early.checkpoint or self.recon.checkpoint,
            "max_simulations": early.simulations,
            "schedule": early.schedule,
            "place": 0.0,
            "forward": Forward(),
            "early": Early(),
        }
        tables = {"sim": early.sim, "halo": early.halo | survey, "recon": self.recon.model_copy(update=changed)}
        return self.model_copy(update=tables)
