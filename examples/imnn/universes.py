"""Universes at the fiducial of [inference], and one step up and down in each parameter: python universes.py TOML FOLDER

One process for all, which saves three program starts for each universe. FOLDER/fiducial and FOLDER/steps-NUMBER are
directories as `lss-ic | lss-sim | lss-halo -o FOLDER/` would fill them; what is there already is kept.
"""

import sys
from pathlib import Path

import numpy as np

from lss import stages
from lss.config import Configuration, Settings, read_toml, validate
from lss.files.universe_file import member_path, write_universe
from lss.inference import Inference, with_parameters
from lss.universe import Universe

FIDUCIAL, PAIRS = 240, 120


def make(settings: Settings, inference: Inference, path: Path, index: int) -> None:
    """One universe through the stages, without its particles."""
    config = validate(Configuration, settings, "configuration")
    universe = Universe.create(config, settings)
    for number, stage in enumerate(inference.stages):
        options = {} if number else {"index": index}
        universe = stages.run(stage, universe, settings, **options)
    write_universe(universe.without("PartType1").without("halos"), path)


def main() -> None:
    """Make what is missing."""
    settings, folder = read_toml(Path(sys.argv[1])), Path(sys.argv[2])
    inference = Inference(**settings["inference"])
    fiducial, steps = np.array(inference.fiducial), np.diag(inference.step)
    places = [("fiducial", fiducial, FIDUCIAL)]
    for i, shift in enumerate([*-steps, *steps]):
        places.append((f"steps-{i}", fiducial + shift, PAIRS))
    for name, theta, count in places:
        for index in range(count):
            path = member_path(folder / name, index)
            if not path.exists():
                make(with_parameters(settings, inference.parameters, theta.tolist()), inference, path, index)


if __name__ == "__main__":
    main()
