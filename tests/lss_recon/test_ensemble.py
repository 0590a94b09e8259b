"""Samples of one catalogue: each an ordinary universe, and what is gathered of them."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lss import stages
from lss.config import merge, validate
from lss.errors import ConfigError, DataError
from lss.files.digest import digest
from lss.files.universe_file import ensemble_members, gathered_path, read_universe, write_universe
from lss.grid.mesh import overdensity
from lss.physics.random_field import linear_overdensity
from lss_recon.config import Config
from lss_recon.ensemble import gather

SAMPLES = 3


def settings_of(observed, estimator):
    recon = {"checkpoint": estimator, "max_simulations": 2, "samples": SAMPLES, "start": "prior"}
    return merge(observed.config, {"recon": recon})


@pytest.fixture(scope="module")
def samples(observed, estimator):
    """Three samples, each made alone."""
    settings = settings_of(observed, estimator)
    return [stages.run("recon", observed, settings, index=index) for index in range(SAMPLES)]


def written(samples, folder):
    paths = [folder / f"{number:06d}.h5" for number in range(len(samples))]
    for sample, path in zip(samples, paths, strict=True):
        write_universe(sample, path)
    return paths


def test_gathered_fields_are_means_and_scatter_over_the_samples(samples, observed, estimator, tmp_path):
    config = validate(Config, settings_of(observed, estimator), "test")
    gathered = gather(written(samples, tmp_path), config)
    size = observed.box.size
    linear = [linear_overdensity(sample.noise.value, sample.cosmology, size) for sample in samples]
    np.testing.assert_allclose(gathered.field("linear_mean").value, np.mean(linear, axis=0), atol=1e-5)
    np.testing.assert_allclose(gathered.field("linear_scatter").value, np.std(linear, axis=0, ddof=1), atol=1e-5)
    matter = [overdensity(sample.particles.position, observed.box.n, size) for sample in samples]
    np.testing.assert_allclose(gathered.field("matter").value, np.mean(matter, axis=0), atol=1e-5)
    assert gathered.field("halo_count").value.any()
    assert gathered.group("recon").attrs["samples"] == SAMPLES
    assert gathered.group("recon").attrs["simulations"] == 2 * SAMPLES
    assert np.array_equal(gathered.group("recon/observed").data["mass"], observed.halos.mass)


def test_samples_without_particles_have_no_mean_matter(samples, observed, estimator, tmp_path):
    config = validate(Config, settings_of(observed, estimator), "test")
    gathered = gather(written([samples[0].without("PartType1"), *samples[1:]], tmp_path), config)
    assert "matter" not in gathered.field_names
    assert "linear_mean" in gathered.field_names


def test_samples_of_different_catalogues_are_not_gathered(samples, observed, estimator, tmp_path):
    config = validate(Config, settings_of(observed, estimator), "test")
    group = samples[1].group("recon/observed")
    other = samples[1].with_group("recon/observed", type(group)({**group.data, "mass": group.data["mass"] * 2}))
    with pytest.raises(DataError, match=r"000001.h5: made from another catalogue"):
        gather(written([samples[0], other], tmp_path), config)


def test_samples_that_would_be_all_alike_are_refused(observed, estimator):
    settings = merge(settings_of(observed, estimator), {"recon": {"start": "zero"}})
    with pytest.raises(ConfigError, match="samples = 3: all would be equal"):
        validate(Config, settings, "test")


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def into(line, tmp_path):
    """The words of a command line that puts samples into a folder."""

    def words(*further):
        prior = "--set=recon.start=prior"
        return line(f"{tmp_path}/samples/", prior, *further, simulations=2, step="schedule")

    return words


def test_ensemble_killed_on_the_way_goes_on_to_the_same_bits(into, samples, tmp_path):
    folder = tmp_path / "samples"
    wanted = f"--set=recon.samples={SAMPLES}"
    running = subprocess.Popen(into(wanted))
    while running.poll() is None and not (folder / "000001.h5.state" / "history.h5").exists():
        time.sleep(0.002)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert not gathered_path(folder).exists()
    finished = (folder / "000000.h5").stat().st_mtime_ns

    # One as a task of an array would make it, the rest by the call that gathers.
    subprocess.run(into("--index", "2"), check=True)
    subprocess.run(into(wanted, "--resume"), check=True)
    assert (folder / "000000.h5").stat().st_mtime_ns == finished
    members = ensemble_members(folder)
    assert [path.name for path in members] == ["000000.h5", "000001.h5", "000002.h5"]
    for path, alone in zip(members, samples, strict=True):
        write_universe(alone, tmp_path / "alone.h5")
        assert digest(read_universe(path)) == digest(read_universe(tmp_path / "alone.h5"))
    gathered = read_universe(gathered_path(folder))
    assert gathered.group("recon").attrs["samples"] == SAMPLES
    (provenance,) = (group for path, group in gathered.groups.items() if path.startswith("provenance/"))
    assert provenance.attrs["inputs"].count("\n") == SAMPLES

    stats = Path(sys.executable).with_name("lss-stats")
    said = subprocess.run([stats, folder, "--quiet"], capture_output=True, text=True, check=True).stdout
    _, head, *rows = (re.split(r"  +", row.strip()) for row in said.splitlines())
    assert {row[head.index("members")] for row in rows} == {str(SAMPLES)}

    other = into(wanted, "--resume", "--set=recon.seed=7")
    done = subprocess.run(other, capture_output=True, text=True)
    assert done.returncode == 2
    assert "000000.h5: made from another input or configuration" in done.stderr


def test_several_samples_need_a_directory(line, tmp_path):
    done = subprocess.run(line(tmp_path / "r.h5", "--set=recon.samples=3"), capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "lss-recon: error: 3 universes need a directory: -o DIR/ (or --index I for one of them)\n"
    assert not list(tmp_path.iterdir())


def test_plan_of_an_ensemble_is_that_of_all_its_samples(into):
    cost = []
    for further in ([], ["--set=recon.samples=10"]):
        said = subprocess.run(into("--dry-run", *further), capture_output=True, text=True, check=True).stdout
        cost.append(float(said.split("cost:")[1].split()[0]))
    assert "10 universes, each:" in said
    assert cost[1] == pytest.approx(10 * cost[0], abs=6)
