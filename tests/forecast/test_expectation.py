"""The forecast of a job: an interval that knows how much it rests on."""

import dataclasses

import pytest

from seatrial.forecast.anchors import anchors
from seatrial.forecast.expectation import evidence, expect, modelled
from seatrial.forecast.places import place
from seatrial.forecast.step import step

KNOWN = next(one for one in anchors() if one.architecture == "llama3.1-70b" and one.place.accelerator == "H100 SXM")
OTHERS = [one for one in anchors() if one.tuned and one.architecture in ("llama3.1-70b", "qwen3-30b-a3b")]


@pytest.fixture(scope="module")
def known():
    return evidence(OTHERS)


def width(found):
    return found.tokens_per_second.high / found.tokens_per_second.low


def test_a_job_that_was_measured_is_expected_as_measured_and_names_what_it_rests_on(known):
    found = expect(KNOWN.workload, KNOWN.place, year=KNOWN.year, task=KNOWN.task, known=known)
    assert found.tokens_per_second.expected == pytest.approx(KNOWN.tokens_per_second, rel=0.1)
    assert KNOWN.tokens_per_second in found.tokens_per_second
    assert found.evidence[0].startswith("llama3.1-70b on")


def test_an_unknown_framework_on_another_fabric_has_a_wider_interval(known):
    plain = expect(KNOWN.workload, KNOWN.place, year=KNOWN.year, task=KNOWN.task, known=known)
    strange = expect(
        dataclasses.replace(KNOWN.workload, framework="mine"),
        dataclasses.replace(KNOWN.place, fabric="efa"),
        year=KNOWN.year,
        known=known,
    )
    assert width(strange) > 1.3 * width(plain)


def test_the_model_alone_has_no_evidence_and_says_so(known):
    workload = dataclasses.replace(KNOWN.workload, framework="mine", compute="bf16")
    elsewhere = dataclasses.replace(KNOWN.place, accelerator="A100 80GB", fabric="efa")
    found = expect(workload, elsewhere, year=2022.0, known=evidence(OTHERS[-1:]))
    assert found.evidence == ()


def test_steps_computed_together_are_those_computed_alone():
    some = anchors()[::25]
    for one, found in zip(some, modelled(some), strict=True):
        assert found.seconds == pytest.approx(float(step(one.workload, one.place).seconds)), one.name


def test_the_same_job_was_slower_in_a_generations_first_months(known):
    newer = place("p6-b200.48xlarge")
    strange = dataclasses.replace(KNOWN.workload, framework="mine")
    first, later = (
        expect(strange, newer, year=year, known=known).tokens_per_second.expected for year in (2025.0, 2030.0)
    )
    assert 1.05 < later / first < 1.5


def test_what_was_measured_faster_is_expected_faster():
    faster = [dataclasses.replace(one, tokens_per_second=1.4 * one.tokens_per_second) for one in OTHERS]
    plain, more = (
        expect(KNOWN.workload, KNOWN.place, year=KNOWN.year, known=evidence(some)).tokens_per_second.expected
        for some in (OTHERS, faster)
    )
    assert more / plain == pytest.approx(1.4, rel=0.05)
