"""What tests of reconstructions share: the call, and small changes of what it is given."""

import dataclasses

from lss import stages
from lss.config import merge
from lss_recon.lulo.network import Data
from lss_recon.view import View


def reconstruct(observed, checkpoint, options=None, **recon):
    settings = merge(observed.config, {"recon": {"checkpoint": checkpoint, "max_simulations": 4, **recon}})
    return stages.run("recon", observed, settings, **(options or {}))


# Every part of an update that an estimator can take.
EVERY = {"rotate": True, "pull_to_estimate": 0.5, "match_halos": 1.0}


def with_update(config, checkpoint, **update):
    recon = config.recon
    changed = {"checkpoint": checkpoint, "update": recon.update.model_copy(update=update)}
    return config.model_copy(update={"recon": recon.model_copy(update=changed)})


def with_halos(observed, **changes):
    return observed.with_halos(dataclasses.replace(observed.halos, members=None, **changes))


def whole_data(observed, fields):
    """Data of a survey that sees every halo."""
    view = View(None, observed.box, False)
    return Data(observed.halos, fields, view, lambda: observed.halos)


def run_only_recon(run):
    def refuse(name, *arguments, **options):
        assert name == "recon", f"stage {name} was run again"
        return run(name, *arguments, **options)

    return refuse
