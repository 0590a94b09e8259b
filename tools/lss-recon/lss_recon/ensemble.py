"""What samples of one catalogue have in common, and how far they scatter: fields voxel by voxel."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lss import stages
from lss.errors import DataError
from lss.files.universe_file import read_universe
from lss.grid.mesh import overdensity
from lss.physics.random_field import linear_overdensity
from lss.universe import Field, Group, Universe
from lss_recon.config import Config
from lss_recon.forward_settings import forward_settings
from lss_recon.halo_comparison import FieldsOf, compared_fields
from lss_recon.view import view_of, whole_sky

LINEAR = "linear"
_READ = ["ic", "PartType1", "halos", "recon"]
_KEPT = ("method", "direction", "start", "step", "checkpoint", "checkpoint_sha256")


def gather(paths: list[Path], config: Config) -> Universe:
    """The mean of the samples in `paths`, and the scatter of their initial fields.

    Returns a universe with /fields/linear_mean and /fields/linear_scatter (linear overdensity at z = 0: mean, and
    standard deviation over the samples with n - 1 in the denominator, voxel by voxel), the mean matter and the mean
    halo fields; its /recon tells how many samples and simulations, /recon/observed of what. Particles that some
    samples lack (--drop) leave the mean matter out.
    Raises DataError if the samples are not of one catalogue.
    """
    first = read_universe(paths[0], ["recon"])
    settings = forward_settings(first, config)
    # The halos of samples are those of a whole sky, where the unseen part was simulated.
    settings = whole_sky(settings, view_of(settings, config.box, config.recon.unseen))
    blank = Universe(config.cosmology, config.box, settings, {}, str(paths[0].parent))
    observed = first.group("recon/observed")
    halo = stages.table("halo", settings)
    catalogue = blank.with_group("halos", observed).halos
    fields = compared_fields(catalogue, config.box, settings, config.recon.loss.mean_counts)
    total: dict[str, np.ndarray] = {}
    of_squares: np.ndarray | float = 0.0
    count: dict[str, int] = {}
    tables = []
    for path in paths:
        sample = read_universe(path, _READ)
        tables.append(_table(sample, observed))
        for name, value in _fields(sample, fields, halo.fields):
            exact = value.astype(np.float64)
            total[name] = total.get(name, 0.0) + exact
            count[name] = count.get(name, 0) + 1
            if name == LINEAR:
                of_squares = of_squares + exact**2
    means = {name: total[name] / count[name] for name in total if count[name] == len(paths)}
    variance = (of_squares - len(paths) * means[LINEAR] ** 2) / (len(paths) - 1)
    result = blank.with_field("linear_mean", _field(means.pop(LINEAR)))
    result = result.with_field("linear_scatter", _field(np.sqrt(np.maximum(variance, 0))))
    for name, mean in means.items():
        assignment = "cic" if name == "matter" else halo.assignment
        result = result.with_field(name, _field(mean, assignment))
    return result.with_group("recon", Group({}, _attributes(tables))).with_group("recon/observed", observed)


def _fields(sample: Universe, fields: FieldsOf, channels: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    """What is averaged, by the name of the field that holds its mean: (n, n, n) float32 each."""
    n, size = sample.box.n, sample.box.size
    yield LINEAR, linear_overdensity(sample.noise.value, sample.cosmology, size)
    if sample.has("PartType1"):
        yield "matter", overdensity(sample.particles.position, n, size, "cic")
    if sample.has("halos"):
        yield from zip((f"halo_{channel}" for channel in channels), fields(sample.halos), strict=True)


def _table(sample: Universe, observed: Group) -> Group:
    """The history of a sample, which must be of the same catalogue as the first."""
    own = sample.group("recon/observed")
    for name in ("position", "mass"):
        if not np.array_equal(own.data[name], observed.data[name]):
            raise DataError(f"{sample.source}: made from another catalogue than the first sample")
    return sample.group("recon")


def _attributes(tables: list[Group]) -> dict[str, Any]:
    simulations = [int(table.attrs["simulations"]) for table in tables]
    return {
        "samples": len(tables),
        "simulations": sum(simulations),
        "simulations_of_samples": np.array(simulations, np.int32),
        "loss_of_samples": np.array([table.attrs["loss"] for table in tables], np.float64),
        **{name: tables[0].attrs[name] for name in _KEPT if name in tables[0].attrs},
    }


def _field(value: np.ndarray, assignment: str = "none") -> Field:
    return Field(value.astype(np.float32), assignment)
