"""Held-out truths: universes by the stages of examples/lulo/truth.toml, made once and kept as ordinary files."""

from dataclasses import dataclass
from pathlib import Path

from bench.lulo.kept import FOLDER, code_hash, key, linked
from lss import stages
from lss.config import Configuration, Settings, read_toml, validate
from lss.files.universe_file import member_path, read_universe, write_universe
from lss.universe import Group, Universe, WhiteNoise

STAGES = ("ic", "sim", "halo")


@dataclass(frozen=True)
class Truths:
    """The truths of one configuration: number i is member i of its ensemble."""

    settings: Settings
    folder: Path

    def path(self, number: int) -> Path:
        """Where truth `number` lies once it is made."""
        return member_path(self.folder, number)


def truths(source: Path) -> Truths:
    """The truths that a TOML file describes."""
    settings = read_toml(source)
    cause = key(settings, code_hash(*(f"lss_{name}.stage" for name in STAGES)))
    return Truths(settings, linked(FOLDER / "truths" / cause, source.stem))


def make(kept: Truths, number: int) -> Path:
    """Simulate truth `number`, unless it is there."""
    path = kept.path(number)
    if not path.exists():
        write_universe(compact(simulated(kept.settings, index=number)), path)
    return path


def simulated(settings: Settings, *, index: int = 0, noise: WhiteNoise | None = None) -> Universe:
    """A universe through all stages, from its seed or from given white noise."""
    universe = Universe.create(validate(Configuration, settings, "truth"), settings)
    if noise is not None:
        universe = universe.with_noise(noise)
    for name in STAGES:
        options = {"index": index} if name == "ic" else {}
        universe = stages.run(name, universe, settings, **options)
    return universe


def compact(universe: Universe) -> Universe:
    """Without the lists of the halos' particles, which no figure needs."""
    halos = universe.group("halos")
    columns = {name: array for name, array in halos.data.items() if not name.startswith("members_")}
    fields = {path: group for path, group in universe.groups.items() if path.startswith("fields/")}
    universe = universe.with_group("halos", Group(columns, halos.attrs, halos.units))
    for path, group in fields.items():
        universe = universe.with_group(path, group)
    return universe


def observed(truth: Universe) -> Universe:
    """What a reconstruction is given of a truth: its halos, and nothing of how they were made."""
    return Universe(truth.cosmology, truth.box, {}, {}, truth.source).with_halos(truth.halos)


def load(path: Path) -> Universe:
    """A kept universe, as far as figures need it."""
    return read_universe(path, ["ic", "PartType1", "halos", "recon", "bench"])
