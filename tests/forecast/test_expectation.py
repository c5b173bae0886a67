"""The forecast of a job: an interval that knows how much it rests on."""

import dataclasses

import numpy as np
import pytest

from seatrial.forecast import expectation
from seatrial.forecast.anchors import anchors
from seatrial.forecast.expectation import evidence, expect, expected_seconds, modelled, published
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


def test_many_layouts_at_once_are_expected_as_each_alone(known):
    tensor, data = np.array([4, 8, 8]), np.array([16, 8, 4])
    together = expected_seconds(of_degrees(tensor, data), KNOWN.place, year=KNOWN.year, known=known)
    alone = [
        expect(of_degrees(int(t), int(d)), KNOWN.place, year=KNOWN.year, known=known).seconds.expected
        for t, d in zip(tensor, data, strict=True)
    ]
    assert together.tolist() == pytest.approx(alone)
    nothing = of_degrees(np.array([], int), np.array([], int))
    assert expected_seconds(nothing, KNOWN.place, year=KNOWN.year, known=known).tolist() == []


def of_degrees(tensor, data):
    degrees = dataclasses.replace(KNOWN.workload.degrees, tensor=tensor, data=data, shard=data)
    return dataclasses.replace(KNOWN.workload, degrees=degrees)


def test_what_measurements_say_is_modelled_once_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = []
    monkeypatch.setattr("seatrial.forecast.anchors.anchors", lambda: made.append(1) or tuple(OTHERS))
    first, again = expectation.beyond_published(), expectation.beyond_published()
    assert made == [1] and first == again == expectation.beyond(OTHERS)
    monkeypatch.setattr(np, "__version__", "0")
    assert expectation.beyond_published() == first and made == [1, 1]


def test_all_published_measurements_of_tuned_jobs_are_known():
    tuned = [one for one in anchors() if one.tuned]
    assert published().names == tuple(one.name for one in tuned)
    one = tuned[3]
    found = expect(one.workload, one.place, year=one.year, task=one.task)
    assert found.tokens_per_second.expected == pytest.approx(one.tokens_per_second, rel=0.2)
