"""The megatron-lm case on megatron-core itself: sizes, the same numbers in all layouts, killed, stopped, resumed."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seatrial.cases.megatron_lm import CASE, RECIPES
from seatrial.errors import ExitCode
from seatrial.events import CheckpointLoaded, EventLog, RunStart, Step, Validation
from seatrial.findings import Finding
from seatrial.runs import Run
from tests.trials.frameworks.driver import Driver, losses

SHORT = {"steps": "10", "checkpoint_every": "4", "validation_every": "5", "data_tokens": "200000"}


@pytest.fixture(scope="module")
def driver(frameworks: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    driver = Driver(frameworks, "megatron_ranks", CASE, tmp_path_factory.mktemp("megatron"), settings=SHORT)
    yield driver
    driver.close()


@pytest.fixture(scope="module")
def undisturbed(driver: Driver) -> EventLog:
    assert driver.run("undisturbed") == [0, 0], driver.logs("undisturbed")
    return events(driver, "undisturbed")


def events(driver: Driver, name: str) -> EventLog:
    log = driver.events(name)
    assert not log.of(Finding), log.of(Finding)
    return log


# --- sizes and data ---


def test_sizes_and_data_are_what_megatron_itself_says(driver: Driver, tmp_path: Path) -> None:
    wanted = {
        recipe.name: (
            recipe.args.model,
            recipe.args.make_vocab_size_divisible_by * recipe.args.tensor_parallel,
        )
        for recipe in RECIPES
    }
    folder = driver.prepare("sizes")
    (folder / "sizes.json").write_text(json.dumps(wanted))
    assert driver.start("sizes", "sizes", world_size=1) == [0], driver.logs("sizes")
    found = json.loads((folder / "found.json").read_text())
    assert found["counts"] == {recipe.name: recipe.parameters for recipe in RECIPES}
    assert found["written"] == [5, [[1, 2, 3], [256, 7]], "uint16", [70_000]]


# --- parity ---

LAYOUTS: dict[str, dict[str, Any]] = {
    "dp2": {"use_distributed_optimizer": False},
    "tp2": {
        "use_distributed_optimizer": False,
        "tensor_parallel": 2,
        "make_vocab_size_divisible_by": 64,
    },
    "pp2": {"use_distributed_optimizer": False, "pipeline_parallel": 2},
    "dp2, distributed optimizer": {},
    "dp2, overlapped": {"overlap_grad_reduce": True, "overlap_param_gather": True},
    "dp2, recomputed": {"recompute": "full"},
    "dp2, bf16": {"precision": "bf16"},
    "dp2, dropout": {"dropout": 0.1},
}


@pytest.mark.parametrize("model", ["gpt-tiny", "llama-tiny"])
def test_every_layout_gives_the_same_loss_and_gradient_also_resumed(driver: Driver, model: str) -> None:
    name = f"layouts-{model}"
    folder = driver.prepare(name, steps="4", model=model, warmup_steps="1", validation_every="0")
    layouts = LAYOUTS if model == "gpt-tiny" else {layout: LAYOUTS[layout] for layout in ("dp2", "tp2", "pp2")}
    (folder / "layouts.json").write_text(json.dumps(layouts))
    assert driver.start(name, "layouts") == [0, 0], driver.logs(name)
    first, second = (json.loads((folder / f"layouts-{rank}.json").read_text()) for rank in (0, 1))
    assert first == second  # the same floats on both ranks
    wanted = first["dp2"]
    assert wanted[-1][0] < wanted[0][0] - 0.1  # it learns, so that the later steps compare updates too
    for layout in layouts:
        assert first[f"{layout}, resumed"] == first[layout]  # to the last bit
        if "dropout" in layout:  # another loss, but the random numbers go on where they were
            continue
        for (loss, norm), (wanted_loss, wanted_norm) in zip(first[layout], wanted, strict=True):
            scale = 5000 if "bf16" in layout else 1  # 8 bits of precision
            assert loss == pytest.approx(wanted_loss, rel=2e-6 * scale), layout
            assert norm == pytest.approx(wanted_norm, rel=2e-5 * scale), layout


# --- whole runs ---


def test_a_run_completes_and_its_ranks_agree(driver: Driver, undisturbed: EventLog) -> None:
    assert sorted(losses(undisturbed)) == list(range(1, 11))
    assert losses(undisturbed)[10] < losses(undisturbed)[1] - 0.5
    end = undisturbed.end()
    assert end is not None and (end.outcome, end.step, end.ranks_agree) == ("completed", 10, True)
    step = undisturbed.of(Step)[-1]
    assert step.count == 8 * 128 and step.seconds > 0 and step.grad_norm > 0 and step.learning_rate > 0
    assert [v.step for v in undisturbed.of(Validation)] == [5, 10]
    assert sorted(path.name for path in (driver.root / "undisturbed" / "checkpoints").iterdir()) == [
        "iter_0000008",
        "iter_0000010",
        "latest_checkpointed_iteration.txt",
    ]
    assert Run(driver.root / "undisturbed").job.fidelity == "real-core"


@pytest.mark.parametrize("recipe", ["tiny-tp2", "tiny-pp2", "tiny-bf16"])
def test_the_other_recipes_complete_and_go_on_after_a_stop(driver: Driver, recipe: str) -> None:
    driver.prepare(recipe, recipe)
    codes = driver.start(recipe, when='"type": "step", "step": 5', number=signal.SIGTERM)
    assert codes == [ExitCode.STOPPED] * 2, driver.logs(recipe)
    end = events(driver, recipe).end()
    assert end is not None and end.outcome == "stopped" and 5 <= end.step < 10
    assert driver.start(recipe) == [0, 0], driver.logs(recipe)
    log = events(driver, recipe)
    loaded = log.last(CheckpointLoaded)
    assert loaded is not None and loaded.step == end.step
    end = log.end()
    assert end is not None and end.ranks_agree and sorted(losses(log)) == list(range(1, 11))


def torn(folder: Path) -> None:
    """What a kill may leave of a save: everything but what is written last, and nothing that names it."""
    checkpoints = folder / "checkpoints"
    shutil.copytree(checkpoints / "iter_0000004", checkpoints / "iter_0000008")
    (checkpoints / "iter_0000008" / "metadata.json").unlink()
    (checkpoints / "iter_0000008" / "common.pt").write_bytes(b"torn")


@pytest.mark.parametrize(
    ("name", "when", "damage", "loads"),
    [
        ("killed-while-saving", "checkpoints/iter_0000008", None, {4, 8}),
        ("torn", '"type": "step", "step": 6', torn, {4}),
        ("killed-early", '"type": "step", "step": 2', None, {None}),
    ],
)
def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    driver: Driver,
    undisturbed: EventLog,
    name: str,
    when: str,
    damage: Callable[[Path], None] | None,
    loads: set[int | None],
) -> None:
    folder = driver.prepare(name)
    assert driver.start(name, when=when) == [-signal.SIGKILL] * 2
    if damage:
        damage(folder)
    assert driver.start(name) == [0, 0], driver.logs(name)
    log = events(driver, name)
    loaded = log.last(CheckpointLoaded)
    assert (loaded.step if loaded else None) in loads
    assert losses(log) == losses(undisturbed)


def test_a_loss_that_is_not_a_number_ends_the_run_for_good(driver: Driver) -> None:
    codes = driver.run("diverges", learning_rate="1e30", min_learning_rate="0", warmup_steps="0")
    assert codes == [ExitCode.INVALID] * 2, driver.logs("diverges")
    end = events(driver, "diverges").end()
    assert end is not None and end.final and "is not a finite number" in end.reason


# --- a checkout of Megatron-LM ---

PRETRAIN_GPT = """
import sys
from pathlib import Path

import torch.distributed as dist
from of_the_checkout import line

def option(name):
    return sys.argv[sys.argv.index(name) + 1]

def main():
    tracker = Path(option("--save"), "latest_checkpointed_iteration.txt")
    steps, first = int(option("--train-iters")), int(tracker.read_text()) if tracker.exists() else 0
    last = 3 if first == 0 else steps  # the first start is asked to stop
    for step in range(first + 1, last + 1):
        if dist.get_rank() == dist.get_world_size() - 1:
            print(line(step, steps, option("--global-batch-size")), flush=True)
    dist.barrier()
    if dist.get_rank() == 0:
        tracker.write_text(str(last))
    dist.barrier()
    if last < steps:
        sys.exit()

if __name__ == "__main__":
    main()
"""
OF_THE_CHECKOUT = """
def line(step, steps, batch):
    return (
        f" [2026-11-22 02:38:13] iteration {step:8d}/{steps:8d} | consumed samples: {step:12d} | "
        f"elapsed time per iteration (ms): 87.0 | learning rate: 1.0E-03 | global batch size: {int(batch):5d} | "
        f"lm loss: {9 - step / 10:.6E} | loss scale: 1.0 | grad norm: 1.000 | "
        f"number of skipped iterations:   0 | number of nan iterations:   0 |"
    )
"""


def test_the_program_of_a_checkout_is_run_with_the_same_flags(driver: Driver, tmp_path: Path) -> None:
    """A stand-in for pretrain_gpt.py, which asks for CUDA: flags, imports, the last rank's log, stopping, resuming."""
    (tmp_path / "pretrain_gpt.py").write_text(PRETRAIN_GPT)
    (tmp_path / "of_the_checkout.py").write_text(OF_THE_CHECKOUT)
    for suffix in ("bin", "idx"):
        (tmp_path / f"text_document.{suffix}").touch()
    folder = driver.prepare("checkout", dataset=f"indexed:{tmp_path}/text_document")
    job = json.loads((folder / "job.json").read_text())
    job["args"]["source"] = str(tmp_path)  # which a CPU refuses
    (folder / "job.json").write_text(json.dumps(job))

    assert driver.start("checkout") == [ExitCode.STOPPED] * 2, driver.logs("checkout")
    end = events(driver, "checkout").end()
    assert end is not None and (end.outcome, end.step) == ("stopped", 3)
    assert driver.start("checkout") == [0, 0], driver.logs("checkout")
    log = events(driver, "checkout")
    assert [step.step for step in log.of(Step)] == list(range(1, 11))  # each once
    assert [start.start_step for start in log.of(RunStart)] == [0, 3]
    end = log.end()
    assert end is not None and (end.outcome, end.step, end.ranks_agree) == ("completed", 10, None)
