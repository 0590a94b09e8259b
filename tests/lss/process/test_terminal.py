"""What is printed of names that others have chosen."""

import os
import subprocess
import sys
from pathlib import Path

from lss.process.terminal import visible

BIN = Path(sys.executable).parent


def test_control_characters_and_bytes_that_are_no_text_are_spelt_out():
    assert visible("a\x1b[31mred\x07\tb\nc ü 銀河") == "a\\x1b[31mred\\x07\tb\nc ü 銀河"
    assert visible(os.fsdecode(b"halos-\xff.h5")) == "halos-\\udcff.h5"


def test_a_name_with_an_escape_sequence_does_not_reach_the_terminal(tmp_path):
    name = os.fsdecode(b"\x1b[2J\xff.h5")
    (tmp_path / name).write_bytes(b"no universe")
    for words in ((name,), ("--check", name), (name, "--list")):
        done = subprocess.run([BIN / "lss-stats", *words], cwd=tmp_path, capture_output=True)
        assert done.returncode == 1
        assert b"\x1b" not in done.stdout + done.stderr
        assert b"Traceback" not in done.stderr
        assert b"\\x1b[2J" in done.stdout + done.stderr
