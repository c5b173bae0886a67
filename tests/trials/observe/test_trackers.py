"""Runs in MLflow, W&B and TensorBoard, read back by their own packages: the values are those of the events.

A run of fsdp that is killed and resumed, a log of a framework that was recorded, and a framework itself; then trackers
that nobody answers for, which slow nothing and end nothing.
"""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial import tracked
from seatrial.events import RunEnd, RunStart, Step
from seatrial.observe.trackers._points import Points
from seatrial.observe.trackers._senders import stand_back
from seatrial.runs import Run
from tests.command import SHORT, Command, settings, wait_for_step
from tests.trials.observe.wandb_files import records, values
from tests.waiting import poll

ROOT = Path(__file__).parents[3]
SERVER = ROOT / ".make/mlflow/bin/mlflow"
"""The whole of MLflow, in an environment of its own: .ci/run makes it."""
ALL = ("--track", "tensorboard", "--track", "mlflow", "--track", "wandb")

pytestmark = pytest.mark.usefixtures("no_trackers")
Series = list[tuple[int, float]]


def expected(run: Run, name: str) -> Series:
    """Every value that the run's events have, in their order, repeated steps twice."""
    points = Points(run.job)
    found = [point for timed in run.events().events for point in points.take(timed)]
    return [(point.step, point.values[name]) for point in found if name in point.values]


def last_of_each_step(series: Series) -> Series:
    return sorted(dict(series).items())


def names(run: Run) -> set[str]:
    points = Points(run.job)
    return {name for timed in run.events().events for point in points.take(timed) for name in point.values}


def same(found: Series, wanted: Series, relative: float = 0.0) -> bool:
    assert [step for step, _ in found] == [step for step, _ in wanted]
    pairs = zip(found, wanted, strict=True)
    return all(a == b or math.isclose(a, b, rel_tol=relative) or (a != a and b != b) for (_, a), (_, b) in pairs)


def in_tensorboard(run: Run, name: str) -> Series:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(run.path / "tensorboard"), size_guidance={"scalars": 0, "tensors": 0}).Reload()
    return [(event.step, event.value) for event in found.Scalars(name)]


def in_mlflow(run: Run) -> Any:
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"  # no_trackers takes it back
    from mlflow.tracking import MlflowClient

    found = tracked.read(run, "mlflow")
    assert found is not None
    client = MlflowClient(tracking_uri=found.settings["uri"])
    experiment = client.get_experiment_by_name("seatrial")
    [only] = [r for r in client.search_runs([experiment.experiment_id]) if r.info.run_name == run.id]
    assert only.info.run_id == found.record
    return client, only


def mlflow_series(run: Run, name: str) -> Series:
    client, found = in_mlflow(run)
    history = client.get_metric_history(found.info.run_id, name)
    return sorted((metric.step, metric.value) for metric in history)  # it keeps no order of its own


def in_wandb(run: Run) -> tuple[list[dict[str, Any]], dict[str, Any], set[str]]:
    """Rows of the history, the summary, and the ids of the runs that are in the folder."""
    rows, summary, ids = [], {}, set()
    for record in records(run.path / "wandb"):
        match record.WhichOneof("record_type"):
            case "run":
                ids.add(record.run.run_id)
            case "history":
                rows.append(values(record.history.item))
            case "summary":
                summary |= values(record.summary.update)
    return rows, summary, ids


def wandb_series(run: Run, name: str) -> Series:
    return [(row["step"], row[name]) for row in in_wandb(run)[0] if name in row]


def check_everywhere(run: Run) -> None:
    """All values of a run are in all three."""
    for name in names(run):
        wanted = expected(run, name)
        assert same(in_tensorboard(run, name), last_of_each_step(wanted), relative=1e-6), name
        assert same(mlflow_series(run, name), sorted(wanted)), name
        assert same(wandb_series(run, name), wanted), name
    rows, _, ids = in_wandb(run)
    assert [row["_step"] for row in rows] == sorted({row["_step"] for row in rows}) and len(ids) == 1
    assert [finding for finding in run.findings() if finding.check == "tracking.behind"] == []


# --- runs


@pytest.fixture(scope="module")
def resumed(command: Command) -> Run:
    """fsdp, tracked everywhere: the command and all ranks were killed, and another command went on with it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith(("MLFLOW_", "WANDB_"))]:
            patch.delenv(name)
        process, run = command.begin("run", "fsdp", *settings(*SHORT, "log_every=1"), *ALL, name="killed")
        wait_for_step(run, 9, 150)
        senders = children(process.pid)
        process.kill()
        process.communicate()
        let_them_run(senders)
        poll(lambda: not any(Path(f"/proc/{pid}").exists() for pid in senders), 120, "the senders have ended")
        command("run", "fsdp", "--resume", "killed", *settings(*SHORT, "log_every=1"), expect=0)
    return run


def let_them_run(senders: list[int]) -> None:
    """However busy the machine is."""
    for pid in senders:
        stand_back(pid, 0)


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


def test_a_run_that_was_killed_and_resumed_is_one_record_everywhere(resumed):
    assert len(resumed.events().of(RunStart)) == 2
    repeated = [step.step for step in resumed.events().of(Step)]
    assert len(repeated) > len(set(repeated))
    check_everywhere(resumed)


def test_configuration_versions_and_verdict_are_there(resumed):
    _, found = in_mlflow(resumed)
    assert found.data.params["learning_rate"] == str(resumed.job.args["learning_rate"])
    assert found.data.params.keys() == resumed.job.args.keys()
    torch = resumed.events().last(RunStart).versions["torch"]
    assert (found.data.tags["case"], found.data.tags["version.torch"]) == ("fsdp", torch)
    assert (found.data.tags["verdict"], found.info.status) == ("PASS", "FINISHED")
    assert found.data.tags["finding.run.loss-fell"].startswith("PASS: from ")
    _, summary, _ = in_wandb(resumed)
    assert (summary["verdict"], summary["state"]) == ("PASS", "completed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    texts = EventAccumulator(str(resumed.path / "tensorboard")).Reload()
    assert "PASS" in str(texts.Tensors("verdict")[-1].tensor_proto.string_val[0])
    assert torch in str(texts.Tensors("about")[-1].tensor_proto.string_val[0])


def test_no_secret_is_written(command, tmp_path):
    secret = "letmein0123456789abcdef0123456789abcdef01"
    keys = {"MLFLOW_TRACKING_TOKEN": secret, "MLFLOW_TRACKING_PASSWORD": secret, "WANDB_API_KEY": secret}
    walk = str(ROOT / "tests/walk.py")
    command("run", walk, "--name", "secret", *ALL, WANDB_MODE="offline", **keys)
    files = [path for path in command.find("secret").path.rglob("*") if path.is_file()]
    assert len(files) > 10 and not [path for path in files if secret.encode() in path.read_bytes()]


def test_a_recorded_log_of_a_framework_is_sent_as_any_run(command):
    log = ROOT / "tests/cases/recorded/torchtitan_restart.log"
    command("read", "torchtitan/tiny", str(log), "--name", "log", expect=read_code(command, log))
    command("track", "log", *(word for name in ("tensorboard", "mlflow", "wandb") for word in ("--to", name)))
    check_everywhere(command.find("log"))


def read_code(command: Command, log: Path) -> int:
    """Whatever the verdict about a log of before is."""
    process = command.start("read", "torchtitan/tiny", str(log), "--name", "first-look")
    process.communicate(timeout=60)
    return process.returncode


def test_a_framework_is_tracked_while_it_trains(command):
    run = "torchtitan", *settings("steps=6", "sequence_length=32")
    command("run", *run, "--name", "titan", *ALL, "--expect", "none")
    check_everywhere(command.find("titan"))


# --- a server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MLflow's own, with its database."""
    if not SERVER.exists():
        pytest.skip(f"{SERVER.relative_to(ROOT)} is not there: .ci/run makes it")
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = [SERVER, "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    argv += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/artifacts"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )
    try:
        poll(lambda: listens(port) or process.poll() is not None, 180, "MLflow's server listens")
        assert process.poll() is None, (folder / "log").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_mlflow_s_server_has_a_resumed_run_as_one(command, server):
    command("run", str(ROOT / "tests/walk.py"), "--name", "served", "--track", "mlflow", "--set", "fault=kill",
            "--max-restarts", "0", expect=1, MLFLOW_TRACKING_URI=server)  # fmt: skip
    # Where it is sent stands in the run, whatever the variable says later.
    said = command("run", str(ROOT / "tests/walk.py"), "--resume", "served", expect=1)
    run = command.find("served")
    _, found = in_mlflow(run)
    assert f"track   mlflow: {server}/#/experiments/" in said and found.info.status == "FINISHED"
    assert same(mlflow_series(run, "train/loss"), sorted(expected(run, "train/loss")))


# --- trackers that nobody answers for


@pytest.fixture
def deaf() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def dead() -> str:
    """Nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.parametrize("kind", ["dead", "deaf"])
def test_a_server_that_does_not_answer_is_a_finding_and_slows_nothing(command, request, kind):
    address = request.getfixturevalue(kind)
    began = time.monotonic()
    out = command("run", str(ROOT / "tests/walk.py"), "--name", kind, "--track", "mlflow", "--json",
                  MLFLOW_TRACKING_URI=address)  # fmt: skip
    took = time.monotonic() - began
    run = command.find(kind)
    assert json.loads(out)["verdict"] == "WARN"
    [finding] = [finding for finding in run.findings() if finding.check == "tracking.behind"]
    assert finding.observed.startswith("mlflow has 0% of the events: ")
    log = run.events()
    assert isinstance(log.events[-1].event, RunEnd) and log.end().outcome == "completed"
    trained = log.events[-1].time - log.events[0].time
    assert trained < 10 and took < 90  # 30 steps of 10 ms, whatever the tracker does; 30 s at the end

    # Nothing is lost: another tracker has it all, and the server gets it when it is there.
    command("track", kind, "--to", "tensorboard")
    assert same(in_tensorboard(run, "train/loss"), expected(run, "train/loss"), relative=1e-6)
    command("track", kind, "--to", "mlflow", expect=1)


def test_a_tracker_that_comes_back_gets_what_it_missed(command, server, dead):
    command("run", str(ROOT / "tests/walk.py"), "--name", "missed", "--track", "mlflow", MLFLOW_TRACKING_URI=dead)
    run = command.find("missed")
    found = tracked.read(run, "mlflow")
    assert found is not None
    # Another address is the same to the run as a server that is started there.
    tracked.save(run, replace(found, settings={**found.settings, "uri": server}))
    command("track", "missed")
    assert same(mlflow_series(run, "train/loss"), sorted(expected(run, "train/loss")))
    assert [finding.check for finding in run.findings() if finding.verdict == "WARN"] == []


def test_two_commands_do_not_send_a_run_twice(command):
    process, run = command.begin("run", str(ROOT / "tests/walk.py"), "--set", "steps=2000", *ALL[:2], name="twice")
    poll(lambda: tracked.path(run, "tensorboard", "lock").exists(), 60, "the sender has begun")
    let_them_run(children(process.pid))
    poll(lambda: (found := tracked.read(run, "tensorboard")) is not None and found.offset > 0, 60, "it sends")
    other = command.start("track", "twice", "--to", "tensorboard")
    _, err = other.communicate(timeout=60)
    assert other.returncode == 2 and "--to tensorboard: another command sends it there" in err
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert same(in_tensorboard(run, "train/loss"), expected(run, "train/loss"), relative=1e-6)
