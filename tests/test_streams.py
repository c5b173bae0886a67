"""Streams that break: they fall silent, and what was lost is known."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.streams import Stream

FULL = Path("/dev/full")


def command(*args: str, **streams: object) -> subprocess.Popen[str]:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}  # which nobody else sets
    words = [sys.executable, "-m", "seatrial", *args]
    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=env, **streams)


def test_a_pipe_that_nobody_reads_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    with command("--help", stdout=write) as process:
        os.close(write)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
def test_a_full_disk_is_told_of_since_what_is_there_is_not_all() -> None:
    with FULL.open("w") as full, command("--help", stdout=full) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err == "error: standard output: not all was written: No space left on device\n"


def test_what_is_written_while_somebody_reads_arrives() -> None:
    read, write = os.pipe()
    with os.fdopen(write, "wb") as file:
        stream = Stream(file, encoding="utf-8", line_buffering=True)
        stream.write("one\n")
        assert os.read(read, 10) == b"one\n"
        os.close(read)
        assert stream.write("two\n") == 4 and stream.write("three\n") == 6
        assert stream.error is not None and stream.lost is None


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.parametrize("gives_up", [True, False])
def test_only_one_that_does_not_give_up_uses_space_that_is_there_again(tmp_path: Path, gives_up: bool) -> None:
    stream = Stream(FULL.open("wb"), encoding="utf-8")
    stream.gives_up = gives_up
    stream.write("one\n")
    stream.flush()
    assert stream.lost is not None and stream.lost.errno == errno.ENOSPC
    if gives_up:
        assert os.fstat(stream.fileno()).st_rdev == Path(os.devnull).stat().st_rdev
    else:
        assert os.fstat(stream.fileno()).st_rdev == FULL.stat().st_rdev
        with (tmp_path / "log").open("wb") as log:
            os.dup2(log.fileno(), stream.fileno())
        stream.write("two\n")
        stream.flush()
        assert (tmp_path / "log").read_text().endswith("two\n")
    stream.close()
