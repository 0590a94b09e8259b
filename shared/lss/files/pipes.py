"""HDF5 images through pipes: standard input and output as universes see them."""

import fcntl
import os
import stat
import struct
import sys
import termios

from lss.errors import DataError

received: dict[str, str] = {}
"""What came through pipes into this process: the source's name -> SHA-256 of the image."""

_PIPE_BYTES = 1 << 20  # seven times faster than the default 64 kB
_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def is_pipe_or_file(fd: int) -> bool:
    """Whether a standard stream carries data: a pipe or a regular file (batch jobs have the null device)."""
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def unread_bytes() -> int:
    """How many bytes wait in a pipe on standard input; 0 where it is no pipe. They stay there."""
    try:
        if not stat.S_ISFIFO(os.fstat(0).st_mode):
            return 0
        return int(struct.unpack("i", fcntl.ioctl(0, termios.FIONREAD, bytes(4)))[0])
    except OSError:
        return 0


def read_stdin() -> bytes:
    """Everything on standard input."""
    _widen(0)
    with open(0, "rb", closefd=False) as stream:
        return stream.read()


def write_stdout(image: bytes | memoryview) -> None:
    """Write an image to standard output, whole.

    Through a buffered stream of our own: with PYTHONUNBUFFERED `sys.stdout.buffer` is a raw file whose single
    write stops at 2 GiB or at a dead reader without saying so. If the reader has gone, the program ends with
    exit code 141, as one killed by SIGPIPE would. Raises DataError if it cannot be written (a full disk).
    """
    _widen(1)
    sys.stdout.flush()
    try:
        with open(1, "wb", closefd=False) as stream:
            stream.write(image)
            stream.flush()
    except BrokenPipeError:
        silence(1)
        raise SystemExit(141) from None
    except OSError as error:
        raise DataError(f"standard output: cannot be written: {error.strerror}") from None


def silence(number: int) -> None:
    """Point a standard stream at the null device, so that nothing fails on it any more, not even at exit."""
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)


def check_image(image: bytes, source: str) -> None:
    """Refuse what is not an HDF5 file, or an incomplete one, or more than one (HDF5 itself opens the last silently).

    Raises DataError with one line that says which.
    """
    if not image:
        raise DataError(f"{source}: empty input (did the previous command of the pipe fail?)")
    if image[:8] != _SIGNATURE:
        raise DataError(f"{source}: {not_hdf5(image[:64])}")
    # End-of-file address: byte 40 in superblock versions 0 and 1 (after 24 bytes of sizes), byte 28 in 2 and 3.
    start = {0: 40, 1: 44, 2: 28, 3: 28}.get(image[8] if len(image) > 8 else -1)
    if start is None or len(image) < start + 8:
        raise DataError(f"{source}: truncated HDF5 stream of {len(image)} bytes")
    end = int.from_bytes(image[start : start + 8], "little")
    if len(image) < end:
        raise DataError(f"{source}: truncated HDF5 stream: {len(image)} of {end} bytes")
    if len(image) > end:
        raise DataError(f"{source}: {len(image) - end} bytes follow the HDF5 image of {end} bytes; one universe a pipe")


def not_hdf5(head: bytes) -> str:
    """What is said of data that are no HDF5, as they begin."""
    remedy = ""
    if head.lstrip().startswith((b"[", b"#")):
        remedy = "; a configuration is read from a file whose name ends in .toml"
    return f"not an HDF5 file (it starts with {bytes(head[:8])!r}){remedy}"


def _widen(fd: int) -> None:
    """Ask for a larger pipe where the system has that (Linux); a regular file or a small limit is left as it is."""
    if not stat.S_ISFIFO(os.fstat(fd).st_mode) or not hasattr(fcntl, "F_SETPIPE_SZ"):
        return
    try:
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except PermissionError:
        return
