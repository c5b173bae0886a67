"""Errors, findings, plans, metrics, configuration, catalogue: the small rooms."""

from __future__ import annotations

import itertools
import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial import catalog, config, environments
from seatrial.binding import bind
from seatrial.errors import Problem, UserError, unknown
from seatrial.findings import Finding, Verdict, overall
from seatrial.metrics import Work, flops_per_token, mfu
from seatrial.plan import Command, Plan
from tests.test_binding import CASE, LOCAL, TINY


def test_problems_name_place_and_remedy():
    error = UserError([Problem("wrong", "here", "do this"), Problem("bad")])
    assert str(error) == "here: wrong\n    do this\nbad"
    assert unknown("case", "zzz", ["a", "b"]).remedy == "choose from: a, b"
    assert unknown("case", "fsdb", ["fsdp", "jax"]).remedy == "did you mean fsdp?"


def finding(verdict: Verdict) -> Finding:
    return Finding(check="c", verdict=verdict, observed="")


def test_the_worst_verdict_counts_and_nothing_judged_is_unknown():
    order = [Verdict.SKIP, Verdict.PASS, Verdict.WARN, Verdict.UNKNOWN, Verdict.FAIL]
    for better, worse in itertools.combinations(order[1:], 2):
        assert overall([finding(worse), finding(better)]) is worse
        assert overall([finding(better), finding(worse)]) is worse
    assert overall([]) is Verdict.UNKNOWN
    assert overall([finding(Verdict.SKIP)]) is Verdict.UNKNOWN
    assert overall([finding(Verdict.SKIP), finding(Verdict.PASS)]) is Verdict.PASS


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_command_is_quoted_for_a_real_shell(text):
    command = Command(argv=("printf", "%s", text), env={"X": text})
    assert shlex.split(command.shell())[-1] == text


def test_a_shell_runs_what_a_plan_shows():
    text = "a 'b' \"c\"\n$d `e` \\ -- é"
    shown = Command(argv=("sh", "-c", 'printf %s "$X|$1"', "sh", text), env={"X": text}).shell()
    assert subprocess.run(["sh", "-c", shown], capture_output=True, text=True, check=True).stdout == f"{text}|{text}"


def test_a_plan_is_written_once_and_never_over_something(tmp_path):
    plan = Plan(files={"a/b.txt": "text"}, commands=(Command(argv=("true",), title="one"),))
    target = tmp_path / "new folder"
    assert {p.name for p in plan.write(target)} == {"b.txt", "commands.sh"}
    assert (target / "a/b.txt").read_text() == "text"
    with pytest.raises(UserError, match="not an empty folder"):
        plan.write(target)
    assert "a/b.txt" in plan.text() and "true" in plan.text()


def test_mfu_by_convention_and_unknown_peak():
    flops = flops_per_token(parameters=1000, layers=2, attention_width=8, sequence_length=16)
    assert flops == {"full": 6000 + 12 * 2 * 8 * 16, "causal": 6000 + 6 * 2 * 8 * 16}
    work = Work(flops_per_token=flops, peak_flops=1e6, peak_source="x")
    assert mfu(100.0, work, 2)["full"] == pytest.approx(100 * flops["full"] / 2e6)
    assert mfu(100.0, Work(flops_per_token=flops, peak_flops=None, peak_source=""), 2) is None


def test_mfu_agrees_with_a_published_run():
    """torchtitan, Llama 3 8B at 8192 tokens on H100: 6,785 tokens/s per GPU are 39.73 % (N without the embedding)."""
    flops = flops_per_token(
        parameters=8_030_261_248 - 128_256 * 4096, layers=32, attention_width=4096, sequence_length=8192
    )
    work = Work(flops_per_token=flops, peak_flops=989e12, peak_source="H100 SXM, dense bf16")
    assert mfu(6785.0, work, 1)["full"] == pytest.approx(0.3973, abs=5e-5)


def test_the_local_cluster_takes_more_processes_than_cores_but_not_any_number():
    local = config.cluster("local")
    assert local.processes_per_node >= local.cpus_per_node >= 1
    with pytest.raises(UserError, match="no cluster is called 'lokal'"):
        config.cluster("lokal")


def test_the_catalogue_finds_what_is_there():
    assert {"fsdp", "cpu-ddp"} <= set(catalog.case_names())
    assert catalog.recipe("cpu-ddp/two-node")[1].nodes == 2
    assert catalog.recipe("fsdp")[1].name == "tiny"


def test_an_entry_point_is_a_case(monkeypatch):
    class Point:
        name, value = "theirs", "their.module"

        def load(self):
            return CASE

    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [Point()] if group == "seatrial.cases" else [])
    assert "theirs" in catalog.case_names()
    assert catalog.case("theirs").recipes == CASE.recipes


PLAIN = """
from dataclasses import dataclass
from seatrial.spec import Case, Recipe
@dataclass
class Args:
    steps: int = 1
CASE = Case(
    name="x", title="", framework="", Args=Args, recipes=(Recipe(name="tiny", title="", args=Args()),), program="x"
)
"""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fsdq", "did you mean fsdp"),
        ("nowhere.py", "there is no such file"),
        ("empty.py", "defines no CASE"),
        ("plain.py", "Args of its CASE, Args"),
    ],
)
def test_what_is_no_case_is_said(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.py").write_text("x = 1\n")
    (tmp_path / "plain.py").write_text(PLAIN)
    with pytest.raises(UserError, match=message):
        catalog.recipe(name)


def test_a_missing_module_comes_with_its_command():
    from dataclasses import replace

    job = replace(bind(CASE, TINY, LOCAL), requires=("json", "nothing_of_that_name"))
    (problem,) = environments.missing(job)
    assert "nothing_of_that_name" in problem.what and "pip install" in problem.remedy
