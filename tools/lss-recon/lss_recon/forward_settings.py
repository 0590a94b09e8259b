"""The settings of the forward model: those given over those of the input, checked by the stages that read them."""

from lss import stages
from lss.config import Settings, complete, validate
from lss.universe import Universe
from lss_recon.config import Config


def forward_settings(universe: Universe, config: Config) -> Settings:
    """The settings that a simulated universe carries: every key of every table of the forward model.

    Who needs one of these tables asks for it by name, `lss.stages.table("halo", settings)`.
    [halo.catalogue] is left out: a foreign catalogue is data, and the forward model never reads it.
    """
    halo = {key: value for key, value in config.halo.items() if key != "catalogue"}
    settings = {**universe.config, "ic": config.ic, "sim": config.sim, "halo": halo}
    settings |= {"cosmology": config.cosmology.model_dump(), "box": config.box.model_dump()}
    # The halo fields that are compared need a complete [halo], whoever simulates.
    for name in (*config.recon.forward.stages, "halo"):
        settings = complete(validate(stages.find(name).Config, settings, "configuration"), settings)
    return settings


def last_redshift(settings: Settings) -> float:
    """The redshift at which the forward model ends: where its halos are."""
    return min(stages.table("sim", settings).redshifts)
