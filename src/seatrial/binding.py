"""`bind`: a Job made of case, recipe and cluster, or every reason why there can be none."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from seatrial import fits, profiling
from seatrial.arguments import override
from seatrial.cluster import ELSEWHERE, Cluster
from seatrial.errors import Problem, UserError, unknown
from seatrial.hardware import instances
from seatrial.job import Job, digest
from seatrial.profiling import Profile
from seatrial.spec import Case, Device, Expectations, Fidelity, Layout, Recipe

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
    secrets: Collection[str] | None = None,
    expect: Sequence[str] = (),
    profile: Profile | None = None,
) -> Job:
    """Bind a case's recipe to a cluster.

    `settings` are the user's overrides, `nodes` and `processes_per_node` replace the recipe's scale, `secrets` names
    those that are at hand; None: nothing is started, or the cluster holds its own. `expect` replaces what the recipe
    expects: ``none``, or ``loss_decrease=1.5``. Pure: it looks at nothing but its arguments. Raises UserError with all
    problems at once.
    """
    problems: list[Problem] = []
    args, layout = _asked(recipe, cluster, settings, nodes, processes_per_node, problems)
    problems += fits.onto(layout, recipe, cluster)
    wrong = [*args.problems(), *case.check(args, layout)]
    problems += wrong
    workload = None if wrong else case.workload(args, layout)
    if workload is not None:
        problems += fits.too_large(workload, case, args, layout, cluster)
    if secrets is not None:
        problems += _not_at_hand(case, recipe, args, secrets)
    problems += _unexpected(recipe.expectations, expect)
    problems += _unprofiled(case, args, layout, profile)
    if problems:
        raise UserError(problems)
    return replace(
        _job(case, recipe, cluster, args, layout, workload),
        expectations=_expected(recipe, expect),
        notes=tuple(fits.notes(case, recipe, cluster, layout, workload)),
        profile=profile,
    )


def elsewhere(recipe: Recipe, instance_type: str | None, nodes: int | None, processes: int | None) -> Cluster:
    """Nodes that nobody has described, of that type or else of the recipe's: for a log, or a forecast.

    Raises UserError for an unknown instance type.
    """
    name = instance_type or recipe.instance_type
    ranks = instances.instance(name).ranks if name else 0
    return Cluster(
        name=ELSEWHERE,
        launcher="local",  # nothing is handed to it
        nodes=max(nodes or 1, recipe.nodes),
        cpus_per_node=1,
        accelerators_per_node=ranks,
        processes_per_node=max(ranks, processes or 1, recipe.processes_per_node or 1),
        instance_type=name,
    )


def outline(
    case: Case,
    recipe: Recipe,
    cluster: Cluster,
    *,
    settings: Mapping[str, Any] | None = None,
    nodes: int | None = None,
    processes_per_node: int | None = None,
) -> tuple[Any, Layout, Workload | None]:
    """What `bind` would make a job of: arguments, layout, and the workload where the case tells one.

    It need not fit into memory, nor be started. Raises UserError with all problems at once.
    """
    problems: list[Problem] = []
    args, layout = _asked(recipe, cluster, settings, nodes, processes_per_node, problems)
    problems += [*fits.onto(layout, recipe, cluster), *args.problems(), *case.check(args, layout)]
    if problems:
        raise UserError(problems)
    return args, layout, case.workload(args, layout)


def _asked(
    recipe: Recipe,
    cluster: Cluster,
    settings: Mapping[str, Any] | None,
    nodes: int | None,
    processes_per_node: int | None,
    problems: list[Problem],
) -> tuple[Any, Layout]:
    """Arguments and layout that the user asks for; what is wrong with his settings is added to `problems`."""
    args = recipe.args
    try:
        args = override(recipe.args, settings or {})
    except UserError as error:
        problems += error.problems
    return args, Layout(
        nodes=nodes or recipe.nodes,
        processes_per_node=processes_per_node or recipe.processes_per_node or cluster.accelerators_per_node or 1,
        device=_device(recipe, cluster),
    )


def _job(case: Case, recipe: Recipe, cluster: Cluster, args: Any, layout: Layout, workload: Workload | None) -> Job:
    plain = asdict(args)
    fidelity, note = fidelity_of(case, args, layout)
    unchanged = args == recipe.args
    ours = case.shipped if case.program in case.shipped else {}
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
        launch=(case.multi_node_launch or case.launch) if layout.nodes > 1 else case.launch,
        resumable=case.resumable,
        device=layout.device,
        nodes=layout.nodes,
        processes_per_node=layout.processes_per_node,
        threads_per_process=max(1, cluster.cpus_per_node // layout.processes_per_node),
        args=plain,
        parameters=workload.model_parameters if workload else recipe.parameters if unchanged else None,
        # The conventions count gradients of all weights, which adapters spare.
        flops_per_token=workload.flops_per_token() if workload and not workload.frozen else {},
        classes=workload.classes if workload else None,
        expectations=recipe.expectations,
        published=tuple(f for f in recipe.published if unchanged and (f.instance_type, f.nodes) == there),
        secrets=tuple(case.secrets(args)),
        files=case.shipped,
        digest=digest(case.name, plain, (file.sha256 for file in ours.values())),
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


_FALL = "loss_decrease"


def _unexpected(stated: Expectations, expect: Sequence[str]) -> Iterable[Problem]:
    """What is wrong with the texts that the user expects by."""
    names = [_FALL, *stated.at_least]
    for text in expect:
        name, _, value = text.partition("=")
        if text == "none":
            if len(expect) > 1:
                yield Problem("nothing is expected, and something is", "--expect none", "leave one of them out")
        elif name not in names:
            yield unknown("expectation of this recipe", name, [*names, "none"], "--expect")
        elif not _is_number(value):
            yield Problem(f"{value!r} is not a number", f"--expect {text}", f"--expect {name}=1.5, or --expect none")


def _unprofiled(case: Case, args: Any, layout: Layout, profile: Profile | None) -> Iterable[Problem]:
    """Why this job cannot be profiled like that."""
    if profile is None:
        return ()
    return profiling.check(
        profile,
        device=layout.device,
        world_size=layout.world_size,
        steps=getattr(args, "steps", None),
        untold=case.untold(args, layout) if case.purpose == "training" else "it trains nothing, and has none",
        has_torch="torch" in case.requires or not case.requires,  # of a user's own case nothing may be said
    )


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _expected(recipe: Recipe, expect: Sequence[str]) -> Expectations:
    """The recipe's expectations, for the length of the recipe; or the user's, for the length of the run."""
    if not expect:
        return replace(recipe.expectations, steps=getattr(recipe.args, "steps", None))
    pairs = (text.split("=", 1) for text in expect if text != "none")
    bounds = {name: float(value) for name, value in pairs}
    fall = bounds.pop(_FALL, None)
    return Expectations(loss_decrease=fall, at_least=bounds, waived=True)


def _device(recipe: Recipe, cluster: Cluster) -> Device:
    if not (cluster.accelerators_per_node and recipe.instance_type):
        return "cpu"
    vendor = fits.accelerator_of(cluster.instance_type).vendor if cluster.instance_type else "NVIDIA"
    return "neuron" if vendor == "AWS" else "cuda"


def _not_at_hand(case: Case, recipe: Recipe, args: Any, secrets: Collection[str]) -> Iterable[Problem]:
    for name in case.secrets(args):
        if name not in secrets:
            remedy = f"accept the licence on the hub, then export {name}=..."
            yield Problem(f"{name} is not set", f"{case.name}/{recipe.name}", remedy)
