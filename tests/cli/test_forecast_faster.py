"""Arguments that would make a job faster: each one can be set, fits, and gains what is said of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from seatrial import catalog
from seatrial.binding import bind, elsewhere
from seatrial.cli import cli
from seatrial.cli.forecasting import Bound, bound, expected
from seatrial.errors import Problem
from seatrial.expected import Expected
from seatrial.forecast.places import place
from seatrial.forecast.step import step
from seatrial.job import Job
from seatrial.spec import Layout
from seatrial.workload import Workload

TARGETS = (
    "fsdp/llama3.1-8b", "torchtitan/llama3-8b", "megatron-lm/gpt-39.1b", "jax/llama3.1-8b", "composer-mpt/mpt-7b",
    "nemo-run/llama3.1-70b",
)  # fmt: skip


def job(target: str, **settings: str) -> Bound:
    return bound(target, None, None, nodes=None, processes=None, settings=settings)


@pytest.mark.parametrize("target", TARGETS)
def test_each_change_is_an_argument_that_fits_and_gains_what_is_said(target: str) -> None:
    now = job(target)
    where = place(now.where.instance_type or "")
    found = now.faster()
    assert len(found) <= 4 and [one.gain for one in found] == sorted((one.gain for one in found), reverse=True)
    assert len({one.setting.partition("=")[0] for one in found}) == len(found)
    for one in found:
        name, _, value = one.setting.partition("=")
        changed = job(target, **{name: value})
        assert changed.workload.global_batch_size == now.workload.global_batch_size
        gain = float(step(now.workload, where).seconds) / float(step(changed.workload, where).seconds) - 1
        assert one.gain == pytest.approx(gain) and gain >= 0.05
        fit = changed.forecast().fit
        assert fit is not None and fit.verdict == "fits"


def test_what_slows_a_job_on_purpose_is_named_and_is_gone_once_it_is_changed() -> None:
    slow = {one.setting: one.gain for one in job("fsdp/llama3.1-8b", precision="fp32", recompute="full").faster()}
    assert slow["precision=bf16"] > 1
    tuned = job("fsdp/llama3.1-8b", precision="bf16", recompute="selective", compile="true")
    assert not {"precision=bf16", "recompute=selective", "compile=true"} & {one.setting for one in tuned.faster()}


def test_what_would_not_fit_is_not_named() -> None:
    small, large = (
        bound("fsdp/llama3.1-8b", None, kind, nodes=1, processes=None, settings={"recompute": "full"}).faster()
        for kind in ("p5.48xlarge", "p6-b200.48xlarge")
    )
    assert "recompute=none" not in {one.setting for one in small}
    assert "recompute=none" in {one.setting for one in large}


def test_a_dtype_that_the_accelerators_lack_is_not_named() -> None:
    without = bound("torchtitan/llama3-8b", None, "p4de.24xlarge", nodes=4, processes=None, settings={})
    assert not any(one.setting.startswith("float8") for one in without.faster())
    assert any(one.setting.startswith("float8") for one in job("torchtitan/llama3-8b").faster())


def named(job: Bound) -> set[str]:
    return {one.setting for one in job.faster()}


def test_degrees_are_halved_and_micro_batches_doubled_where_that_is_faster() -> None:
    assert "tensor_parallel=4" in named(job("megatron-lm/gpt-7.5b", tensor_parallel="8"))
    assert "micro_batch_size=2" in named(job("jax/llama3.1-70b"))


def test_what_the_case_refuses_or_makes_another_training_is_not_named() -> None:
    now = job("fsdp/llama3.1-8b")
    assert {"recompute=selective", "compile=true"} <= named(now)

    def check(args: Any, layout: Layout) -> list[Problem]:
        return [Problem("not here", "recompute")] if args.recompute == "selective" else []

    def workload(args: Any, layout: Layout) -> Workload | None:
        found = now.case.workload(args, layout)
        return replace(found, global_batch_size=2 * found.global_batch_size) if found and args.compile else found

    assert "recompute=selective" not in named(replace(now, case=replace(now.case, check=check)))
    assert "compile=true" not in named(replace(now, case=replace(now.case, workload=workload)))


def test_the_page_and_its_json_have_them() -> None:
    text = CliRunner().invoke(cli, ["forecast", "fsdp/llama3.1-8b"]).stdout
    assert "\nWhat would be faster\n" in text and "--set recompute=selective" in text
    record = json.loads(CliRunner().invoke(cli, ["forecast", "fsdp/llama3.1-8b", "--json"]).stdout)
    assert record["faster"][0].keys() == {"setting", "gain"}
    assert json.loads(CliRunner().invoke(cli, ["forecast", "fsdp/tiny", "--json"]).stdout)["faster"] == []


# --- what is kept with a job


def kept(target: str) -> tuple[Job, Expected]:
    case, recipe = catalog.recipe(target)
    where = elsewhere(recipe, None, None, None)
    made = bind(case, recipe, where)
    found = expected(case, made, where)
    assert found is not None
    return made, found


def test_a_job_keeps_its_rate_memory_batch_and_what_cannot_be() -> None:
    made, found = kept("torchtitan/llama3-8b")
    forecast = job("torchtitan/llama3-8b").forecast()
    assert (
        forecast.pace is not None and forecast.fit is not None and found.rate is not None and found.memory is not None
    )
    whole = forecast.pace.tokens_per_second * made.world_size
    assert (found.rate.low, found.rate.expected, found.rate.high) == (whole.low, whole.expected, whole.high)
    assert found.memory.expected == forecast.fit.memory.reserved  # which is what torchtitan prints
    assert found.memory.evidence == ("11 published peaks of torchtitan",)
    assert found.step_tokens == int(forecast.pace.step.tokens)
    assert found.most is not None and found.rate.high < found.most < 989.4e12 * made.world_size / 50e9
    assert found.faster == job("torchtitan/llama3-8b").faster()


def test_the_memory_of_a_pipeline_is_that_of_any_of_its_stages() -> None:
    _, found = kept("megatron-lm/llama2-70b")
    stages = [one.allocated for one in job("megatron-lm/llama2-70b").forecast().stages]
    assert found.memory is not None and len(stages) > 1
    assert found.memory.low == pytest.approx(0.9 * min(stages)) and found.memory.high == pytest.approx(
        1.1 * max(stages)
    )


def test_memory_that_no_log_will_tell_is_not_expected() -> None:
    assert kept("nemo-run/llama3.1-70b")[1].memory is None


@pytest.mark.parametrize(("target", "tokens"), [("fsdp/tiny", 8 * 256), ("cpu-ddp/tiny", None)])
def test_on_cpus_only_the_batch_is_known(target: str, tokens: int | None) -> None:
    _, found = kept(target)
    assert found == Expected(step_tokens=tokens)


def test_without_numpy_memory_and_batch_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = kept("torchtitan/llama3-8b")[1]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert kept("torchtitan/llama3-8b")[1] == Expected(memory=whole.memory, step_tokens=whole.step_tokens)


def test_what_trains_nothing_expects_nothing() -> None:
    case, recipe = catalog.recipe("collectives/tiny")
    where = elsewhere(recipe, None, None, None)
    assert expected(case, bind(case, recipe, where), where) is None


def test_no_published_measurement_reaches_what_cannot_be() -> None:
    """Of those whose accelerator's products were measured; the nearest is at 75 %."""
    from seatrial.forecast.anchors import anchors
    from seatrial.forecast.rates import ACHIEVABLE

    shares = []
    for one in anchors():
        length = one.workload.sample_length or one.workload.sequence_length
        rate = ACHIEVABLE.get((one.place.accelerator, one.workload.compute))
        if rate and length and one.workload.model:
            flops = min(one.workload.model.flops_per_token(length).values()) * (2 / 3 if one.workload.frozen else 1)
            shares.append(one.tokens_per_second * flops / rate)
    assert len(shares) > 400 and max(shares) < 0.8
