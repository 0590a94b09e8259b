"""The tables of the methods that infer parameters, [recon.simulations], [recon.delfi] and [recon.abc]."""

from typing import Literal

from lss.config import Table, quantity


class SimulationSettings(Table):
    """The simulations that a posterior is inferred from."""

    first: Literal["prior", "fisher"] = quantity(
        "prior",
        'where the first parameters are drawn: "prior", or "fisher": the Gaussian about the score estimate of the data',
    )
    width: float = quantity(3.0, 'width of that Gaussian, for first = "fisher"', "Fisher sigma", gt=0)
    batch: int = quantity(
        1000, "simulations between two saves of the state; those made by stages are saved one by one", ge=1
    )
    max_failed: float = quantity(0.1, "share of failed simulations beyond which the run stops", ge=0, le=1)


class Delfi(Table):
    """Sequential inference with a learned density of the summaries, when method = "delfi"."""

    rounds: int = quantity(4, "rounds of simulations; the density is trained again after each", ge=1)
    simulations: int = quantity(1000, "in each round", ge=1)
    proposal: Literal["geometric", "prior"] = quantity(
        "geometric",
        'where later rounds draw parameters: "geometric": sqrt(posterior x prior) of the round before; "prior"',
    )
    samples: int = quantity(4000, "drawn from the posterior", ge=10)
    density: str | None = quantity(
        None,
        "name or path of a trained density (lss-train, model density): used as it is, nothing is simulated",
        names="checkpoint",
    )


class Abc(Table):
    """Approximate Bayesian computation, when method = "abc"."""

    epsilon: float = quantity(0.4, "distance in the Fisher metric below which a simulation is accepted", "sigma", gt=0)
    accepted: int = quantity(350, "simulations to accept", ge=10)
    max_simulations: int = quantity(100_000, "simulations, all populations together", ge=1)
    populations: bool = quantity(
        False, "population Monte Carlo: epsilon falls in steps, each drawn around those accepted in the step before"
    )
    quantile: float = quantity(0.5, "quantile of a population's distances that becomes epsilon of the next", gt=0, lt=1)
