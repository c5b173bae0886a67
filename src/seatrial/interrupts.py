"""Requests to stop: Ctrl-C, a scheduler's SIGTERM, the SIGHUP of a terminal or a connection that is gone."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Collects requests to stop, and wakes the watcher for them and for the end of a child."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        """Names of the signals, as they came, those that `held_back` kept first."""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        self._read, write = os.pipe()
        for end in (self._read, write):
            os.set_blocking(end, False)
        self._write = write
        self._wakeup = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in REQUESTS:
            self._before[number] = signal.signal(number, self._request)
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        self.requests += _waiting
        _waiting.clear()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._read)
        os.close(self._write)

    def wait(self, seconds: float) -> None:
        """Sleep until a signal comes, at most `seconds`."""
        waiting = select.poll()  # select() takes no descriptor above 1023
        waiting.register(self._read, select.POLLIN)
        if waiting.poll(seconds * 1000):
            with contextlib.suppress(BlockingIOError):
                os.read(self._read, 4096)

    def _request(self, number: int, _: FrameType | None) -> None:
        self.requests.append(signal.Signals(number).name)


@contextlib.contextmanager
def held_back() -> Iterator[list[str]]:
    """Requests wait for the `Interrupts` inside; those that come when there are none any more are dropped, and are in
    the list until then.

    So a run whose folder is there is always ended in order, and a second Ctrl-C, meant for its ranks, cannot cut its
    report in half.
    """
    before = {number: signal.signal(number, _wait) for number in REQUESTS}
    try:
        yield _waiting
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if _wait not in before.values():  # else they still wait
            _waiting.clear()


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Every request, not Ctrl-C alone, raises KeyboardInterrupt where nothing holds it back."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in REQUESTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_waiting: list[str] = []
"""Names of the signals that nobody has taken yet."""


def _wait(number: int, _: FrameType | None) -> None:
    _waiting.append(signal.Signals(number).name)
