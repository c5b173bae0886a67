"""What a rank tells of its collectives: switched on beforehand, asked for by a signal, or when it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.rank import flight
from seatrial.rank.core import Rank
from seatrial.rank.start import start
from tests.ranks import Left
from tests.waiting import poll

NAMES = {
    "2.13.0+cpu": ("TORCH_FR_BUFFER_SIZE", "TORCH_FR_DUMP_TEMP_FILE"),
    "2.9.0": ("TORCH_FR_BUFFER_SIZE", "TORCH_FR_DUMP_TEMP_FILE"),
    "2.8.1": ("TORCH_NCCL_TRACE_BUFFER_SIZE", "TORCH_NCCL_DEBUG_INFO_TEMP_FILE"),
}
"""Version of torch -> the names that it takes without a warning."""


@pytest.mark.parametrize("version", NAMES)
def test_it_is_switched_on_by_the_names_that_torch_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr("importlib.metadata.version", {"torch": version}.__getitem__)
    found: dict[str, str] = {}
    flight.prepare(found, tmp_path)
    size, file = NAMES[version]
    assert found[size] == str(flight.ENTRIES) and found[file] == str(tmp_path / "watchdog-rank-")
    assert found["TORCH_NCCL_ASYNC_ERROR_HANDLING"] == "3"
    assert len(found) == 4, "the other names only make torch warn"


@pytest.mark.parametrize("name", ["TORCH_FR_BUFFER_SIZE", "TORCH_NCCL_TRACE_BUFFER_SIZE"])
def test_what_the_user_chose_stays_under_either_name(tmp_path: Path, name: str) -> None:
    found = {name: "7"}
    flight.prepare(found, tmp_path)
    assert found[name] == found["TORCH_FR_BUFFER_SIZE"] == "7"


def test_start_switches_it_on(run: Path) -> None:
    with pytest.raises(Left), start(Rank):
        assert os.environ["TORCH_FR_DUMP_TEMP_FILE"] == str(run / "stacks" / "watchdog-rank-")
        assert (run / "stacks" / "gloo-rank-0").read_bytes() == b""
        signal.raise_signal(signal.SIGUSR2)  # it is no end, and the stacks are there at once
        assert "test_flight" in (run / "stacks" / "rank-0.txt").read_text()


PROGRAM = """
import ctypes, sys
from types import ModuleType
from seatrial.rank.core import Rank
from seatrial.rank.start import start
sys.modules["torch._C._distributed_c10d"] = c10d = ModuleType("c10d")  # a rank with torch takes seconds to start
c10d._dump_fr_trace = lambda includeStackTraces: b"asked for" + b" stacks" * includeStackTraces
with start(Rank):
    print("ready", flush=True)
    while True:
        {body}
"""


@pytest.mark.usefixtures("run")
def test_a_rank_that_is_inside_c_code_answers(tmp_path: Path) -> None:
    """No handler of Python's runs while its main thread is in there."""
    program = PROGRAM.format(body="ctypes.CDLL(None).sleep(60)")
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as rank:
        try:
            assert rank.stdout is not None and rank.stdout.readline() == "ready\n"
            answer = tmp_path / "a run" / "stacks" / "gloo-rank-0"
            rank.send_signal(signal.SIGUSR2)
            poll(lambda: answer.read_bytes() == b"asked for", 20, "the rank has answered")
            assert "most recent call first" in (answer.parent / "rank-0.txt").read_text()
            assert rank.poll() is None, "it goes on"
        finally:
            rank.kill()


@pytest.mark.usefixtures("run")
def test_a_rank_that_fails_tells_when_and_what_it_knew(tmp_path: Path) -> None:
    program = PROGRAM.format(body="raise ValueError('no such column')")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.startswith("seatrial: rank 0 failed at 20")
    assert (tmp_path / "a run" / "stacks" / "gloo-rank-0").read_bytes() == b"asked for"


@pytest.mark.parametrize("body", ["raise RuntimeError('no')", "raise TypeError('no')"])
def test_a_recorder_that_fails_ends_no_rank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    from types import ModuleType

    c10d = ModuleType("c10d")
    exec(f"def _dump_fr_trace(**_):\n    {body}", c10d.__dict__)
    monkeypatch.setitem(sys.modules, "torch._C._distributed_c10d", c10d)
    flight.dump(tmp_path, 3)
    assert (tmp_path / "gloo-rank-3").read_bytes() == b""
    (tmp_path / "gloo-rank-3").write_bytes(b"of a rank that this process started")
    flight.dump(tmp_path, 3)
    assert (tmp_path / "gloo-rank-3").read_bytes() == b"of a rank that this process started"
    flight.dump(tmp_path / "not there", 3)
