"""The whole sky that a reconstruction under a mask begins with."""

import functools
import logging
from collections.abc import Callable

from lss.files.restart import Restart
from lss.universe import Group, Halos
from lss_recon.config import Config
from lss_recon.forward import Forward
from lss_recon.lulo.start import unseen_draw
from lss_recon.view import SHOWN, View

log = logging.getLogger("lss.recon")

KEPT = "unseen"  # of the state


def completed(
    observed: Halos, view: View, forward: Forward, config: Config, index: int, restart: Restart
) -> Callable[[], Halos]:
    """The observed catalogue beside the unseen halos of a draw of the prior, simulated when it is first asked for.

    One more simulation, where the survey leaves anything out; its halos are kept with the state.
    """

    @functools.cache
    def whole() -> Halos:
        if not view.completes:
            return observed
        group = restart.load(KEPT)
        if group is None:
            log.info("a draw of the prior is simulated for the part that the survey does not see")
            halos = forward(unseen_draw(config.recon.seed, index, config.box.n)).halos
            group = Group({name: halos.columns[name] for name in SHOWN})
            restart.save(KEPT, group)
        drawn = Halos({name: group.data[name] for name in SHOWN}, observed.mass_definition, "", observed.redshift)
        return view.beside(observed, drawn)

    return whole
