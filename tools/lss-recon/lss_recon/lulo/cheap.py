"""The cheaper forward model of the first simulations, [recon.cheap]."""

from lss.halos.survey import Survey, seen_volume
from lss.universe import Universe
from lss_recon.config import Config, ForwardSettings
from lss_recon.lulo.settings import Cheap
from lss_recon.observation import put_on_scale_of


def cheap_config(config: Config) -> Config:
    """The configuration of the first simulations: [recon.cheap] in the place of forward model and network.

    A cheap model is for the large scales: its halos are not where a good one has them to a fraction of 1 Mpc/h.
    What was surveyed belongs to the data, and so to every model of them.
    """
    recon, cheap = config.recon, config.recon.cheap
    survey = {"survey": config.halo["survey"]} if "survey" in config.halo else {}
    changed = {
        "checkpoint": cheap.checkpoint or recon.checkpoint,
        "max_simulations": cheap.simulations,
        "schedule": cheap.schedule,
        "update": recon.update.model_copy(update={"match_halos": 0.0}),
        "forward": ForwardSettings(),
        "cheap": Cheap(),
    }
    tables = {"sim": cheap.sim, "halo": cheap.halo | survey, "recon": recon.model_copy(update=changed)}
    return config.model_copy(update=tables)


def cheap_data(universe: Universe, config: Config) -> Universe:
    """The observed halos with their masses on the scale of the universes that the cheap model's network knows."""
    checkpoint = config.recon.cheap.checkpoint
    survey = Survey.model_validate(config.halo.get("survey") or {})
    return put_on_scale_of(universe, checkpoint, seen_volume(survey, config.box)) if checkpoint else universe
