"""The bionemo case without its framework: rules, sizes, figures. What it computes with has tests of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.binding import bind
from seatrial.cases._proteins import fasta
from seatrial.cases.bionemo import CASE, RECIPES, Args, check, preflight
from seatrial.forecast.expectation import expect
from seatrial.forecast.places import place
from seatrial.hardware import instances
from seatrial.models import ESM
from seatrial.spec import Layout, Recipe
from seatrial.versions import BASES
from tests.clusters import LOCAL, P5

TINY = CASE.recipe("tiny")
TWO_RANKS = Layout(nodes=1, processes_per_node=2, device="cpu")
GPUS = Layout(nodes=2, processes_per_node=8, device="cuda")
CONTAINER = CASE.recipe("bionemo-esm2-650m").args
LEGACY = CASE.recipe("esm1nv").args


def problems(args: Args = TINY.args, layout: Layout = TWO_RANKS, **changes: Any) -> list[str]:
    changed = replace(args, **changes)
    return [str(problem) for problem in (*changed.problems(), *check(changed, layout))]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"steps": 0}, "steps: 0 is less than 1"),
        ({"seed": -1}, "seed: -1 is less than 0"),
        ({"proteins": -1}, "proteins: -1 is less than 0"),
        ({"min_learning_rate": 1.0}, "min_learning_rate: 1.0 is not between 0 and learning_rate"),
        ({"model": "esm2-9m"}, "model: no model is called 'esm2-9m'"),
        ({"model": "esm1nv"}, "engine: transformers does not train esm1nv"),
        ({"sequence_length": 1025}, "sequence_length: 1025 is more than the 1024 tokens esm2-tiny was made for"),
        ({"sequence_length": 2}, "sequence_length: 2 tokens have no room for a residue"),
        ({"global_batch_size": 12}, "global_batch_size: 12 do not divide into 2 data-parallel ranks x 4"),
        ({"dataset": "stdlib"}, "dataset: 'stdlib' is no source of proteins"),
        ({"precision": "fp16"}, "precision: our program scales no losses"),
    ],
    ids=str,
)
def test_each_rule_has_its_message(changes: dict[str, Any], says: str) -> None:
    [found] = problems(**changes)
    assert found.startswith(says)


@pytest.mark.parametrize(
    ("args", "changes", "says"),
    [
        (CONTAINER, {"dataset": "uniprot"}, "dataset: a container reads prepared data"),
        (
            CONTAINER,
            {"validation_every": 0, "checkpoint_every": 0},
            "checkpoint_every: BioNeMo saves when it validates",
        ),
        (CONTAINER, {"checkpoint_every": 50}, "checkpoint_every: BioNeMo saves when it validates"),
        (CONTAINER, {"batching": "tokens"}, "batching: in a container it is samples"),
        (CONTAINER, {"min_learning_rate": 1e-5}, "min_learning_rate: in a container it is 0.0"),
        (CONTAINER, {"beta2": 0.95}, "beta2: in a container it is 0.98"),
        (CONTAINER, {"precision": "fp16"}, "precision: bionemo is not made for fp16"),
        (LEGACY, {"precision": "bf16", "global_batch_size": 4096}, "precision: bionemo1 is not made for bf16"),
        (LEGACY, {"model": "esm2-8m", "global_batch_size": 4096}, "engine: bionemo1 does not train esm2-8m"),
    ],
    ids=lambda value: "" if isinstance(value, Args) else str(value),
)
def test_containers_have_rules_of_their_own(args: Args, changes: dict[str, Any], says: str) -> None:
    [found] = problems(args, GPUS, **changes)
    assert found.startswith(says)


def test_a_container_needs_gpus_and_says_which_image() -> None:
    [found] = problems(CONTAINER, Layout(nodes=1, processes_per_node=2, device="cpu"))
    assert found.startswith(f"engine: BioNeMo runs on GPUs only, in {BASES['bionemo'].tagged}")
    assert BASES["bionemo1"].tagged in bind(CASE, CASE.recipe("esm1nv"), P5).fidelity_note


def test_what_works_is_let_through() -> None:
    assert not problems() and not problems(parallel="ddp", recompute=True, batching="samples", validation_every=0)
    assert not problems(layout=GPUS, global_batch_size=64, precision="bf16", dataset="proteins:x")
    assert not problems(LEGACY, replace(GPUS, nodes=4))


def test_without_proteins_one_line_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fasta, "UNIPROT", tmp_path / "DB.fasta.gz")
    [problem] = preflight(TINY.args)
    assert problem.where == str(tmp_path / "DB.fasta.gz")
    assert "apt-get install mmseqs2-examples" in problem.remedy and "--set dataset=fasta:" in problem.remedy
    assert "\n" not in problem.remedy
    assert not list(preflight(replace(TINY.args, dataset="proteins:anything")))


# --- sizes ---


@pytest.mark.parametrize(
    ("name", "with_contact_head"),
    # The released models have it; 150M and 650M as others count fair-esm's, whose 3B nobody was found to have counted.
    [("8m", 7_512_474), ("150m", 148_140_154), ("650m", 651_043_254), ("3b", 2_839_005_634)],
)
def test_sizes_are_the_published_ones(name: str, with_contact_head: int) -> None:
    """tests/trials/frameworks builds each on the meta device, too."""
    shape = ESM[f"esm2-{name}"]
    assert shape.parameters() + shape.contact_parameters() == with_contact_head
    assert CASE.recipe(f"esm2-{name}").parameters == shape.parameters()


def test_esm1nv_has_44_million() -> None:
    assert round(ESM["esm1nv"].parameters() / 1e6) == 44


def test_flops_follow_the_matrices_and_know_no_causal_mask() -> None:
    shape = ESM["esm2-650m"]
    assert shape.flops_per_token(1024) == {"full": 6 * shape.parameters() + 12 * 33 * 1280 * 1024}
    learned = ESM["esm1nv"]
    assert learned.flops_per_token(0) == {"full": 6 * (learned.parameters() - 512 * 768)}


def test_figures_are_in_tokens_and_only_where_they_were_measured() -> None:
    found = {recipe.name: figure for recipe in RECIPES for figure in recipe.published}
    assert found.keys() == {"esm2-150m-ddp-8", "esm2-150m-ddp-14", "esm2-150m-fsdp-14", "esm1nv"}
    assert found["esm2-150m-fsdp-14"].value == 162 * 512 / 8
    assert found["esm1nv"].value == pytest.approx(14_172 * 512 / 32, rel=1e-4)
    for name, figure in found.items():
        recipe = CASE.recipe(name)
        assert (recipe.instance_type, recipe.nodes) == (figure.instance_type, figure.nodes)
        assert recipe.args.batching == "samples", "what is padded counts, as it did there"


def test_a_recipe_says_what_is_real() -> None:
    for recipe in RECIPES:
        job = bind(CASE, recipe, P5 if recipe.instance_type else LOCAL)
        assert job.fidelity == ("real-core" if recipe.args.engine == "transformers" else "real")


@pytest.mark.parametrize("recipe", [recipe for recipe in RECIPES if recipe.published], ids=lambda recipe: recipe.name)
def test_what_was_published_lies_where_it_is_expected(recipe: Recipe) -> None:
    """No measurement of an encoder is among those that forecasts rest on."""
    assert recipe.instance_type is not None
    ranks = recipe.processes_per_node or instances.instance(recipe.instance_type).ranks
    layout = Layout(nodes=recipe.nodes, processes_per_node=ranks, device="cuda")
    found = expect(CASE.workload(recipe.args, layout), place(recipe.instance_type), year=2026.0)
    assert recipe.published[0].value in found.tokens_per_second
    assert not found.evidence
