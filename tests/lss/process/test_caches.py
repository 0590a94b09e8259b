"""Where libraries keep what they need in the next run, when there is no home that can be written to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lss.process import caches


@pytest.mark.parametrize("spoil", ["link", "open"])
def test_a_folder_that_another_could_have_filled_is_left_alone(monkeypatch, tmp_path, spoil):
    monkeypatch.setattr(caches.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(caches.tempfile, "tempdir", str(tmp_path))
    folder = Path(caches.private_folder())
    if spoil == "link":
        folder.rename(tmp_path / "elsewhere")
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.chmod(0o777)
    assert Path(caches.private_folder()) != folder


@pytest.mark.parametrize("name", ["settings", "sub/settings"])
def test_a_folder_that_can_be_made_counts_as_writable(tmp_path, name):
    assert caches.creatable(tmp_path / name)
    (tmp_path / "file").touch()
    assert not caches.creatable(tmp_path / "file" / name)


def test_without_a_home_the_second_run_finds_the_fonts_of_the_first_and_nobody_is_told(tmp_path):
    nowhere = tmp_path / "file"
    nowhere.touch()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "MPL"))}
    environment |= {"HOME": str(nowhere / "home"), "TMPDIR": str(tmp_path), "MPLBACKEND": "Agg"}
    code = "import lss_stats.figures, matplotlib.font_manager; print(matplotlib.get_cachedir())"
    runs = [
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True) for _ in range(2)
    ]
    assert [run.stderr for run in runs[1:]] == [""]
    first, second = (Path(run.stdout.strip()) for run in runs)
    assert first == second
    assert first.parent.parent == tmp_path
    assert list(first.glob("fontlist-*.json"))


def test_a_folder_of_fonts_that_can_be_written_to_is_kept(monkeypatch, tmp_path):
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("MPLCONFIGDIR", "")
    monkeypatch.delenv("MPLCONFIGDIR")
    caches.settle_fonts()
    assert "MPLCONFIGDIR" not in os.environ
