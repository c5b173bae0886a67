"""How a rank begins and ends, whatever its framework."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TextIO, TypeVar

from seatrial import streams
from seatrial.errors import ExitCode, UserError
from seatrial.events import BEGIN
from seatrial.rank import flight
from seatrial.rank.core import Rank
from seatrial.rank.lines import failure
from seatrial.rank.machine import other_versions
from seatrial.rank.memory import OomKills
from seatrial.rank.watchdog import Watchdog

FOLDERS = ("checkpoints", "heartbeats", "logs", "stacks")
"""What ranks write into, in the folder of a run."""

R = TypeVar("R", bound=Rank)


@contextlib.contextmanager
def start(make: Callable[[Path, dict[str, Any]], R]) -> Iterator[R]:
    """Join the run: make its rank of the folder and the job, set up signals; leave it in order, whatever happens.

    `make` is `Rank`, or a framework's own class. A UserError inside is printed without a traceback and ends the process
    with exit code 2.
    """
    folder = os.environ.get("SEATRIAL_RUN")
    if folder is None:
        print("error: SEATRIAL_RUN is not set; this program is started by: seatrial run", file=sys.stderr)
        sys.exit(ExitCode.USAGE)
    streams.guard(gives_up=False)  # a log on a full disk ends no training
    run = Path(folder)
    rank, oom_kills = make(run, read_job(run)), OomKills()
    flight.prepare(os.environ, run / "stacks")
    with (run / "stacks" / f"rank-{rank.rank}.txt").open("a") as stacks:
        flight.dump_on_request(run / "stacks", rank.rank)
        _dump_stacks_on_request(stacks)
        watchdog = Watchdog.start(rank, os.environ)
        rank.stage(BEGIN)
        for finding in other_versions(rank.pins):
            rank.emit(finding)
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the launcher's to handle: it sends SIGTERM
            # Not before: a rank that waits for others or builds its model has nothing to save, and may just end.
            rank.when_started = lambda: _stop_on_request(rank)
            rank.join()
            yield rank
            code: Any = ExitCode.PASSED
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            rank.end("failed", rank.last_step, reason=str(error), final=True)
            code = ExitCode.USAGE
        except SystemExit as request:
            code = request.code or ExitCode.PASSED
        except BaseException as error:
            # The reason goes into the run, the traceback into this rank's log, and when that was: the first is the
            # cause, what other ranks find out a moment later follows from it.
            rank.end("failed", rank.last_step, reason=f"{type(error).__name__}: {error}".splitlines()[0])
            if told := oom_kills.said():  # of a rank beside it, which could not say so itself
                print(told, file=sys.stderr)
            print(failure(rank.rank, time.time()), file=sys.stderr)
            traceback.print_exc()
            if watchdog is None or not watchdog.asked:
                flight.dump(run / "stacks", rank.rank)
            code = ExitCode.FAILED
        _leave(rank, code if isinstance(code, int) else ExitCode.FAILED)


def read_job(run: Path) -> dict[str, Any]:
    """The job, from the run's folder, or from the launcher; then this is also who makes the folder."""
    for name in FOLDERS:
        (run / name).mkdir(parents=True, exist_ok=True)
    text = os.environ.get("SEATRIAL_JOB") or (run / "job.json").read_text(encoding="utf-8")
    job: dict[str, Any] = json.loads(text)
    return job


def _dump_stacks_on_request(file: TextIO) -> None:
    faulthandler.enable(2)  # stderr, so that SIGSEGV and its like leave a traceback in this rank's log
    # Without this a hang would leave no trace: SIGUSR2 writes every thread's stack, even from inside C code.
    # Chained, so that the interpreter's handler runs as well, which wakes `flight`.
    faulthandler.register(signal.SIGUSR2, file=file, all_threads=True, chain=True)


def _stop_on_request(rank: Rank) -> None:
    def stop(number: int, _: FrameType | None) -> None:
        rank.stop_signal = signal.Signals(number).name

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGUSR1, stop)


def _leave(rank: Rank, code: int) -> NoReturn:
    """End the process at once, without destructors.

    ProcessGroupGloo's destructor joins its threads while it holds the interpreter's lock, and a thread that is just
    dropping a Python tensor waits for that lock: about one exit in four hung (torch 2.13). After a failure, leaving in
    order would also wait for collectives that the other ranks never join.
    """
    if code in (ExitCode.PASSED, ExitCode.STOPPED):
        rank.part()
    for child in multiprocessing.active_children():  # a framework's helpers, which would outlive us
        child.kill()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
