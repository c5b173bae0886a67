"""The ranks of a node without torchrun: what they are told, and how they end together."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seatrial.errors import ExitCode
from seatrial.rank import node

PLACE = [
    "--nnodes=2",
    "--nproc-per-node=2",
    "--node-rank=1",
    "--master-addr=there",
    "--master-port=7",
    "--max-restarts=0",
]

TELL = """
import os, sys
names = "RANK LOCAL_RANK WORLD_SIZE LOCAL_WORLD_SIZE MASTER_ADDR MASTER_PORT OWN"
os.write(1, " ".join([*(os.environ[name] for name in names.split()), *sys.argv[1:], "\\n"]).encode())
"""
# The second rank waits for a request; the first ends as it is told.
END = "import os, signal, sys\nif os.environ['LOCAL_RANK'] == '1': signal.pause()\n"
STOP = """
import os, signal, sys
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(75))
os.write(1, b"ready\\n")
while True: signal.pause()
"""


def start(tmp_path: Path, code: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    program = tmp_path / "program.py"
    program.write_text(code)
    words = [sys.executable, "-m", "seatrial.rank.node", *PLACE, str(program), *arguments]
    return subprocess.Popen(words, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True)


def test_each_rank_is_told_its_place(tmp_path: Path) -> None:
    process = start(tmp_path, TELL, "--steps=3", "-m", OWN="mine")
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert sorted(out.splitlines()) == ["2 0 4 2 there 7 mine --steps=3 -m ", "3 1 4 2 there 7 mine --steps=3 -m "]


@pytest.mark.parametrize(
    ("end", "code"), [("sys.exit(3)", 3), ("os.kill(os.getpid(), signal.SIGKILL)", 128 + signal.SIGKILL)]
)
def test_if_one_fails_the_others_are_killed(tmp_path: Path, end: str, code: int) -> None:
    process = start(tmp_path, END + end)
    process.communicate(timeout=30)
    assert process.returncode == code


def test_a_request_is_passed_on_and_all_may_save(tmp_path: Path) -> None:
    process = start(tmp_path, STOP)
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["ready\n"] * 2
    process.send_signal(signal.SIGUSR1)
    process.communicate(timeout=30)
    assert process.returncode == ExitCode.STOPPED


def test_one_that_stopped_has_not_failed(tmp_path: Path) -> None:
    """The other still writes its part of the checkpoint."""
    code = "import os, sys, time\nif os.environ['LOCAL_RANK'] == '0': sys.exit(75)\ntime.sleep(0.2); print('saved')"
    process = start(tmp_path, code)
    out, _ = process.communicate(timeout=30)
    assert (out, process.returncode) == ("saved\n", ExitCode.STOPPED)


def test_a_program_may_be_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    assert node.main([*PLACE, "-m", "platform", "terse"]) == 0
    said = capfd.readouterr().out.replace("\n", "")  # a line and its end are two writes, so that two ranks may mix them
    assert said == 2 * platform.platform(terse=True)


def test_an_unknown_option_and_no_program_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (PLACE, [*PLACE, "--rdzv-backend=c10d", "a.py"], ["--nnodes=1", "a.py"]):
        with pytest.raises(SystemExit):
            node.main(words)
    said = capsys.readouterr().err
    assert said.count("are required: program") == 1 and "unrecognized arguments: --rdzv-backend" in said
