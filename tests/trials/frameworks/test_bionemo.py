"""The bionemo case on transformers' ESM-2: the model, the same steps in any layout, killed, stopped and resumed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seatrial.cases._proteins.fasta import UNIPROT
from seatrial.cases.bionemo import CASE
from seatrial.errors import ExitCode
from seatrial.events import CheckpointLoaded, CheckpointSaved, EventLog, RunStart, Validation
from seatrial.findings import Finding
from seatrial.models import ESM
from tests.cases.proteins import families, fasta
from tests.trials.frameworks.driver import Driver, losses, norms

SHORT = {
    "steps": "6",
    "sequence_length": "64",
    "warmup_steps": "2",
    "validation_every": "3",
    "validation_batches": "1",
    "checkpoint_every": "2",
}


@pytest.fixture(scope="module")
def driver(frameworks: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    root = tmp_path_factory.mktemp("runs")
    source = fasta(root / "made-up.fasta", families(400))
    settings = SHORT | {"dataset": f"fasta:{source}"}
    driver = Driver(frameworks, "bionemo_ranks", CASE, root, settings=settings)
    yield driver
    driver.close()


@pytest.fixture(scope="module")
def undisturbed(driver: Driver) -> EventLog:
    """What every other run must equal: FSDP2 on 2 ranks."""
    assert driver.run("undisturbed") == [0, 0], driver.logs("undisturbed")
    return driver.events("undisturbed")


# --- the model ---


@pytest.mark.parametrize("name", [name for name in ESM if name != "esm1nv"])
def test_a_model_is_what_the_rules_think(driver: Driver, name: str) -> None:
    shape = ESM[name]
    assert driver.facts["sizes"][name] == [shape.parameters() + shape.contact_parameters(), shape.parameters()]


def test_the_model_is_that_of_transformers(driver: Driver) -> None:
    assert driver.facts["from transformers"] < 1e-5
    assert driver.facts["tokenizer agrees"]


def test_padding_changes_nothing(driver: Driver) -> None:
    """It does where transformers 4.57 is left to embed by itself."""
    assert driver.facts["by padding"] < 1e-5


# --- runs ---


def test_a_run_tells_all_that_its_verdict_needs(undisturbed: EventLog) -> None:
    steps = undisturbed.steps()
    assert [step.step for step in steps] == list(range(1, 7))
    assert all(700 < step.count <= 16 * 64 and step.seconds > 0 for step in steps)
    assert len({step.count for step in steps}) > 1, "padding is not counted"
    assert losses(undisturbed)[1] == pytest.approx(3.5, abs=0.2) and losses(undisturbed)[6] < losses(undisturbed)[1]
    start, end = undisturbed.last(RunStart), undisturbed.end()
    assert (start.unit, start.parameters) == ("tokens", ESM["esm2-tiny"].parameters())
    least, most = (ESM["esm2-tiny"].flops_per_token(length)["full"] for length in (20, 64))
    assert least < start.flops_per_token["full"] < most
    assert end is not None and (end.outcome, end.ranks_agree) == ("completed", True)
    assert [saved.step for saved in undisturbed.of(CheckpointSaved)] == [2, 4, 6]
    assert [found.step for found in undisturbed.of(Validation)] == [3, 6]
    assert not undisturbed.of(Finding)


@pytest.mark.parametrize(
    ("world_size", "settings"),
    [
        (1, {}),
        (2, {"parallel": "ddp"}),
        (2, {"micro_batch_size": "4", "recompute": "true"}),
    ],
    ids=["one process", "ddp", "recomputed"],
)
def test_any_layout_takes_the_same_steps(
    driver: Driver, undisturbed: EventLog, world_size: int, settings: dict[str, str]
) -> None:
    name = "-".join([str(world_size), *settings])
    assert driver.run(name, world_size, **settings) == [0] * world_size, driver.logs(name)
    same(driver.events(name), undisturbed)


def same(log: EventLog, expected: EventLog) -> None:
    """Loss, gradient norm, tokens and perplexity."""
    assert losses(log) == pytest.approx(losses(expected), rel=1e-5)
    assert norms(log) == pytest.approx(norms(expected), rel=1e-4)
    assert [step.count for step in log.steps()] == [step.count for step in expected.steps()]
    perplexities = [[found.metrics["perplexity"] for found in one.of(Validation)] for one in (log, expected)]
    assert perplexities[0] == pytest.approx(perplexities[1], rel=1e-4)


def test_bf16_is_near(driver: Driver, undisturbed: EventLog) -> None:
    for parallel in ("fsdp2", "ddp"):
        name = f"bf16-{parallel}"
        assert driver.run(name, precision="bf16", steps="2", parallel=parallel) == [0, 0], driver.logs(name)
        found = losses(driver.events(name))
        assert found != {step: losses(undisturbed)[step] for step in found}
        assert found[1] == pytest.approx(losses(undisturbed)[1], rel=0.01)


def test_killed_stopped_and_resumed_it_is_the_same_run(driver: Driver, undisturbed: EventLog) -> None:
    killed = driver.run("disturbed", signals={1: (signal.SIGKILL, 3)})
    assert killed[1] == -signal.SIGKILL and killed[0] != 0
    assert driver.run("disturbed", signals={0: (signal.SIGTERM, 1)}) == [ExitCode.STOPPED] * 2, driver.logs("disturbed")
    assert driver.run("disturbed") == [0, 0], driver.logs("disturbed")
    log = driver.events("disturbed")
    assert [loaded.step for loaded in log.of(CheckpointLoaded)] == [2, 3]
    assert (losses(log), norms(log)) == (losses(undisturbed), norms(undisturbed)), "to the last bit"
    assert [step.count for step in log.steps()][-3:] == [step.count for step in undisturbed.steps()][-3:]
    last = [found.metrics for found in log.of(Validation)][-1]
    assert last == undisturbed.of(Validation)[-1].metrics


def test_a_run_goes_on_with_another_number_of_ranks(driver: Driver, undisturbed: EventLog) -> None:
    assert driver.run("other", signals={0: (signal.SIGTERM, 3)}) == [ExitCode.STOPPED] * 2
    assert driver.run("other", world_size=1) == [0], driver.logs("other")
    assert losses(driver.events("other")) == pytest.approx(losses(undisturbed), rel=1e-4)


def test_a_loss_that_is_no_number_ends_the_run(driver: Driver) -> None:
    codes = driver.run("diverged", environment={"SEATRIAL_CHECKPOINTS": "0"}, learning_rate="1e30", warmup_steps="0")
    assert codes == [ExitCode.INVALID] * 2, driver.logs("diverged")


def test_a_container_s_program_that_is_not_there_is_named(driver: Driver) -> None:
    """The engine is refused by `bind` on a CPU; this is what a wrong image says."""
    import json

    folder = driver.prepare("container")
    job: dict[str, Any] = json.loads((folder / "job.json").read_text())
    job["args"]["engine"] = "bionemo"
    (folder / "job.json").write_text(json.dumps(job))
    assert driver.start("container") == [ExitCode.USAGE] * 2
    assert "BioNeMo is not there: No module named 'bionemo'" in driver.logs("container")
    options = (folder / "bionemo.txt").read_text().split()
    assert "--num-layers=4" in options and f"--result-dir={(folder / 'checkpoints').resolve()}" in options


def test_real_proteins_are_learnt(driver: Driver) -> None:
    """The recipe's own data, for a part of its steps."""
    if not UNIPROT.is_file() and not os.environ.get("CI"):
        pytest.skip(f"there is no {UNIPROT}: apt-get install mmseqs2-examples")
    settings = {"dataset": "uniprot", "proteins": "1500", "steps": "24", "sequence_length": "96"}
    assert driver.run("uniprot", **settings, learning_rate="3e-3") == [0, 0], driver.logs("uniprot")
    found = losses(driver.events("uniprot"))
    assert found[1] > 3.4 and sum(found[step] for step in (22, 23, 24)) / 3 < 3.1
    assert Path(driver.root, "datasets").is_dir()
