"""`bind`: a Job made of case, recipe and cluster, or every reason why there can be none."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from seatrial import hardware
from seatrial.arguments import override
from seatrial.errors import Problem, UserError
from seatrial.spec import Case, Cluster, Device, Fidelity, Job, Layout, Recipe, digest

if TYPE_CHECKING:
    from seatrial.workload import Workload


def bind(
    case: Case,
    recipe: Recipe,
    cluster: Cluster,
    *,
    settings: Mapping[str, Any] | None = None,
    nodes: int | None = None,
    processes_per_node: int | None = None,
    secrets: Collection[str] | None = (),
) -> Job:
    """Bind a case's recipe to a cluster.

    `settings` are the user's overrides, `nodes` and `processes_per_node` replace the recipe's scale, `secrets` names
    those that are at hand; None: the cluster holds its own. Pure: it looks at nothing but its arguments. Raises
    UserError with all problems at once.
    """
    problems: list[Problem] = []
    args = recipe.args
    try:
        args = override(recipe.args, settings or {})
    except UserError as error:
        problems += error.problems
    layout = Layout(
        nodes=nodes or recipe.nodes,
        processes_per_node=processes_per_node or recipe.processes_per_node or cluster.accelerators_per_node or 1,
        device=_device(recipe, cluster),
    )
    problems += _fits(layout, recipe, cluster)
    wrong = [*args.problems(), *case.check(args, layout)]
    problems += wrong
    workload = None if wrong else case.workload(args, layout)
    if workload is not None:
        problems += _too_large(workload, case, args, layout, cluster)
    if secrets is not None:
        problems += _not_at_hand(case, recipe, args, secrets)
    if problems:
        raise UserError(problems)
    return _job(case, recipe, cluster, args, layout, workload)


def _job(case: Case, recipe: Recipe, cluster: Cluster, args: Any, layout: Layout, workload: Workload | None) -> Job:
    plain = asdict(args)
    fidelity, note = fidelity_of(case, args, layout)
    unchanged = args == recipe.args
    there = (cluster.instance_type, layout.nodes)
    return Job(
        case=case.name,
        recipe=recipe.name,
        title=recipe.title,
        framework=case.framework,
        fidelity=fidelity,
        fidelity_note=note,
        cluster=cluster.name,
        launcher=cluster.launcher,
        program=case.program,
        requires=case.requires,
        environment=case.environment,
        pins=dict(case.pins),
        purpose=case.purpose,
        launch=case.launch,
        resumable=case.resumable,
        device=layout.device,
        nodes=layout.nodes,
        processes_per_node=layout.processes_per_node,
        threads_per_process=max(1, cluster.cpus_per_node // layout.processes_per_node),
        args=plain,
        parameters=workload.parameters if workload else recipe.parameters if unchanged else None,
        expectations=recipe.expectations,
        published=tuple(f for f in recipe.published if unchanged and (f.instance_type, f.nodes) == there),
        secrets=tuple(case.secrets(args)),
        digest=digest(case.name, plain),
    )


def fidelity_of(case: Case, args: Any, layout: Layout) -> tuple[Fidelity, str]:
    """What a job exercises of its framework, and what exactly differs."""
    if case.fidelity_of is not None:
        return case.fidelity_of(args, layout)
    return (case.fidelity, case.fidelity_note) if layout.device == "cpu" else ("real", "")


def local_fidelity(case: Case, recipe: Recipe) -> tuple[Fidelity, str]:
    """What a recipe exercises on this machine's CPU."""
    layout = Layout(nodes=1, processes_per_node=recipe.processes_per_node or 1, device="cpu")
    return fidelity_of(case, recipe.args, layout)


def _device(recipe: Recipe, cluster: Cluster) -> Device:
    if not (cluster.accelerators_per_node and recipe.instance_type):
        return "cpu"
    vendor = _accelerator(cluster.instance_type).vendor if cluster.instance_type else "NVIDIA"
    return "neuron" if vendor == "AWS" else "cuda"


def _accelerator(instance_type: str) -> hardware.Accelerator:
    name = hardware.instance(instance_type).accelerator
    assert name is not None, f"{instance_type} has no accelerator"
    return hardware.accelerator(name)


def _fits(layout: Layout, recipe: Recipe, cluster: Cluster) -> Iterable[Problem]:
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
        wanted, found = _accelerator(recipe.instance_type), _accelerator(cluster.instance_type)
        if wanted.vendor != found.vendor:
            what = f"{recipe.name} is made for {recipe.instance_type}: {wanted.name}"
            yield Problem(f"{what}; {cluster.instance_type} has {found.name}", cluster.instance_type)


def _too_large(workload: Workload, case: Case, args: Any, layout: Layout, cluster: Cluster) -> Iterable[Problem]:
    """States that cannot be in the memory of the ranks there, whatever else is. What may fit is let through."""
    if layout.device == "cpu" or cluster.instance_type is None:
        return  # how much memory there is, is not known
    found = _accelerator(cluster.instance_type)
    memory = found.memory_bytes // found.ranks_per_accelerator
    held = workload.states_per_rank()
    if held.total > memory:
        parts = " + ".join(f"{name} {size / hardware.GIB:.1f}" for name, size in asdict(held).items())
        each = " + ".join(f"{size:g}" for size in asdict(workload.states).values())
        yield Problem(
            f"each of {layout.world_size} ranks must hold {parts} = {held.total / hardware.GIB:.1f} GiB "
            f"({workload.parameters / 1e9:.1f} billion parameters x {each} bytes), a rank of "
            f"{cluster.instance_type} has {memory / hardware.GIB:.1f}",
            cluster.instance_type,
            _where_it_fits(case, args, layout, cluster, memory),
        )


def _not_at_hand(case: Case, recipe: Recipe, args: Any, secrets: Collection[str]) -> Iterable[Problem]:
    for name in case.secrets(args):
        if name not in secrets:
            remedy = f"accept the licence on the hub, then export {name}=..."
            yield Problem(f"{name} is not set", f"{case.name}/{recipe.name}", remedy)


def _where_it_fits(case: Case, args: Any, layout: Layout, cluster: Cluster, memory: int) -> str:
    """The fewest nodes of the cluster on which nothing speaks against the job."""
    for nodes in range(layout.nodes + 1, cluster.nodes + 1):
        larger = replace(layout, nodes=nodes)
        if not list(case.check(args, larger)):
            workload = case.workload(args, larger)
            if workload and workload.states_per_rank().total <= memory:
                return f"--nodes {nodes}"
    return "more accelerators than this cluster has, more that share the states, or a recipe of a smaller model"
