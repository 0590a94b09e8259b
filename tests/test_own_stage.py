"""The example of a package with a stage of its own: its command, its table, and what the other commands know of it."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from lss.files.universe_file import read_universe
from lss.grid.fourier import smooth

EXAMPLE = Path(__file__).parents[1] / "examples" / "own-stage"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Python in a folder where the package is installed: its module beside the entry points that it declares."""
    folder = tmp_path_factory.mktemp("installed")
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    (folder / "lss_smooth.py").write_text((EXAMPLE / "lss_smooth.py").read_text())
    metadata = folder / "lss_smooth-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")

    def called(module, *arguments):
        code = f"from {module} import main; main()"
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        return subprocess.run(
            [sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True, env=environment
        )

    return called, folder


def test_its_command_smooths_a_field_and_says_so_in_the_file(run):
    call, folder = run
    made = ["--set", "box.n=8", "--set", "box.size=20.0", "--set", "ic.field=lognormal", "--set", "smooth.radius=4.0"]
    assert call("lss_ic.cli", *made, "-o", "u.h5").returncode == 0
    name = read_universe(folder / "u.h5", ["fields"]).field_names[0]  # without the package: it can be read all the same
    done = call("lss_smooth", "u.h5", "--set", f"smooth.field={name}", "-o", "s.h5")
    assert done.returncode == 0, done.stderr
    code = "import lss.files.universe_file as f; u = f.read_universe('s.h5'); print(u.config['smooth']); main = print"
    (folder / "look.py").write_text(code)
    assert "'radius': 4.0" in call("look").stdout, "the table came through the file"


def test_every_command_refuses_a_wrong_key_of_its_table_and_describes_it(run):
    call, _ = run
    done = call("lss_ic.cli", "--set", "smooth.radiuss=4.0", "-o", "v.h5")
    assert (done.returncode, "[smooth] radiuss = 4.0: unknown key; did you mean 'radius'?" in done.stderr) == (2, True)
    done = call("lss_ic.cli", "--set", 'smooth.radius="4"', "-o", "v.h5")
    assert (done.returncode, "[smooth] radius = '4'" in done.stderr) == (2, True)
    assert '"Smooth"' in call("lss_stats.cli", "--schema").stdout
    assert call("lss_smooth", "--help").stdout.startswith("Usage: lss-smooth")


def test_what_it_makes_is_the_smoothed_field():
    """Of the function that it calls: a plane wave is damped by exp(-k^2 R^2 / 2)."""
    x = np.arange(16) * 20.0 / 16
    wave = np.broadcast_to(np.cos(2 * np.pi * x / 20.0)[:, None, None], (16, 16, 16)).astype(np.float32)
    damped = smooth(wave, 3.0, 20.0)
    np.testing.assert_allclose(damped, wave * np.exp(-0.5 * (2 * np.pi / 20.0 * 3.0) ** 2), atol=1e-6)
