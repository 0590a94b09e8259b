import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

LSS_IC = Path(sys.executable).parent / "lss-ic"


def lss_ic(*arguments, cwd=None, **options):
    command = [str(LSS_IC), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, cwd=cwd, timeout=60, check=False, **options)


def test_one_line_says_the_sigma8_of_the_field(tmp_path):
    done = lss_ic("--set", "box.n=16", "-o", tmp_path / "u.h5", text=True)
    assert done.returncode == 0
    assert done.stderr.splitlines()[0].startswith("lss-ic: sigma8 = ")


def test_a_pipe_and_a_file_hold_the_same_universe(tmp_path):
    settings = ["--set", "box.n=16", "--set", "ic.seed=3"]
    lss_ic(*settings, "-o", tmp_path / "file.h5")
    (tmp_path / "pipe.h5").write_bytes(lss_ic(*settings).stdout)
    with h5py.File(tmp_path / "file.h5") as a, h5py.File(tmp_path / "pipe.h5") as b:
        for name in ("ic/white_noise", "PartType1/Coordinates", "PartType1/Velocities", "PartType1/ParticleIDs"):
            np.testing.assert_array_equal(a[name][:], b[name][:])


def test_members_of_an_ensemble_are_named_by_their_index(tmp_path):
    settings = ["--set", "box.n=16", "--set", "ic.partners=2", "-o", f"{tmp_path}/ensemble/"]
    lss_ic(*settings, "--index", 4)
    lss_ic(*settings, env={"SLURM_ARRAY_TASK_ID": "5"})
    assert sorted(p.name for p in (tmp_path / "ensemble").iterdir()) == ["000004.h5", "000005.h5"]
    with h5py.File(tmp_path / "ensemble" / "000005.h5") as file:
        attrs = dict(file["ic"].attrs)
    assert (attrs["index"], attrs["partner"], attrs["member"]) == (1, 2, 5)


def test_a_universe_is_resimulated_finer_from_its_file(tmp_path):
    lss_ic("--set", "box.n=16", "-o", tmp_path / "coarse.h5")
    done = lss_ic(tmp_path / "coarse.h5", "--set", "box.n=32", "-o", tmp_path / "fine.h5", text=True)
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "fine.h5") as file:
        assert file["ic/white_noise"].shape == (32, 32, 32)
        assert len(file["PartType1/Coordinates"]) == 32**3
        assert file["Header"].attrs["NumPart_Total"][1] == 32**3


@pytest.mark.parametrize(
    ("setting", "code", "complaint"),
    [
        ("ic.sed=3", 2, "did you mean 'seed'?"),
        ("cosmology.transfer=missing.txt", 1, "missing.txt: no such file"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_in_one_line_and_nothing_is_written(tmp_path, setting, code, complaint):
    done = lss_ic("--set", setting, "-o", tmp_path / "u.h5", text=True)
    assert done.returncode == code
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_memory_planned_is_within_a_fifth_of_what_is_used(tmp_path):
    plan = lss_ic("--dry-run", "--set", "box.n=128", text=True).stdout
    planned = float(plan.split("memory: ")[1].split()[0]) * 1e9
    lss_ic("--set", "box.n=128", "-o", tmp_path / "u.h5")
    with h5py.File(tmp_path / "u.h5") as file:
        used = file["provenance/00-lss-ic"].attrs["peak_memory_bytes"]
    assert planned == pytest.approx(used, rel=0.2)
