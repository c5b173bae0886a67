"""--track and seatrial track: what is refused before anything starts, and a run in TensorBoard."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seatrial import tracked
from seatrial.cli import cli
from seatrial.errors import UserError
from seatrial.events import Step
from seatrial.runs import Run
from tests.command import Command

ROOT = Path(__file__).parents[2]
WALK = ROOT / "tests/walk.py"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With the recorded runs, and no tracker of the person whose machine this is."""
    shutil.copytree(ROOT / "tests/recorded_runs", tmp_path / "runs")
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "WANDB_PROJECT", "WANDB_ENTITY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*args: str) -> Result:
    result = CliRunner().invoke(cli, args)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def refused(*args: str) -> str:
    with pytest.raises(UserError) as caught:
        call(*args)
    return str(caught.value)


def begin(*args: str) -> str:
    """What a run is refused with; nothing was started."""
    before = sorted(Path("runs").iterdir())
    said = refused("run", str(WALK), *args)
    assert sorted(Path("runs").iterdir()) == before
    return said


# --- bad input


def test_an_unknown_tracker_is_refused_with_the_nearest(folder):
    assert "--track mlfow: no tracker is called 'mlfow'\n    did you mean mlflow?" in begin("--track", "mlfow")
    assert "--to wandbb: no tracker is called 'wandbb'" in refused("track", "restarted", "--to", "wandbb")


def test_every_problem_is_told_at_once(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:letmein@host")
    said = begin("--track", "mlfow", "--track", "mlflow", "--track", "tensorboard", "--name", "a/b")
    assert "mlfow" in said and "holds a password" in said and "'a/b' cannot be" in said
    assert "letmein" not in said


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_a_missing_package_is_told_with_the_extra_that_brings_it(folder, monkeypatch, name):
    monkeypatch.setattr("seatrial.extras.importable", lambda module: module == "pip")
    said = begin("--track", name)
    assert f"--track {name}: {name} is not installed" in said and f"[{name}]" in said


def test_none_stands_alone(folder):
    assert "--track none: means that there is no tracker" in begin("--track", "none", "--track", "mlflow")


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("http://me:letmein@host", "holds a password\n    set MLFLOW_TRACKING_USERNAME"),
        ("http://", "names no host"),
        ("http://[::1", "is no address"),
        ("file:///dev/null/store", "/dev/null: cannot be written to"),
        ("/dev/null/store", "/dev/null: cannot be written to"),
    ],
)
def test_an_address_of_mlflow_that_cannot_work_is_refused(folder, uri, said):
    Path("seatrial.toml").write_text(f'[tracking]\nto = ["mlflow"]\n[tracking.mlflow]\nuri = "{uri}"\n')
    assert said in begin()
    call("run", str(WALK), "--help")


def test_a_project_of_wandb_that_cannot_be_is_refused(folder):
    Path("seatrial.toml").write_text('[tracking.wandb]\nproject = "a/b"\n')
    assert "tracking.wandb.project: cannot be 'a/b'" in begin("--track", "wandb")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[tracking]\nto = ["mlfow"]\n', "seatrial.toml:2: tracking.to: no tracker is called 'mlfow'"),
        ('[tracking]\nto = "mlflow"\n', "seatrial.toml:2: tracking.to: must be a valid array"),
        ("[tracking]\n[tracking.mlfow]\n", "did you mean mlflow?"),
        ('[tracking.mlflow]\nurl = "x"\n', "seatrial.toml:2: tracking.mlflow.url: no key is called 'url'"),
    ],
)
def test_a_table_that_is_wrong_is_refused_with_its_line(folder, text, said):
    Path("seatrial.toml").write_text(text)
    assert said in begin()


def test_a_run_that_is_to_be_sent_nowhere(folder):
    assert "it is to be sent nowhere\n    name one: seatrial track" in refused("track", "restarted")


def test_a_run_whose_account_cannot_be_read(folder):
    (folder / "runs/restarted/trackers").mkdir()
    (folder / "runs/restarted/trackers/mlflow.json").write_text("{}")
    said = refused("track", "restarted", "--to", "mlflow")
    assert "mlflow.json: cannot be read" in said and "a new record is begun" in said


def test_a_folder_that_cannot_be_written_to(folder, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: not mode & os.W_OK)  # root may write anywhere
    assert "runs/restarted: cannot be written to" in refused("track", "restarted", "--to", "tensorboard")
    assert not (folder / "runs/restarted/trackers").exists()


# --- a run in TensorBoard, whose own reader reads it


def scalars(run: Run, name: str) -> list[tuple[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(run.path / "tensorboard"), size_guidance={"scalars": 0}).Reload()
    return [(event.step, event.value) for event in found.Scalars(name)]


def losses(run: Run) -> list[tuple[int, float]]:
    return [(step.step, pytest.approx(step.loss, rel=1e-6)) for step in run.events().steps()]


def test_a_run_is_tracked_while_it_trains_and_goes_on_where_it_was(tmp_path):
    command = Command(tmp_path / "runs")
    command("run", str(WALK), "--name", "w", "--track", "tensorboard", "--set", "fault=kill", "--max-restarts", "0",
            expect=1)  # fmt: skip
    run = command.find("w")
    assert scalars(run, "train/loss") == losses(run) and len(losses(run)) == 14
    said = command("run", str(WALK), "--resume", "w", expect=1)  # that rank 0 died is not forgotten
    assert f"track   tensorboard: {run.path}/tensorboard" in said
    assert scalars(run, "train/loss") == losses(run) and len(losses(run)) == 30  # steps 11 to 14 came twice
    assert [step.step for step in run.events().of(Step)].count(12) == 2
    [found] = tracked.of(run)
    assert (found.offset, found.problem) == (run.events_path.stat().st_size, "")
    assert len(list((run.path / "tensorboard").iterdir())) == 2
    assert "tensorboard" not in (run.path / "job.json").read_text()


def test_a_run_of_before_is_sent_whole(folder):
    [said] = json.loads(call("track", "restarted", "--to", "tensorboard", "--json").stdout)
    run = Run(folder / "runs/restarted")
    assert said == {"tracker": "tensorboard", "address": str(run.path / "tensorboard"), "problem": ""}
    assert scalars(run, "train/loss") == losses(run)
    assert scalars(run, "validation/loss") and scalars(run, "checkpoint/bytes")
