"""Ranks outside of any launcher, for tests of what they do."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from seatrial.rank import start as module
from seatrial.rank.core import Rank

JOB: dict[str, Any] = {
    "args": {},
    "digest": "0123456789abcdef",
    "device": "cpu",
    "launch": "rank",
    "nodes": 1,
    "processes_per_node": 2,
    "pins": {},
}
"""What a rank reads of job.json."""

R = TypeVar("R", bound=Rank)


@contextlib.contextmanager
def making(kind: type[R], run: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., R]]:
    """Makes ranks as `start` does, but without signals, and without the others."""
    made: list[R] = []
    (run / "heartbeats").mkdir(parents=True)

    def make(*, rank: int = 0, world_size: int = 1, attempt: int = 0, **job: Any) -> R:
        for name, value in {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world_size}.items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.setenv("SEATRIAL_ATTEMPT", str(attempt))
        made.append(kind(run, JOB | job))
        return made[-1]

    yield make
    for rank in made:
        if rank._events is not None:
            rank._events.close()


class Left(SystemExit):
    """A rank has left."""


@contextlib.contextmanager
def leaving_is_an_exception(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For `start` in the process of the tests; its signals and variables are as before afterwards."""

    def leave(rank: Rank, code: int) -> None:
        if rank._events is not None:
            rank._events.close()
        raise Left(code)

    monkeypatch.setattr(module, "_leave", leave)
    numbers = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    variables = dict(os.environ)
    yield
    for name in os.environ.keys() - variables.keys():
        del os.environ[name]
    wake = signal.set_wakeup_fd(-1)
    if wake >= 0:
        os.close(wake)
    faulthandler.unregister(signal.SIGUSR2)
    for number, handler in before.items():
        signal.signal(number, handler)
