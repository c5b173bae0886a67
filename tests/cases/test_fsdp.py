"""The fsdp case without training: no dead setting, every rule, recipes that fit, what is said before the start."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.binding import bind
from seatrial.cases.fsdp import CASE, RECIPES, check, preflight
from seatrial.data.tokenizers import gated
from seatrial.errors import UserError
from seatrial.models import LLAMA
from seatrial.spec import Layout, Recipe
from tests.clusters import LOCAL, P5

TINY = CASE.recipe("tiny")
TWO_RANKS = Layout(nodes=1, processes_per_node=2, device="cpu")


def problems(layout: Layout = TWO_RANKS, **changes: Any) -> list[str]:
    changed = replace(TINY.args, **changes)
    return [str(problem) for problem in (*changed.problems(), *check(changed, layout))]


# --- rules ---


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sequence_length": 0}, "sequence_length: 0 is less than 1"),
        ({"global_batch_size": 0}, "global_batch_size: 0 is less than 1"),
        ({"micro_batch_size": 0}, "micro_batch_size: 0 is less than 1"),
        ({"micro_batch_size": -2}, "micro_batch_size: -2 is less than 1"),
        ({"steps": 0}, "steps: 0 is less than 1"),
        ({"checkpoint_keep": 0}, "checkpoint_keep: 0 is less than 1"),
        ({"log_every": 0}, "log_every: 0 is less than 1"),
        ({"warmup_steps": -1}, "warmup_steps: -1 is less than 0"),
        ({"validation_every": -1}, "validation_every: -1 is less than 0"),
        ({"checkpoint_every": -1}, "checkpoint_every: -1 is less than 0"),
        ({"shard_size": -1}, "shard_size: -1 is less than 0"),
        ({"grad_clip": -0.5}, "grad_clip: -0.5 is less than 0"),
        ({"weight_decay": -0.1}, "weight_decay: -0.1 is less than 0"),
        ({"validation_batches": 0}, "validation_batches: 0 is less than 1"),
        ({"learning_rate": 0.0, "min_learning_rate": 0.0}, "learning_rate: 0.0 is not a positive number"),
        ({"min_learning_rate": -1e-9}, "min_learning_rate: -1e-09 is not between 0 and learning_rate"),
        ({"min_learning_rate": 1.0}, "min_learning_rate: 1.0 is not between 0 and learning_rate"),
        ({"min_learning_rate": math.nan}, "min_learning_rate: nan is not between"),
        ({"beta1": 1.5}, "beta1: 1.5 is not in [0, 1)"),
        ({"beta2": math.nan}, "beta2: nan is not in [0, 1)"),
        ({"grad_clip": math.nan}, "grad_clip: nan is less than 0"),
        ({"model": "tinny"}, "model: no model is called 'tinny'\n    did you mean tiny?"),
        ({"model": "gpt-4"}, "model: no model is called 'gpt-4'\n    choose from: llama2-13b, "),
        ({"sequence_length": 4096}, "sequence_length: 4096 is more than the 2048 tokens tiny was made for"),
        (
            {"global_batch_size": 6},
            "global_batch_size: 6 do not divide into 2 data-parallel ranks x 2\n    --set global_batch_size=4, or",
        ),
        (
            {"global_batch_size": 2},
            "global_batch_size: 2 do not divide into 2 data-parallel ranks x 2\n    --set global_batch_size=4, or",
        ),
        ({"shard_size": 3}, "shard_size: 2 ranks do not divide into groups of 3"),
        ({"shard_size": 4}, "shard_size: 2 ranks do not divide into groups of 4"),
        ({"cpu_offload": True}, "cpu_offload: parameters are in host memory already"),
    ],
    ids=str,
)
def test_each_rule_has_its_message(changes: dict[str, Any], says: str) -> None:
    found = problems(**changes)
    assert len(found) == 1, found
    assert found[0].startswith(says)


@pytest.mark.parametrize(
    ("changes", "layout"),
    [
        ({}, TWO_RANKS),
        ({}, Layout(nodes=1, processes_per_node=1, device="cpu")),
        ({}, Layout(nodes=2, processes_per_node=2, device="cuda")),
        ({"sequence_length": 2048, "warmup_steps": 99, "grad_clip": 0.0, "weight_decay": 0.0}, TWO_RANKS),
        ({"validation_every": 0, "validation_batches": 0, "checkpoint_every": 0}, TWO_RANKS),
        ({"steps": 5, "warmup_steps": 10}, TWO_RANKS),  # a short trial of a long recipe
        ({"shard_size": 2}, TWO_RANKS),
        ({"shard_size": 2}, Layout(nodes=2, processes_per_node=2, device="cuda")),
        ({"cpu_offload": True}, Layout(nodes=1, processes_per_node=2, device="cuda")),
    ],
    ids=str,
)
def test_what_works_is_let_through(changes: dict[str, Any], layout: Layout) -> None:
    assert problems(layout, **changes) == []


def test_all_problems_come_at_once() -> None:
    settings = {"steps": "0", "model": "tinny", "global_batch_size": "7", "shard_size": "3", "cpu_offload": "true"}
    with pytest.raises(UserError) as caught:
        bind(CASE, TINY, LOCAL, settings=settings)
    assert [problem.where for problem in caught.value.problems] == [
        "steps",
        "model",
        "global_batch_size",
        "shard_size",
        "cpu_offload",
    ]


def test_the_batch_that_is_proposed_works() -> None:
    (message,) = problems(global_batch_size=13)
    near = int(message.partition("global_batch_size=")[2].partition(",")[0])
    assert problems(global_batch_size=near) == []


# --- recipes ---


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
class TestEachRecipe:
    """What holds for all of them."""

    def test_states_the_size_of_its_model(self, recipe: Recipe) -> None:
        assert recipe.parameters == LLAMA[recipe.args.model].parameters()

    def test_warms_up_and_expects_what_can_be_justified(self, recipe: Recipe) -> None:
        assert 0 < recipe.args.warmup_steps < recipe.args.steps
        assert (recipe.expectations.loss_decrease is None) == (recipe.args.steps < 50)

    def test_reaches_its_checkpoints_and_validations(self, recipe: Recipe) -> None:
        assert recipe.args.checkpoint_every <= recipe.args.steps
        assert recipe.args.validation_every <= recipe.args.steps


def test_sequences_are_as_long_as_the_table_says() -> None:
    lengths = {recipe.name: recipe.args.sequence_length for recipe in RECIPES if recipe.instance_type}
    assert lengths == {
        "llama2-7b": 4096,
        "llama2-13b": 4096,
        "llama2-70b": 4096,
        "mathstral-7b": 32_768,
        "mixtral-8x7b": 32_768,
        "llama3.1-8b": 8192,
        "llama3.1-70b": 8192,
        "llama3.2-1b": 8192,
        "llama3.2-3b": 8192,
    }


def test_checkpoints_of_two_models_can_never_meet() -> None:
    """The digest that a checkpoint carries differs for any two recipes, and for any two settings of one."""
    digests = {bind(CASE, r, P5 if r.instance_type else LOCAL, secrets={"HF_TOKEN"}).digest for r in RECIPES}
    digests |= {bind(CASE, TINY, LOCAL, settings={"seed": "1"}).digest}
    assert len(digests) == len(RECIPES) + 1


# --- tokens of the hub ---


@pytest.mark.parametrize("recipe", [r for r in RECIPES if gated(r.args.tokenizer)], ids=lambda recipe: recipe.name)
def test_a_gated_tokenizer_needs_a_token(recipe: Recipe) -> None:
    with pytest.raises(UserError, match="HF_TOKEN is not set") as caught:
        bind(CASE, recipe, P5, secrets=())
    assert "accept the licence on the hub, then export HF_TOKEN=" in str(caught.value)
    assert bind(CASE, recipe, P5, secrets={"HF_TOKEN"}).secrets == ("HF_TOKEN",)
    assert bind(CASE, recipe, P5, settings={"tokenizer": "bytes"}).secrets == ()
    assert bind(CASE, recipe, P5, settings={"dataset": "synthetic"}).secrets == ()


def test_which_recipes_need_a_token() -> None:
    assert {recipe.name for recipe in RECIPES if CASE.secrets(recipe.args)} == {
        "mathstral-7b",
        "mixtral-8x7b",
        "llama3.1-8b",
        "llama3.1-70b",
        "llama3.2-1b",
        "llama3.2-3b",
    }


# --- before anything starts ---


def broken_tokenizer(folder: Path) -> dict[str, Any]:
    (folder / "tokenizer.json").write_text("{")
    return {"tokenizer": str(folder / "tokenizer.json")}


def large_tokenizer(folder: Path) -> dict[str, Any]:
    from tokenizers import Tokenizer, models

    words = {f"word{i}": i for i in range(400)} | {"[UNK]": 400}
    Tokenizer(models.WordLevel(words, unk_token="[UNK]")).save(str(folder / "tokenizer.json"))
    return {"tokenizer": str(folder / "tokenizer.json")}


def binary_file(folder: Path) -> dict[str, Any]:
    (folder / "data.txt").write_bytes(b"\x7fELF\0\0\0\n" * 1000)
    return {"dataset": f"text:{folder}/*.txt", "validation_every": 0}


def small_file(folder: Path) -> dict[str, Any]:
    (folder / "data.txt").write_text("little\n")
    return {"dataset": f"text:{folder}/*.txt", "validation_every": 10}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: {"dataset": f"text:{folder}/*.txt"}, "matches no file"),
        (lambda folder: {"dataset": "stdlibs"}, "no source of data is called 'stdlibs'"),
        (binary_file, "is not UTF-8 text"),
        (small_file, "holds too little text to keep some back for validation"),
        (broken_tokenizer, "the tokenizer does not load"),
        (large_tokenizer, "401 tokens do not fit the model's vocabulary of 320"),
        (lambda folder: {"tokenizer": f"{folder}/none.json"}, "the tokenizer does not load"),
    ],
)
def test_what_is_wrong_on_this_machine(tmp_path: Path, make: Callable[[Path], dict[str, Any]], says: str) -> None:
    (problem,) = preflight(replace(TINY.args, **make(tmp_path)))
    assert says in problem.what
    assert problem.where


def test_data_and_tokenizer_are_both_looked_at(tmp_path: Path) -> None:
    args = replace(TINY.args, dataset=f"text:{tmp_path}/*.txt", **broken_tokenizer(tmp_path))
    assert [problem.what.split(":")[0] for problem in preflight(args)] == [
        "matches no file",
        "the tokenizer does not load",
    ]


def test_tiny_works_on_any_machine() -> None:
    assert list(preflight(TINY.args)) == []


def test_synthetic_data_needs_no_tokenizer(tmp_path: Path) -> None:
    args = replace(TINY.args, dataset="synthetic", **broken_tokenizer(tmp_path))
    assert list(preflight(args)) == []


def test_compiling_needs_a_compiler_and_a_path_without_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = replace(RECIPES[0].args, compile=True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: SimpleNamespace(origin="/a place/torch/__init__.py"))
    monkeypatch.setenv("PATH", "")
    found = [str(problem) for problem in preflight(compiled)]
    assert found[0].startswith("compile: there is no C++ compiler")
    assert found[1].startswith("compile: torch cannot link what it compiles: there is a space")
    assert not list(preflight(RECIPES[0].args))
