"""How much a random field could say of its parameters at most."""

import numpy as np

from lss.inference import Inference, join_names
from lss.universe import Group, Universe
from lss_stats.statistic import Groups, Statistic, Subject


def information(universe: Universe, inference: Inference) -> Group:
    """Fisher matrices (p, p) at the fiducial parameters of a power-law or lognormal field: exact, of all its voxels
    (`field`), and of its binned power spectrum (`power_spectrum`, by simulations)."""
    from lss.differentiable.field_models import simulator
    from lss.differentiable.information import field_information, power_spectrum_information

    simulate = simulator(universe.config, inference.parameters)
    data = {
        "field": field_information(simulate, inference.fiducial),
        "power_spectrum": power_spectrum_information(simulate, inference.fiducial, inference.step),
    }
    roots = {f"sqrt_det_{name}": float(np.sqrt(np.linalg.det(fisher))) for name, fisher in data.items()}
    attrs = {"parameters": join_names(inference.parameters), "fiducial": np.array(inference.fiducial), **roots}
    return Group(data, attrs)


def _of_universe(subject: Subject) -> Groups:
    """Only when asked for by name: it is of the model of [ic], not of the data."""
    if "information" not in subject.config.measure:
        return {}
    return {"information": information(subject.universe, subject.inference)}


STATISTIC = Statistic(groups=("information",), of_universe=_of_universe, compares=True)
