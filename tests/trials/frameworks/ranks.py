"""The side of the framework: a process that has imported it, and forks the ranks of every run that it is told of.

Importing a framework takes longer than the runs. driver.py is the side of the tests; a module for each framework,
such as torchtitan_ranks.py, stands between: it imports the framework and calls `serve`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seatrial.rank.core import Rank


@dataclass(frozen=True)
class Order:
    """A start of a run."""

    run: str
    """The run's folder; job.json is in it."""
    program: str
    """What its ranks do: a name that `serve` knows."""
    world_size: int
    environment: dict[str, str] = field(default_factory=dict)
    """More variables for its ranks."""
    signals: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Rank -> the signal that it gets, and after how many steps."""
    there: str = ""
    """A path in the run's folder for which those signals wait: a checkpoint that is written in the background."""
    when: str = ""
    """All ranks get the signal `number` once this stands in events.jsonl, or is a path in the run's folder."""
    number: int = signal.SIGKILL


def serve(facts: Any, programs: dict[str, Callable[[], None]]) -> None:
    """Print the facts, then answer each order, one JSON object a line, with the exit codes of its ranks."""
    print(json.dumps(facts), flush=True)
    for line in sys.stdin:
        print(json.dumps(obey(Order(**json.loads(line)), programs)), flush=True)


def obey(order: Order, programs: dict[str, Callable[[], None]]) -> list[int]:
    """Exit codes of the ranks."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    children = [fork(order, rank, port, programs[order.program]) for rank in range(order.world_size)]
    if order.when:
        events, path = Path(order.run) / "events.jsonl", Path(order.run) / order.when
        events.touch()
        wait(lambda: order.when in events.read_text() or path.exists())
        for child in children:
            os.kill(child, order.number)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def fork(order: Order, rank: int, port: int, program: Callable[[], None]) -> int:
    """Process id of a rank; what it prints goes into its log."""
    child = os.fork()
    if child:
        return child
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(order.world_size)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "SEATRIAL_RUN": order.run}
    os.environ |= order.environment
    log = os.open(os.path.join(order.run, f"rank-{rank}.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if str(rank) in order.signals:
        strike(*order.signals[str(rank)], Path(order.run) / order.there)
    program()
    os._exit(99)  # programs end the process themselves


def strike(number: int, at: int, there: Path) -> None:
    """This rank gets a signal when it has done `at` steps of this start and `there` exists, before it looks for one."""
    request, seen = Rank.request, []

    def struck(self: Rank) -> Any:
        seen.append(self)
        if len(seen) == at:
            wait(there.exists)
            os.kill(os.getpid(), number)
        return request(self)

    Rank.request = struck  # type: ignore[method-assign]


def wait(until: Callable[[], bool]) -> None:
    """No longer than any run takes."""
    deadline = time.monotonic() + 100  # a run that never comes so far is told by its exit codes
    while not until() and time.monotonic() < deadline:
        time.sleep(0.002)
