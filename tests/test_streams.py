"""Streams that break: they fall silent, and what was lost is known."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.streams import Stream


def command(*args: str, **streams: object) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "seatrial", *args], stderr=subprocess.PIPE, text=True, **streams)


def test_a_pipe_that_nobody_reads_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    with command("--help", stdout=write) as process:
        os.close(write)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_told_of_since_what_is_there_is_not_all() -> None:
    with Path("/dev/full").open("w") as full, command("--help", stdout=full) as process:
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
