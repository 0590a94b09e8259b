"""A file that is written to while it is read, or between that and the end of the work, is found out."""

import os
import subprocess
import sys

import h5py
import pytest

from lss.errors import DataError
from lss.files import universe_file
from lss.files.universe_file import read_universe

TINY = '[box]\nsize = 31.25\nn = 8\n[sim]\nmethod = "pm"\nsteps = 2\n'


def command(tool, *words, folder):
    code = f"import sys; sys.argv[0] = 'lss-{tool}'; from lss_{tool}.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *words], cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.fixture
def initial(tmp_path):
    (tmp_path / "u.toml").write_text(TINY)
    assert command("ic", "u.toml", "--quiet", "-o", "ic.h5", folder=tmp_path).returncode == 0
    return tmp_path / "ic.h5"


def change(path, *, when):
    """Turn a bit of the white noise, as a program that writes a file again would change it; the clock reads `when`."""
    with h5py.File(path, locking=False) as file:
        at = file["ic/white_noise"].id.get_offset()
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))
    os.utime(path, (when, when))


@pytest.mark.parametrize("when", [1.0, 4e9], ids=["clock set back", "clock ahead"])
def test_a_file_that_is_rewritten_while_it_is_read_is_refused(initial, monkeypatch, when):
    walk = universe_file._walk

    def walked(*words):
        found = list(walk(*words))
        change(initial, when=when)
        return found

    monkeypatch.setattr(universe_file, "_walk", walked)
    with pytest.raises(DataError, match=r"ic\.h5: changed while it was read"):
        read_universe(initial)


def test_half_of_a_rewritten_file_is_not_called_damaged(initial, monkeypatch):
    walk = universe_file._walk

    def walked(*words):
        change(initial, when=1.0)
        return list(walk(*words))

    monkeypatch.setattr(universe_file, "_walk", walked)
    with pytest.raises(DataError, match=r"ic\.h5: changed while it was read"):
        read_universe(initial)


def test_a_rewritten_file_whose_times_are_the_same_is_found_by_its_checksum(initial):
    change(initial, when=initial.stat().st_mtime)
    with pytest.raises(DataError, match="ic/white_noise: damaged: the data differ from what their checksum says"):
        read_universe(initial)


def test_the_hash_of_another_file_is_not_recorded_for_an_input_that_changed_during_the_work(initial):
    change_it = "import os; os.utime('ic.h5', (1, 1))"
    code = (
        "import sys; sys.argv[0] = 'lss-sim'; from lss_sim import stage; run = stage.run\n"
        f"def changing(*words, **options):\n    {change_it}\n    return run(*words, **options)\n"
        "stage.run = changing\nfrom lss_sim.cli import main; main()"
    )
    words = [sys.executable, "-c", code, "ic.h5", "-o", "sim.h5"]
    done = subprocess.run(words, cwd=initial.parent, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "ic.h5 has changed since it was read" in done.stderr
    made = read_universe(initial.parent / "sim.h5", ["provenance"])
    assert made.groups["provenance/01-lss-sim"].attrs["inputs"] == ""


def test_an_untouched_input_is_recorded_with_its_hash(initial):
    assert command("sim", "ic.h5", "--quiet", "-o", "sim.h5", folder=initial.parent).returncode == 0
    made = read_universe(initial.parent / "sim.h5", ["provenance"])
    assert made.groups["provenance/01-lss-sim"].attrs["inputs"].endswith("  ic.h5")
