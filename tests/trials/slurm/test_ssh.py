"""A head node that is reached by OpenSSH."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from seatrial.errors import CutOff, UserError
from seatrial.launchers.slurm import shell
from seatrial.runs import State
from tests.trials.slurm.harness import Slurm
from tests.trials.slurm.login import Login
from tests.trials.slurm.project import Project
from tests.trials.slurm.test_runs import LONG
from tests.waiting import poll


@pytest.fixture
def remote(slurm: Slurm, sshd: Login, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that finds no Slurm here, only by ssh."""
    options = f'reach = "ssh:{sshd.host}"\nssh_options = ["-F", "{sshd.config}"]'
    project = Project.make(tmp_path / "project", slurm, options=options)
    slurm_here = slurm.env["SLURM_CONF"]
    monkeypatch.setattr(slurm, "env", {**slurm.env, "SLURM_CONF": "/nowhere"})
    yield project
    monkeypatch.setattr(slurm, "env", {**slurm.env, "SLURM_CONF": slurm_here})
    hang_up(sshd)


def hang_up(sshd: Login) -> None:
    """End the connection that is kept open."""
    subprocess.run(["ssh", "-O", "exit", f"-oControlPath={shell.SOCKETS}/%C", *sshd.options], capture_output=True)


@pytest.fixture
def line(sshd: Login) -> tuple[str, list[str]]:
    """What reaches the head node."""
    yield f"ssh:{sshd.host}", ["-F", str(sshd.config)]
    hang_up(sshd)


def test_a_run_over_ssh_is_submitted_watched_stopped_and_read(remote: Project):
    run = remote.detach(*LONG, "--name", "far away")
    poll(lambda: remote.json("status", "far away", "--json")["step"] > 60, 60, "it trains")
    assert remote("cancel", "far away").startswith("far away: stopped")
    assert run.state() is State.STOPPED and run.events().unreadable == 0
    there = next((remote.folder / "shared").glob("far-away-*"))
    assert run.events_path.read_bytes() == (there / "events.jsonl").read_bytes()
    remote("logs", "far away")
    for log in there.glob("logs/*.log"):
        assert not log.stat().st_size or (run.path / "logs" / log.name).read_bytes() == log.read_bytes()
    assert (run.path / "logs" / next(there.glob("slurm-*.log")).name).stat().st_size
    assert "cluster.reached" in remote("cluster", "check", "sea")


def test_commands_share_one_connection_and_scripts_show_in_no_process_list(line):
    seen = [shell.run("echo $SSH_CONNECTION; ps -eo args # a-secret", *line).stdout for _ in range(2)]
    connections = [text.splitlines()[0] for text in seen]
    assert connections[0] == connections[1] and b"a-secret" not in seen[0]


def test_a_connection_that_breaks_leaves_the_question_open(line, sshd: Login, tmp_path: Path):
    mark = tmp_path / "runs"

    def cut() -> None:
        poll(mark.exists, 60, "the script runs")
        hang_up(sshd)

    thread = threading.Thread(target=cut)
    thread.start()
    with pytest.raises(CutOff, match="the connection to login broke"):
        shell.run(f"touch {mark}; sleep 60", *line)
    thread.join()


def test_a_host_out_of_reach_is_one_message_and_leaves_nothing(remote: Project):
    toml = remote.folder / "seatrial.toml"
    toml.write_text(toml.read_text().replace('reach = "ssh:login"', 'reach = "ssh:nobody.invalid"'))
    said = remote("run", "cpu-ddp", "--on", "sea", "--detach", code=2)
    assert "nobody.invalid cannot be reached" in said and "Traceback" not in said
    assert list((remote.folder / "runs").iterdir()) == []
    assert "FAIL" in remote("cluster", "check", "sea", code=1)


def test_a_refused_connection_is_told(line):
    reach, options = line
    with pytest.raises(UserError, match=r"login cannot be reached: .*refused") as caught:
        shell.run("true", reach, [*options, "-p", "1"])
    assert not isinstance(caught.value, CutOff)
