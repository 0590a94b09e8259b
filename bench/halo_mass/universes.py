"""The universes of the benchmark: made from their seeds where they are not there yet.

They lie in build/halo-mass/universes/NAME/, as lss-ic, lss-sim and lss-halo would leave them.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from lss import stages
from lss.config import Configuration, Settings, merge, read_toml, validate
from lss.files.universe_file import member_path, write_universe
from lss.universe import Universe

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "halo-mass"
FOLDER = Path(os.environ.get("LSS_HALO_MASS", "build/halo-mass")) / "universes"

P3M: Settings = {"sim": {"method": "p3m"}}
SETS: dict[str, Settings] = {
    "pm": {},
    "p3m": P3M,
    "p3m-again": merge(P3M, {"sim": {"offset_seed": 2}}),  # the same initial field, other rounding of the mesh
    "pm-25": {"box": {"size": 25.0}},
}
TRAINING, VALIDATION, TEST = range(36), range(36, 40), range(40, 60)
P3M_TEST = range(40, 48)


def settings(name: str) -> Settings:
    """All tables of a set of universes."""
    return merge(read_toml(EXAMPLES / "small.toml"), SETS[name])


def universe_path(name: str, index: int) -> Path:
    """The file of one universe, made if it is not there."""
    path = member_path(FOLDER / name, index)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_universe(made(settings(name), index), path)
    return path


def made(tables: Settings, index: int) -> Universe:
    """One universe from its seed."""
    universe = Universe.create(validate(Configuration, {k: tables[k] for k in ("cosmology", "box")}, "small.toml"))
    universe = stages.run("ic", universe, tables, index=index)
    for stage in ("sim", "halo"):
        universe = stages.run(stage, universe, tables)
    return universe


def make(name: str, indices: Iterable[int]) -> list[Path]:
    """The files of these universes."""
    return [universe_path(name, index) for index in indices]
