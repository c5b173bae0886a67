"""seatrial run, where the engine is one in memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seatrial.cli import cli
from seatrial.errors import ExitCode, UserError
from seatrial.runs import Run
from seatrial.standing import Phase, Standing
from tests.launchers import fake


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> fake.Memory:
    found = fake.Memory()
    fake.offer(monkeypatch, fake.launcher(found))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("seatrial.toml").write_text('[clusters.far]\nlauncher = "memory"\nnodes = 1\ncpus_per_node = 4\n')
    return found


def run(*args: str, expect: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["run", "cpu-ddp", "--name", "one", *args])
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == expect, result.output
    return result


def test_an_engine_that_is_silent_for_a_moment_is_told_of_once(memory):
    looks = []

    def silent_at_first() -> None:
        looks.append(1)
        if len(looks) in (2, 3):  # the first is the submission
            fake.silent()
        memory.jobs["one"] = Standing(phase=Phase.ENDED)

    memory.before_answer = silent_at_first
    said = run("--on", "far", expect=ExitCode.UNKNOWN).stderr
    assert said.count("no answer for now, asked again for 10 min") == 1 and said.count("it answers again") == 1
    assert "does not answer" in said


def test_a_detached_run_is_told_how_to_be_looked_at_and_takes_its_limits_along(memory):
    [said] = json.loads(run("--on", "far", "--detach", "--max-restarts", "3", "--hang-timeout", "9", "--json").output)
    assert said == {"run": "one", "state": "queued", "job_id": "id-one"}
    options = Run(Path("runs/one")).submission().cluster["options"]
    assert options["max_restarts"] == 3 and options["hang_seconds"] == 9


@pytest.mark.parametrize(
    "place", ["seatrial.cli.progress.Progress.__enter__", "seatrial.flow._watch", "seatrial.cli.running.warn_unseen"]
)
def test_ctrl_c_only_ends_watching_whenever_it_comes(memory, monkeypatch, place):
    """Before the first look, while it is watched, and while the last logs are brought."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(place, interrupt)
    memory.before_answer = lambda: memory.jobs and memory.jobs.update(one=Standing(phase=Phase.ENDED))
    said = run("--on", "far", expect=ExitCode.UNKNOWN)
    assert "seatrial logs -f one" in said.stdout and "interrupted" not in said.stderr
    assert memory.submitted == ["one"]


def test_a_run_of_a_version_with_other_settings_is_refused_by_name(memory):
    run("--on", "far", "--detach")
    memory.jobs["one"] = Standing(phase=Phase.ENDED)
    file = Path("runs/one/job.json")
    job = json.loads(file.read_text())
    job["args"]["speed"] = job["args"].pop("learning_rate")
    file.write_text(json.dumps(job))
    with pytest.raises(UserError, match=r"another version of cpu-ddp, .*: learning_rate, speed") as refused:
        CliRunner().invoke(cli, ["run", "cpu-ddp", "--resume", "one"], catch_exceptions=False)
    assert [problem.where for problem in refused.value.problems] == ["--resume"]
    assert memory.submitted == ["one"]
