"""A rank that watches its own steps: it ends with its last words where they stop, and only there.

With torch, and collectives that are not joined: tests/trials/local/test_watchdog.py.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seatrial.events import RunEnd, read_events
from tests.waiting import poll

HANG = 0.4
"""Seconds: ten ticks."""
PROGRAM = f"""
import ctypes, sys, time
from pathlib import Path
from seatrial.rank import announce, watchdog
from seatrial.rank.core import Rank
from seatrial.rank.start import start
watchdog.LAST_WORDS = 0.3
def silent(ticks=15):
    time.sleep({HANG} / 10 * ticks)
with start(Rank) as rank:
    print("ready", flush=True)
    {{body}}
"""
STUCK = "rank.alive(); ctypes.CDLL(None).sleep(60)"
Begin = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def begin(run: Path) -> Iterator[Begin]:
    """Starts a rank of two in the run's folder, and waits until it is there."""
    processes = []

    def begin(body: str, rank: int = 0, **variables: str) -> subprocess.Popen[str]:
        place = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "SEATRIAL_HANG_SECONDS": str(HANG)}
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(body=body)],
            env={**os.environ, **place, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None and "ready\n" in process.stdout  # reads as far
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def test_all_ranks_tell_and_end_if_the_steps_of_one_stop(begin: Begin, run: Path) -> None:
    """Also one that is not watched at that time, and both from inside C code."""
    other = begin("rank.stage('build model'); ctypes.CDLL(None).sleep(60)", rank=1)
    first = begin(STUCK)
    said = first.communicate(timeout=20)[1]
    assert (first.returncode, other.wait(20)) == (1, 1)
    assert said.startswith("[rank0]:rank 0 gave no sign of life for ") and said.count("\n") == 1
    for rank in range(2):
        assert "<module>" in (run / "stacks" / f"rank-{rank}.txt").read_text()
    asked = (run / "stacks" / "asked.txt").read_text()
    assert asked.startswith("rank 0 gave no sign of life for ") and asked.count("\n") == 1
    end = read_events(run / "events.jsonl").last(RunEnd)
    assert end is not None and end.outcome == "failed" and f"{end.reason}\n" == asked and not end.final


def test_what_the_others_say_is_the_reason(begin: Begin, run: Path) -> None:
    (run / "stacks").mkdir()
    (run / "stacks" / "asked.txt").write_text("rank 7 gave no sign of life for 9 s\n")  # of the attempt before
    asked = begin("rank.stage('build model'); time.sleep(60)")
    begin("rank.alive(); time.sleep(60)", rank=1)
    assert asked.communicate(timeout=20)[1].startswith("[rank0]:rank 1 gave no sign of life for ")


LONG = """
    silent()  # imports and the first compilation
    [(rank.alive(), silent(7)) for _ in range(2)]  # long steps
    rank.stage("validate")
    silent()
    rank.alive()
    (rank.run / "checkpoint").touch()
    with announce.saving(rank, rank.run / "checkpoint", 2):
        silent()
    rank.alive()
    rank.end("completed", 2)
    silent()  # waits for the others
"""


def test_what_may_take_long_is_no_hang(begin: Begin, run: Path) -> None:
    process = begin(LONG)
    assert process.communicate(timeout=20)[1] == "" and process.returncode == 0
    assert (run / "stacks" / "asked.txt").read_text() == ""


def test_a_job_that_was_suspended_does_not_hang(begin: Begin, run: Path) -> None:
    process = begin("[(rank.alive(), silent(1)) for _ in range(12)]")
    process.send_signal(signal.SIGSTOP)
    time.sleep(1.5 * HANG)  # what is proven is that nothing happens
    process.send_signal(signal.SIGCONT)
    assert process.wait(20) == 0 and (run / "stacks" / "asked.txt").read_text() == ""


def test_stacks_stand_in_the_log_where_only_that_comes_back(begin: Begin) -> None:
    said = begin(STUCK, SEATRIAL_PRINT_EVENTS="1").communicate(timeout=20)[1]
    assert said.count("[rank0]:") == said.count("\n") > 5 and '\n[rank0]:  File "<string>", line ' in said


def test_nobody_watches_where_the_launcher_does(begin: Begin, run: Path) -> None:
    process = begin("rank.alive(); silent()", SEATRIAL_HANG_SECONDS="")
    assert process.wait(20) == 0 and not (run / "stacks" / "asked.txt").exists()


def test_what_it_meets_afterwards_does_not_replace_what_it_knew(begin: Begin, run: Path) -> None:
    """Its peers end a moment earlier, and its collective fails: then its recorder says that it is over."""
    body = (
        "from types import ModuleType; sys.modules['torch._C._distributed_c10d'] = c10d = ModuleType('c10d')\n"
        "    c10d._dump_fr_trace = lambda **_: words\n    words = b'it waits'; rank.alive()\n"
        "    told = Path(rank.run / 'stacks' / 'gloo-rank-0')\n"
        "    while told.read_bytes() != words: time.sleep(0.01)\n"
        "    words = b'it is over'\n    raise RuntimeError('Connection closed by peer')"
    )
    process = begin(body)
    assert "Connection closed by peer" in process.communicate(timeout=20)[1]
    assert (run / "stacks" / "gloo-rank-0").read_bytes() == b"it waits"


def test_it_ends_even_if_nobody_reads_its_log(begin: Begin, run: Path) -> None:
    """A pipe takes 64 KiB."""
    process = begin("rank.alive(); sys.stderr.write('x' * 100_000)", SEATRIAL_PRINT_EVENTS="1")
    poll(lambda: process.poll() is not None, 20, "it has ended")
    assert process.returncode == 1 and "<module>" in (run / "stacks" / "rank-0.txt").read_text()
