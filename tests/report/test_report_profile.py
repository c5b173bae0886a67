"""Profiles in a run's report, and alone: text, Markdown, JSON and pages tell the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from seatrial import profiles, report
from seatrial.profiling import Profile
from seatrial.report import profile
from seatrial.report.profile_page import to_html
from tests.profiles import made
from tests.profiles.made import GEMM, gather, kernel, step

RECORDED = Path(__file__).parents[1] / "profiles" / "recorded"
EXPOSED = "31 % of the step waits for all_gather that nothing overlaps"


@pytest.fixture
def folder(tmp_path):
    events = [step(4, 0, 100), *kernel(GEMM, 0, 60, launched=0), gather(40, 91), *kernel(GEMM, 91, 100, launched=1)]
    made.write(tmp_path / "rank-0.json", events, 0)
    return tmp_path


@pytest.fixture
def found(folder):
    return profiles.read([folder / "rank-0.json"])


def test_every_format_names_what_waits_and_what_to_do(found):
    for text in (profile.to_text("t", found), profile.to_markdown("t", found), to_html("t", found)):
        words = " ".join(text.replace("\\_", "_").split())
        assert "Step 4 of rank 0, recorded by torch.profiler: 100 µs a step." in words
        assert "ui.perfetto.dev and chrome://tracing open rank-0.json" in words
    assert EXPOSED in to_html("t", found)
    assert EXPOSED in profile.to_markdown("t", found).replace("\\_", "_")
    record = profile.as_record(found)
    [rank] = record["ranks"]
    assert rank["time"]["communication"] == pytest.approx(31e-6) and rank["hidden"] == pytest.approx(20 / 51)
    assert "lanes" not in rank and rank["kernels"][0]["name"] == GEMM
    assert json.loads(json.dumps(record, allow_nan=False)) == json.loads(json.dumps(record))


def test_shares_of_the_table_are_those_of_the_step(found):
    rows = {name: (time, share, ran) for name, time, share, ran in profile.time_table(found.ranks[0]).rows}
    assert rows["matrix product"] == ("69 µs", "69 %", "69 µs")
    assert rows["communication, not hidden"] == ("31 µs", "31 %", "51 µs")
    assert rows["step"] == ("100 µs", "100 %", "")
    assert "idle" not in rows


def test_names_of_kernels_are_kept_short():
    assert profile.shortened("void at::add<4, Functor<float> >(int, char*)") == "at::add<4, Functor<float> >"
    assert profile.shortened("Memcpy HtoD (Pinned -> Device)") == "Memcpy HtoD (Pinned -> Device)"
    assert len(profile.shortened("x" * 500)) == profile.NAME_LENGTH


def test_a_runs_report_has_the_section_in_every_format(make_run, story):
    run = make_run(story.whole_run(), profile=Profile(steps=(3, 3), ranks=None))
    shutil.copytree(RECORDED, run.path / "profiles", ignore=lambda *_: ["README.md"])
    for format in ("text", "md", "html"):
        text = report.render(run, [], format)
        assert "Where the time goes, rank 0" in text and "profile.skew" in text.replace("\n", "")
    record = json.loads(report.render(run, [], "json"))
    assert [rank["rank"] for rank in record["profiles"]["ranks"]] == [0, 1]
    assert not (run.path / "profiles" / profiles.KEPT).exists()  # who only reads writes nothing


def test_a_profile_that_was_asked_for_and_is_not_there_is_missed(make_run, story):
    run = make_run(story.whole_run(), profile=Profile(steps=(3, 3)))
    for format in ("text", "md", "html"):
        assert "A profile was asked for" in " ".join(report.render(run, [], format).split())
    (run.path / "profiles").mkdir()
    (run.path / "profiles" / "rank-0.json.gz").write_text("half")
    assert "is no trace" in " ".join(report.render(run, [], "text").split())
    assert json.loads(report.render(run, [], "json"))["profiles"] is None


def test_a_run_without_profiles_says_nothing_of_them(make_run, story):
    run = make_run(story.whole_run())
    assert all("Profile" not in report.render(run, [], format) for format in ("text", "md", "html"))


def test_two_profiles_are_compared_by_their_steps(found, folder):
    events = [step(n, 100 * n, 100 * n + 90) for n in (1, 2)]
    events += [e for n in (1, 2) for e in kernel(GEMM, 100 * n, 100 * n + 90, launched=0)]
    other = profiles.read([made.write(folder / "other.json", events)])
    tables = profile.compare_tables(found.ranks[0], other.ranks[0])
    rows = {row[0]: row[1:] for row in tables[0].rows}
    assert rows["step"] == ("100 µs", "95 µs", "-5 µs (-5 %)")  # two steps in 190
    assert rows["matrix product"] == ("69 µs", "90 µs", "+21 µs (+30.4 %)")
    assert rows["communication"] == ("31 µs", "0 s", "-31 µs (-100 %)")
    kernels = {row[0]: row[1:] for row in tables[1].rows}
    assert kernels[profile.shortened(made.GATHER)] == ("51 µs", "below", "")
