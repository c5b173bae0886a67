"""Programs in the background: started, started again, stopped; on small programs that stand in for Prometheus."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.errors import UserError
from seatrial.observe.stack import running, supervisor
from seatrial.plan import Command, Plan
from tests.waiting import poll

SERVE = (
    "import sys; from http.server import *\n"
    "class H(BaseHTTPRequestHandler):\n"
    "    def do_GET(self): self.send_response(200); self.end_headers()\n"
    "HTTPServer(('127.0.0.1', int(sys.argv[1])), H).serve_forever()"
)


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    running.down(tmp_path / "state")


def plan(*commands: Command) -> Plan:
    return Plan(files={"prometheus.yml": "{}\n", "rules/seatrial.yml": "groups: []\n"}, commands=commands)


def server(name: str, port: int) -> Command:
    return Command(argv=(sys.executable, "-c", SERVE, str(port)), title=name)


def up(where: Path) -> int:
    [port] = running.choose({"prometheus": 0}).values()
    running.up(plan(server("prometheus", port)), where, {"prometheus": f"http://127.0.0.1:{port}"})
    return port


def process(where: Path) -> supervisor.Process:
    state = supervisor.read(where)
    assert state is not None and state.alive
    return state.programs[0]


def test_it_goes_up_is_started_again_and_goes_down(where: Path) -> None:
    assert running.status(where) == [] and not running.down(where)
    port = up(where)
    [one] = running.status(where)
    assert (one.name, one.state, one.url, one.detail) == ("prometheus", "up", f"http://127.0.0.1:{port}", "")
    assert (where.stat().st_mode & 0o077, (where / "rules/seatrial.yml").read_text()) == (0, "groups: []\n")
    with pytest.raises(UserError, match="is up already"):
        running.refuse_twice(where)
    first = process(where).pid
    os.kill(first, signal.SIGKILL)
    poll(lambda: process(where).pid != first and running.status(where)[0].state == "up", 20, "it is started again")
    assert running.status(where)[0].detail == "killed by SIGKILL, started again 1 times"
    assert running.down(where)
    assert running.status(where)[0].state == "down" and supervisor.read(where) is None
    running.refuse_twice(where)


def test_programs_whose_supervisor_was_killed_are_still_stopped(where: Path) -> None:
    up(where)
    state = supervisor.read(where)
    assert state is not None
    os.kill(state.pid, signal.SIGKILL)
    poll(lambda: not state.alive, 10, "the supervisor is gone")
    assert running.status(where)[0].state == "up"
    with pytest.raises(UserError, match="is up already"):
        running.refuse_twice(where)
    assert running.down(where) and not state.programs[0].alive


def test_a_program_that_does_not_start_is_told_with_its_last_line(where: Path) -> None:
    broken = Command(argv=(sys.executable, "-c", "raise SystemExit('bad configuration')"), title="prometheus")
    with pytest.raises(UserError) as caught:
        running.up(plan(broken), where, {"prometheus": "http://127.0.0.1:1"})
    assert "ended with exit code 1: bad configuration" in str(caught.value) and "prometheus.log" in str(caught.value)
    assert supervisor.read(where) is None


def test_a_program_that_is_not_there_is_told(where: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        running.up(plan(Command(argv=("/none",), title="prometheus")), where, {"prometheus": "http://127.0.0.1:1"})


def test_ports_that_are_in_use_are_told_all_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        taken = {"prometheus": one.getsockname()[1], "exporter": two.getsockname()[1], "grafana": 0}
        with pytest.raises(UserError) as caught:
            running.choose(taken)
    assert [problem.where for problem in caught.value.problems] == ["--port prometheus", "--port exporter"]
    found = running.choose({"prometheus": 0, "exporter": 0})
    assert len({*found.values()}) == 2 and 0 not in found.values()


def test_the_folder_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert running.folder() == Path("/state/seatrial/observe")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/user")
    assert running.folder() == Path("/home/user/.local/state/seatrial/observe")
