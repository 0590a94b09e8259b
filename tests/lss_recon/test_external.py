"""Another program in the loop: the same bits as in this process, and one clear line when it fails."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lss import stages
from lss.config import Configuration, merge, validate
from lss.errors import DataError, Stopped
from lss.files.digest import digest
from lss.files.universe_file import read_universe, write_universe
from lss.grid.spectra import measure
from lss.physics.random_field import linear_overdensity
from lss.process import interrupt
from lss.universe import Universe

ROOT = Path(__file__).parents[2]
PEAKS = [sys.executable, str(ROOT / "tests" / "data" / "peaks.py"), "{input}", "{output}"]


def reconstruct(observed, checkpoint, command, simulations=1, **forward):
    recon = {"checkpoint": checkpoint, "max_simulations": simulations, "forward": {"command": command, **forward}}
    return stages.run("recon", observed, merge(observed.config, {"recon": recon}))


def shell(script):
    return ["sh", "-c", script, "{input}", "{output}"]


def test_our_commands_as_a_script_give_the_bits_that_our_stages_give(observed, estimator, monkeypatch):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    recon = {"checkpoint": estimator, "max_simulations": 2}
    inside = stages.run("recon", observed, merge(observed.config, {"recon": recon}))
    script = ROOT / "examples" / "lulo" / "my_sim.sh"
    outside = reconstruct(observed, estimator, [str(script), "{input}", "{output}"], simulations=2)
    assert digest(inside) == digest(outside)


def test_crude_simulator_of_peaks_is_inverted_with_the_shipped_estimator(tmp_path):
    settings = {"box": {"n": 32, "size": 62.5}, "ic": {"seed": 5}, "halo": {"mass_definition": "fof"}}
    truth = Universe.create(validate(Configuration, {"box": settings["box"]}, "test"), settings)
    truth = stages.run("ic", truth, truth.config)
    observed = by_peaks(truth, tmp_path)
    assert len(observed.halos) > 20
    result = reconstruct(observed, "estimator-64-pm", PEAKS, simulations=4)
    loss = result.group("recon").data["loss"]
    assert loss.min() < 0.75 * loss[0]
    assert result.halos.finder == "peaks"
    assert not result.has("PartType1")
    linear = [linear_overdensity(u.noise.value, u.cosmology, u.box.size) for u in (result, truth)]
    spectra = measure(linear, truth.box.size)
    assert spectra.correlation(0, 1)[spectra.k < 0.25].mean() > 0.5


def by_peaks(universe, folder):
    write_universe(universe, folder / "in.h5")
    subprocess.run([*PEAKS[:2], folder / "in.h5", folder / "out.h5"], check=True)
    return read_universe(folder / "out.h5")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (shell("echo no licence >&2; exit 3"), "^sh: exit code 3: no licence$"),
        (shell("echo on my way; kill -SEGV $$"), "^sh: killed by SIGSEGV: on my way$"),
        (["true", "{input}", "{output}"], r"^true: ended without writing its \{output\}$"),
        (["cp", "{input}", "{output}"], "^cp: its output: no /halos; run lss-halo first$"),
        (shell("echo garbage > $1"), "^sh: its output: not an HDF5 file"),
        (shell("head -c 3000 $0 > $1"), "^sh: its output: damaged HDF5 file"),
        (shell("mkfifo $1"), "^sh: its output is no file of data"),
        (shell("ln -s /dev/zero $1"), "^sh: its output is no file of data"),
        (shell("rm -rf $(dirname $1); echo gone; exit 5"), "^sh: exit code 5$"),
        (shell("kill -40 $$"), "^sh: killed by signal 40$"),
        (["a\0b", "{input}", "{output}"], "^a\0b: cannot be run: embedded null byte$"),
        (["/no/such/program", "{input}", "{output}"], "^/no/such/program: cannot be run: No such file or directory$"),
    ],
)
def test_program_that_fails_gives_one_clear_line(observed, estimator, command, message):
    with pytest.raises(DataError, match=message) as failure:
        reconstruct(observed, estimator, command)
    assert "\n" not in str(failure.value)


def test_program_that_hangs_is_ended_with_all_that_it_started(observed, estimator, tmp_path):
    hanging = shell(f"sleep 300 & echo $! > {tmp_path}/child; echo waiting for a licence; wait")
    began = time.monotonic()
    with pytest.raises(DataError, match=r"^sh: ended by the time-out of 0.3 s: waiting for a licence$"):
        reconstruct(observed, estimator, hanging, timeout=0.3)
    assert time.monotonic() - began < 10
    assert is_gone(int((tmp_path / "child").read_text()))


def test_program_that_fails_once_is_tried_again_and_then_named_with_its_attempt(observed, estimator, tmp_path, caplog):
    # The second attempt gets as far as leaving a universe without halos.
    flaky = shell(f"test -e {tmp_path}/tried && exec cp $0 $1; touch {tmp_path}/tried; echo node down; exit 7")
    with pytest.raises(DataError, match=r"^sh \(attempt 2 of 2\): its output: no /halos"):
        reconstruct(observed, estimator, flaky, retries=1)
    assert caplog.messages[-1] == "sh (attempt 1 of 2): exit code 7: node down; trying again"


def test_halos_of_another_definition_than_asked_for_are_refused(observed, estimator):
    other = merge(observed.config, {"halo": {"mass_definition": "fof"}})
    script = LIAR.replace("REDSHIFT", "0.0").replace("POSITION", "0.0").replace("MASS", "1e14")
    lying = [sys.executable, "-c", script, "{input}", "{output}"]
    with pytest.raises(DataError, match=r'its output has "200c" halos; \[halo\] mass_definition = "fof"'):
        reconstruct(Universe(observed.cosmology, observed.box, other, observed.groups), estimator, lying)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"position": 1000.0}, "1 of 1 halos lie outside the box of"),
        ({"redshift": 1.0}, "halos at z = 1; asked for z = 0"),
        ({"mass": 0.0}, "halos whose mass is not positive"),
    ],
)
def test_halos_outside_the_box_or_of_another_time_are_refused(observed, estimator, wrong, said):
    definition = observed.halos.mass_definition
    script = LIAR.replace("200c", definition).replace("REDSHIFT", str(wrong.get("redshift", 0.0)))
    script = script.replace("MASS", str(wrong.get("mass", 1e14)))
    lying = [sys.executable, "-c", script.replace("POSITION", str(wrong.get("position", 0.0))), "{input}", "{output}"]
    with pytest.raises(DataError, match=f"its output.* {said}"):
        reconstruct(observed, estimator, lying)


LIAR = """
import sys
import h5py
sys.argv[2], source = sys.argv[2], open(sys.argv[1], "rb").read()
open(sys.argv[2], "wb").write(source)
with h5py.File(sys.argv[2], "r+") as file:
    halos = file.create_group("halos")
    halos.attrs.update({"mass_definition": "200c", "finder": "liar", "redshift": REDSHIFT})
    for name, shape in (("position", (1, 3)), ("velocity", (1, 3)), ("mass", (1,))):
        halos.create_dataset(name, shape, "f4", fillvalue=MASS if name == "mass" else POSITION)
"""


def test_request_to_stop_ends_the_program_too(observed, estimator, tmp_path, monkeypatch):
    hanging = shell(f"sleep 300 & echo $! > {tmp_path}/child; wait")
    monkeypatch.setattr(interrupt, "requested", lambda: (tmp_path / "child").exists())
    with pytest.raises(Stopped):
        reconstruct(observed, estimator, hanging)
    assert is_gone(int((tmp_path / "child").read_text()))


def test_command_told_to_stop_leaves_a_state_and_no_program_behind(line, tmp_path):
    second, child = tmp_path / "second", tmp_path / "child"
    script = f"test -e {second} && {{ sleep 300 & echo $! > {child}; wait; }}; touch {second}; "
    script += f"exec {' '.join(PEAKS[:2])} $0 $1"
    command = f'recon.forward.command=["sh", "-c", "{script}", "{{input}}", "{{output}}"]'
    output = tmp_path / "r.h5"
    running = subprocess.Popen(line(output, f"--set={command}", simulations=3), stderr=subprocess.PIPE, text=True)
    while running.poll() is None and not child.exists():
        time.sleep(0.01)
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=30)
    assert running.returncode == 75
    assert said == "lss-recon: error: stopped; --resume goes on from here\n"
    assert is_gone(int(child.read_text()))
    assert (tmp_path / "r.h5.state" / "history.h5").exists()
    assert not output.exists()


def test_what_a_program_left_in_the_background_is_ended_with_it(observed, estimator, tmp_path):
    leaving = shell(f"sleep 300 & echo $! > {tmp_path}/child; exec {' '.join(PEAKS[:2])} $0 $1")
    reconstruct(observed, estimator, leaving)
    assert is_gone(int((tmp_path / "child").read_text()))


def test_a_command_that_is_killed_takes_the_program_and_its_folder_along(line, tmp_path):
    child, temporary = tmp_path / "child", tmp_path / "temporary"
    temporary.mkdir()
    command = f'recon.forward.command=["sh", "-c", "sleep 300 & echo $! > {child}; wait", "{{input}}", "{{output}}"]'
    words = line(tmp_path / "r.h5", f"--set={command}", simulations=1)
    running = subprocess.Popen(words, stderr=subprocess.DEVNULL, env={**os.environ, "TMPDIR": str(temporary)})
    while running.poll() is None and not child.exists():
        time.sleep(0.01)
    time.sleep(0.2)
    running.kill()
    running.wait()
    assert is_gone(int(child.read_text()))
    for _ in range(100):
        if not list(temporary.iterdir()):
            break
        time.sleep(0.05)
    assert not list(temporary.iterdir())


def is_gone(pid):
    """Whether a process ends within seconds (one whose parent has died before it may be a zombie for a moment)."""
    status = Path(f"/proc/{pid}/status")
    for _ in range(100):
        try:
            if "State:\tZ" in status.read_text():
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False
