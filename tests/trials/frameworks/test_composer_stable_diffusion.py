"""The composer-stable-diffusion case on its frameworks: sizes, losses at any layout, killed, stopped and resumed."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator

import pytest

from seatrial.cases.composer_stable_diffusion import CASE
from seatrial.cases.composer_stable_diffusion.models import MODELS
from seatrial.errors import ExitCode
from seatrial.events import CheckpointLoaded, EventLog, RunStart, Validation
from seatrial.findings import Finding
from tests.trials.frameworks.driver import Driver, losses, norms

SHORT = {"steps": "9", "checkpoint_every": "3", "validation_every": "9", "ema_half_life": "30", "log_every": "1"}


@pytest.fixture(scope="module")
def driver(frameworks: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    root = tmp_path_factory.mktemp("runs")
    driver = Driver(frameworks, "composer_stable_diffusion_ranks", CASE, root, recipe="tiny-ema", settings=SHORT)
    yield driver
    driver.close()


@pytest.fixture(scope="module")
def undisturbed(driver: Driver) -> EventLog:
    """What every other run must equal: 2 ranks, with an average of the weights."""
    assert driver.run("undisturbed") == [0, 0], driver.logs("undisturbed")
    return driver.events("undisturbed")


def validated(log: EventLog) -> float:
    (validation,) = log.of(Validation)
    return float(validation.metrics["loss"])


def test_models_have_the_published_sizes(driver: Driver) -> None:
    assert driver.facts["sd2"] == [1_289_952_427, 865_910_724]
    assert driver.facts["unet"] == [865_910_724, 865_910_724]
    for name, sizes in (("sd2-base", "unet"), ("tiny", "tiny")):
        assert driver.facts[sizes][1] == MODELS[name].trained


def test_frozen_encoders_run_but_do_not_learn(driver: Driver) -> None:
    small = driver.facts["small"]
    assert 0.5 < small["loss"] < 3.0
    assert small["again"] == small["loss"]
    assert small["text"] == [2, 7, 32]
    assert small["frozen"]
    assert small["learns"]
    assert small["places"]  # the average of an integer is that integer


def test_a_run_tells_all_that_its_verdict_needs(undisturbed: EventLog) -> None:
    steps = undisturbed.steps()
    assert [step.step for step in steps] == list(range(1, 10))
    assert all(step.count == 32 and step.learning_rate == 2e-3 and step.seconds > 0 for step in steps)
    assert all((step.memory_bytes or 0) > 10**8 for step in steps)
    start, end = undisturbed.last(RunStart), undisturbed.end()
    assert start is not None
    assert (start.unit, start.parameters, start.world_size) == ("samples", MODELS["tiny"].trained, 2)
    assert end is not None and end.outcome == "completed" and end.ranks_agree
    assert losses(undisturbed)[1] - losses(undisturbed)[9] > 0.4
    assert validated(undisturbed) < 0.7
    assert not undisturbed.of(Finding)


def test_one_rank_takes_the_same_steps(driver: Driver, undisturbed: EventLog) -> None:
    """With micro-batches that do not divide the batch (32 = 12 + 12 + 8), and without the average of the weights."""
    assert driver.run("one", 1, micro_batch_size="12", ema="false") == [0], driver.logs("one")
    one = driver.events("one")
    assert losses(one) == pytest.approx(losses(undisturbed), rel=1e-4)
    assert norms(one) == pytest.approx(norms(undisturbed), rel=1e-3)
    # The average lags behind weights that get better fast.
    assert validated(one) < 0.9 * validated(undisturbed)


@pytest.fixture(scope="module")
def stopped(driver: Driver) -> str:
    """A run that was killed at step 5, went on from the checkpoint of step 3, and was stopped at step 5."""
    killed = driver.run("stopped", signals={1: (signal.SIGKILL, 5)})
    assert killed[1] == -signal.SIGKILL
    assert killed[0] != 0
    assert driver.run("stopped", signals={1: (signal.SIGTERM, 2)}) == [ExitCode.STOPPED] * 2, driver.logs("stopped")
    return "stopped"


def test_killed_stopped_and_resumed_it_is_the_same_run(driver: Driver, undisturbed: EventLog, stopped: str) -> None:
    shutil.copytree(driver.root / stopped, driver.root / "resumed", symlinks=True)
    assert driver.run("resumed") == [0, 0], driver.logs("resumed")
    resumed = driver.events("resumed")
    assert [loaded.step for loaded in resumed.of(CheckpointLoaded)] == [3, 5]
    assert losses(resumed) == losses(undisturbed)
    assert norms(resumed) == norms(undisturbed)
    assert validated(resumed) == validated(undisturbed)

    # As after a kill between the last checkpoint and the end.
    assert driver.run("resumed") == [0, 0], driver.logs("resumed")
    end = driver.events("resumed").end()
    assert end is not None
    assert (end.outcome, end.step, end.ranks_agree) == ("completed", 9, True)


def test_fewer_ranks_go_on_with_weights_and_average(driver: Driver, undisturbed: EventLog, stopped: str) -> None:
    shutil.copytree(driver.root / stopped, driver.root / "smaller", symlinks=True)
    assert driver.run("smaller", 1) == [0], driver.logs("smaller")
    smaller = driver.events("smaller")
    assert losses(smaller) == pytest.approx(losses(undisturbed), rel=1e-4)
    assert validated(smaller) == pytest.approx(validated(undisturbed), rel=1e-4)
