"""The composer-mpt case on its real framework: the model, losses at any layout, killed, stopped and resumed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.cases.composer_mpt import C4, CASE
from seatrial.errors import ExitCode
from seatrial.events import CheckpointLoaded, CheckpointSaved, EventLog, RunStart
from seatrial.findings import Finding
from seatrial.models import MPT
from tests.trials.frameworks.driver import Driver, losses, norms
from tests.waiting import poll

# 48 sequences are 6 steps: the second epoch begins in the middle of the run.
SHORT = {"steps": "9", "warmup_steps": "2", "checkpoint_every": "3", "sequence_length": "64", "sequences": "48"}


@pytest.fixture(scope="module")
def driver(frameworks: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    root = tmp_path_factory.mktemp("runs")
    driver = Driver(frameworks, "composer_mpt_ranks", CASE, root, settings=SHORT, environment={"TMPDIR": str(root)})
    yield driver
    driver.close()


@pytest.fixture(scope="module")
def undisturbed(driver: Driver) -> EventLog:
    """What every other run must equal: FSDP2 on 2 ranks."""
    before = shared_memory()
    assert driver.run("undisturbed") == [0, 0], driver.logs("undisturbed")
    poll(lambda: shared_memory() <= before, 60, "no shared memory is left")
    assert not list(driver.root.glob("*filelock")), "lock files are left"
    return driver.events("undisturbed")


@pytest.fixture(scope="module")
def replicated(driver: Driver) -> EventLog:
    """The same with DDP."""
    assert driver.run("replicated", parallel="ddp") == [0, 0], driver.logs("replicated")
    return driver.events("replicated")


def shared_memory() -> set[Path]:
    """Streaming's, by the names that it gives; that of another test, which runs beside this one, will go, too."""
    return set(Path("/dev/shm").glob("[0-9][0-9][0-9][0-9][0-9][0-9]_*"))


def test_models_have_the_published_sizes(driver: Driver) -> None:
    assert driver.facts["sizes"] == {name: config.parameters() for name, config in MPT.items()}


def test_the_model_is_that_of_transformers(driver: Driver) -> None:
    """Also with a number of heads that is no power of 2."""
    for missing, difference in driver.facts["transformers"]:
        assert missing in ([], ["lm_head.weight"])  # tied
        assert difference < 1e-5


def test_a_run_tells_all_that_its_verdict_needs(undisturbed: EventLog) -> None:
    steps = undisturbed.steps()
    assert [step.step for step in steps] == list(range(1, 10))
    assert all(step.count == 8 * 64 and step.seconds > 0 and (step.memory_bytes or 0) > 10**8 for step in steps)
    # Linear from 0 in 2 steps, then a cosine. Composer's schedule lags one step behind: it sees the steps before.
    assert [step.learning_rate for step in steps][:4] == pytest.approx([0.0, 0.0, 1.5e-3, 3e-3])
    start, end = undisturbed.last(RunStart), undisturbed.end()
    assert (start.unit, start.parameters, start.world_size) == ("tokens", MPT["mpt-tiny"].parameters(), 2)
    assert end is not None
    assert end.outcome == "completed"
    assert end.ranks_agree
    assert losses(undisturbed)[1] - losses(undisturbed)[9] > 1.0
    assert [saved.step for saved in undisturbed.of(CheckpointSaved)] == [3, 6, 9]
    assert not undisturbed.of(Finding)


@pytest.mark.parametrize(
    ("world_size", "settings"),
    [
        (2, {"recompute": "true", "reshard_after_forward": "false", "data_workers": "1"}),
        (1, {"micro_batch_size": "8"}),
    ],
    ids=["recomputed", "one rank"],
)
def test_any_layout_takes_the_same_steps(
    driver: Driver, undisturbed: EventLog, world_size: int, settings: dict[str, str]
) -> None:
    name = "-".join([str(world_size), *settings])
    assert driver.run(name, world_size, checkpoint_every="0", **settings) == [0] * world_size, driver.logs(name)
    same(driver.events(name), undisturbed)


def test_ddp_takes_the_same_steps_as_fsdp2(replicated: EventLog, undisturbed: EventLog) -> None:
    same(replicated, undisturbed)


def same(log: EventLog, other: EventLog) -> None:
    """The same samples, in the first epoch and in the second; sums of floats in another order."""
    assert losses(log) == pytest.approx(losses(other), rel=1e-5)
    assert norms(log) == pytest.approx(norms(other), rel=1e-4)


@pytest.mark.parametrize("parallel", ["fsdp2", "ddp"])
def test_killed_stopped_and_resumed_it_is_the_same_run(
    driver: Driver, undisturbed: EventLog, replicated: EventLog, parallel: str
) -> None:
    name = f"disturbed-{parallel}"
    killed = driver.run(name, signals={0: (signal.SIGKILL, 5)}, parallel=parallel)
    assert killed[0] == -signal.SIGKILL
    assert killed[1] != 0
    checkpoints = driver.root / name / "checkpoints"
    (checkpoints / "ep0-ba5").mkdir()  # what a kill leaves of a checkpoint: files that no link names
    (checkpoints / "ep0-ba5" / "__0_0.distcp").write_bytes(b"torn")
    (checkpoints / "complete-ba4-rank0").symlink_to("ep0-ba4")  # and of one that is being removed: a link to nothing

    stopped = driver.run(name, signals={1: (signal.SIGTERM, 2)}, parallel=parallel)
    assert stopped == [ExitCode.STOPPED] * 2, driver.logs(name)
    assert [loaded.step for loaded in driver.events(name).of(CheckpointLoaded)] == [3]

    assert driver.run(name, parallel=parallel) == [0, 0], driver.logs(name)
    log = driver.events(name)
    assert [loaded.step for loaded in log.of(CheckpointLoaded)] == [3, 5]
    expected = undisturbed if parallel == "fsdp2" else replicated
    assert losses(log) == losses(expected)
    assert norms(log) == norms(expected)
    # The two newest are kept, those of earlier attempts included.
    assert sorted(path.name for path in checkpoints.glob("complete-*")) == ["complete-ba6-rank0", "complete-ba9-rank0"]


def test_a_killed_run_leaves_no_shared_memory(driver: Driver) -> None:
    before = shared_memory()
    assert driver.run("killed", signals={0: (signal.SIGKILL, 2), 1: (signal.SIGKILL, 2)}) == [-signal.SIGKILL] * 2
    # Python's own tracker removes it, when it sees them die.
    poll(lambda: shared_memory() <= before, 60, "no shared memory is left")


def test_what_is_not_prepared_is_said_so(driver: Driver) -> None:
    assert driver.run("unprepared", 1, dataset=f"mds:{C4}") == [ExitCode.USAGE]
    assert "there is no prepared data set" in driver.logs("unprepared")
    assert driver.run("few", 1, sequences="4") == [ExitCode.USAGE]
    assert "its 4 sequences are less than a global batch" in driver.logs("few")
    prepared = next((driver.root / "datasets").glob("mds-*")).name
    settings = {"sequence_length": "32", "global_batch_size": "4"}
    assert driver.run("other", 1, dataset=f"mds:{prepared}", **settings) == [ExitCode.USAGE]
    assert "its sequences have 64 tokens, not 32" in driver.logs("other")
