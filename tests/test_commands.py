"""The commands as a user meets them: one pipe, the same bits through files, one clear line when something is wrong."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from lss.files.atomic import locked

BIN = Path(sys.executable).parent
TOOLS = ["ic", "sim", "halo", "train", "recon", "stats"]
SETTINGS = """
[box]
size = 40.0
n = 16
[sim]
method = "pm"
steps = 8
[halo]
mass_definition = "fof"
mass_range = [1e12, 1e16]
"""


def lss(command, *arguments, stdin=None, **environment):
    return subprocess.run(
        [BIN / f"lss-{command}", *map(str, arguments)],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        env={**os.environ, **environment},
        timeout=300,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A configuration and the universes that the chain makes of it, through files."""
    folder = tmp_path_factory.mktemp("universe")
    (folder / "u.toml").write_text(SETTINGS)
    for command, source, target in (("ic", "u.toml", "ic"), ("sim", "ic.h5", "sim"), ("halo", "sim.h5", "halo")):
        done = lss(command, folder / source, "-o", folder / f"{target}.h5")
        assert done.returncode == 0, done.stderr.decode()
    return folder


def bits(path):
    """A hash of every dataset outside /provenance."""
    found = hashlib.sha256()
    with h5py.File(path) as file:

        def visit(name, item):
            if isinstance(item, h5py.Dataset) and not name.startswith("provenance"):
                found.update(name.encode() + item[()].tobytes())

        file.visititems(visit)
    return found.hexdigest()


def assert_one_line(done, code, *words):
    text = done.stderr.decode()
    assert done.returncode == code, text
    errors = [line for line in text.splitlines() if "error" in line]
    assert len(errors) == 1, text
    assert "Traceback" not in text
    for word in words:
        assert word in errors[0]


def test_one_pipe_and_separate_files_give_the_same_bits(folder, tmp_path):
    line = f"lss-ic u.toml | lss-sim | lss-halo | lss-stats --plot {tmp_path}/p.png > {tmp_path}/u.h5"
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"], cwd=folder, capture_output=True, timeout=300, env=environment
    )
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"
    assert lss("stats", folder / "halo.h5", "-o", tmp_path / "stats.h5").returncode == 0
    assert bits(tmp_path / "u.h5") == bits(tmp_path / "stats.h5")


def test_a_report_on_a_named_universe_writes_no_data_into_a_log(folder, tmp_path):
    with (tmp_path / "log").open("wb") as log:
        done = subprocess.run([BIN / "lss-stats", folder / "halo.h5", "--set", "stats.k_min=0.0"], stdout=log)
    assert done.returncode == 0
    text = (tmp_path / "log").read_text()
    assert text.startswith("How far fields agree")
    assert lss("stats", folder / "halo.h5", "-q").stdout.decode() == text, "the same form in a file and in a pipe"


def test_threads_do_not_change_the_bits(folder, tmp_path):
    for command, source in (("ic", "u.toml"), ("sim", "ic.h5"), ("halo", "sim.h5")):
        assert lss(command, folder / source, "--threads", 1, "-o", tmp_path / f"{command}.h5").returncode == 0
        assert bits(tmp_path / f"{command}.h5") == bits(folder / f"{command}.h5")


def test_standard_input_may_be_a_file(folder, tmp_path):
    with (folder / "sim.h5").open("rb") as stdin:
        subprocess.run([BIN / "lss-halo", "-o", tmp_path / "u.h5"], stdin=stdin, check=True, capture_output=True)
    assert bits(tmp_path / "u.h5") == bits(folder / "halo.h5")


def test_provenance_tells_the_chain_in_order(folder):
    with h5py.File(folder / "halo.h5") as file:
        assert list(file["provenance"]) == ["00-lss-ic", "01-lss-sim", "02-lss-halo"]
        last = dict(file["provenance/02-lss-halo"].attrs)
    assert {"config", "version", "command", "host", "wall_seconds", "cpu_seconds", "peak_memory_bytes"} <= last.keys()
    assert hashlib.sha256((folder / "sim.h5").read_bytes()).hexdigest() in last["inputs"]
    assert "steps = 8" in last["config"]


def test_the_memory_of_whoever_starts_a_command_is_not_counted_as_its_own(folder, tmp_path):
    ballast = np.ones(50_000_000)
    assert lss("ic", folder / "u.toml", "-o", tmp_path / "u.h5").returncode == 0
    with h5py.File(tmp_path / "u.h5") as file:
        assert file["provenance/00-lss-ic"].attrs["peak_memory_bytes"] < ballast.nbytes


def test_an_ensemble_is_a_directory_of_numbered_members(tmp_path, folder):
    for number in (0, 2):
        assert lss("ic", folder / "u.toml", "--index", number, "-o", f"{tmp_path}/ensemble/").returncode == 0
    assert lss("ic", folder / "u.toml", "-o", f"{tmp_path}/ensemble/", SLURM_ARRAY_TASK_ID="5").returncode == 0
    assert sorted(p.name for p in (tmp_path / "ensemble").iterdir()) == ["000000.h5", "000002.h5", "000005.h5"]
    picked = lss("sim", tmp_path / "ensemble", "--index", 2, "-o", tmp_path / "s.h5")
    assert picked.returncode == 0
    assert_one_line(lss("sim", tmp_path / "ensemble", "--index", 1, "-o", tmp_path / "t.h5"), 2, "000001.h5")
    assert_one_line(lss("sim", tmp_path / "ensemble", "-o", tmp_path / "t.h5"), 2, "--index")


def test_a_directory_of_universes_gives_a_table_and_the_statistics_of_them_all(folder, tmp_path):
    for number in (0, 1):
        (tmp_path / "ensemble").mkdir(exist_ok=True)
        (tmp_path / f"ensemble/{number:06d}.h5").write_bytes((folder / "halo.h5").read_bytes())
    ensemble = tmp_path / "ensemble"
    planned = lss("stats", ensemble, "--dry-run")
    assert planned.stdout.startswith(b"2 universes, each:")
    done = lss("stats", ensemble, "-o", tmp_path / "stats.h5")
    assert done.returncode == 0
    assert b"matter                its own initial field  2 " in done.stdout
    with h5py.File(tmp_path / "stats.h5") as file:
        assert file["stats/ensemble/power/matter"].attrs["members"] == 2
        assert list(file["provenance"]) == ["00-lss-ic", "01-lss-sim", "02-lss-halo", "03-lss-stats"]
        assert len(file["provenance/03-lss-stats"].attrs["inputs"].splitlines()) == 2
        assert "size = 40.0" in file.attrs["config"]
    assert_one_line(lss("stats", ensemble, "-o", f"{tmp_path}/other/"), 2, "name it")
    assert_one_line(lss("stats", ensemble, "-o", ensemble / "stats.h5"), 2, "member of its own ensemble")
    assert_one_line(lss("stats", ensemble, "--set", "box.size=50.0"), 2, "disagrees", "000000.h5")


def test_drop_leaves_a_group_out_but_never_the_provenance(folder, tmp_path):
    assert lss("halo", folder / "sim.h5", "--drop", "PartType1", "-o", tmp_path / "u.h5").returncode == 0
    with h5py.File(tmp_path / "u.h5") as file:
        assert "PartType1" not in file
        assert "halos" in file
    assert_one_line(lss("halo", folder / "sim.h5", "--drop", "provenance", "-o", tmp_path / "v.h5"), 2, "provenance")
    assert not (tmp_path / "v.h5").exists()


@pytest.mark.parametrize("command", TOOLS)
def test_help_has_examples_and_loads_nothing_heavy(command):
    code = f"import sys; sys.argv = ['lss-{command}', '--help']\nfrom lss_{command}.cli import main\n"
    code += "try: main()\nexcept SystemExit as end: code = end.code or 0\n"
    code += "print([m for m in ('numpy', 'pydantic', 'numba', 'torch', 'h5py', 'scipy') if m in sys.modules], code)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "Examples:" in done.stdout
    assert f"lss-{command} " in done.stdout.split("Examples:")[1]
    assert done.stdout.splitlines()[-1] == "[] 0"


@pytest.mark.parametrize("command", TOOLS)
def test_printed_configuration_is_valid_and_schema_is_json(command, tmp_path):
    import tomllib

    printed = lss(command, "--print-config")
    assert printed.returncode == 0, printed.stderr
    (tmp_path / "u.toml").write_bytes(printed.stdout)
    assert command in tomllib.loads(printed.stdout.decode())
    again = lss(command, tmp_path / "u.toml", "--print-config")
    assert again.stdout == printed.stdout
    assert "properties" in json.loads(lss(command, "--schema").stdout)


def test_a_listing_is_for_pipes_and_scripts_too(folder):
    piped = lss("stats", "--list", stdin=(folder / "halo.h5").read_bytes()).stdout.decode()
    assert "/halos" in piped
    assert "Msun/h" in piped
    found = json.loads(lss("stats", folder / "halo.h5", "--list", "--json").stdout)
    assert found["groups"]["/ic"]["datasets"]["white_noise"]["shape"] == [16, 16, 16]
    assert [stage["program"] for stage in found["provenance"]] == ["lss-ic", "lss-sim", "lss-halo"]
    tables = json.loads(lss("stats", folder / "halo.h5", "--json").stdout)
    (rows,) = (rows for title, rows in tables.items() if title.startswith("How far"))
    assert rows[0]["field"] == "matter"
    assert isinstance(rows[0]["r of the first shell"], float)


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_a_wrong_key_names_file_table_and_remedy(folder, tmp_path):
    (tmp_path / "w.toml").write_text("[sim]\nstep = 40\n")
    done = lss("sim", tmp_path / "w.toml", folder / "ic.h5", "-o", tmp_path / "o.h5")
    assert_one_line(done, 2, "w.toml", "[sim] step = 40", "did you mean 'steps'?")
    assert not (tmp_path / "o.h5").exists()


def test_a_missing_file_is_named(folder, tmp_path):
    assert_one_line(lss("sim", tmp_path / "none.h5", "-o", tmp_path / "o.h5"), 2, "none.h5", "no such file")
    assert_one_line(lss("ic", tmp_path / "none.toml", "-o", tmp_path / "o.h5"), 2, "none.toml", "no such file")
    done = lss("stats", folder / "halo.h5", "--truth", tmp_path / "none.h5")
    assert_one_line(done, 2, "--truth", "none.h5", "no such file")
    done = lss("stats", folder, "--truth", "none", "--keep-going")
    assert_one_line(done, 2, "--truth none", "no such file or directory")


def test_no_input_says_how_to_give_one():
    assert_one_line(lss("sim"), 2, "no input")


@pytest.mark.parametrize(
    ("stream", "word"),
    [
        (lambda image: image[:-1000], "truncated"),
        (lambda image: image + b"done\n", "follow"),
        (lambda image: b"lss-sim: 5 s\n", "not an HDF5 file"),
        (lambda image: b"", "empty"),
    ],
)
def test_a_spoilt_stream_is_refused(folder, tmp_path, stream, word):
    done = lss("halo", "-", "-o", tmp_path / "o.h5", stdin=stream((folder / "sim.h5").read_bytes()))
    assert_one_line(done, 1, "standard input", word)
    assert list(tmp_path.iterdir()) == []


def test_a_text_file_in_place_of_hdf5_is_refused(folder, tmp_path):
    done = lss("sim", folder / "u.toml", __file__, "-o", tmp_path / "o.h5")
    assert_one_line(done, 1, "not an HDF5 file")


def test_a_nan_in_the_input_is_found(folder, tmp_path, edited):
    (tmp_path / "bad.h5").write_bytes((folder / "sim.h5").read_bytes())
    with edited(tmp_path / "bad.h5") as file:
        file["PartType1/Velocities"][5, 1] = np.nan
    assert_one_line(lss("halo", tmp_path / "bad.h5", "-o", tmp_path / "o.h5"), 1, "bad.h5", "Velocities", "finite")
    assert not (tmp_path / "o.h5").exists()


@pytest.mark.parametrize("assignment", ["box.size=50.0", "box.n=32", "cosmology.omega_m=0.25"])
def test_a_box_or_cosmology_that_disagrees_with_the_data_is_refused(folder, tmp_path, assignment):
    done = lss("sim", folder / "ic.h5", "--set", assignment, "-o", tmp_path / "o.h5")
    assert_one_line(done, 2, "disagrees", "ic.h5", assignment.split(".")[1].split("=")[0])


def test_an_output_that_cannot_be_written_is_said_before_the_work(folder, tmp_path):
    (tmp_path / "file").touch()
    assert_one_line(lss("ic", folder / "u.toml", "-o", tmp_path / "file" / "o.h5"), 2, "-o")
    fifo = tmp_path / "fifo.html"
    os.mkfifo(fifo)  # or /dev/null, in whose place root would put a file
    assert_one_line(lss("ic", folder / "u.toml", "-o", fifo), 2, "-o", "not a regular file")
    done = lss("stats", folder / "halo.h5", "--report", fifo)
    assert_one_line(done, 1, "fifo.html: cannot be written: not a regular file")
    assert fifo.is_fifo()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_behind_standard_output_is_one_line(folder):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([BIN / "lss-ic", folder / "u.toml"], stdout=full, stderr=subprocess.PIPE)
    assert_one_line(done, 1, "standard output", "No space left on device")


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["--threads", 0], {}, ["0 threads", "at least one"]),
        ([], {"SLURM_CPUS_PER_TASK": "many"}, ["SLURM_CPUS_PER_TASK = 'many'", "whole number"]),
        ([], {"SLURM_ARRAY_TASK_ID": "1-5"}, ["SLURM_ARRAY_TASK_ID = '1-5'", "whole number"]),
        ([], {"SLURM_ARRAY_TASK_ID": "-1"}, ["SLURM_ARRAY_TASK_ID -1", "expected 0 to 4294967295"]),
        (["--index", -1], {}, ["--index -1", "expected 0 to 4294967295"]),
        (["--index", 2**32], {}, ["--index 4294967296", "expected 0 to 4294967295"]),
    ],
)
def test_numbers_that_are_none_are_refused_wherever_they_come_from(folder, tmp_path, arguments, environment, words):
    done = lss("ic", folder / "u.toml", "-o", tmp_path / "o.h5", *arguments, **environment)
    assert_one_line(done, 2, *words)
    assert list(tmp_path.iterdir()) == []


def test_an_unforeseen_error_is_one_line_unless_debugging(folder, tmp_path):
    code = "import lss.command.session; lss.command.session.run = lambda *a: 1 / 0\nfrom lss_ic.cli import main\nmain()"
    plain = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert_one_line(plain, 1, "ZeroDivisionError", "--debug")
    code = "import sys; sys.argv.append('--debug')\n" + code
    assert b"Traceback" in subprocess.run([sys.executable, "-c", code], capture_output=True).stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_command_leaves_nothing_behind(folder, tmp_path, number):
    size = ["--set", "box.n=128", "--set", "sim.steps=200", "--set", "box.size=200.0"]
    started = lss("ic", *size, "-o", tmp_path / "ic.h5")
    assert started.returncode == 0
    process = subprocess.Popen(
        [BIN / "lss-sim", "--set", "sim.method=pm", "--set", "sim.steps=400", tmp_path / "ic.h5", "--drop", "ic"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(4)
    process.send_signal(number)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 75, errors
    assert out == b""
    assert b"Traceback" not in errors
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ic.h5"]


def test_a_run_resumes_with_its_own_universe_alone_whatever_way_it_comes(folder, tmp_path):
    for number in (1, 2):
        assert lss("ic", folder / "u.toml", "--index", number, "-o", f"{tmp_path}/ics/").returncode == 0
    run = ["--set", "sim.redshifts=[5.0,0.0]", "--set", "sim.steps=400", "--resume", "-o", tmp_path / "r.h5"]
    process = subprocess.Popen([BIN / "lss-sim", tmp_path / "ics", "--index", "1", *run], stderr=subprocess.PIPE)
    while process.poll() is None and not (tmp_path / "r.h5.state/output-5.000.h5").exists():
        time.sleep(0.01)
    process.terminate()
    assert b"--resume goes on from here" in process.communicate(timeout=60)[1]
    first, second = ((tmp_path / f"ics/{number:06d}.h5").read_bytes() for number in (1, 2))
    assert_one_line(lss("sim", *run, stdin=second), 2, "r.h5.state", "another input")
    assert_one_line(lss("sim", tmp_path / "ics", "--index", 2, *run), 2, "r.h5.state", "another input")
    resumed = lss("sim", *run[2:4], *run[:2], *run[4:], stdin=first)  # in a pipe, and the settings in another order
    assert b"going on at z = " in resumed.stderr
    assert lss("sim", tmp_path / "ics", "--index", 1, *run[:4], "-o", tmp_path / "whole.h5").returncode == 0
    assert bits(tmp_path / "r.h5") == bits(tmp_path / "whole.h5")
    with h5py.File(tmp_path / "whole.h5") as file:
        assert "ics/000001.h5" in file["provenance/01-lss-sim"].attrs["inputs"]


# --- streams ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stderr", ["2>/dev/full", "2>&-", "2> >(true)"])
def test_work_is_worth_more_than_its_messages(folder, tmp_path, stderr):
    line = f"{BIN}/lss-ic u.toml --drop nothing -o {tmp_path}/o.h5 {stderr}"
    assert subprocess.run(["bash", "-c", line], cwd=folder).returncode == 0
    assert bits(tmp_path / "o.h5") == bits(folder / "ic.h5")


def test_messages_never_come_into_the_data(folder, tmp_path):
    line = f"{BIN}/lss-ic u.toml --drop nothing 2>&- > {tmp_path}/o.h5"
    assert subprocess.run(["bash", "-c", line], cwd=folder).returncode == 0
    assert bits(tmp_path / "o.h5") == bits(folder / "ic.h5")


def test_text_that_nobody_reads_ends_a_command_as_a_closed_pipe_does():
    line = f"({BIN}/lss-sim --schema; echo $? >&2) | true"
    assert subprocess.run(["bash", "-c", line], capture_output=True).stderr == b"141\n"


@pytest.mark.parametrize("option", ["--help", "--version", "--schema"])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_text_for_a_full_disk_is_one_line(option):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([BIN / "lss-sim", option], stdout=full, stderr=subprocess.PIPE)
    assert done.stderr == b"lss-sim: error: standard output: cannot be written: No space left on device\n"
    assert done.returncode == 1


def test_a_pipe_may_have_a_name(folder, tmp_path):
    line = f"{BIN}/lss-halo <(cat sim.h5) -o {tmp_path}/o.h5"
    assert subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True).returncode == 0
    assert bits(tmp_path / "o.h5") == bits(folder / "halo.h5")


def test_a_command_that_waits_for_its_input_can_be_stopped(tmp_path):
    process = subprocess.Popen([BIN / "lss-sim"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(3)
    process.terminate()
    assert process.wait(timeout=20) == 75
    process.stdin.close()


# --- what is planned and named ---------------------------------------------------------------------------------------


def test_what_is_printed_and_planned_is_of_the_input(folder):
    printed = lss("sim", folder / "ic.h5", "--print-config").stdout.decode()
    assert "size = 40.0" in printed
    assert 'method = "pm"' in printed
    by_name = lss("sim", folder / "ic.h5", "--dry-run").stdout
    assert b"8 steps of pm on a mesh of 32^3" in by_name
    assert lss("sim", "--dry-run", stdin=(folder / "ic.h5").read_bytes()).stdout == by_name
    assert b"72 steps of p3m on a mesh of 128^3" in lss("sim", "--dry-run").stdout


def test_a_member_keeps_the_number_that_it_was_given(folder, tmp_path):
    assert lss("ic", folder / "ic.h5", "--index", 5, "-o", f"{tmp_path}/a/").returncode == 0
    assert lss("sim", tmp_path / "a", "--index", 5, "-o", f"{tmp_path}/b/").returncode == 0
    assert lss("ic", tmp_path / "a/000005.h5", "-o", f"{tmp_path}/c/").returncode == 0
    assert [p.name for p in (*(tmp_path / "b").iterdir(), *(tmp_path / "c").iterdir())] == ["000005.h5"] * 2


def test_a_dataset_is_dropped_as_a_group_is(folder, tmp_path):
    assert lss("halo", folder / "halo.h5", "--drop", "ic/white_noise", "-o", tmp_path / "o.h5").returncode == 0
    with h5py.File(tmp_path / "o.h5") as file:
        assert "white_noise" not in file["ic"]
        assert file["ic"].attrs["seed"] == 1
    assert_one_line(lss("halo", folder / "halo.h5", "--drop", "PartType1/velocity"), 2, "dropped whole")


def test_a_table_of_the_spectrum_is_found_from_everywhere(tmp_path):
    k = np.geomspace(1e-4, 1e2, 200)
    (tmp_path / "p.csv").write_text("\n".join(f"{a:.6g},{1e4 * a / (1 + (50 * a) ** 3):.6g}" for a in k))
    line = [BIN / "lss-ic", "--set", "cosmology.transfer=p.csv", "--set", "box.n=8", "-o", "ic.h5"]
    subprocess.run(line, cwd=tmp_path, check=True, capture_output=True)
    done = lss("sim", tmp_path / "ic.h5", "--set", "sim.method=2lpt", "-o", tmp_path / "o.h5")
    assert done.returncode == 0, done.stderr


def test_a_second_run_on_one_output_is_refused_before_it_does_anything(tmp_path):
    with locked(tmp_path / "u.h5"):
        done = lss("ic", "--set", "box.n=8", "--set", "box.size=20.0", "-o", tmp_path / "u.h5")
    assert_one_line(done, 1, "u.h5", "another run is writing it")
    assert not (tmp_path / "u.h5").exists()
    assert lss("ic", "--set", "box.n=8", "--set", "box.size=20.0", "-o", tmp_path / "u.h5").returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["u.h5"]
