"""Whether a job fits: the cluster's nodes, the memory of its ranks; and what is different from where it was made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any, cast

from seatrial.cluster import Cluster
from seatrial.errors import Problem
from seatrial.hardware import GIB, accelerators, instances
from seatrial.spec import Case, Device, Layout, Recipe

if TYPE_CHECKING:
    from seatrial.forecast.fitting import Kind
    from seatrial.forecast.memory import Memory
    from seatrial.workload import Workload


def onto(layout: Layout, recipe: Recipe, cluster: Cluster) -> Iterable[Problem]:
    """What keeps a layout from the cluster's nodes."""
    where = f"cluster {cluster.name}"
    if layout.nodes > cluster.nodes:
        yield Problem(
            f"{recipe.name} needs {layout.nodes} nodes, there are {cluster.nodes}",
            where,
            f"--nodes {cluster.nodes} runs it smaller; add --processes to choose the processes per node",
        )
    if layout.processes_per_node > cluster.processes_per_node:
        kind = "accelerators" if cluster.accelerators_per_node else "processes on its CPUs"
        yield Problem(
            f"{layout.processes_per_node} processes per node, but a node takes {cluster.processes_per_node} {kind}",
            where,
            f"--processes {cluster.processes_per_node} or fewer",
        )
    if recipe.instance_type and not cluster.accelerators_per_node:
        yield Problem(
            f"{recipe.name} is made for {recipe.instance_type}; this cluster has no accelerator",
            where,
            "take the recipe tiny here, or --on a cluster with accelerators",
        )
    elif recipe.instance_type and cluster.instance_type:
        wanted, found = accelerator_of(recipe.instance_type), accelerator_of(cluster.instance_type)
        if wanted.vendor != found.vendor:
            what = f"{recipe.name} is made for {recipe.instance_type}: {wanted.name}"
            yield Problem(f"{what}; {cluster.instance_type} has {found.name}", cluster.instance_type)


def memory_of_a_rank(layout: Layout, cluster: Cluster) -> int | None:
    """Bytes that one rank may use; None: unknown."""
    if layout.device == "cpu":
        return cluster.memory_per_node // layout.processes_per_node if cluster.memory_per_node else None
    if cluster.instance_type is None:
        return None
    found = accelerator_of(cluster.instance_type)
    return found.memory_bytes // found.ranks_per_accelerator


def too_large(workload: Workload, case: Case, args: Any, layout: Layout, cluster: Cluster) -> Iterable[Problem]:
    """What cannot be in the memory of the ranks there, whatever else is. What may fit is let through."""
    from seatrial.forecast.memory import floor  # with the tables of models: the command starts without them

    memory = memory_of_a_rank(layout, cluster)
    least = floor(workload)
    if memory is not None and least.total > memory:
        place = cluster.instance_type if layout.device != "cpu" and cluster.instance_type else f"cluster {cluster.name}"
        yield Problem(
            f"each of {layout.world_size} ranks must hold at least {_arithmetic(workload, least)}, a rank has "
            f"{memory / GIB:.1f}",
            place,
            _where_it_fits(case, args, layout, cluster, memory),
        )


def _arithmetic(workload: Workload, memory: Memory) -> str:
    """``parameters 30.2 + ... = 120.8 GiB (64.9 billion parameters x 4 + 4 + 8 bytes)``"""
    held = {field.name: getattr(memory, field.name) for field in fields(memory)}
    parts = " + ".join(f"{name} {size / GIB:.1f}" for name, size in held.items() if size)
    each = " + ".join(f"{size:g}" for size in asdict(workload.states).values())
    frozen = f", beside {workload.frozen / 1e9:.3g} billion that are not trained" if workload.frozen else ""
    return (
        f"{parts} = {memory.total / GIB:.1f} GiB "
        f"({workload.parameters / 1e9:.3g} billion parameters x {each} bytes{frozen})"
    )


def notes(case: Case, recipe: Recipe, cluster: Cluster, layout: Layout, workload: Workload | None) -> Iterator[str]:
    """What differs from the recipe as it was made, and what may not fit."""
    made_for = recipe.instance_type if case.purpose != "check" else None  # a check is as right on another type
    if made_for not in (None, cluster.instance_type) and cluster.instance_type is not None:
        yield f"The recipe was made for {recipe.instance_type}, not for {cluster.instance_type}."
    if workload is None:
        return
    made = _made_for(recipe)
    if made is not None and made.world_size != layout.world_size:
        yield (
            f"The recipe was made for {made.nodes} x {made.processes_per_node} ranks. On {layout.nodes} x "
            f"{layout.processes_per_node} the same global batch of {workload.global_batch_size} is "
            f"{_micro_batches(workload)}{_instead(case, recipe, made, workload)}."
        )
    memory = memory_of_a_rank(layout, cluster)
    if layout.device != "cpu" and memory is not None:
        yield from _doubt(case, workload, memory, on_gpu=layout.device == "cuda")


_SET_BY: dict[Kind, str] = {
    "reshard": "reshard_after_forward",
    "optimizer": "use_distributed_optimizer",
    "shard": "shard_size",
    "micro_batch": "micro_batch_size",
    "recompute": "recompute",
    "expert": "expert_parallel",
    "pipeline": "pipeline_parallel",
    "tensor": "tensor_parallel",
    "context": "context_parallel",
    "offload": "cpu_offload",
}
"""What a change touches -> the argument that cases have for it."""


def _doubt(case: Case, workload: Workload, available: int, *, on_gpu: bool) -> Iterator[str]:
    """What speaks against a job's memory without being certain, and what the case could do about it."""
    from seatrial.forecast.fitting import changes, fit

    found = fit(workload, available, on_gpu=on_gpu)
    if found.verdict in ("fits", "unknown"):
        return
    says = "is tight" if found.verdict == "tight" else "will hardly do"
    stage = f" in pipeline stage {found.stage}" if workload.degrees.pipeline > 1 else ""
    arguments = {field.name for field in fields(cast(Any, case.Args))}
    kinds = [kind for kind, argument in _SET_BY.items() if argument in arguments]
    helpful = changes(workload, available, on_gpu=on_gpu, kinds=kinds, at_most=3)
    helps = "; or ".join(" and ".join(change.names) for change in helpful)
    yield (
        f"Memory {says}: {_arithmetic(workload, found.memory)} are expected of the {available / GIB:.1f} GiB "
        f"of a rank{stage}.{f' It would fit with {helps}.' if helps else ''}"
    )


def _made_for(recipe: Recipe) -> Layout | None:
    """The layout that a recipe was made for; None if it leaves the processes of a node open."""
    ranks = recipe.processes_per_node or (instances.instance(recipe.instance_type).ranks if recipe.instance_type else 0)
    neuron = recipe.instance_type is not None and accelerator_of(recipe.instance_type).vendor == "AWS"
    device: Device = "neuron" if neuron else "cuda"
    return Layout(nodes=recipe.nodes, processes_per_node=ranks, device=device) if ranks else None


def _micro_batches(workload: Workload) -> str:
    count = workload.micro_batches
    return f"{count} micro-batch{'es' if count > 1 else ''} of {workload.micro_batch_size} a step on each replica"


def _instead(case: Case, recipe: Recipe, made: Layout, workload: Workload) -> str:
    """What it was there, where it is different."""
    if list(case.check(recipe.args, made)):
        return ""
    there = case.workload(recipe.args, made)
    return f", not {there.micro_batches}" if there and there.micro_batches != workload.micro_batches else ""


def _where_it_fits(case: Case, args: Any, layout: Layout, cluster: Cluster, memory: int) -> str:
    """The fewest nodes of the cluster on which nothing speaks against the job."""
    from seatrial.forecast.memory import floor

    for nodes in range(layout.nodes + 1, cluster.nodes + 1):
        larger = replace(layout, nodes=nodes)
        if not list(case.check(args, larger)):
            workload = case.workload(args, larger)
            if workload and floor(workload).total <= memory:
                return f"--nodes {nodes}"
    return "more accelerators than this cluster has, more that share the states, or a recipe of a smaller model"


def accelerator_of(instance_type: str) -> accelerators.Accelerator:
    """What an accelerated instance type has."""
    name = instances.instance(instance_type).accelerator
    assert name is not None, f"{instance_type} has no accelerator"
    return accelerators.accelerator(name)
