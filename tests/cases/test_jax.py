"""The jax case without JAX: its rules, meshes, recipes, and what its README says of flags."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import seatrial.cases.jax
from seatrial.cases.jax import CASE, RECIPES
from seatrial.cases.jax.flags import FLAGS, GONE, xla_flags
from seatrial.cases.jax.mesh import Place, mesh_of
from seatrial.cases.jax.models import MODELS
from seatrial.cases.jax.rules import check, secrets, workload
from seatrial.hardware import instances
from seatrial.spec import Layout

TINY = CASE.recipe("tiny").args
TWO_RANKS = Layout(nodes=1, processes_per_node=2, device="cpu")
FOUR_NODES = Layout(nodes=4, processes_per_node=8, device="cuda")


def problems(layout: Layout = TWO_RANKS, **changes: Any) -> list[str]:
    changed = replace(TINY, **changes)
    return [str(problem) for problem in (*changed.problems(), *check(changed, layout))]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"steps": 0}, "steps: 0 is less than 1"),
        ({"ici_data": -1, "ici_fsdp": 1}, "ici_data: -1 is less than 0"),
        ({"model": "mixtral-8x7b"}, "model: no model is called 'mixtral-8x7b'"),
        ({"sequence_length": 4096}, "sequence_length: 4096 is more than the 2048 tokens tiny was made for"),
        ({"ici_tensor": 0}, "ici_data, ici_fsdp, ici_tensor: only one of them can take what the others leave"),
        ({"dcn_data": 0}, "dcn_data, dcn_fsdp: only one of them can take what the others leave"),
        (
            {"ici_fsdp": 1},
            "ici_data, ici_fsdp, ici_tensor: 2 ranks of a node do not fill ici_data=1 x ici_fsdp=1 x ici_tensor=1",
        ),
        ({"dcn_data": 2}, "dcn_data, dcn_fsdp: 1 nodes do not fill dcn_data=2 x dcn_fsdp=0"),
        ({"global_batch_size": 6}, "global_batch_size: 6 do not divide into 2 data-parallel ranks x 2"),
    ],
    ids=str,
)
def test_each_rule_has_its_message(changes: dict[str, Any], says: str) -> None:
    found = problems(**changes)
    assert found and found[0].startswith(says), found
    assert len(found) == (2 if "-1" in says else 1), found


def test_every_dimension_divides_by_the_devices_that_share_it() -> None:
    three = Layout(nodes=1, processes_per_node=3, device="cpu")
    found = " ".join(problems(three, ici_fsdp=1, ici_tensor=3, sequence_length=32))
    for what in ("4 attention heads", "2 key/value heads", "320 tokens of the vocabulary"):
        assert f"{what} do not divide by ici_tensor=3" in found
    assert "units of the feed-forward network" not in found, "384 do"
    [text] = problems(three, global_batch_size=6)
    assert text == "ici_fsdp x dcn_fsdp: 128 hidden units do not divide by ici_fsdp x dcn_fsdp=3"


# --- meshes


def test_both_rows_make_the_axes() -> None:
    mesh = mesh_of(replace(TINY, ici_data=2, ici_fsdp=0, ici_tensor=2, dcn_data=2, dcn_fsdp=0), 4, 8)
    assert (mesh.ici, mesh.dcn, mesh.shape) == (Place(2, 2, 2), Place(2, 2, 1), Place(4, 4, 2))
    assert mesh.batch_ways == 16


def test_ranks_of_a_node_are_neighbours_on_every_axis() -> None:
    """Of two axes in a node: tensor counts fastest, then fsdp; a node further is a step over the whole inner row."""
    mesh = mesh_of(replace(TINY, ici_fsdp=4, ici_tensor=2, dcn_data=2, dcn_fsdp=2), 4, 8)
    assert [mesh.place(rank) for rank in (0, 1, 2, 7)] == [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 3, 1)]
    assert [mesh.place(8 * node) for node in range(4)] == [(0, 0, 0), (0, 4, 0), (1, 0, 0), (1, 4, 0)]


@given(degrees=st.tuples(*[st.integers(1, 2)] * 5))
def test_every_place_is_one_rank_s_and_tensor_parallel_ranks_share_a_part(degrees: tuple[int, ...]) -> None:
    ici_data, ici_fsdp, ici_tensor, dcn_data, dcn_fsdp = degrees
    args = replace(
        TINY, ici_data=ici_data, ici_fsdp=ici_fsdp, ici_tensor=ici_tensor, dcn_data=dcn_data, dcn_fsdp=dcn_fsdp
    )
    per_node = ici_data * ici_fsdp * ici_tensor
    mesh = mesh_of(args, dcn_data * dcn_fsdp, per_node)
    ranks = range(per_node * dcn_data * dcn_fsdp)
    places = {rank: mesh.place(rank) for rank in ranks}
    assert set(places.values()) == set(itertools.product(*map(range, mesh.shape)))
    parts = {part: [rank for rank in ranks if mesh.batch_part(rank) == part] for part in range(mesh.batch_ways)}
    for together in parts.values():
        assert len(together) == ici_tensor
        assert len({rank // per_node for rank in together}) == 1, "a matrix product stays in a node"
        assert len({places[rank][:2] for rank in together}) == 1


def test_parts_of_a_batch_are_dealt_out_as_the_array_on_the_mesh_is() -> None:
    """Its first axis is split over data, then fsdp: another order would mix up sequences and their saved places."""
    mesh = mesh_of(replace(TINY, ici_fsdp=2, ici_tensor=2, dcn_data=2, dcn_fsdp=2), 4, 4)
    by_place = {mesh.place(rank)[:2]: mesh.batch_part(rank) for rank in range(16)}
    assert [by_place[place] for place in itertools.product(range(2), range(4))] == list(range(8))


# --- recipes


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("tiny", (1, 2, 1)),
        ("tiny-dp2", (2, 1, 1)),
        ("tiny-tp2", (1, 1, 2)),
        ("2b", (1, 384, 1)),
        ("llama3.1-8b", (4, 8, 1)),
        ("llama3.1-70b", (1, 8, 8)),
    ],
)
def test_the_mesh_of_a_recipe(name: str, shape: tuple[int, ...]) -> None:
    recipe = CASE.recipe(name)
    per_node = recipe.processes_per_node or instances.instance(recipe.instance_type or "").ranks
    assert mesh_of(recipe.args, recipe.nodes, per_node).shape == shape
    assert list(check(recipe.args, Layout(nodes=recipe.nodes, processes_per_node=per_node, device="cpu"))) == []


def test_models_have_their_published_sizes_and_none_is_a_mixture() -> None:
    for recipe in RECIPES:
        assert recipe.parameters == MODELS[recipe.args.model].parameters()
        assert recipe.published == ()
    assert not any(model.num_experts for model in MODELS.values())


def test_the_2b_is_the_old_one_but_for_its_layers() -> None:
    """LmCloudSpmd2B of paxml 1.4.0: 18 layers of width 3072, heads of 128, a network of 4 x 3072, 32000 tokens."""
    ours, recipe = MODELS["2b"], CASE.recipe("2b")
    assert (ours.num_layers, ours.hidden_size, ours.head_dim, ours.vocab_size) == (18, 3072, 128, 32_000)
    assert ours.tie_embeddings and 3 * ours.intermediate_size == 2 * 4 * 3072
    args = recipe.args
    assert (args.steps, args.sequence_length, args.micro_batch_size, args.grad_clip) == (300, 1024, 32, 5.0)
    assert args.global_batch_size == 384 * 32 and recipe.nodes * 8 == 384


def test_only_the_fsdp_axis_deals_out_states() -> None:
    degrees = workload(replace(TINY, ici_tensor=2, dcn_data=0, dcn_fsdp=1), FOUR_NODES).degrees
    assert (degrees.tensor, degrees.data, degrees.shard) == (2, 16, 4)


def test_a_token_is_asked_for_where_the_tokenizer_is_gated() -> None:
    assert list(secrets(TINY)) == list(secrets(CASE.recipe("2b").args)) == []
    assert list(secrets(CASE.recipe("llama3.1-8b").args)) == ["HF_TOKEN"]


# --- XLA's flags


def test_the_user_s_flags_count_more_and_a_cpu_gets_none_of_ours() -> None:
    own = "--xla_gpu_enable_triton_gemm=true  --xla_dump_to=/tmp/x"
    flags = xla_flags("cuda", own).split()
    assert flags[-2:] == own.split()
    assert len(flags) == len(FLAGS) + 2 and all(flag.startswith("--xla_") for flag in flags)
    assert xla_flags("cpu", "--xla_a=1") == "--xla_a=1"


def test_the_readme_says_of_every_flag_why() -> None:
    text = Path(seatrial.cases.jax.__file__).with_name("README.md").read_text(encoding="utf-8")
    for name, flag in FLAGS.items():
        assert f"| `{name}` | {flag.value} | {flag.reason} |" in text
    for name, instead in GONE.items():
        assert f"| `{name}` | {instead} |" in text
    assert text.count("| `xla_") == len(FLAGS) + len(GONE) and not set(FLAGS) & set(GONE)


def test_the_loss_of_a_tiny_begins_near_that_of_chance() -> None:
    """Of which the expectation takes a part."""
    expected = CASE.recipe("tiny").expectations.loss_decrease
    assert expected is not None and expected < math.log(MODELS["tiny"].vocab_size) - 2
