"""What holds for every case and every recipe, and a record of what each recipe is."""

from __future__ import annotations

import ast
import importlib.util
import json
from collections.abc import Callable, Iterator, Set
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any

import pytest

from seatrial import catalog
from seatrial.binding import bind
from seatrial.hardware import instances
from seatrial.job import Job
from seatrial.spec import Case, Recipe
from tests.clusters import P5, for_recipe
from tests.conftest import GOLDEN

CASES = catalog.cases()
RECIPES = [pytest.param(case, recipe, id=f"{case.name}-{recipe.name}") for case in CASES for recipe in case.recipes]

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
each_recipe = pytest.mark.parametrize(("case", "recipe"), RECIPES)


# --- recipes

OF_THE_CASE = {"case", "framework", "program", "requires", "environment", "pins", "purpose", "launch", "resumable"}
OF_THE_CLUSTER = {"cluster", "launcher", "threads_per_process"}
LAYOUT = {"nodes", "processes_per_node", "device"}
OF_THE_MODEL = {"classes"}
EMPTY = {"null", '""', "[]", "{}"}


def record(case: Case) -> str:
    """job.json of every recipe, each fact once: the case's, the defaults of Args, and of each recipe what differs from
    the one above it. The first differs from the defaults; what is empty there, or in the case, is left out.
    """
    jobs = [bind(case, recipe, for_recipe(recipe), secrets=None) for recipe in case.recipes]
    [head] = {lines(full(texts(asdict(job), OF_THE_CASE))) for job in jobs}
    usual = {field.name: json.dumps(field.default) for field in fields(case.Args) if field.default is not MISSING}
    blocks = [head, "[Args]\n" + lines(usual), "# Of each recipe what differs from the one above it.\n"]
    above = {f"args.{name}": value for name, value in usual.items()}
    for job in jobs:
        given = own(job)
        changed = {name: value for name, value in given.items() if value != above.get(name)}
        blocks.append(f"[{job.recipe}]\n" + lines(changed if job is not jobs[0] else full(changed)))
        above = given
    return "\n".join(blocks)


def own(job: Job) -> dict[str, str]:
    """What a recipe decides, each as JSON."""
    plain = asdict(job)
    layout = {"layout": json.dumps(f"{job.nodes} x {job.processes_per_node} {job.device}")}
    others = plain.keys() - OF_THE_CASE - OF_THE_CLUSTER - LAYOUT - OF_THE_MODEL - {"recipe", "args"}
    return layout | texts(plain, others) | {f"args.{name}": json.dumps(value) for name, value in job.args.items()}


def texts(plain: dict[str, Any], names: Set[str]) -> dict[str, str]:
    return {name: json.dumps(value) for name, value in plain.items() if name in names}


def full(values: dict[str, str]) -> dict[str, str]:
    """Without what is empty, but for arguments."""
    return {name: value for name, value in values.items() if value not in EMPTY or name.startswith("args.")}


def lines(values: dict[str, str]) -> str:
    return "".join(f"{name} = {value}\n" for name, value in values.items())


@each_case
def test_recipes_are_what_they_were(case: Case, golden: Callable[[str, str], None]) -> None:
    golden(f"recipes/{case.name}.txt", record(case))


@each_case
def test_a_recipe_is_what_its_record_says_from_the_top_down_to_it(case: Case) -> None:
    _, usual, _, *blocks = (
        dict(line.split(" = ", 1) for line in b.splitlines()[1:]) for b in record(case).split("\n\n")
    )
    said = {f"args.{name}": value for name, value in usual.items()}
    for recipe, block in zip(case.recipes, blocks, strict=True):
        said |= block
        assert full(said) == full(own(bind(case, recipe, for_recipe(recipe), secrets=None)))


def test_every_record_is_of_a_case() -> None:
    assert sorted(path.stem for path in (GOLDEN / "recipes").iterdir()) == catalog.case_names()


@each_recipe
def test_a_recipe_binds_where_it_was_made_for(case: Case, recipe: Recipe) -> None:
    """Which asks the case's rules about its arguments at its own scale."""
    cluster = for_recipe(recipe)
    job = bind(case, recipe, cluster, secrets=None)
    ranks = instances.instance(recipe.instance_type).ranks if recipe.instance_type else 1
    assert (job.nodes, job.processes_per_node) == (recipe.nodes, recipe.processes_per_node or ranks)
    assert job.device == ("cpu" if recipe.instance_type is None else "cuda" if cluster is P5 else "neuron")


NO_CLASSES = {"composer-stable-diffusion", "jax-paxml"}
"""Their loss is a distance; paxml may count more than the cross-entropy."""


@each_recipe
def test_a_loss_that_begins_at_random_says_over_how_many_classes(case: Case, recipe: Recipe) -> None:
    job = bind(case, recipe, for_recipe(recipe), secrets=None)
    args = job.args
    trained = args.get("task", "pretrain") != "pretrain" or args.get("weights") is not None
    theirs = case.name == "bionemo" and args["engine"] != "transformers"  # they pad the vocabulary themselves
    none = case.purpose != "training" or case.name in NO_CLASSES or trained or theirs
    assert (job.classes is None) == none
    assert none or job.classes == 10 or 30 < job.classes < 300_000


@each_case
def test_names_are_used_once_and_one_is_tiny(case: Case) -> None:
    names = [recipe.name for recipe in case.recipes]
    assert len(set(names)) == len(names) and "tiny" in names


# --- arguments


@each_case
def test_every_argument_is_documented(case: Case) -> None:
    texts = catalog.describe(case)
    assert [name for name, text in texts.items() if not text] == []
    assert set(texts) == {field.name for field in fields(case.Args)}


@each_case
def test_every_argument_has_a_reader_in_the_program(case: Case) -> None:
    """There is no dead setting: the program, not only a rule about it, reads each."""
    read = {name for module in program(case) for name in reads(module, case.Args)}
    assert sorted({field.name for field in fields(case.Args)} - read) == []


def program(case: Case) -> Iterator[ast.Module]:
    """The modules of a case's folder, without the one that defines it and its rules. A case whose arguments are
    another's and more has that one's readers too."""
    names = [
        case.program,
        *(cls.__module__ for cls in case.Args.__mro__ if cls.__module__.startswith("seatrial.cases.")),
    ]
    specs = [importlib.util.find_spec(name) for name in names]
    for folder in {Path(spec.origin).parent for spec in specs if spec is not None and spec.origin is not None}:
        for path in folder.rglob("*.py"):
            if path.name not in ("__init__.py", "rules.py"):
                yield ast.parse(path.read_text(encoding="utf-8"))


def reads(module: ast.Module, args: type[Any]) -> Iterator[str]:
    """Attributes of what is annotated as, or made of, the class of arguments or a base of it."""
    classes = {cls.__name__ for cls in args.__mro__ if cls is not object}
    nodes = list(ast.walk(module))
    names = {
        n.arg
        for n in nodes
        if isinstance(n, ast.arg) and isinstance(n.annotation, ast.Name) and n.annotation.id in classes
    }
    names |= {
        target.id
        for n in nodes
        if isinstance(n, ast.Assign)
        and isinstance(n.value, ast.Call)
        and isinstance(n.value.func, ast.Name)
        and n.value.func.id in classes
        for target in n.targets
        if isinstance(target, ast.Name)
    }
    for n in nodes:
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id in names:
            yield n.attr
