"""Whether two runs differ: by more than noise, within it, or nobody knows."""

import math
import random

import pytest

from seatrial.findings import Finding, Verdict
from seatrial.report import compare as comparing
from seatrial.report.compare import to_json, to_markdown, to_text
from seatrial.report.measures import Judgement
from seatrial.report.summary import summarise


def compare(a, b):
    (result,) = comparing.compare(a, b)
    return result


@pytest.fixture
def against(make_run, story):
    """Compare two runs by the seconds of their steps; keyword arguments change the second one's run_start."""

    def run(a, b, **changes):
        left = summarise(make_run(story.steps_only(a), name="a"), [])
        right = summarise(make_run(story.steps_only(b, **changes), name="b"), [])
        return compare(left, right)

    return run


def test_a_variable_that_points_into_the_own_folder_of_a_run_is_the_same(make_run, story):
    one, other = (
        summarise(
            make_run(story.steps_only([0.1] * 20, variables={"DUMP": f"/x/{name}/logs", "N": name}), name=name), []
        )
        for name in ("a", "b")
    )
    assert [found.name for found in compare(one, other).differences if found.kind == "variable"] == ["N"]


def noisy(seed, count=60, level=0.1, noise=0.01):
    chance = random.Random(seed)
    return [level * (1 + chance.gauss(0, noise)) for _ in range(count)]


def judged(comparison, name="throughput"):
    return next(measure for measure in comparison.measures if measure.name == name)


@pytest.mark.parametrize("seed", range(5))
def test_the_same_distribution_is_within_noise(against, seed):
    result = against(noisy(seed), noisy(seed + 100))
    assert {judged(result, name).judgement for name in ("throughput", "step time", "MFU full")} == {Judgement.WITHIN}


def test_steps_that_all_took_the_same_are_no_different(against):
    """0.01 s, added up 58 and 38 times: the two sums are not the same multiple of it to the last bit."""
    assert judged(against([0.01] * 60, [0.01] * 40)).judgement is Judgement.WITHIN


@pytest.mark.parametrize("seed", range(5))
def test_ten_percent_with_one_percent_noise_is_larger(against, seed):
    result = against(noisy(seed), noisy(seed + 100, level=0.11))
    measure = judged(result)
    assert measure.judgement is Judgement.LARGER
    assert measure.ratio == pytest.approx(1 / 1.1, rel=0.01)


def test_a_slow_step_is_not_a_difference_but_many_are(against, make_run, story):
    once = noisy(2)
    once[30] = 3.0
    assert judged(against(noisy(1), once)).judgement is Judgement.WITHIN
    often = noisy(3)
    often[2::6] = [0.2] * len(often[2::6])
    slowed = summarise(make_run(story.steps_only(often), name="often"), [])
    even = summarise(make_run(story.steps_only(noisy(4)), name="even"), [])
    assert judged(compare(even, slowed)).judgement is Judgement.LARGER


def test_few_samples_leave_the_noise_unknown(against):
    result = against(noisy(1, 3), noisy(2, 3, level=0.2))  # two of the three are warm-up
    assert judged(result).judgement is Judgement.NOISE_UNKNOWN and judged(result).noise is None


def test_what_is_measured_once_is_never_called_a_difference(against):
    result = against(noisy(1), noisy(2))
    assert judged(result, "peak memory, rank 0").judgement is Judgement.NOISE_UNKNOWN


def test_missing_values_are_not_compared(against):
    result = against(noisy(1), [0.1])
    assert judged(result).judgement is Judgement.MISSING and judged(result).ratio is None


def test_cautions_and_differences(make_run, story):
    a = summarise(make_run(story.steps_only(noisy(1)), name="a"), [])
    events = story.steps_only(noisy(2), unit="samples", world_size=4, versions={"torch": "2.9.1"})
    b = summarise(make_run(events, name="b", case="jax", fidelity="stand-in", nodes=2, args={"steps": 40}), [])
    result = compare(a, b)
    told = " ".join(result.cautions)
    for word in ("case", "unit", "ranks", "fidelity"):
        assert word in told
    named = {(d.kind, d.name): (d.a, d.b) for d in result.differences}
    assert named["version", "torch"] == ("2.9.0", "2.9.1")
    assert named["job", "nodes"] == ("1", "2")
    assert named["setting", "model.layers"] == ("4", None)
    assert ("setting", "steps") not in named


def test_a_failed_run_is_called_one(make_run, story):
    a = summarise(make_run(story.steps_only(noisy(1))), [Finding(check="c", verdict=Verdict.FAIL, observed="")])
    assert compare(a, a).cautions == ("fsdp-tiny-1 failed its checks; see its own report.",)


def test_runs_that_are_alike_have_no_caution(against):
    result = against(noisy(1), noisy(2))
    assert result.cautions == () and result.differences == ()
    assert "are the same" in to_text([result])


def test_losses_are_compared_bit_by_bit(make_run, story):
    def run(name, losses):
        events = [(0.0, story.start()), *((n * 1.0, story.step(n, loss=loss)) for n, loss in enumerate(losses, 1))]
        return summarise(make_run(events, name=name), [])

    a = run("a", [5.0, 4.0, math.nan, 3.0])
    same = compare(a, run("b", [5.0, 4.0, math.nan, 3.0, 2.0])).loss
    assert (same.bit_equal, same.common_steps, same.difference, same.largest) == (True, 4, -1.0, 0.0)
    other = compare(a, run("c", [5.0, 4.0 + 1e-15, 3.5, 3.25])).loss
    assert (other.bit_equal, other.first_different_step, other.largest, other.largest_step) == (False, 2, 0.25, 4)
    assert compare(a, run("d", [])).loss.bit_equal is None


def test_runs_without_events_can_be_compared(make_run):
    empty = summarise(make_run([]), [])
    result = compare(empty, empty)
    for text in (to_text([result]), to_markdown([result]), to_json([result])):
        assert "None" not in text
    assert {measure.judgement for measure in result.measures} == {Judgement.MISSING}


def test_mfu_of_different_peaks_is_not_judged(against):
    """Two runs on a CPU whose measured peak moved with the load: the same throughput, another share."""
    result = against(noisy(1), noisy(2), peak_flops=3e11)
    assert any("peaks that MFU is a share of differ" in caution for caution in result.cautions)
    assert {judged(result, f"MFU {name}").judgement for name in ("full", "causal")} == {Judgement.NOISE_UNKNOWN}
