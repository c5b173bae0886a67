"""The torchtitan case on torchtitan itself: sizes, the same steps in any layout, killed, stopped and resumed."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seatrial.cases.torchtitan import CASE
from seatrial.cases.torchtitan.flavors import FLAVORS
from seatrial.errors import ExitCode
from seatrial.events import CheckpointLoaded, CheckpointSaved, EventLog, RunStart
from seatrial.findings import Finding
from tests.trials.frameworks.driver import Driver, losses, norms

SHORT = {"steps": "8", "checkpoint_every": "3", "sequence_length": "32", "warmup_steps": "2"}


@pytest.fixture(scope="module")
def driver(frameworks: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    driver = Driver(frameworks, "torchtitan_ranks", CASE, tmp_path_factory.mktemp("runs"), settings=SHORT)
    yield driver
    driver.close()


@pytest.fixture(scope="module")
def undisturbed(driver: Driver) -> EventLog:
    """What disturbed runs must equal."""
    assert driver.run("undisturbed") == [0, 0], driver.logs("undisturbed")
    return driver.events("undisturbed")


# --- what torchtitan says of its models ---


@pytest.mark.parametrize("name", FLAVORS)
def test_a_flavor_is_what_the_rules_think(driver: Driver, name: str) -> None:
    ours, theirs = FLAVORS[name], driver.facts[name]
    assert ours.parameters() == theirs["parameters"]
    assert (ours.num_layers, ours.num_heads, ours.vocab_size) == (
        theirs["n_layers"],
        theirs["n_heads"],
        theirs["vocab_size"],
    )
    assert ours.num_kv_heads == (theirs["n_kv_heads"] or theirs["n_heads"])
    assert ours.max_context == theirs["max_seq_len"]
    assert theirs["attn_type"] == "sdpa"


@pytest.mark.parametrize("name", FLAVORS)
def test_flops_are_those_of_seatrial_s_formulas(driver: Driver, name: str) -> None:
    """torchtitan counts by the convention `full`; `causal` is made of it."""
    assert driver.facts[name]["flops"] == FLAVORS[name].flops_per_token(8192)


# --- runs ---


def test_a_run_tells_all_that_its_verdict_needs(driver: Driver, undisturbed: EventLog) -> None:
    found = undisturbed.steps()
    assert [step.step for step in found] == list(range(1, 9))
    assert all(step.count == 8 * 32 and step.seconds > 0 and (step.memory_bytes or 0) > 10**8 for step in found)
    assert found[0].loss - found[-1].loss > 3
    start, end = undisturbed.last(RunStart), undisturbed.end()
    assert start.parameters == FLAVORS["debugmodel"].parameters()
    assert start.flops_per_token == FLAVORS["debugmodel"].flops_per_token(32)
    assert end is not None
    assert (end.outcome, end.step, end.ranks_agree) == ("completed", 8, True)
    assert [saved.step for saved in undisturbed.of(CheckpointSaved)] == [3, 6, 8]
    assert not undisturbed.of(Finding)
    kept = sorted(path.name for path in (driver.root / "undisturbed" / "checkpoints").iterdir())
    assert kept == ["step-3", "step-6", "step-8"]  # torchtitan deletes none at the last step


@pytest.mark.parametrize("recipe", ["tiny", "tiny-async"])
def test_killed_stopped_and_resumed_it_is_the_same_run(driver: Driver, undisturbed: EventLog, recipe: str) -> None:
    killed = driver.run(recipe, recipe=recipe, signals={1: (signal.SIGKILL, 5)})
    assert killed[1] == -signal.SIGKILL
    assert killed[0] != 0
    torn = driver.root / recipe / "checkpoints" / "step-5"
    torn.mkdir()
    (torn / "__0_0.distcp").write_bytes(b"half of it")

    stopped = driver.run(recipe, recipe=recipe, signals={0: (signal.SIGTERM, 4)})
    assert stopped == [ExitCode.STOPPED] * 2, driver.logs(recipe)
    assert not torn.exists()

    assert driver.run(recipe, recipe=recipe) == [0, 0], driver.logs(recipe)
    log = driver.events(recipe)
    assert [loaded.step for loaded in log.of(CheckpointLoaded)] == [3, 7]
    assert [start.start_step for start in log.of(RunStart)] == [0, 3, 7]
    assert losses(log) == losses(undisturbed)
    assert norms(log) == norms(undisturbed)
    assert any(saved.asynchronous for saved in log.of(CheckpointSaved)) == (recipe == "tiny-async")
    assert same(weights(driver.root / recipe, 8), weights(driver.root / "undisturbed", 8))


def weights(run: Path, step: int) -> dict[str, Any]:
    """All that a checkpoint holds, but for the data loader's bytes: it counts anew after each start."""
    import torch
    from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

    file = run.with_suffix(".pt")
    dcp_to_torch_save(run / "checkpoints" / f"step-{step}", file)
    found: dict[str, Any] = torch.load(file, weights_only=False)
    return {name: state for name, state in found.items() if name != "dataloader"}


def same(a: Any, b: Any) -> bool:
    """Whether two checkpoints are equal to the bit."""
    import torch

    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(torch.equal(a, b)) if isinstance(a, torch.Tensor) else bool(a == b)


def test_a_request_after_the_last_step_stops_nothing(driver: Driver) -> None:
    codes = driver.run("late", recipe="tiny-tp2", signals={1: (signal.SIGTERM, 8)})
    assert codes == [0, 0], driver.logs("late")
    end = driver.events("late").end()
    assert end is not None
    assert (end.outcome, end.ranks_agree) == ("completed", True)
    assert len(driver.events("late").steps()) == 8


def test_other_data_parallel_ranks_cannot_go_on(driver: Driver, undisturbed: EventLog) -> None:
    """torchtitan does not divide the place in the data anew."""
    assert driver.run("undisturbed", world_size=1) == [ExitCode.USAGE]
    assert "resume with the number of processes" in driver.logs("undisturbed")


def test_a_loss_that_is_no_number_ends_the_run(driver: Driver) -> None:
    codes = driver.run("diverged", environment={"SEATRIAL_CHECKPOINTS": "0"}, learning_rate="1e30", warmup_steps="0")
    assert codes == [ExitCode.INVALID] * 2, driver.logs("diverged")
    end = driver.events("diverged").end()
    assert end is not None
    assert end.final
    assert not list((driver.root / "diverged" / "checkpoints").iterdir())


# --- the same steps, however the model is split ---


@pytest.fixture(scope="module")
def layouts(driver: Driver) -> dict[str, list[list[float]]]:
    """Layout -> loss and gradient norm of each step. The last rank has the pipeline's loss."""
    folder = driver.prepare("layouts", steps="3", warmup_steps="0")
    codes = driver.start("layouts", "layouts", world_size=4, environment={"SEATRIAL_CHECKPOINTS": "0"})
    assert codes == [0] * 4, driver.logs("layouts")
    found: dict[str, list[list[float]]] = json.loads((folder / "layouts-3.json").read_text())
    return found


def close(one: list[list[float]], other: list[list[float]]) -> bool:
    """The norm of a large tensor is summed in fp32 on a CPU: it depends on the size of the parts by 7e-5."""
    return len(one) == len(other) == 3 and all(
        a[0] == pytest.approx(b[0], rel=2e-6) and a[1] == pytest.approx(b[1], rel=2e-4)
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("layout", ["accumulated", "hybrid", "tensor", "tensor and fsdp"])
def test_same_loss_and_gradient_norm(layouts: dict[str, list[list[float]]], layout: str) -> None:
    assert close(layouts[layout], layouts["fsdp"]), (layouts[layout], layouts["fsdp"])


def test_unsharded_copies_still_average_what_was_divided_before(layouts: dict[str, list[list[float]]]) -> None:
    """Why `check` refuses them. Once this fails, torchtitan has mended it, and the rule can go."""
    (loss, norm), (right_loss, right_norm) = layouts["replicated"][0], layouts["fsdp"][0]
    assert loss == pytest.approx(right_loss, rel=2e-5)
    assert right_norm / norm == pytest.approx(4, rel=1e-3)


def test_a_pipeline_still_does_not_divide_its_loss_by_the_tokens(layouts: dict[str, list[list[float]]]) -> None:
    """Why `check` refuses it. Once this fails, torchtitan has mended it, and the rule can go."""
    (loss, norm), (right_loss, right_norm) = layouts["pipeline and fsdp"][0], layouts["fsdp"][0]
    assert loss == pytest.approx(right_loss, rel=2e-5)
    assert norm / right_norm == pytest.approx(8 * 32, rel=1e-3)
