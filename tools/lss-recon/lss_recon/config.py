"""The table [recon], and the tables of the forward model that it passes on."""

from typing import Annotated, Any, Literal, Self

from pydantic import create_model, model_validator

from lss.config import Configuration, OneOf, Table, quantity
from lss.inference import Inference
from lss_recon.lulo.settings import Cheap, Limits, LineSearch, Loss, Update
from lss_recon.methods import METHODS, tables

# The tables that methods declare are fields of [recon] as those written below are, but not known to a type checker.
_FIELDS: dict[str, Any] = {name: (table, quantity(table(), table.__doc__ or "")) for name, table in tables().items()}
_MethodTables: Any = create_model("_MethodTables", __base__=Table, **_FIELDS)


class ForwardSettings(Table):
    """What makes a universe of white noise."""

    stages: tuple[str, ...] = quantity(("ic", "sim", "halo"), "run in this process, one after the other", min_length=1)
    command: tuple[str, ...] | None = quantity(
        None,
        'an external program instead, as ["./my_sim.sh", "{input}", "{output}"]: reads a universe with /ic, writes one '
        "with /halos",
        names="command",
    )
    timeout: float = quantity(0.0, "end a command, and all that it started, after this time; 0: never", "s", ge=0)
    retries: int = quantity(0, "how often a failed command is tried again", ge=0)

    @model_validator(mode="after")
    def _command_takes_files(self) -> Self:
        text = " ".join(self.command or ("{input}", "{output}"))
        if "{input}" not in text or "{output}" not in text:
            raise ValueError("the command must mention {input} and {output}")
        return self


class Reconstruction(_MethodTables):
    """How the initial conditions behind a halo catalogue are found."""

    method: Annotated[str, OneOf(METHODS)] = quantity(
        "lulo", "; ".join(f'"{name}": {method.words}' for name, method in METHODS.items())
    )
    checkpoint: str = quantity(
        "estimator-64",
        "name or path of the network behind the direction, or (delfi, abc) that compresses fields",
        names="checkpoint",
    )
    direction: Literal["estimate", "pairs"] = quantity(
        "estimate", '"estimate": [A(d) - A(S(x))] / W of an estimator A; "pairs": LULO\'s network of differences'
    )
    start: Literal["estimate", "sample", "prior", "zero"] = quantity(
        "estimate",
        '"estimate": A(d) / W at full power where it is reliable, elsewhere as "sample": b A(d) / W plus a draw of its '
        'errors; "prior": a draw of the prior; "zero": LULO\'s',
    )
    step: Literal["schedule", "line_search", "bisection"] = quantity(
        "schedule", '"schedule": one simulation an update; "line_search": AELS; "bisection": of a bracket instead'
    )
    schedule: tuple[float, float] = quantity((1.0, 0.9), "step sizes: first x second^t at update t = 0, 1, ...")
    max_simulations: int = quantity(16, "simulations at most, including that of the start", ge=1)
    samples: int = quantity(1, "independent reconstructions, each a universe in the directory given to -o", ge=1)
    seed: int = quantity(1, "of everything drawn, together with the sample's --index", ge=0, lt=2**32)
    unseen: Literal["simulated", "empty"] = quantity(
        "simulated",
        'where [halo.survey] sees no halos, or a share of them, "simulated": the network is shown those of the'
        ' simulated universe; "empty": none',
    )
    survey_may_differ: bool = quantity(
        False, "go on where data, forward model and network are not of one survey: line of sight, mask, selection"
    )
    update: Update = quantity(Update(), "what an update is made of")
    limits: Limits = quantity(Limits(), "what is imposed on the white noise")
    loss: Loss = quantity(Loss(), "the mismatch that decides which universe is the best")
    line_search: LineSearch = quantity(LineSearch(), "the step size by line search")
    forward: ForwardSettings = quantity(ForwardSettings(), "what makes a universe of white noise")
    cheap: Cheap = quantity(Cheap(), "a cheaper forward model for the first simulations")

    @model_validator(mode="after")
    def _schedules_are_positive(self) -> Self:
        for name, schedule in (("schedule", self.schedule), ("cheap.schedule", self.cheap.schedule)):
            if min(schedule) <= 0:
                raise ValueError(f"{name}: expected two positive numbers")
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
        for key in ("rotate", "pull_to_estimate", "match_halos", "mass_margin"):
            value = getattr(self.update, key)
            if value != Update.model_fields[key].default and self.direction != "estimate":
                raise ValueError(f'update.{key} = {str(value).lower()} needs direction = "estimate"')
        return self

    @model_validator(mode="after")
    def _cheap_simulations_leave_some(self) -> Self:
        if self.cheap.simulations >= self.max_simulations:
            raise ValueError(
                f"cheap.simulations = {self.cheap.simulations}: with max_simulations = {self.max_simulations} no "
                "simulation is left for the forward model"
            )
        return self

    @model_validator(mode="after")
    def _samples_differ(self) -> Self:
        if self.samples > 1 and self.start == "zero" and not self.update.noise[0]:
            raise ValueError(f'samples = {self.samples}: all would be equal with start = "zero" and no noise')
        return self


class Config(Configuration):
    """What lss-recon reads. The tables of its forward model are checked by the stages that they belong to."""

    ic: dict[str, Any] = quantity({}, "[ic] of the forward model")
    sim: dict[str, Any] = quantity({}, "[sim] of the forward model")
    halo: dict[str, Any] = quantity({}, "[halo] of the forward model, and of the halo fields that are compared")
    inference: Inference = quantity(Inference(), "what is inferred, by delfi and abc")
    recon: Reconstruction = quantity(Reconstruction(), "how the initial conditions behind a halo catalogue are found")
