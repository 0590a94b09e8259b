"""Universes through pipes: whole, or refused with one line; never silently short."""

import io
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from lss.errors import DataError
from lss.files.pipes import check_image

MEGABYTES = 8

WRITER = f"""
import os, sys
from lss.files.pipes import write_stdout
write_stdout(bytes(range(256)) * (4096 * {MEGABYTES}))
"""


def an_image():
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["x"] = np.arange(1000)
    return stream.getvalue()


def start(code, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )


def test_a_whole_image_passes():
    check_image(an_image(), "pipe")


def test_a_latest_format_image_passes():
    stream = io.BytesIO()
    with h5py.File(stream, "w", libver="latest") as file:
        file["x"] = np.arange(1000)
    check_image(stream.getvalue(), "pipe")


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (b"", "empty"),
        (b"Traceback (most recent call last)", "not an HDF5 file"),
        (an_image()[:1000], "truncated"),
        (an_image()[:20], "truncated"),
        (an_image() + b"bye\n", "4 bytes follow"),
        (an_image() * 2, "one universe a pipe"),
    ],
)
def test_anything_else_is_refused_in_one_line(image, said):
    with pytest.raises(DataError, match=said) as error:
        check_image(image, "pipe")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_live_reader_gets_every_byte(unbuffered):
    writer = start(WRITER, PYTHONUNBUFFERED=unbuffered)
    received, errors = writer.communicate(timeout=60)
    assert writer.returncode == 0, errors
    assert len(received) == MEGABYTES << 20


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_dead_reader_ends_the_writer_with_141(unbuffered):
    writer = start(WRITER, PYTHONUNBUFFERED=unbuffered)
    writer.stdout.read(100)
    writer.stdout.close()
    assert writer.wait(timeout=60) == 141
    assert writer.stderr.read() == b""


def test_pipes_are_widened_on_both_sides():
    code = "import fcntl, sys; from lss.files import pipes; pipes.read_stdin(); pipes.write_stdout(b'x'); "
    code += "sys.stderr.write(f'{fcntl.fcntl(0, fcntl.F_GETPIPE_SZ)} {fcntl.fcntl(1, fcntl.F_GETPIPE_SZ)}')"
    _, sizes = start(code).communicate(b"data", timeout=60)
    assert [int(s) for s in sizes.split()] == [1 << 20, 1 << 20]
