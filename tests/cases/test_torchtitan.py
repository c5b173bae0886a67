"""The torchtitan case without torchtitan: its rules, its recipes, the file that it writes, the log that it reads."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from seatrial.binding import bind
from seatrial.cases.torchtitan import CASE, RECIPES, Args
from seatrial.cases.torchtitan.config import job_config, toml
from seatrial.cases.torchtitan.flavors import FLAVORS
from seatrial.cases.torchtitan.log import Reader
from seatrial.cases.torchtitan.rules import check, preflight
from seatrial.errors import UserError
from seatrial.events import Event, Step
from seatrial.rank.lines import clean
from seatrial.spec import Layout, Recipe
from tests.clusters import LOCAL, P5

RECORDED = Path(__file__).with_name("recorded")
TINY = CASE.recipe("tiny")
TWO_RANKS = Layout(nodes=1, processes_per_node=2, device="cpu")
SIXTEEN = Layout(nodes=2, processes_per_node=8, device="cuda")


def problems(layout: Layout = TWO_RANKS, **changes: Any) -> list[str]:
    changed = replace(TINY.args, **changes)
    return [str(problem) for problem in (*changed.problems(), *check(changed, layout))]


# --- rules ---


@pytest.mark.parametrize(
    ("changes", "layout", "says"),
    [
        ({"sequence_length": 0}, TWO_RANKS, "sequence_length: 0 is less than 1"),
        ({"steps": 0}, TWO_RANKS, "steps: 0 is less than 1"),
        ({"log_every": 0}, TWO_RANKS, "log_every: 0 is less than 1"),
        ({"tensor_parallel": 0}, SIXTEEN, "tensor_parallel: 0 is less than 1"),
        ({"warmup_steps": -1}, TWO_RANKS, "warmup_steps: -1 is less than 0"),
        ({"seed": -1}, TWO_RANKS, "seed: -1 is less than 0"),
        ({"grad_clip": 0.0}, TWO_RANKS, "grad_clip: 0.0 is not a positive number"),
        ({"grad_clip": math.nan}, TWO_RANKS, "grad_clip: nan is not a positive number"),
        ({"min_learning_rate": 1.0}, TWO_RANKS, "min_learning_rate: 1.0 is not between 0 and learning_rate"),
        ({"beta2": 1.0}, TWO_RANKS, "beta2: 1.0 is not in [0, 1)"),
        ({"checkpoint_keep": 1}, TWO_RANKS, "checkpoint_keep: 1 is less than 2: the newest may be unfinished"),
        ({"model": "8b"}, TWO_RANKS, "model: no model is called '8b'\n    did you mean 8B?"),
        ({"sequence_length": 262_144}, TWO_RANKS, "sequence_length: 262144 is more than the 131072 tokens"),
        ({"global_batch_size": 6}, TWO_RANKS, "global_batch_size: 6 do not divide into 2 data-parallel ranks x 4"),
        ({"tensor_parallel": 3}, SIXTEEN, "tensor_parallel: 16 attention heads do not divide by tensor_parallel=3"),
        ({"model": "8B", "tensor_parallel": 16}, SIXTEEN, "tensor_parallel: 8 key-value heads do not divide"),
        ({"data_parallel_replicate": 3}, TWO_RANKS, "tensor_parallel, context_parallel, pipeline_parallel, data_par"),
        ({"sequence_length": 127, "tensor_parallel": 2}, TWO_RANKS, "sequence_length: 127 tokens do not divide into 2"),
        ({"pipeline_parallel": 2}, SIXTEEN, "pipeline_parallel: torchtitan 0.2.2 divides a pipeline's loss by the"),
        ({"data_parallel_replicate": 2}, TWO_RANKS, "data_parallel_replicate: torchtitan 0.2.2 averages the gradients"),
        ({"tensor_parallel": 2, "precision": "bf16"}, TWO_RANKS, "precision: torchtitan computes in fp32 where"),
        ({"float8_all_gather": True}, SIXTEEN, "float8_all_gather: weights are not gathered in fp8 with float8=none"),
        ({"async_tensor_parallel": True}, SIXTEEN, "async_tensor_parallel: needs compile=true and tensor_parallel"),
        ({"context_parallel": 2}, TWO_RANKS, "context_parallel: torch has no rule for splitting its CPU attention"),
        ({"float8": "rowwise"}, TWO_RANKS, "float8: fp8 products need a GPU"),
        ({"compile": True}, TWO_RANKS, "compile: torch would compile for a CPU while"),
    ],
    ids=str,
)
def test_each_rule_has_its_message(changes: dict[str, Any], layout: Layout, says: str) -> None:
    found = problems(layout, **changes)
    assert any(problem.startswith(says) for problem in found), found
    if layout is TWO_RANKS:
        assert len(found) == 1


@pytest.mark.parametrize(
    ("changes", "layout"),
    [
        ({}, TWO_RANKS),
        ({"precision": "bf16"}, TWO_RANKS),
        ({"tensor_parallel": 2}, TWO_RANKS),
        ({"micro_batch_size": 2}, TWO_RANKS),
        ({"precision": "bf16"}, Layout(nodes=1, processes_per_node=1, device="cpu")),
        ({"tensor_parallel": 2, "precision": "bf16", "micro_batch_size": 1}, SIXTEEN),
        ({"data_parallel_replicate": 2, "micro_batch_size": 1, "global_batch_size": 16}, SIXTEEN),
        ({"context_parallel": 2, "precision": "bf16", "micro_batch_size": 1}, SIXTEEN),
        ({"compile": True, "async_tensor_parallel": True, "tensor_parallel": 2, "micro_batch_size": 1}, SIXTEEN),
        ({"steps": 2, "warmup_steps": 10}, TWO_RANKS),  # a short trial of a long recipe
    ],
    ids=str,
)
def test_what_works_is_let_through(changes: dict[str, Any], layout: Layout) -> None:
    assert problems(layout, **changes) == []


def test_what_is_wrong_on_this_machine(tmp_path: Path) -> None:
    def found(**changes: Any) -> list[str]:
        return [str(problem) for problem in preflight(replace(TINY.args, **changes))]

    assert found() == []
    assert found(dataset="c4") == []
    assert found(dataset="hf:allenai/c4/en")[0].startswith("dataset: torchtitan has no data set 'hf:allenai/c4/en'")
    assert "matches no file" in found(dataset=f"text:{tmp_path}/*.txt")[0]
    assert "there is no tokenizer.json in this folder" in found(tokenizer=str(tmp_path))[0]


# --- recipes ---


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
class TestEachRecipe:
    """What holds for all of them."""

    def test_binds_and_states_the_size_of_its_model(self, recipe: Recipe) -> None:
        job = bind(CASE, recipe, P5 if recipe.instance_type else LOCAL, secrets={"HF_TOKEN"})
        assert job.parameters == recipe.parameters == FLAVORS[recipe.args.model].parameters()
        assert job.environment == "pytorch"
        assert job.pins == {"torchtitan": "0.2.2"}

    def test_warms_up_saves_and_expects(self, recipe: Recipe) -> None:
        assert 0 < recipe.args.warmup_steps < recipe.args.steps
        assert 0 < recipe.args.checkpoint_every <= recipe.args.steps
        assert recipe.args.steps % recipe.args.log_every == 0  # so that the last step is logged
        assert recipe.expectations.loss_decrease

    def test_needs_a_token_exactly_for_a_gated_tokenizer(self, recipe: Recipe) -> None:
        needed = ("HF_TOKEN",) if recipe.args.tokenizer.startswith("meta-llama/") else ()
        assert CASE.secrets(recipe.args) == needed
        if needed:
            with pytest.raises(UserError, match="HF_TOKEN is not set"):
                bind(CASE, recipe, P5, secrets=())


def test_the_published_figures_are_those_of_four_p5() -> None:
    figures = {recipe.name: [(f.value, f.instance_type, f.nodes) for f in recipe.published] for recipe in RECIPES}
    assert {name: found for name, found in figures.items() if found} == {
        "llama3-8b": [(6785, "p5.48xlarge", 4)],
        "llama3-8b-float8": [(7865, "p5.48xlarge", 4)],
    }


# --- the file that torchtitan reads ---


def written(args: Args, **changes: Any) -> dict[str, Any]:
    places: dict[str, Any] = {"run": Path("/r"), "tokenizer": Path("/t"), "data": Path("/d"), "checkpoints": True}
    config = job_config(args, **places | changes)
    assert tomllib.loads(toml(config)) == config
    return config


def test_tiny_s_file_says_all_that_decides() -> None:
    config = written(TINY.args)
    assert config["model"] == {"name": "llama3", "flavor": "debugmodel", "hf_assets_path": "/t"}
    assert config["training"]["dataset_path"] == "/d/documents.arrow"
    assert config["training"]["mixed_precision_param"] == "float32"
    assert config["checkpoint"]["last_save_model_only"] is False
    assert config["checkpoint"]["async_mode"] == "disabled"
    assert config["lr_scheduler"]["min_lr_factor"] == pytest.approx(0.1)
    assert config["experimental"]["custom_import"] == "seatrial.cases.torchtitan.data"
    assert "quantize" not in config
    assert written(CASE.recipe("tiny-async").args)["checkpoint"]["async_mode"] == "async"


@pytest.mark.parametrize("name", ["größe-漢", "a sail ⛵ and a ship 🚢", 'quoted "so" \\ and so \x7f'])
def test_a_run_may_be_called_anything(name: str) -> None:
    assert written(TINY.args, run=Path("/r") / name)["job"]["dump_folder"] == f"/r/{name}"


def test_float8_has_its_present_names() -> None:
    config = written(CASE.recipe("llama3-8b-float8").args, data=None)
    assert config["model"]["converters"] == ["float8"]
    assert config["quantize"]["linear"]["float8"] == {
        "filter_fqns": ["output"],
        "enable_fsdp_float8_all_gather": True,
        "precompute_float8_dynamic_scale_for_fsdp": True,
    }
    assert config["compile"] == {"enable": True}
    assert config["activation_checkpoint"] == {"mode": "selective", "selective_ac_option": "op"}
    assert config["training"]["dataset"] == "c4"
    assert "experimental" not in config
    rowwise = written(replace(CASE.recipe("llama3-8b").args, float8="rowwise"))["quantize"]["linear"]["float8"]
    assert rowwise["recipe_name"] == "rowwise"


def test_a_run_that_keeps_no_checkpoints_writes_none() -> None:
    assert written(TINY.args, checkpoints=False)["checkpoint"]["enable"] is False
    assert written(replace(TINY.args, checkpoint_every=0))["checkpoint"]["interval"] == TINY.args.steps


# --- the log ---

SHORT = replace(TINY.args, sequence_length=32)
"""What the logs were recorded with, on two ranks. Folders in them were renamed, and torch's warnings left out."""
PUBLISHED = (
    "2025-03-04 00:44:44,441 - root - INFO - \x1b[36mstep: 1990  \x1b[32mloss:  3.4370  "
    "\x1b[33mmemory: 68.57GiB(86.69%)  \x1b[34mtps: 6,785  \x1b[35mmfu: 39.73%\x1b[39m"
)


def recorded(name: str = "torchtitan.log") -> list[str]:
    return (RECORDED / name).read_text(encoding="utf-8").splitlines()


def read(lines: Iterable[str], args: Args = SHORT, world_size: int = 2) -> list[Step]:
    reader = Reader(args, world_size)
    events: list[Event] = [event for line in lines for event in reader.read(clean(line))]
    assert all(isinstance(event, Step) for event in events)
    return [event for event in events if isinstance(event, Step)]


def test_a_recorded_log() -> None:
    steps = read(recorded())
    assert [step.step for step in steps] == list(range(1, 11))
    assert steps[0] == Step(
        step=1,
        loss=8.08668,
        grad_norm=2.1182,
        count=8 * 32,
        seconds=256 / (2 * 292),
        memory_bytes=round(0.61 * 2**30),
        printed={"mfu": 0.0, "flops": 0.01e12},
    )
    assert (steps[-1].loss, steps[-1].grad_norm) == (4.09235, 2.5805)


def test_a_restart_repeats_steps() -> None:
    steps = read(recorded("torchtitan_restart.log"))
    assert [step.step for step in steps] == [1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9, 10]
    assert [s.loss for s in steps[3:5]] == [s.loss for s in steps[5:7]]


@pytest.mark.parametrize(
    "prefix",
    ["{rank}: ", " {rank}: ", "[default{rank}]:", "[pod/titan-{rank}/main] ", "2026-11-22T02:41:49.8Z ", ""],
)
def test_a_step_that_every_rank_prints_counts_once(prefix: str) -> None:
    """As srun --label, torchrun --tee and kubectl logs show it."""
    lines = [prefix.format(rank=rank) + line for line in recorded() for rank in range(2)]
    assert read(lines) == read(recorded())


def test_the_published_format_of_2025() -> None:
    args = CASE.recipe("llama3-8b").args
    (step,) = read([PUBLISHED], args, 32)
    assert (step.step, step.loss, step.grad_norm) == (1990, 3.4370, None)
    assert step.count == 32 * 8192
    assert step.count / step.seconds / 32 == pytest.approx(6785)
    assert step.memory_bytes == round(68.57 * 2**30)


def test_the_published_mfu_is_that_of_the_published_rate() -> None:
    """By the convention that counts all positions, and an H100's 989 TFLOP/s."""
    assert 6785 * FLAVORS["8B"].flops_per_token(8192)["full"] / 989e12 == pytest.approx(0.3973, abs=5e-5)


def metric_lines() -> list[str]:
    return [line for line in recorded() if "tps: " in line]


def test_a_loss_that_is_no_number_is_read_as_that() -> None:
    line = metric_lines()[0]
    (step,) = read([line.replace(" 8.08668", "     nan").replace(" 2.1182", "     inf")])
    assert math.isnan(step.loss)
    assert step.grad_norm == math.inf


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (" 8.08668", "-1.00000", "a negative loss is that of a pipeline stage"),
        ("tps: 292", "tps: 0", "0 tokens per second"),
        ("step:  1", "step:  0", "not a whole metric line"),
        ("mfu", "muf", "not a whole metric line"),
    ],
)
def test_what_cannot_be_right_is_refused(old: str, new: str, says: str) -> None:
    line = metric_lines()[0]
    assert old in line
    with pytest.raises(ValueError, match=says):
        read([line.replace(old, new)])


def test_validation_is_no_step() -> None:
    line = "[titan] 2026-11-22 02:41:51,361 - root - INFO - validate step: 10  loss:  7.1234  memory:  0.61GiB(2.61%)"
    assert read([f"{line}  tps: 292"]) == []
    with pytest.raises(ValueError, match="not a whole metric line"):
        read([line])


def test_a_device_that_cannot_tell_its_memory() -> None:
    line = metric_lines()[0].replace(" 0.61GiB(2.61%)", "-0.00GiB(-0.00%)")
    assert read([line])[0].memory_bytes is None


def test_other_lines_are_nothing() -> None:
    lines = [line for line in recorded() if line not in metric_lines()]
    assert len(lines) == 40
    assert read([*lines, "see https://example.org", "CUDA out of memory: retry", ""]) == []


NAMES = ("step", "loss", "grad_norm", "tps", "tflops", "mfu")


@pytest.mark.parametrize("name", NAMES)
def test_a_fragment_is_refused(name: str) -> None:
    """As of a line that was broken in two, or that two ranks wrote at once."""
    with pytest.raises(ValueError, match="not a whole metric line"):
        read([f" {name}: 29"])
    with pytest.raises(ValueError, match="not a whole metric line"):
        read([f"[32m{name}: 29"])
    with pytest.raises(ValueError, match="not a whole metric line"):
        read(["".join(metric_lines()[:2])])


@given(st.data())
def test_no_metric_line_is_lost(data: st.DataObject) -> None:
    """One change anywhere in what a metric line says: its numbers are read as they stand there, or it is refused.

    It may leave little of the line, but the name of one number with its colon, or the line's beginning.
    """
    line = data.draw(st.sampled_from([*metric_lines(), PUBLISHED, "1: " + metric_lines()[3]]))
    message = line.index(" - INFO - ") + len(" - INFO - ")
    start = data.draw(st.integers(message + 6, len(line)))  # behind the first colour and letter
    end = data.draw(st.integers(start, len(line)))
    inserted = data.draw(st.one_of(st.just(""), st.text("0123456789.,- :%KGiBnaifstep\x1b[m", max_size=6)))
    torn = data.draw(st.booleans())
    changed = line[:start] if torn else line[:start] + inserted + line[end:]
    assume(torn or any(f"{name}:" in clean(changed).text for name in NAMES))
    try:
        steps = read([changed])
    except ValueError:
        return
    assert len(steps) == 1
    printed = dict(re.findall(r"(\w+): *([^ %(]+)", clean(changed).text))
    (step,) = steps
    assert step.step == int(printed["step"])
    assert same(step.loss, float(printed["loss"]))
    assert same(step.grad_norm, float(printed["grad_norm"]) if "grad_norm" in printed else None)
    assert step.count / step.seconds == pytest.approx(2 * float(printed["tps"].replace(",", "")))


def same(a: float | None, b: float | None) -> bool:
    return a == b or (a is not None and b is not None and math.isnan(a) and math.isnan(b))
