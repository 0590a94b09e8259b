"""The tables of the methods that infer parameters, [recon.simulations], [recon.delfi] and [recon.abc]."""

from typing import Literal

from lss.config import Table, quantity


class SimulationSettings(Table):
    """The simulations that a posterior is inferred from."""

    first: Literal["prior", "fisher"] = quantity(
        "prior",
        'where the first parameters are drawn: "prior", or "fisher": the Gaussian about the score estimate of the data',
    )
    width: float = quantity(3.0, 'of that Gaussian, for first = "fisher"', "Fisher sigma", gt=0)
    batch: int = quantity(
        1000, "simulations in memory between two states on disk; those of stages are kept one by one", ge=1
    )
    max_failed: float = quantity(0.1, "share of failed simulations beyond which the run stops", ge=0, le=1)


class Delfi(Table):
    """Sequential inference with a learned density of the summaries, when method = "delfi"."""

    rounds: int = quantity(4, "of simulations; the density is learned anew after each", ge=1)
    simulations: int = quantity(1000, "in each round", ge=1)
    proposal: Literal["geometric", "prior"] = quantity(
        "geometric", 'of the later rounds: "geometric": sqrt(posterior x prior) of the last; "prior"'
    )
    samples: int = quantity(4000, "drawn from the posterior", ge=10)
    density: str | None = quantity(
        None, "name or path of a trained density (lss-train, model density): used as it is, nothing is simulated"
    )


class Abc(Table):
    """Approximate Bayesian computation, when method = "abc"."""

    epsilon: float = quantity(0.4, "distance in the Fisher metric below which a simulation is accepted", "sigma", gt=0)
    accepted: int = quantity(350, "simulations to accept", ge=10)
    max_simulations: int = quantity(100_000, "simulations, all populations together", ge=1)
    populations: bool = quantity(
        False, "population Monte Carlo: epsilon falls in steps, each drawn about what the last accepted"
    )
    quantile: float = quantity(0.5, "of a population's distances: epsilon of the next", gt=0, lt=1)
