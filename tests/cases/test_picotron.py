"""The picotron case without training: its rules, recipes, picotron's configuration, and the log reader."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.cases.picotron import CASE, RECIPES, Args
from seatrial.cases.picotron.configuration import as_text, configuration
from seatrial.cases.picotron.log import Reader, metric_line, readable
from seatrial.cases.picotron.models import MODELS
from seatrial.cases.picotron.rules import check, fidelity_of, preflight, secrets
from seatrial.events import Step
from seatrial.hardware import instances
from seatrial.rank.lines import Line, clean
from seatrial.spec import Layout

TINY = CASE.recipe("tiny").args
TWO_RANKS = Layout(nodes=1, processes_per_node=2, device="cpu")
EIGHT_GPUS = Layout(nodes=1, processes_per_node=8, device="cuda")


def problems(layout: Layout = TWO_RANKS, **changes: Any) -> list[str]:
    changed = replace(TINY, **changes)
    return [str(problem) for problem in (*changed.problems(), *check(changed, layout))]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"steps": 0}, "steps: 0 is less than 1"),
        ({"sequence_length": 0}, "sequence_length: 0 is less than 1"),
        ({"micro_batch_size": 0}, "micro_batch_size: 0 is less than 1"),
        ({"tensor_parallel": 0}, "tensor_parallel: 0 is less than 1"),
        ({"context_parallel": -1}, "context_parallel: -1 is less than 1"),
        ({"checkpoint_every": -1}, "checkpoint_every: -1 is less than 0"),
        ({"learning_rate": math.nan}, "learning_rate: nan is not a positive number"),
        ({"model": "tinny"}, "model: no model is called 'tinny'"),
        ({"sequence_length": 4096}, "sequence_length: 4096 is more than the 2048 tokens tiny was made for"),
        ({"sequence_length": 127, "context_parallel": 2}, "context_parallel: 127 positions do not divide by"),
        ({"pipeline_parallel": 3}, "tensor_parallel, pipeline_parallel, context_parallel: 2 ranks do not divide into"),
        ({"global_batch_size": 6}, "global_batch_size: 6 do not divide into 2 data-parallel ranks x 2"),
        ({"source": "x", "precision": "bf16"}, "precision: picotron computes in fp32 on a cpu device"),
        ({"source": "x", "dataset": "synthetic"}, "dataset: picotron has no random tokens"),
        ({"source": "x", "context_parallel": 2}, "context_parallel: picotron averages gradients over context-parallel"),
        ({"source": "x", "log_every": 5}, "log_every: picotron prints every step"),
        ({"source": "x", "tokenizer": "gpt2"}, "tokenizer: picotron takes the model's own tokenizer, bytes"),
    ],
    ids=str,
)
def test_each_rule_has_its_message(changes: dict[str, Any], says: str) -> None:
    found = problems(**changes)
    assert len(found) == 1, found
    assert found[0].startswith(says)


def test_every_matrix_and_the_vocabulary_must_divide_by_the_tensor_parallel_ranks() -> None:
    sixteen = Layout(nodes=1, processes_per_node=16, device="cpu")
    assert [text.partition(": ")[2] for text in problems(sixteen, tensor_parallel=16)] == [
        "4 attention heads do not divide by tensor_parallel=16",
        "2 key/value heads do not divide by tensor_parallel=16",
    ]
    three = Layout(nodes=1, processes_per_node=3, device="cpu")
    assert "320 tokens of the vocabulary do not divide by tensor_parallel=3" in " ".join(
        problems(three, tensor_parallel=3)
    )


def test_each_stage_has_a_layer() -> None:
    eight = Layout(nodes=1, processes_per_node=8, device="cpu")
    [text] = problems(eight, pipeline_parallel=8)
    assert text.startswith("pipeline_parallel: 4 layers are not enough for 8 stages")


@pytest.mark.parametrize(
    ("changes", "layout"),
    [
        ({}, TWO_RANKS),
        ({"tensor_parallel": 2, "pipeline_parallel": 2, "context_parallel": 2}, EIGHT_GPUS),
        ({"precision": "bf16"}, TWO_RANKS),
        ({"source": "x"}, TWO_RANKS),
        ({"source": "x", "context_parallel": 2}, Layout(nodes=1, processes_per_node=4, device="cpu")),
        ({"pipeline_parallel": 4, "micro_batch_size": 8}, Layout(nodes=1, processes_per_node=4, device="cpu")),
    ],
    ids=str,
)
def test_what_works_is_let_through(changes: dict[str, Any], layout: Layout) -> None:
    assert problems(layout, **changes) == []


def test_what_a_checkout_needs_is_said_before_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("transformers", "datasets", "tokenizers"):
        monkeypatch.setitem(sys.modules, name, None)
    found = [str(problem) for problem in preflight(replace(TINY, source=str(tmp_path)))]
    assert found[0].startswith(f"{tmp_path}: is no checkout of picotron")
    assert found[1].startswith("source: picotron needs transformers, datasets, tokenizers, not installed here")
    assert "pip install" in found[1] and "'transformers<5'" in found[1]


def test_a_checkout_is_known_by_its_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    (tmp_path / "picotron").mkdir()
    (tmp_path / "train.py").touch()
    assert list(preflight(replace(TINY, source=str(tmp_path)))) == []


def test_the_engine_is_a_stand_in_everywhere_and_a_checkout_is_not() -> None:
    for layout in (TWO_RANKS, EIGHT_GPUS):
        fidelity, note = fidelity_of(TINY, layout)
        assert fidelity == "stand-in" and "on any device" in note
    assert fidelity_of(replace(TINY, source="x"), EIGHT_GPUS) == ("real", "")
    fidelity, note = fidelity_of(replace(TINY, source="x"), TWO_RANKS)
    assert fidelity == "real" and "gloo instead of NCCL" in note


def test_a_token_is_asked_for_where_the_hub_is_gated() -> None:
    llama = CASE.recipe("llama2-7b").args
    assert list(secrets(TINY)) == list(secrets(llama)) == []
    assert list(secrets(replace(llama, source="x"))) == ["HF_TOKEN"]


# --- recipes


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_recipe_fits_its_own_scale(recipe: Any) -> None:
    per_node = recipe.processes_per_node or instances.instance(recipe.instance_type).ranks
    layout = Layout(nodes=recipe.nodes, processes_per_node=per_node, device="cuda" if recipe.instance_type else "cpu")
    assert list(check(recipe.args, layout)) == []
    assert recipe.parameters == MODELS[recipe.args.model].config.parameters()
    assert recipe.published == ()  # of the published log only the warm-up is known


def test_models_have_their_published_sizes() -> None:
    sizes = {name: model.config.parameters() for name, model in MODELS.items() if name != "tiny"}
    assert sizes == {
        "smollm-1.7b": 1_711_376_384,
        "smollm-1.7b-5layers": 536_893_440,
        "llama2-7b": 6_738_415_616,
    }


@pytest.mark.torch
@pytest.mark.parametrize("name", ["smollm-1.7b", "smollm-1.7b-5layers"])
def test_a_model_that_is_built_has_as_many_parameters(name: str) -> None:
    import torch

    from seatrial.train.model import Llama

    with torch.device("meta"):
        model = Llama(MODELS[name].config)
    assert sum(p.numel() for p in model.parameters()) == MODELS[name].config.parameters()


# --- picotron's configuration


def test_the_demonstration_is_configured_as_published() -> None:
    sections = configuration(CASE.recipe("smollm-1.7b-5layers").args, EIGHT_GPUS)
    assert sections["distributed"] == {
        "tp_size": 2,
        "cp_size": 1,
        "pp_size": 2,
        "dp_size": 2,
        "pp_engine": "1f1b",
        "backend": "nccl",
        "use_cpu": False,
    }
    assert sections["model"]["name"] == "HuggingFaceTB/SmolLM-1.7B"
    assert sections["model"]["num_hidden_layers"] == 5
    training = sections["training"]
    assert (training["seq_length"], training["micro_batch_size"], training["gradient_accumulation_steps"]) == (
        128,
        4,
        2,
    )
    assert (training["num_samples"], training["learning_rate"]) == (400_000, 3e-4)
    assert training["max_tokens"] == 300 * 16 * 128
    assert sections["dataset"]["name"] == "roneneldan/TinyStories" and sections["dataset"]["subset_name"] is None
    assert sections["checkpoint"]["save_frequency"] == 300


def test_a_dataset_may_have_a_subset() -> None:
    sections = configuration(replace(TINY, dataset="hf:allenai/c4/en"), TWO_RANKS)
    assert (sections["dataset"]["name"], sections["dataset"]["subset_name"]) == ("allenai/c4", "en")


def test_on_a_cpu_it_uses_gloo_and_nothing_of_a_hub() -> None:
    sections = configuration(TINY, TWO_RANKS)
    assert sections["distributed"]["use_cpu"] and sections["distributed"]["backend"] == "gloo"
    assert sections["environment"]["FLASH_ATTEN"] == "0" and sections["training"]["num_samples"] is None
    assert (sections["model"]["name"], sections["dataset"]["name"]) == ("model", "data")


def test_no_checkpoints_means_none_and_never_a_division_by_zero() -> None:
    sections = configuration(replace(TINY, checkpoint_every=0), TWO_RANKS)
    assert sections["checkpoint"]["save_frequency"] > TINY.steps


def test_resuming_looks_where_saving_goes_and_there_is_no_token_unless_given() -> None:
    sections = configuration(TINY, TWO_RANKS, save_dir="/run/checkpoints", load_path="/run/checkpoints/40")
    assert sections["checkpoint"]["load_path"].startswith(sections["checkpoint"]["save_dir"] + "/")
    assert sections["environment"]["HF_TOKEN"] == ""
    assert json.loads(as_text(sections)) == sections


# --- the log

PUBLISHED = (
    "[rank 2] Step: 1     | Loss: 10.9062 | Global batch size:   2.05K | Tokens/s:  199.02 | Tokens/s/GPU:   24.88 | "
    "Tokens:   2.05K | MFU:  0.01% | Memory usage:   1.75GB"
)
DEMONSTRATION = CASE.recipe("smollm-1.7b-5layers").args


def ours(step: int = 5, loss: float = 7.7574, **changes: Any) -> str:
    values = {
        "rank": 0,
        "step": step,
        "loss": loss,
        "grad_norm": 1.25,
        "learning_rate": 3e-4,
        "tokens": 2048,
        "all_tokens": 2048 * step,
        "seconds": 0.5,
        "world_size": 8,
        "mfu": None,
        "memory_bytes": 1_750_000_000,
    }
    return metric_line(**{**values, **changes})


def read(*lines: str, args: Args = DEMONSTRATION) -> list[Step]:
    reader = Reader(args, 8)
    return [event for raw in lines for event in reader.read(clean(raw))]


def test_the_published_line_is_read() -> None:
    [step] = read(PUBLISHED)
    assert (step.step, step.loss, step.count, step.memory_bytes) == (1, 10.9062, 2048, 1_750_000_000)
    assert step.seconds == pytest.approx(2048 / 199.02)
    assert step.grad_norm is None and step.learning_rate == 3e-4


def test_a_limit_of_tokens_changes_nothing() -> None:
    assert read(PUBLISHED.replace("Tokens:   2.05K", "Tokens:   2.05K/614.40K")) == read(PUBLISHED)


def test_a_line_of_another_job_counts_what_it_prints() -> None:
    [step] = read(PUBLISHED.replace("2.05K | Tokens/s:", "4.10K | Tokens/s:"))
    assert step.count == 4100


@pytest.mark.parametrize(
    "prefix",
    ["", "3: ", "[pod/picotron-worker-0/pytorch] ", "[pod/a/b] 2026-01-02T03:04:05.678Z ", "\x1b[36m", "[rank2]: "],
)
def test_what_engines_put_before_a_line_does_not_matter(prefix: str) -> None:
    assert read(prefix + PUBLISHED) == read(PUBLISHED)


def test_our_own_line_tells_more_and_tells_it_exactly() -> None:
    [step] = read(ours(loss=2.8632123456, seconds=0.123456789))
    assert (step.loss, step.seconds, step.grad_norm, step.learning_rate) == (2.8632123456, 0.123456789, 1.25, 3e-4)


def test_what_ranks_measured_is_told_beside_the_line() -> None:
    reader = Reader(TINY, 2)
    reader.measured = {"cpu": [0.25, 0.5]}
    [step] = reader.read(clean(ours()))
    assert step.ranks == {"cpu": [0.25, 0.5]}


@pytest.mark.torch
@pytest.mark.parametrize(("world", "pipeline"), [(8, 2), (8, 4), (6, 3), (4, 4)])
def test_the_stage_of_each_rank_is_its_row_in_the_grid(world: int, pipeline: int) -> None:
    import torch

    from seatrial.cases.picotron.engine.mesh import stages

    grid = torch.arange(world).view(pipeline, -1)  # as in make_mesh
    assert stages(world, pipeline) == [int((grid == rank).nonzero()[0, 0]) for rank in range(world)]
    assert stages(world, 1) == []


def test_one_of_several_printing_ranks_counts() -> None:
    lines = [ours(step, rank=rank) for step in (1, 2) for rank in (3, 0)]
    assert [step.step for step in read(*lines)] == [1, 2]


def test_a_repeated_step_of_a_restarted_job_counts_again() -> None:
    assert [step.step for step in read(ours(1), ours(2), ours(1), ours(2))] == [1, 2, 1, 2]


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_a_number_is_seen(loss: float) -> None:
    [step] = read(ours(loss=loss))
    assert not math.isfinite(step.loss)
    [step] = read(PUBLISHED.replace("10.9062", f"{loss:6.4f}"))
    assert not math.isfinite(step.loss)


@pytest.mark.parametrize(
    "text", ["", "Number of parameters: 536.90M", "rank 0: Creating model config", "Step: by step"]
)
def test_other_lines_say_nothing(text: str) -> None:
    assert read(text) == []


@pytest.mark.parametrize("line", [PUBLISHED, ours()], ids=["picotron", "ours"])
def test_a_line_that_stops_anywhere_is_never_lost_and_never_believed(line: str) -> None:
    begun = len("[rank 2] Step:")
    for end in range(begun, len(line)):
        with pytest.raises(ValueError):
            read(line[:end])


def test_two_lines_on_one_are_not_lost() -> None:
    with pytest.raises(ValueError):
        read(PUBLISHED + ours())
    with pytest.raises(ValueError):
        read("[rank 2] Step: 1     | Loss: 10.9[rank 2] Step: 2     | Loss: 10.8")
    assert read("100%|###| 64/64 [00:01<00:00]" + PUBLISHED) == read(PUBLISHED)


@given(
    step=st.integers(1, 10**6),
    loss=st.floats(0, 1e4) | st.just(math.nan),
    tokens=st.integers(1, 10**12),
    seconds=st.floats(1e-4, 1e4),
    noise=st.text(st.characters(blacklist_characters="\r\n\x1b", blacklist_categories=("Cs",)), max_size=20),
)
def test_no_metric_line_is_lost_whatever_it_says(
    step: int, loss: float, tokens: int, seconds: float, noise: str
) -> None:
    args = replace(DEMONSTRATION, global_batch_size=tokens, sequence_length=1)
    line = ours(step, loss, tokens=tokens, all_tokens=tokens, seconds=seconds)
    [found] = Reader(args, 8).read(Line(line))
    assert (found.step, found.count) == (step, tokens)
    assert found.seconds == pytest.approx(seconds, rel=1e-4, abs=1e-9)
    assert found.loss == pytest.approx(loss, abs=1e-9, nan_ok=True)
    try:
        [other] = Reader(args, 8).read(Line(line + noise)) or [None]
        assert other is not None
    except ValueError:
        pass


@given(st.floats(0, 1e15))
def test_a_number_is_written_with_three_digits_or_more(value: float) -> None:
    from seatrial.rank.lines import number

    assert number(readable(value)) == pytest.approx(value, rel=0.006, abs=0.006)


# --- what picotron itself printed, on two CPU ranks

RECORDED = Path(__file__).with_name("recorded")


@pytest.mark.parametrize(
    ("name", "first", "last"), [("picotron.log", 5.7683, 3.0969), ("picotron-pp2.log", 5.8988, 2.5993)]
)
def test_recorded_logs_are_read_whole(name: str, first: float, last: float) -> None:
    text = (RECORDED / name).read_text()
    steps = read(*text.splitlines(), args=TINY)
    assert [step.step for step in steps] == list(range(1, 21))
    assert (steps[0].loss, steps[-1].loss) == (first, last)
    assert all(step.count == 8 * 128 and step.seconds > 0 for step in steps)
    assert text.count("Step:") == len(steps)


def test_a_recorded_log_that_both_ranks_wrote_into_is_read_once() -> None:
    lines = (RECORDED / "picotron.log").read_text().splitlines()
    other = [line.replace("[rank 0]", "[rank 1]") for line in lines]
    mixed = [f"{task}: {line}" for pair in zip(lines, other, strict=True) for task, line in enumerate(pair)]
    assert read(*mixed, args=TINY) == read(*lines, args=TINY)
