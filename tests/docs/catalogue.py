"""docs/cases.md, from the catalogue: every built-in case with its recipes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from seatrial import catalog, launchers, reading, versions
from seatrial.binding import bind, local_fidelity
from seatrial.job import Job
from seatrial.report.format import quantity
from seatrial.spec import Case, Layout, Recipe
from seatrial.workload import Workload
from tests.docs.tables import table

HEAD = """\
# Cases

This page is written from the catalogue, `make goldens` writes it anew. `seatrial list` shows what is installed with
you, `seatrial show CASE/RECIPE` every argument, and each case's own page, to which its name leads, how it is run and
what it needs.

Every case runs on every launcher: {launchers}.
*On a CPU* says what of its framework a run without accelerators exercises: `real` as a user installs it, `real-core`
its core under a driver of Seatrial's, `stand-in` a substitute. On accelerators nobody has run them with Seatrial yet.
`seatrial run --all tiny` runs the recipe `tiny` of every case here.

"""
LAUNCH = {"rank": "one process for each rank", "node": "one for each node", "driver": "one for the whole job"}
KINDS = ("data", "tensor", "pipeline", "context", "expert")
"""Of parallelism, as the degrees of a workload name them."""
NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Made:
    """A recipe on nodes as it was made for, and what it computes there."""

    recipe: Recipe
    job: Job
    workload: Workload | None


def page() -> str:
    """The whole page."""
    cases = [case for case in catalog.cases() if case.program.startswith("seatrial.cases.")]
    made = {case.name: [_made(case, recipe) for recipe in case.recipes] for case in cases}
    head = HEAD.format(launchers=", ".join(f"[`{name}`]({name}.md)" for name in launchers.built_in()))
    overview = table(
        ("case", "what it does", "framework", "parallelism", "on a CPU"),
        ((_linked(case), case.title, case.framework, _kinds(made[case.name]), _fidelities(case)) for case in cases),
    )
    return "\n".join((head + overview, *(_section(case, made[case.name]) for case in cases)))


def _made(case: Case, recipe: Recipe) -> Made:
    job = bind(case, recipe, reading.elsewhere(recipe, None, None, None), secrets=None)
    layout = Layout(nodes=job.nodes, processes_per_node=job.processes_per_node, device=job.device)
    return Made(recipe, job, case.workload(recipe.args, layout))


def _section(case: Case, made: Sequence[Made]) -> str:
    facts = "".join(f"- {name}: {text}\n" for name, text in _facts(case, made) if text)
    rows = table(("recipe", "model", "parameters", "data", "made for", "parallelism"), (_row(one) for one in made))
    return f"## `{case.name}`\n\n{case.title}.\n\n{facts}\n{rows}{''.join(_published(made))}"


def _facts(case: Case, made: Sequence[Made]) -> Iterator[tuple[str, str]]:
    pins = case.pins | ({"torch": versions.TORCH} if "torch" in case.requires else {})
    yield "framework", case.framework
    yield "developed with", ", ".join(f"{name} {version}" for name, version in pins.items())
    takes = versions.ON_REQUEST.get(case.environment or "")
    on_request = f", on request only: {takes}" if takes else ""
    yield "environment", f"`{case.environment}`{on_request}" if case.environment else "that of the command"
    for fidelity, note in dict.fromkeys(local_fidelity(case, one.recipe) for one in made if _here(one.recipe)):
        yield "on a CPU", f"{fidelity}; {note}" if note else fidelity
    yield "programs", f"{LAUNCH[case.launch]}; {'goes on from a checkpoint' if case.resumable else 'cannot be resumed'}"


def _row(made: Made) -> tuple[str, ...]:
    recipe, job = made.recipe, made.job
    nodes = f"{recipe.nodes} x {recipe.instance_type}" if recipe.instance_type else f"CPU, {_count(job.nodes, 'node')}"
    processes = f"{nodes}, {_count(job.world_size, 'rank')}"
    model = getattr(recipe.args, "model", None)
    count = job.parameters or recipe.parameters
    return (
        f"`{recipe.name}`",
        str(model) if model else NOTHING,
        quantity(count) if count else NOTHING,
        _data(recipe),
        processes,
        _degrees(made.workload) if made.workload else NOTHING,
    )


def _data(recipe: Recipe) -> str:
    """What it trains on, or prepares: by the arguments that all cases name in the same way."""
    found = getattr(recipe.args, "dataset", None) or getattr(recipe.args, "source", None)
    return f"`{found}`" if found else NOTHING


def _degrees(workload: Workload) -> str:
    more = [f"{kind} {getattr(workload.degrees, kind)}" for kind in KINDS if getattr(workload.degrees, kind) > 1]
    told = " x ".join(more) or "one rank"
    if not workload.sharded or workload.degrees.shard == 1:
        return told
    what = "all states" if len(workload.sharded) == 3 else ", ".join(workload.sharded)
    return f"{told}; {what} in {workload.degrees.shard} shards"


def _kinds(made: Sequence[Made]) -> str:
    """All kinds of parallelism that there is a recipe of."""
    workloads = [one.workload for one in made if one.workload]
    kinds = [kind for kind in KINDS if any(getattr(workload.degrees, kind) > 1 for workload in workloads)]
    sharded = any(workload.sharded and workload.degrees.shard > 1 for workload in workloads)
    return ", ".join([*kinds, *(["sharded states"] if sharded else [])]) or NOTHING


def _fidelities(case: Case) -> str:
    return ", ".join(dict.fromkeys(local_fidelity(case, one)[0] for one in case.recipes if _here(one))) or NOTHING


def _published(made: Iterable[Made]) -> Iterator[str]:
    """A table for each source."""
    figures = [(one.recipe, figure) for one in made for figure in one.recipe.published]
    for source in dict.fromkeys(figure.source for _, figure in figures):
        rows = (
            (f"`{recipe.name}`", f"{figure.value:,g} {figure.metric}", f"{figure.nodes} x {figure.instance_type}")
            for recipe, figure in figures
            if figure.source == source
        )
        yield f"\nPublished by {source}:\n\n{table(('recipe', 'throughput', 'on'), rows)}"


def _here(recipe: Recipe) -> bool:
    return recipe.instance_type is None


def _linked(case: Case) -> str:
    folder = case.name.replace("-", "_")
    return f"[`{case.name}`](../src/seatrial/cases/{folder}/README.md)"


def _count(number: int, of: str) -> str:
    return f"{number} {of}{'' if number == 1 else 's'}"
