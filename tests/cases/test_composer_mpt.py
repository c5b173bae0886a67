"""The composer-mpt case without its framework: settings, rules, recipes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.binding import bind
from seatrial.cases.composer_mpt import CASE, RECIPES, check, preflight
from seatrial.models import MPT
from seatrial.spec import Layout
from tests.clusters import LOCAL, P5

TINY = CASE.recipe("tiny")
TWO_RANKS = Layout(nodes=1, processes_per_node=2, device="cpu")


def problems(layout: Layout = TWO_RANKS, **changes: Any) -> list[str]:
    changed = replace(TINY.args, **changes)
    return [str(problem) for problem in (*changed.problems(), *check(changed, layout))]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sequence_length": 1}, "sequence_length: 1 is less than 2"),
        ({"steps": 0}, "steps: 0 is less than 1"),
        ({"log_every": 0}, "log_every: 0 is less than 1"),
        ({"data_workers": -1}, "data_workers: -1 is less than 0"),
        ({"learning_rate": float("nan")}, "learning_rate: nan is not a positive number"),
        ({"min_learning_rate": 1.0}, "min_learning_rate: 1.0 is not between 0 and learning_rate"),
        ({"beta2": 1.0}, "beta2: 1.0 is not in [0, 1)"),
        ({"model": "mpt-7"}, "model"),
        ({"global_batch_size": 6}, "global_batch_size: 6 do not divide into 2 data-parallel ranks x 2"),
        ({"precision": "bf16"}, "precision: Composer computes in fp32 on a CPU"),
        ({"parallel": "ddp", "recompute": True}, "recompute: is an option of FSDP2"),
        ({"dataset": "hf:allenai/c4/en"}, "dataset: 'hf:allenai/c4/en' is no source of this case"),
        ({"model": "mpt-125m", "sequence_length": 4096}, "4096 is more than the 2048 positions of mpt-125m"),
    ],
)
def test_every_rule_says_what_is_wrong(changes: dict[str, Any], says: str) -> None:
    assert any(says in problem for problem in problems(**changes))


def test_what_works_is_let_through() -> None:
    assert not problems()
    assert not problems(sequence_length=8192), "ALiBi has no longest context"
    assert not problems(Layout(nodes=1, processes_per_node=2, device="cuda"), precision="bf16")


def test_every_recipe_states_its_size_and_what_is_real() -> None:
    for recipe in RECIPES:
        job = bind(CASE, recipe, P5 if recipe.instance_type else LOCAL)
        assert job.parameters == MPT[recipe.args.model].parameters()
        assert job.fidelity == "real-core"
        assert ("gloo" in job.fidelity_note) == (recipe.instance_type is None)
        assert not job.published


def test_released_models_have_their_published_sizes() -> None:
    """As on the model cards; the training sizes are compared with the built model in tests/trials/frameworks."""
    assert MPT["mpt-7b"].parameters() == 6_649_286_656
    assert MPT["mpt-30b"].parameters() == 29_957_200_896


def test_flops_follow_the_matrices() -> None:
    config = MPT["mpt-7b"]
    matrices = config.parameters()  # no look-ups: positions are a bias, the embedding is the output's matrix too
    flops = config.flops_per_token(2048)
    assert flops["full"] == 6 * matrices + 12 * 32 * 4096 * 2048
    assert flops["causal"] == 6 * matrices + 6 * 32 * 4096 * 2048


def test_preflight_looks_at_what_the_run_prepares(tmp_path: Path) -> None:
    assert not list(preflight(TINY.args))
    missing = replace(TINY.args, dataset=f"text:{tmp_path}/*.txt")
    assert "matches no file" in str(next(iter(preflight(missing))))
    assert not list(preflight(replace(TINY.args, dataset="mds:anything", tokenizer="missing.json")))
