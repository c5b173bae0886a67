"""Noise between runs: what others of the same configuration tell, each about its own level."""

from __future__ import annotations

import json
import math
import random

import pytest
from click.testing import CliRunner

from seatrial.cli import cli
from seatrial.report.between import LEAST, between, difference, stretches
from seatrial.report.compare import compare, to_text
from seatrial.report.measures import Judgement
from seatrial.report.peers import NEWEST, peers_of
from seatrial.report.summary import summarise
from seatrial.samples import sigmas


@pytest.fixture
def make(make_run, story):
    """A run whose steps took `level` x 100 ms within 1 %: make(name, level, what is different about its job)."""

    def run(name, level=1.0, *, end=True, steps=40, **changes):
        chance = random.Random(name)
        seconds = [0.1 * level * (1 + chance.gauss(0, 0.01)) for _ in range(steps)]
        return make_run(story.steps_only(seconds, end=end), name=name, **changes)

    return run


def test_the_deviation_is_that_of_runs_about_their_level():
    told = between([98.0, 100.0, 102.0, None, math.nan])
    assert told is not None and (told.deviation, told.freedom, told.runs) == (2.0, 2, 3)
    assert difference(told, told) == pytest.approx(19.207 * math.sqrt(8), rel=1e-3)
    more = between([98.0, 100.0, 102.0] * 4)
    assert more is not None and difference(told, more) == difference(more, told) > sigmas(2) * told.deviation
    assert between([100.0, 101.0]) is None and between([]) is None
    assert between([-1.0, 0.0, 1.0]).deviation == 1.0, "what may be 0 has no levels"


def test_a_change_of_level_is_no_noise():
    before, after = [100.0, 101.0, 99.0, 100.0, 100.0], [80.0, 81.0, 79.0, 80.0]
    told = between([*before, *after])
    assert told is not None and told.freedom == 7
    assert told.deviation == pytest.approx(math.sqrt(4 / 7))


def test_one_run_may_lie_anywhere():
    before = [100.0, 101.5, 99.0, 100.5, 70.0, 98.5, 101.0, 100.0, 99.5, 100.2]
    assert [part.start for part in stretches([*before, 88.0, 88.5, 87.0, 88.2, 87.9, 89.0, 88.1, 87.5])] == [0, 10]


def test_two_runs_of_one_level_differ_by_more_than_noise_as_rarely_as_stated():
    """Whatever number of others tells how far they lie apart: 0.27 % of pairs."""
    chance = random.Random(1)
    for others in (3, 5, 10):
        crossed = 0
        for _ in range(2000):
            *values, a, b = (chance.gauss(0, 1) for _ in range(others + 2))
            told = between(values)
            assert told is not None
            crossed += abs(a - b) > difference(told, told)
        assert crossed <= 2000 * 0.0027 * 3
    assert sigmas(2) > sigmas(9) > 3


def compared(a, b, runs):
    peers = peers_of([a, b], runs)
    (found,) = compare(summarise(a, []), summarise(b, []), peers=peers)
    return found, next(measure for measure in found.measures if measure.name == "throughput")


def test_a_difference_that_is_usual_between_runs_is_noise(make):
    """Steps within 1 % of each other, runs 3 % apart: 4 % more is no difference, 40 % is."""
    runs = [make(f"r{n}", level) for n, level in enumerate((1.0, 1.03, 0.98, 1.02, 0.97, 1.01, 1.0, 0.99))]
    a, b = make("a"), make("b", 1.04)
    alone, throughput = compared(a, b, [a, b])
    assert throughput.judgement is Judgement.LARGER and throughput.runs is None
    assert "Noise between runs is unknown" in to_text([alone])
    found, throughput = compared(a, b, [*runs, a, b])
    assert throughput.judgement is Judgement.WITHIN and throughput.runs == (8, 8)
    assert "8 other runs of the same configuration tell" in " ".join(to_text([found]).split())
    assert compared(a, make("c", 1.4), [*runs, a, b])[1].judgement is Judgement.LARGER


def test_what_a_run_tells_once_is_judged_by_others(make):
    runs = [make(f"r{n}") for n in range(LEAST)]
    found, _ = compared(make("a"), make("b"), runs)
    memory = next(measure for measure in found.measures if measure.name == "peak memory, rank 0")
    assert memory.judgement is Judgement.WITHIN and memory.noise == 0.0
    loss = next(measure for measure in found.measures if measure.name.startswith("loss"))
    assert loss.runs == (LEAST, LEAST)
    found, _ = compared(make("c"), make("d"), [*runs[1:], make("short", steps=20)])
    loss = next(measure for measure in found.measures if measure.name.startswith("loss"))
    assert loss.runs is None, "it has none at these steps"


def test_only_whole_runs_of_the_same_configuration_tell(make, story):
    others = {"digest": "f" * 16}, {"cluster": "p5"}, {"nodes": 2}, {"processes_per_node": 4}, {"case": "jax"}
    runs = [make(f"o{n}", **changes) for n, changes in enumerate((*others, {"device": "cuda"}))]
    runs += [make("lost", end=False), make("same")]
    broken = make("broken")
    (broken.path / "job.json").write_text("{")
    a, b = make("a"), make("b")
    assert [run.run for run in peers_of([a, b], [*runs, broken, a, b])["b"]] == ["same"]
    many = [make(f"m{n:02}") for n in range(NEWEST + 2)]
    assert [run.run for run in peers_of([a], many)["a"]] == [f"m{n:02}" for n in range(2, NEWEST + 2)]


def test_the_command_asks_the_folder(make, tmp_path):
    for n, level in enumerate((1.0, 1.03, 0.98, 1.02, 0.97, 1.01)):
        make(f"r{n}", level)
    make("a")
    make("b", 1.04)
    done = CliRunner().invoke(cli, ["compare", "b", "--baseline", "a", "--json", "--runs-dir", str(tmp_path)])
    assert done.exit_code == 0, done.output
    (throughput,) = [m for m in json.loads(done.stdout)["comparisons"][0]["measures"] if m["name"] == "throughput"]
    assert throughput["runs"] == [6, 6] and throughput["judgement"] == "within noise"
