"""The tables of method lulo: [recon.update], [recon.limits], [recon.loss], [recon.line_search] and [recon.cheap]."""

from typing import Any, Literal, Self

from pydantic import model_validator

from lss.config import Table, quantity

Acceptance = Literal["best", "published"]


class Update(Table):
    """What an update of the white noise is made of, beside the direction itself."""

    k_max: float = quantity(1.2, "modes above this are never updated", "h/Mpc", gt=0)
    hold_below: float = quantity(
        0.0,
        "modes well below this keep the values of the start: updates are multiplied by 1 - exp(-(k / hold_below)^2 / "
        "2); 0: all modes are updated",
        "h/Mpc",
        ge=0,
    )
    pull_to_estimate: float = quantity(
        0.0,
        "strength of a pull towards the estimate A(d) / W at full power, on the scales where that is reliable; 0: off",
        ge=0,
        lt=2,
    )
    match_halos: float = quantity(
        0.0,
        "strength of the most probable change that moves simulated halos onto the nearest observed ones; not used with "
        "the cheap model; 0: off",
        ge=0,
        lt=10,
    )
    mass_margin: float = quantity(
        1.0,
        "the estimator is not shown simulated halos below this many times the smallest observed mass: halos at the "
        "limit come and go",
        ge=1,
        lt=2,
    )
    rotate: bool = quantity(
        False, "show the estimator both catalogues in a new orientation at every update (axes, mirror images, shifts)"
    )
    noise: tuple[float, float] = quantity(
        (0.0, 0.9), "white noise added to the direction: amplitude in prior rms, factor per update; LULO: [0.1, 0.9]"
    )

    @model_validator(mode="after")
    def _noise_is_not_negative(self) -> Self:
        if min(self.noise) < 0:
            raise ValueError("noise: expected two numbers, neither negative")
        return self


class Limits(Table):
    """What is imposed on the white noise before every simulation."""

    power: bool = quantity(True, "scale shells with more power than expected back to it; LULO: false")
    power_fraction: tuple[float, float] = quantity(
        (1.0, 1.0),
        "fraction of the prior's power that the limit allows at k = 0.175 to 0.825 h/Mpc: first x second^t at update "
        "t, with t = 0 for the start; below 1: fewer massive halos",
    )
    one_point: bool = quantity(
        True, "map the values of the linear field to the prior's Gaussian distribution; LULO: false"
    )

    @model_validator(mode="after")
    def _fractions_are_fractions(self) -> Self:
        if not (min(self.power_fraction) > 0 and max(self.power_fraction) <= 1):
            raise ValueError("power_fraction: expected two numbers above 0 and at most 1")
        return self


class Loss(Table):
    """The mismatch of halo fields that decides which simulated universe is the best."""

    smoothing: float = quantity(
        2.0, "Gaussian smoothing of the halo fields before they are compared; LULO: 0", "Mpc/h", ge=0
    )
    mean_counts: Literal["data", "own"] = quantity(
        "data", 'what normalises halo fields: mean counts of the data, or ("own", as LULO) of each catalogue itself'
    )


class LineSearch(Table):
    """The step size by approximate exact line search (AELS), or by bisection from the same first step."""

    first_step: float = quantity(1.0, "of the first search", "prior rms", gt=0)
    beta: float = quantity(0.7, "ratio of successive trial steps", gt=0, lt=1)
    accept: Acceptance = quantity("best", '"best": the best step visited; "published": AELS\'s own short step')


class Cheap(Table):
    """A cheaper forward model for the first simulations; the one of [sim] and [halo] goes on from the best of them."""

    simulations: int = quantity(0, "how many of max_simulations use this model; 0: none", ge=0)
    checkpoint: str | None = quantity(
        None,
        "a network of its own; observed masses are matched by abundance to those it was trained on; none: the same "
        "network",
        names="checkpoint",
    )
    schedule: tuple[float, float] = quantity((1.0, 0.9), "step sizes with this model: first x second^t at update t")
    sim: dict[str, Any] = quantity({}, "its [sim]; keys of the later [sim] are not inherited")
    halo: dict[str, Any] = quantity({}, "its [halo]; only [halo.survey] is inherited")
