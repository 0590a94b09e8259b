"""What a script or a notebook needs of lss; `import lss` offers all of it as lss.read, lss.run, lss.paint, ...

>>> import lss
>>> universe = lss.run("ic", box={"size": 50.0, "n": 16}, ic={"seed": 3, "redshift": 0.0})
>>> delta = lss.paint(universe.particles.position, 16, 50.0)
>>> k, power, n_modes = lss.power_spectrum(delta, 50.0, assignment="tsc")
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lss import stages
from lss.config import Settings, merge, validate
from lss.errors import DataError
from lss.files.ownership import refuse_others
from lss.files.universe_file import read_universe, write_universe
from lss.grid.mesh import overdensity
from lss.grid.spectra import measure
from lss.nets.checkpoint import Card, build, load_checkpoint
from lss.universe import Universe


def read(path: Path | str) -> Universe:
    """Read a universe file, or another code's snapshot (Gadget, AREPO, SWIFT).

    The universe has `cosmology`, `box`, `particles`, `halos`, `noise`, `field(name)` and, as they are stored, `groups`.
    Raises DataError with one line that says what is wrong with the file.

    >>> import lss
    >>> lss.write(lss.run("ic", box={"size": 50.0, "n": 16}), "u.h5")
    >>> universe = lss.read("u.h5")
    >>> universe.box.size, universe.particles.position.shape
    (50.0, (4096, 3))
    """
    return read_universe(path)


def write(universe: Universe, path: Path | str) -> None:
    """Write a universe, whole or not at all. A universe that is there is replaced; no other file is.

    Raises DataError if it cannot be written.

    >>> import lss
    >>> lss.write(lss.run("ic", box={"size": 50.0, "n": 16}), "u.h5")
    """
    refuse_others(Path(path), "universe")
    write_universe(universe, path)


def run(stage: str, universe: Universe | None = None, **tables: Mapping[str, Any]) -> Universe:
    """Send a universe through a stage: "ic", "sim", "halo", "recon", "stats", or one of another package.

    universe : None to begin with nothing ("ic"); tables : of the configuration, over what the universe carries
    Returns another universe; the first stays as it is.
    Raises ConfigError for keys and values that the stage would refuse, DataError if the data do not suit it.

    >>> import lss
    >>> initial = lss.run("ic", box={"size": 50.0, "n": 16})
    >>> evolved = lss.run("sim", initial, sim={"method": "pm", "steps": 8})
    >>> evolved.particles.redshift
    0.0
    >>> lss.run("halo", evolved, halo={"mass_definition": "fof"}).halos.mass.dtype
    dtype('float32')
    """
    settings: Settings = merge(universe.config if universe else {}, {name: dict(t) for name, t in tables.items()})
    model = stages.find(stage).Config
    config = validate(model, settings, "lss.run")
    stages.check_tables(tables, settings, "lss.run", model)
    return stages.run(stage, universe or Universe.create(config, settings), settings)


def paint(
    position: np.ndarray, n: int, box_size: float, assignment: str = "tsc", weight: np.ndarray | None = None
) -> np.ndarray:
    """The overdensity of points on a grid, (n, n, n) float32.

    position : (m, 3) float32 in Mpc/h, in the periodic box; weight : (m,) float32, masses for instance;
    assignment : "ngp", "cic", "tsc" or "pcs"

    >>> import lss, numpy as np
    >>> delta = lss.paint(np.zeros((5, 3), np.float32), 8, 10.0)
    >>> delta.shape, abs(float(delta.mean())) < 1e-6
    ((8, 8, 8), True)
    """
    return overdensity(np.asarray(position, np.float32), n, box_size, assignment, weight)


def power_spectrum(
    field: np.ndarray, box_size: float, assignment: str | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The power spectrum of a periodic field, in shells of width 2 pi / box_size; shot noise stays in it.

    field : (n, n, n) overdensity; assignment : how it was painted, to be divided out; None for a field that was not
    Returns the mean k of each shell (h/Mpc), P ((Mpc/h)^3) and the number of modes.
    Source: as `lss-stats`, Jing 2005 for the window.

    >>> import lss, numpy as np
    >>> noise = np.random.default_rng(1).standard_normal((32, 32, 32), np.float32)
    >>> k, power, n_modes = lss.power_spectrum(noise, 32.0)
    >>> print(f"{np.average(power, weights=n_modes):.2f}")  # white noise of variance 1 in cells of 1 (Mpc/h)^3
    1.00
    """
    found = measure([np.asarray(field, np.float32)], box_size, [assignment or "none"])
    return found.k, found.power[0, 0], found.n_modes


def load_network(name_or_path: Path | str, device: str = "cpu") -> tuple[Any, Card]:
    """A trained network and its card, by the name of one that ships or by a path (with a slash or .safetensors).

    The network is a torch module, ready to be called; the card says what it is, how to feed it, and how good it was.
    What `lss-recon` and `lss-halo` do with one is in `lss.learned`. Raises DataError for a file that cannot be used.

    >>> import lss
    >>> network, card = lss.load_network("estimator-64")
    >>> card["model"], card["architecture"]["kind"]
    ('estimator', 'unet')
    """
    state, card = load_checkpoint(name_or_path, device)
    from lss.learned.fitted_bias import MODEL as NEURAL_BIAS  # beside torch, which the line above has loaded

    if card.get("model") == NEURAL_BIAS:
        raise DataError(f"{name_or_path}: a fitted bias, not a torch network; lss.learned.fitted_bias.load reads it")
    network = build(card["architecture"], str(name_or_path)).to(device)
    network.load_state_dict(state)
    return network.eval(), card


__all__ = ["load_network", "paint", "power_spectrum", "read", "run", "write"]
