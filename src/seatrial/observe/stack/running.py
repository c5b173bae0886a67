"""The programs of this machine: started, looked at, stopped. What they need stands in one folder of the user."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.errors import Problem, UserError
from seatrial.observe.stack import supervisor
from seatrial.observe.stack.local import HOST, READY
from seatrial.plan import Plan
from seatrial.runs import process_started, replace_text

URLS = "urls.json"
"""In the folder: program -> its address."""
STARTING = 60.0
"""Seconds that all programs have until they answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where a program stands."""

    name: str
    url: str
    state: str
    """``up``: it answers; ``starting``: it runs, and does not answer (yet); ``down``."""
    detail: str = ""
    """How it ended, how often it was started again."""


def folder() -> Path:
    """Where state of programs belongs: the XDG base directory specification, 0.8."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "seatrial" / "observe"


def choose(ports: Mapping[str, int]) -> dict[str, int]:
    """The same with a free one for each 0. Raises UserError with all that are in use."""
    chosen: dict[str, int] = {}
    problems = []
    with contextlib.ExitStack() as held:  # so that no two get the same
        for name, port in ports.items():
            probe = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
                probe.listen()
            except OSError as error:
                remedy = f"--port {name}=PORT; 0 takes a free one"
                problems.append(Problem(f"port {port} cannot be had: {error.strerror}", f"--port {name}", remedy))
                continue
            chosen[name] = probe.getsockname()[1]
    if problems:
        raise UserError(problems)
    return chosen


def refuse_twice(where: Path) -> None:
    """Raises UserError if programs of that folder run already."""
    state = supervisor.read(where)
    if state is not None and (state.alive or any(process.alive for process in state.programs)):
        raise UserError(
            Problem(
                f"it is up already (process {state.pid})",
                str(where),
                "seatrial observe status; seatrial observe down",
            )
        )


def up(plan: Plan, where: Path, urls: Mapping[str, str]) -> None:
    """Write the plan there, start its commands, and wait until all answer.

    Raises UserError, with nothing left running, if one of them does not.
    """
    where.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in ("rules", "grafana"):
        shutil.rmtree(where / old, ignore_errors=True)
    for path, text in plan.files.items():
        (where / path).parent.mkdir(parents=True, exist_ok=True)
        replace_text(where / path, text)
    replace_text(where / URLS, json.dumps(urls, indent=2) + "\n")
    (where / supervisor.STATE).unlink(missing_ok=True)  # of one that was killed
    begun = supervisor.begin(where, plan.commands)
    deadline = time.monotonic() + STARTING
    while waiting := [one for one in status(where) if one.state != "up"]:
        if process_started(begun) is None or any(one.detail for one in waiting) or time.monotonic() > deadline:
            with contextlib.suppress(TimeoutError):
                supervisor.end(where)
            raise UserError(_not_started(where, one) for one in waiting)
        time.sleep(0.1)


def _not_started(where: Path, one: Standing) -> Problem:
    log = where / "logs" / f"{one.name}.log"
    last = ""
    with contextlib.suppress(OSError, IndexError):
        last = log.read_text(errors="replace").strip().splitlines()[-1]
    told = ": ".join(filter(None, ("does not answer", one.detail, last)))
    return Problem(told, one.name, f"its log: {log}")


def down(where: Path) -> bool:
    """Stop them all. False: there was nothing to stop. Raises UserError if one does not end."""
    state = supervisor.read(where)
    if state is None or not (state.alive or any(process.alive for process in state.programs)):
        return False
    try:
        supervisor.end(where)
    except TimeoutError as error:
        raise UserError(Problem(f"does not end: {error}", str(where), "kill -9 it")) from None
    return True


def status(where: Path) -> list[Standing]:
    """Where each program stands; none if it was never up."""
    try:
        urls: dict[str, str] = json.loads((where / URLS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    state = supervisor.read(where)
    known = {process.name: process for process in state.programs} if state else {}
    found = []
    for name, url in urls.items():
        process = known.get(name)
        alive = process is not None and process.alive
        detail = process.ended if process and process.ended else ""
        if process and process.restarts:
            detail += f", started again {process.restarts} times"
        standing = ("up" if _answers(url + READY[name]) else "starting") if alive else "down"
        found.append(Standing(name=name, url=url, state=standing, detail=detail))
    return found


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback is no proxy's business
    try:
        with opener.open(url, timeout=2):
            return True
    except (OSError, urllib.error.URLError):
        return False
