"""bind: what works becomes a job, what cannot is refused with every problem at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import pytest

from seatrial import catalog
from seatrial.arguments import CaseArgs, override
from seatrial.binding import bind
from seatrial.cluster import Cluster
from seatrial.errors import Problem, UserError
from seatrial.job import Job, digest
from seatrial.spec import Case, Expectations, Layout, Published, Recipe
from seatrial.workload import FP32_ADAM, Degrees, Workload


@dataclass(frozen=True, kw_only=True)
class Args(CaseArgs):
    """Arguments of every kind."""

    steps: int = 5
    """Steps."""
    rate: float = 0.5
    """Rate."""
    mode: Literal["none", "some"] = "none"
    """A word that is not None."""
    limit: int | None = 3
    """May be left out."""
    fast: bool = False
    """Yes or no."""


def check(args, layout):
    if args.steps < 1:
        yield Problem("too few", "steps")
    if layout.world_size > 4 and layout.device == "cpu":
        yield Problem("too many ranks")


CASE = Case(
    name="case",
    title="",
    framework="",
    Args=Args,
    program="p",
    check=check,
    secrets=lambda args: ("TOKEN",) if args.fast else (),
    recipes=(
        Recipe(name="tiny", title="", args=Args(), processes_per_node=2, parameters=7),
        Recipe(name="large", title="", args=Args(), nodes=4, instance_type="p5.48xlarge"),
    ),
)
LOCAL = Cluster(name="local", launcher="local", nodes=1, cpus_per_node=6, processes_per_node=8)
GPUS = Cluster(
    name="gpus",
    launcher="slurm",
    nodes=8,
    cpus_per_node=96,
    accelerators_per_node=8,
    processes_per_node=8,
    instance_type="p5.48xlarge",
)
TINY, LARGE = CASE.recipes
SINGLE = replace(LARGE, name="single", nodes=1)


def problems(call, *args, **kwargs) -> list[str]:
    with pytest.raises(UserError) as caught:
        call(*args, **kwargs)
    return [str(problem) for problem in caught.value.problems]


def test_a_job_holds_all_that_was_decided_and_survives_its_file():
    job = bind(CASE, TINY, LOCAL, settings={"steps": "9", "limit": "none", "fast": "true"}, secrets={"TOKEN"})
    assert job.args == {"steps": 9, "rate": 0.5, "mode": "none", "limit": None, "fast": True}
    assert (job.world_size, job.threads_per_process, job.device, job.secrets) == (2, 3, "cpu", ("TOKEN",))
    assert job.parameters is None  # other arguments may mean another model
    assert Job.from_json(job.to_json()) == job


def test_a_recipe_as_it_is_has_its_published_size():
    assert bind(CASE, TINY, LOCAL).parameters == 7


def test_an_accelerator_cluster_gives_one_rank_each(monkeypatch):
    large = Recipe(name="x", title="", args=Args(), nodes=2, instance_type="p5.48xlarge")
    case = Case(name="c", title="", framework="", Args=Args, recipes=(large,), program="p")
    job = bind(case, large, GPUS)
    assert (job.world_size, job.device, job.processes_per_node) == (16, "cuda", 8)


def test_a_cpu_recipe_stays_on_the_cpu_of_a_gpu_node():
    assert bind(CASE, TINY, GPUS).device == "cpu"


def test_none_is_a_word_where_none_is_not_allowed():
    assert override(Args(), {"mode": "none"}).mode == "none"
    assert override(Args(), {"limit": "none"}).limit is None


def test_all_problems_come_at_once():
    found = problems(
        bind, CASE, TINY, LOCAL, settings={"stepz": "1", "rate": "fast", "mode": "x"}, nodes=2, processes_per_node=9
    )
    text = "\n".join(found)
    assert len(found) == 6, text
    for part in ("did you mean steps?", "--set rate", "'none' or 'some'", "needs 2 nodes", "takes 8", "too many ranks"):
        assert part in text


def test_a_rule_of_the_case_sees_the_overridden_value():
    assert problems(bind, CASE, TINY, LOCAL, settings={"steps": "0"}) == ["steps: too few"]


def test_a_missing_secret_is_named_with_its_remedy():
    (found,) = problems(bind, CASE, TINY, LOCAL, settings={"fast": "yes"}, secrets=())
    assert "TOKEN is not set" in found and "export TOKEN=" in found


def test_a_recipe_for_accelerators_is_refused_without():
    text = "\n".join(problems(bind, CASE, LARGE, LOCAL))
    assert "needs 4 nodes, there are 1" in text and "no accelerator" in text


def on(instance_type: str, ranks: int = 8) -> Cluster:
    return replace(GPUS, instance_type=instance_type, accelerators_per_node=ranks, processes_per_node=ranks)


def test_accelerators_of_another_kind_are_refused():
    (found,) = problems(bind, CASE, SINGLE, on("trn1.32xlarge", ranks=32), processes_per_node=1)
    assert "made for p5.48xlarge: H100 SXM; trn1.32xlarge has Trainium1" in found


def copies(args: Args, layout: Layout) -> Workload:
    """A model of which each rank has a whole copy, as with DDP: `limit` billion parameters, a batch of 24."""
    return Workload(
        parameters=args.limit * 10**9,
        global_batch_size=24,
        micro_batch_size=1,
        degrees=Degrees(data=layout.world_size),
        compute="bf16",
        states=FP32_ADAM,
    )


def shards(args: Args, layout: Layout) -> Workload:
    """The same, sharded over all ranks, as with FSDP."""
    every = ("parameters", "gradients", "optimizer")
    return replace(copies(args, layout), sharded=every, degrees=Degrees(data=24, shard=layout.world_size))


def divides(args, layout):
    if 48 % layout.world_size:
        yield Problem("does not divide")


def test_states_that_cannot_fit_are_refused_with_the_arithmetic_and_the_nodes_it_takes():
    case = replace(CASE, workload=shards, check=divides)
    (found,) = problems(bind, case, SINGLE, GPUS, settings={"limit": "100"})  # 1.6 TB on 8 x 80 GiB
    assert found == (
        "p5.48xlarge: each of 8 ranks must hold at least parameters 46.6 + gradients 46.6 + optimizer 93.1 = "
        "186.3 GiB (100 billion parameters x 4 + 4 + 8 bytes), a rank has 80.0\n    --nodes 3"
    )
    assert bind(case, SINGLE, GPUS, settings={"limit": "100"}, nodes=3).world_size == 24
    (found,) = problems(bind, case, SINGLE, GPUS, settings={"limit": "150"})
    assert found.endswith("--nodes 6"), "4 and 5 would hold it, but do not divide the batch"


def test_what_may_fit_is_let_through():
    case = replace(CASE, workload=shards)
    assert bind(case, SINGLE, GPUS, settings={"limit": "42"}).world_size == 8  # 78.2 of 80 GiB
    assert bind(CASE, SINGLE, on("p4d.24xlarge")).world_size == 8, "a case that says nothing of its workload"
    unknown = replace(GPUS, instance_type=None)
    assert bind(case, SINGLE, unknown, settings={"limit": "1000"}).world_size == 8
    assert bind(case, TINY, LOCAL, settings={"limit": "1000"}).device == "cpu"


def test_copies_do_not_fit_on_more_nodes_either():
    (found,) = problems(bind, replace(CASE, workload=copies), SINGLE, GPUS, settings={"limit": "6"})
    assert "= 89.4 GiB (6 billion parameters" in found and "--nodes" not in found
    assert "a recipe of a smaller model" in found


def test_ranks_share_the_memory_of_their_accelerator():
    case, recipe = replace(CASE, workload=copies), replace(SINGLE, instance_type="trn1.32xlarge")
    (found,) = problems(bind, case, recipe, on("trn1.32xlarge", ranks=32), settings={"limit": "2"})  # 29.8 GiB
    assert "a rank has 16.0" in found, "of the 32 GiB of an accelerator that two ranks have"


@pytest.mark.parametrize(
    ("target", "instance_type", "nodes", "says"),
    [
        ("fsdp/llama3.1-70b", "p5.48xlarge", 1, "activations 10.0 = 141.4 GiB (70.6 billion parameters x 4 + 4 + 8"),
        ("fsdp/llama3.1-70b", "p4d.24xlarge", 2, "+ optimizer 32.9 + activations 10.0 = 75.7 GiB"),
        ("torchtitan/llama3-405b", "p5.48xlarge", 8, "(406 billion"),
        ("megatron-lm/llama2-70b", "p4d.24xlarge", 2, "parameters 8.0 + gradients 16.1 + optimizer 48.2"),
        ("fsdp/llama3.1-70b", "p5.48xlarge", 2, None),
        ("fsdp/llama3.1-70b", "p6-b200.48xlarge", 1, None),
        ("fsdp/llama3.1-8b", "p5.48xlarge", 1, None),
        ("fsdp/llama3.1-8b", "g5.48xlarge", 1, None),  # 15 of 21 GiB: tight, and not certain
        ("torchtitan/llama3-405b", "p5.48xlarge", 16, None),
        ("megatron-lm/llama2-70b", "p5.48xlarge", 2, None),
    ],
)
def test_published_models_on_real_machines(target, instance_type, nodes, says):
    case, recipe = catalog.recipe(target)
    cluster = replace(on(instance_type), nodes=64)
    arguments = {"nodes": nodes, "secrets": None}
    if says is None:
        assert bind(case, recipe, cluster, **arguments).nodes == nodes
    else:
        (found,) = problems(bind, case, recipe, cluster, **arguments)
        assert says in found


def test_a_model_that_no_laptop_holds_is_refused_there_too():
    laptop = replace(LOCAL, memory_per_node=16 * 2**30)
    case = replace(CASE, workload=copies)
    (found,) = problems(bind, case, TINY, laptop, settings={"limit": "1"})
    assert found.startswith("cluster local: each of 2 ranks must hold at least") and "a rank has 8.0" in found
    assert bind(case, TINY, replace(laptop, memory_per_node=None), settings={"limit": "1"}).device == "cpu"


def test_what_differs_from_the_recipe_as_it_was_made_is_said():
    case, recipe = catalog.recipe("fsdp/llama3.2-1b")
    assert bind(case, recipe, GPUS, secrets=None).notes == ()
    (smaller,) = bind(case, recipe, GPUS, nodes=1, secrets=None).notes
    assert smaller == (
        "The recipe was made for 4 x 8 ranks. On 1 x 8 the same global batch of 32 is 4 micro-batches of 1 a step on "
        "each replica, not 1."
    )
    elsewhere, _ = bind(case, recipe, on("p4d.24xlarge"), nodes=2, secrets=None).notes
    assert elsewhere == "The recipe was made for p5.48xlarge, not for p4d.24xlarge."


def test_what_is_tight_is_warned_of_and_goes():
    case, recipe = catalog.recipe("composer-mpt/mpt-30b")
    job = bind(case, recipe, GPUS, nodes=1, secrets=None)
    assert job.notes[-1].startswith("Memory is tight: parameters 13.9 + gradients 13.")
    assert "+ optimizer 27.9 + activations" in job.notes[-1] and "of the 80.0 GiB of a rank." in job.notes[-1]
    assert Job.from_json(job.to_json()) == job
    roomy = bind(case, recipe, on("p6-b200.48xlarge"), nodes=1, secrets=None)
    assert not [note for note in roomy.notes if "tight" in note]


STATED = replace(TINY, expectations=Expectations(loss_decrease=1.0, at_least={"accuracy": 0.9}))


def test_expectations_are_stated_for_the_recipes_own_steps():
    assert bind(CASE, STATED, LOCAL, settings={"steps": "3"}).expectations == replace(STATED.expectations, steps=5)


@pytest.mark.parametrize(
    ("expect", "found"),
    [
        (["none"], Expectations(waived=True)),
        (["loss_decrease=0.5"], Expectations(loss_decrease=0.5, waived=True)),
        (["accuracy=0.5", "loss_decrease=2"], Expectations(loss_decrease=2.0, at_least={"accuracy": 0.5}, waived=True)),
    ],
)
def test_what_the_user_expects_takes_the_place_of_what_the_recipe_does(expect, found):
    job = bind(CASE, STATED, LOCAL, expect=expect)
    assert job.expectations == found
    assert Job.from_json(job.to_json()) == job


def test_what_cannot_be_expected_is_told():
    found = "\n".join(
        problems(bind, CASE, STATED, LOCAL, expect=["loss_decreas=1", "accuracy=high", "loss_decrease=nan"])
    )
    assert "did you mean loss_decrease" in found
    assert "'high' is not a number" in found and "'nan' is not a number" in found
    (both,) = problems(bind, CASE, STATED, LOCAL, expect=["none", "accuracy=0.5"])
    assert "leave one of them out" in both


def test_trainium_is_a_device_of_its_own():
    recipe = replace(SINGLE, instance_type="trn1.32xlarge")
    job = bind(CASE, recipe, on("trn1.32xlarge", ranks=32))
    assert (job.device, job.processes_per_node) == ("neuron", 32)


def test_fidelity_is_about_cpus():
    case = replace(CASE, fidelity="stand-in", fidelity_note="other kernels")
    here, there = bind(case, TINY, LOCAL), bind(case, SINGLE, on("p5.48xlarge"))
    assert (here.fidelity, here.fidelity_note) == ("stand-in", "other kernels")
    assert (there.fidelity, there.fidelity_note) == ("real", "")


def test_fidelity_may_depend_on_what_is_asked_for():
    case = replace(CASE, fidelity_of=lambda args, layout: ("real", "") if args.fast else ("stand-in", layout.device))
    assert bind(case, TINY, LOCAL, settings={"fast": "yes"}, secrets=["TOKEN"]).fidelity == "real"
    assert bind(case, LARGE, GPUS).fidelity_note == "cuda"


FIGURE = Published(metric="samples/s", value=189.28, instance_type="p5.48xlarge", nodes=4, source="somebody, 2025-03")


def test_a_published_figure_goes_with_the_job_that_it_was_measured_with():
    large = replace(LARGE, published=(FIGURE, replace(FIGURE, nodes=2), replace(FIGURE, instance_type="p4d.24xlarge")))
    job = bind(CASE, large, GPUS)
    assert job.published == (FIGURE,) == Job.from_json(job.to_json()).published
    assert bind(CASE, large, GPUS, settings={"rate": "0.25"}).published == ()
    assert bind(CASE, large, replace(GPUS, nodes=8), nodes=8).published == ()


def test_environment_pins_and_purpose_go_with_the_job():
    case = replace(CASE, environment="pytorch", pins={"torchtitan": "0.2.2"}, purpose="preparation")
    job = bind(case, TINY, LOCAL)
    assert (job.environment, job.pins, job.purpose) == ("pytorch", {"torchtitan": "0.2.2"}, "preparation")
    assert Job.from_json(job.to_json()) == job


def test_secrets_of_the_cluster_are_not_looked_for_here():
    assert bind(CASE, TINY, LOCAL, settings={"fast": "yes"}, secrets=None).secrets == ("TOKEN",)


def test_unknown_recipe_names_the_nearest():
    assert "did you mean tiny?" in problems(CASE.recipe, "tinny")[0]


def test_the_digest_is_of_what_decides_the_result():
    same = bind(CASE, TINY, LOCAL, processes_per_node=4)
    assert same.digest == bind(CASE, TINY, LOCAL).digest == digest("case", same.args)
    assert bind(CASE, TINY, LOCAL, settings={"rate": "0.4"}).digest != same.digest


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"case": 1}'])
def test_what_is_no_job_is_refused(text):
    with pytest.raises((ValueError, AttributeError)):
        Job.from_json(text)
