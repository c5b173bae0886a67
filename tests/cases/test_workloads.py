"""Every recipe's workload; one word for each degree; digests of before."""

from __future__ import annotations

import math
from dataclasses import asdict, fields, replace
from typing import Any

import pytest

from seatrial import catalog
from seatrial.fits import accelerator_of
from seatrial.forecast import memory
from seatrial.forecast.job import forecast
from seatrial.hardware import instances
from seatrial.job import digest
from seatrial.spec import Case, Layout, Recipe
from seatrial.workload import Degrees

RECIPES = [(case, recipe) for case in catalog.cases() for recipe in case.recipes]
each_recipe = pytest.mark.parametrize(
    ("case", "recipe"), RECIPES, ids=[f"{case.name}/{recipe.name}" for case, recipe in RECIPES]
)


def own_layout(recipe: Recipe) -> Layout:
    ranks = instances.instance(recipe.instance_type).ranks if recipe.instance_type else 1
    return Layout(
        nodes=recipe.nodes,
        processes_per_node=recipe.processes_per_node or ranks,
        device="cuda" if recipe.instance_type else "cpu",
    )


@each_recipe
def test_a_workload_is_what_the_recipe_says(case: Case, recipe: Recipe) -> None:
    layout = own_layout(recipe)
    workload = case.workload(recipe.args, layout)
    if case.purpose != "training":
        assert workload is None
        return
    assert workload is not None
    assert recipe.parameters in (workload.model_parameters, None)  # None: nobody published it
    # paxml's biases and scales are in no decoder of ours: a thousandth, of the tiny one more.
    apart = 0.02 if case.name == "jax-paxml" else 0
    if workload.model is not None:
        assert workload.model.parameters() == pytest.approx(workload.model_parameters, rel=apart)
    assert (workload.sequence_length is None) == (case.unit == "samples")
    degrees = workload.degrees
    assert math.prod((degrees.tensor, degrees.pipeline, degrees.context, degrees.data)) == layout.world_size
    assert degrees.data * degrees.context % degrees.shard == 0
    assert workload.global_batch_size >= workload.micro_batch_size * degrees.data


@each_recipe
def test_nothing_is_unknown_of_what_trains(case: Case, recipe: Recipe) -> None:
    """But for a UNet, whose layers nothing here describes, and for ranks that share a chip: Trainium's."""
    workload = case.workload(recipe.args, own_layout(recipe))
    if workload is None or recipe.instance_type is None:
        return
    device = accelerator_of(recipe.instance_type)
    found = forecast(workload, recipe.instance_type, device.memory_bytes / device.ranks_per_accelerator, year=2026.0)
    assert found.fit is not None
    known = case.name != "composer-stable-diffusion"
    assert (workload.model is not None) is known is (found.fit.unknown == ())
    assert set(found.unknown) == (set() if known and device.vendor != "AWS" else {"time"})


def test_adapters_are_those_of_the_recipe() -> None:
    """NeMo 2.7.3, llama31_70b: 16 numbers a row and column beside each of four matrices, the model in 2 bytes."""
    case, recipe = catalog.recipe("nemo-run/llama3.1-70b-lora")
    workload = case.workload(recipe.args, own_layout(recipe))
    assert workload is not None and workload.model is not None
    each = (8192 + 8192 + 2 * 1024) + (8192 + 8192) + (8192 + 2 * 28_672) + (28_672 + 8192)
    assert workload.parameters == 80 * 16 * each
    assert workload.frozen == workload.model.parameters()
    assert memory.floor(workload).parameters == 2 * (workload.frozen + workload.parameters) / 4
    mixture = case.workload(replace(recipe.args, model="mixtral-8x7b"), own_layout(recipe))
    assert mixture is not None and mixture.parameters == 32 * 32 * (4096 + 4096 + 2 * 1024 + 4096 + 4096)
    latent = case.workload(replace(recipe.args, model="deepseek-v3"), own_layout(recipe))
    assert latent is not None
    ends = (7168, 1536), (1536, 128 * 192), (7168, 576), (512, 128 * 256), (128 * 128, 7168)
    assert latent.parameters == 61 * 32 * sum(inputs + outputs for inputs, outputs in ends)


def test_one_word_for_each_degree() -> None:
    """Another framework's name for the same thing would be a second word."""
    words = {"tensor_parallel", "pipeline_parallel", "context_parallel", "data_parallel_replicate", "shard_size"}
    found = {field.name for case in catalog.cases() for field in fields(case.Args)}
    assert {name for name in found if "parallel" in name or "shard" in name} - words == {
        "parallel",  # of composer-mpt: a choice of engine
        "async_tensor_parallel",
        "expert_parallel",  # Degrees.expert, of nemo-run
        "sequence_parallel",
        "reshard_after_forward",
    }


@pytest.mark.parametrize(("target", "known"), [("fsdp/tiny", "d7378e55a5a84df0"), ("cpu-ddp/tiny", "396c3b2fbada227c")])
def test_checkpoints_of_before_are_still_taken(target: str, known: str) -> None:
    case, recipe = catalog.recipe(target)
    assert digest(case.name, asdict(recipe.args)) == known


@pytest.mark.parametrize(
    ("target", "changes", "degrees"),
    [
        ("fsdp/tiny", {"shard_size": 4}, Degrees(data=16, shard=4)),
        (
            "torchtitan/tiny",
            {"tensor_parallel": 2, "context_parallel": 2},
            Degrees(tensor=2, context=2, data=4, shard=8),
        ),
        ("torchtitan/tiny", {"data_parallel_replicate": 2, "tensor_parallel": 2}, Degrees(tensor=2, data=8, shard=4)),
        (
            "megatron-lm/tiny",
            {"context_parallel": 4, "tensor_parallel": 2},
            Degrees(tensor=2, context=4, data=2, shard=8),
        ),
        ("picotron/tiny", {"pipeline_parallel": 2, "context_parallel": 4}, Degrees(pipeline=2, context=4, data=2)),
        ("composer-mpt/tiny-ddp", {}, Degrees(data=16)),
    ],
)
def test_degrees_of_sixteen_ranks(target: str, changes: dict[str, Any], degrees: Degrees) -> None:
    case, recipe = catalog.recipe(target)
    workload = case.workload(replace(recipe.args, **changes), Layout(nodes=2, processes_per_node=8, device="cuda"))
    assert workload is not None and workload.degrees == degrees


def test_a_checkout_of_picotron_never_ties_embeddings() -> None:
    case, recipe = catalog.recipe("picotron/smollm-1.7b")
    tied, untied = (
        case.workload(replace(recipe.args, source=source), own_layout(recipe)) for source in (None, "/checkout")
    )
    assert tied is not None and untied is not None
    assert untied.parameters - tied.parameters == 49_152 * 2048


def test_states_are_as_wide_as_each_framework_keeps_them() -> None:
    layout = Layout(nodes=1, processes_per_node=2, device="cuda")

    def states(target: str, **changes: Any) -> tuple[float, ...]:
        case, recipe = catalog.recipe(target)
        workload = case.workload(replace(recipe.args, **changes), layout)
        assert workload is not None
        return workload.states.parameters, workload.states.gradients, workload.states.optimizer

    assert states("fsdp/tiny", precision="bf16") == (4, 4, 8), "stored in fp32 whatever is computed in"
    assert states("fsdp/tiny", cpu_offload=True) == (0, 0, 0), "in host memory"
    assert states("megatron-lm/tiny") == (4, 4, 8)
    assert states("megatron-lm/tiny", precision="bf16") == (2, 4, 12)
    assert states("megatron-lm/tiny", precision="fp16", source="/checkout") == (2, 2, 12)
    assert states("picotron/tiny", precision="bf16") == (4, 4, 8)
    assert states("picotron/tiny", precision="bf16", source="/checkout") == (2, 2, 4)
