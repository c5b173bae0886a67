"""What trainings on Trainium find ready: tokens that a CPU node packs, and graphs that are compiled ahead of time."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Literal

from seatrial.arguments import Count
from seatrial.cases import neuronx_distributed as training
from seatrial.cases.neuronx_distributed import rules
from seatrial.errors import Problem
from seatrial.spec import Case, Fidelity, Layout, Recipe


@dataclass(frozen=True, kw_only=True)
class Args(training.Args):
    """Everything that decides the training, which these are the arguments of, and what of it is prepared."""

    stage: Literal["tokenise", "compile"]
    """tokenise: pack its texts, one process on CPUs. compile: its graphs, on as many nodes as it will have."""
    trial_steps: Count = 10
    """Steps of the trial run that graphs are taken from, which computes nothing."""


def trained(args: Args, **changes: object) -> training.Args:
    """The arguments of the training."""
    return training.Args(**{f.name: getattr(args, f.name) for f in fields(training.Args)} | changes)


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout: those of the training, where it is what runs."""
    if args.stage == "compile":
        if layout.device == "neuron":
            yield from rules.check(trained(args), layout)
        else:
            what = "neuron_parallel_compile needs the nodes that will train"
            yield Problem(what, "stage", "--on a cluster of trn1 or trn2")
    elif layout.world_size != 1:
        what = f"one process on CPUs tokenises, the job has {layout.world_size}"
        yield Problem(what, "processes", "--nodes 1 --processes 1")


def preflight(args: Args) -> Iterable[Problem]:
    """What can only be seen on the machine that prepares."""
    if args.stage == "tokenise":
        yield from rules.preflight(trained(args, weights=None))
    elif shutil.which("neuron_parallel_compile") is None:
        yield Problem("is not installed here", "neuron_parallel_compile", "take an image of the Neuron SDK")


def secrets(args: Args) -> Iterable[str]:
    """A gated tokenizer needs a token of the hub; graphs need no tokens."""
    return rules.secrets(trained(args)) if args.stage == "tokenise" else ()


def fidelity_of(args: Args, layout: Layout) -> tuple[Fidelity, str]:
    """Tokens are tokens everywhere, and the compiler is only where it is."""
    return "real", "tokens are packed on CPUs everywhere" if layout.device == "cpu" else ""


def _tokens(name: str, title: str, recipe: str) -> Recipe:
    args = Args(**asdict(training.CASE.recipe(recipe).args), stage="tokenise")
    return Recipe(name=name, title=title, args=args, processes_per_node=1)


def _graphs(recipe: Recipe) -> Recipe:
    return Recipe(
        name=recipe.name,
        title=f"graphs of: {recipe.title}",
        args=Args(**asdict(recipe.args), stage="compile"),
        nodes=recipe.nodes,
        instance_type=recipe.instance_type,
    )


CASE = Case(
    name="neuronx-prepare",
    title="Tokens and compiled graphs for neuronx-distributed",
    framework="neuron_parallel_compile (AWS Neuron)",
    Args=Args,
    recipes=(
        _tokens("tiny", "Python's standard library as bytes, for neuronx-distributed/tiny", "tiny"),
        _tokens("llama3-tokens", "C4 en as Llama 3's tokens, 94,025 sequences of 8192, for all recipes", "llama3-70b"),
        *(_graphs(recipe) for recipe in training.RECIPES if recipe.instance_type),
    ),
    program="seatrial.cases.neuronx_prepare.prepare",
    launch="node",
    purpose="preparation",
    resumable=True,
    requires=("numpy",),
    check=check,
    preflight=preflight,
    secrets=secrets,
    fidelity_of=fidelity_of,
)
