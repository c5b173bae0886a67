"""--profile: what can be asked for, what is refused with which words, and that it is part of the job."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial import catalog
from seatrial.binding import bind
from seatrial.errors import UserError
from seatrial.job import Job
from seatrial.profiling import TRACES, Profile, parse
from tests.clusters import LOCAL, P5


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("steps=10:12", Profile(steps=(10, 12))),
        ("steps=3", Profile(steps=(3, 3))),
        ("steps=1:2,ranks=all", Profile(steps=(1, 2), ranks=None)),
        ("ranks=8,0,8,steps=4", Profile(steps=(4, 4), ranks=(0, 8))),
        ("steps=4,trace=shapes,memory", Profile(steps=(4, 4), trace=("shapes", "memory"))),
        ("tool=nsys,steps=4,trace=cuda,nvtx", Profile(tool="nsys", steps=(4, 4), trace=("cuda", "nvtx"))),
        ("tool=nsys,delay=0,duration=1.5", Profile(tool="nsys", delay=0.0, duration=1.5)),
    ],
)
def test_what_can_be_asked_for(text, wanted):
    assert parse(text) == wanted


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "'' is not KEY=VALUE"),
        ("10:12", "'10:12' is not KEY=VALUE"),
        ("ranks=0", "nothing says when"),
        ("tool=nsys", "nothing says when"),
        ("steps=4,steps=5", "--profile steps: is given twice"),
        ("stepz=4", "no key is called 'stepz'"),
        ("steps=0", "'0' is no window of steps, which are counted from 1"),
        ("steps=5:4", "'5:4' is no window"),
        ("steps=1:", "'1:' is no window"),
        ("steps=a", "'a' is no window"),
        ("steps=4,ranks=x", "'x' is no rank"),
        ("steps=4,tool=ncu", "no tool is called 'ncu'"),
        ("steps=4,trace=cuda", "no trace of torch is called 'cuda'"),
        ("steps=4,tool=nsys,trace=shapes", "no trace of nsys is called 'shapes'"),
        ("delay=1,duration=2", "torch.profiler is told by steps"),
        ("tool=nsys,delay=1", "needs duration beside it"),
        ("tool=nsys,duration=1", "needs delay beside it"),
        ("tool=nsys,steps=4,delay=1,duration=2", "a window is of steps or of time"),
        ("tool=nsys,delay=-1,duration=2", "'-1' is no number of seconds"),
        ("tool=nsys,delay=1,duration=0", "'0' is no number of seconds"),
        ("tool=nsys,delay=1,duration=inf", "'inf' is no number of seconds"),
    ],
)
def test_what_is_wrong_is_said(text, says):
    with pytest.raises(UserError) as error:
        parse(text)
    assert says in str(error.value)


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(UserError) as error:
        parse("steps=0,ranks=x,tool=y,foo=z")
    assert len(error.value.problems) == 4


@given(st.text(alphabet="stepranktool=:,0123456789all", max_size=30))
def test_any_text_is_a_profile_or_a_users_error(text):
    try:
        assert isinstance(parse(text), Profile)
    except UserError as error:
        assert all(problem.what for problem in error.problems)


# --- what a job can be asked for


def bound(label, text, cluster=LOCAL, **settings):
    case, recipe = catalog.recipe(label)
    return bind(case, recipe, cluster, settings=settings, nodes=1, profile=parse(text), secrets=None)


def refused(label, text, cluster=LOCAL, **settings):
    with pytest.raises(UserError) as error:
        bound(label, text, cluster, **settings)
    return [str(problem) for problem in error.value.problems if problem.where.startswith("--profile")]


def test_it_is_part_of_the_job_and_changes_no_result():
    job = bound("fsdp/tiny", "steps=2:3,ranks=all")
    assert Job.from_json(job.to_json()) == job and job.profile == Profile(steps=(2, 3), ranks=None)
    case, recipe = catalog.recipe("fsdp/tiny")
    plain = bind(case, recipe, LOCAL)
    assert plain.digest == job.digest and "profile" not in plain.record()


@pytest.mark.parametrize(
    ("label", "text", "says"),
    [
        ("fsdp/tiny", "steps=2,ranks=1,7", "--profile ranks: there is no rank 7\n    the last of 2 is 1"),
        ("fsdp/tiny", "steps=99:101", "--profile steps: step 101 is beyond the last, 100"),
        ("fsdp/tiny", "tool=nsys,steps=2", "--profile tool=nsys: a window of steps is told through CUDA"),
        ("jax/tiny", "steps=2", "--profile: its ranks have no torch, and so no torch.profiler"),
        ("jax-paxml/tiny", "steps=2", "--profile: its ranks have no torch"),
        ("env/tiny", "steps=1", "--profile steps: its steps cannot be told: it trains nothing, and has none"),
    ],
)
def test_what_a_job_cannot_do_is_refused_with_the_reason(label, text, says):
    [problem] = refused(label, text)
    assert problem.startswith(says)


@pytest.mark.parametrize("label", ["bionemo/esm1nv", "nemo-launcher/gpt3-126m"])
def test_programs_of_a_container_take_their_own_steps(label):
    [problem] = refused(label, "steps=2", P5)
    assert "own program takes them" in problem and "tool=nsys,delay=60,duration=30" in problem


def test_trainium_has_a_profiler_of_its_own():
    case, recipe = catalog.recipe("neuronx-distributed/llama3-8b")
    from tests.clusters import for_recipe

    with pytest.raises(UserError, match="nor nsys sees Trainium"):
        bind(case, recipe, for_recipe(recipe), profile=parse("steps=2"), secrets=None)


@pytest.mark.parametrize(
    "case",
    [
        "bionemo", "composer-mpt", "composer-stable-diffusion", "cpu-ddp", "fsdp", "megatron-lm", "nemo-launcher",
        "nemo-run", "neuronx-distributed", "picotron", "torchtitan",
    ],
)  # fmt: skip
def test_every_training_with_torch_can_be_told(case):
    assert bound(f"{case}/tiny", "steps=2:3").profile.steps == (2, 3)


def test_each_tool_records_something_unasked():
    for tool in TRACES:
        assert set(Profile(tool=tool).traces) <= set(TRACES[tool])


@pytest.mark.parametrize(
    ("first", "last", "disturbed"),
    [(7, 7, False), (8, 8, True), (11, 11, True), (13, 13, True), (14, 14, False), (1, 10, True), (14, 20, False)],
)
def test_which_steps_a_recording_takes_time_of(first, last, disturbed):
    assert Profile(steps=(10, 12)).disturbs(first, last) is disturbed
    assert not Profile(tool="nsys", delay=1.0, duration=2.0).disturbs(first, last), "of time, not of steps"
