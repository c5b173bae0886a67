"""seatrial run --all: cases of a package, broken ones among them, stopped and gone on with, here and on a cluster."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from seatrial import versions
from seatrial.binding import bind
from seatrial.cli import cli, outcome, run_all, running, suite
from seatrial.cli.listing import listing
from seatrial.cli.running import Request
from seatrial.errors import ExitCode, Problem, UserError
from seatrial.events import RunStart
from seatrial.findings import Finding, Verdict
from seatrial.history import History
from seatrial.report.suite import CANNOT_RUN, LEFT_OUT, NOT_STARTED, Row
from seatrial.runs import Notes, Run
from seatrial.standing import Phase, Standing
from tests.command import Command, is_gone, losses, wait_for_step
from tests.launchers import fake
from tests.packaged import install, walk
from tests.test_binding import CASE, LOCAL, TINY
from tests.waiting import poll

NO_DATA = """
from dataclasses import replace
from seatrial.errors import Problem
from good import CASE
CASE = replace(CASE, name="nodata", preflight=lambda _: [Problem("there is none", "/data", "put it there")])
"""


class Packaged(Command):
    """`seatrial` where a package offers cases: name -> text of a module."""

    def __init__(self, folder: Path, cases: Mapping[str, str]) -> None:
        super().__init__(folder / "runs")
        self.env = install(folder, cases)
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *args: str, **env: str) -> subprocess.Popen[str]:
        self.started.append(super().start(*args, **self.env, **env))
        return self.started[-1]

    def runs(self) -> dict[str, list[Run]]:
        """Case -> its runs, oldest first."""
        found: dict[str, list[Run]] = {}
        for run in History(self.root).runs:
            found.setdefault(run.job.case, []).append(run)
        return found


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Packaged, str, str]:
    """One that ran to its end, with what it said."""
    cases = {"bad": walk("bad", fall=0.001), "broken": "import nothing\n", "good": walk("good"), "nodata": NO_DATA}
    seatrial = Packaged(tmp_path_factory.mktemp("all"), cases)
    process = seatrial.start("run", "--all", "drill")
    out, err = process.communicate(timeout=120)
    assert process.returncode == ExitCode.FAILED, out + err
    return seatrial, out, err


def tag_of(out: str) -> str:
    return re.findall(r"all-drill-\d{8}-\d{6}", out)[0]


def test_what_cannot_run_is_a_line_with_its_reason_and_the_others_go_on(done: tuple[Packaged, str, str]) -> None:
    _, out, err = done
    table = out[out.index("JOB ") :].splitlines()
    assert table[0].split() == ["JOB", "STATE", "VERDICT", "FIDELITY", "LOSS", "THROUGHPUT", "TIME", "WHY"]
    assert [line.split()[:3] for line in table[1:5]] == [
        ["bad/drill", "completed", "FAIL"],
        ["broken/drill", "cannot", "run"],
        ["good/drill", "completed", "PASS"],
        ["nodata/drill", "cannot", "run"],
    ]
    assert "run.loss-fell: from 4.999 to 4.972" in table[1]
    assert "broken.py:1: cannot be imported: ModuleNotFoundError" in table[2]
    assert "CPU: real  2 " in table[3] and "tokens/s" in table[3]
    assert table[4].endswith("/data: there is none (put it there)")
    assert table[6].startswith("1 of 4 passed, in ")
    places = [line for line in err.splitlines() if " of 4: " in line]
    assert places == ["1 of 4: bad/drill", "2 of 4: broken/drill", "3 of 4: good/drill", "4 of 4: nodata/drill"]
    assert out.count("run.loss-fell") == 2 and "good/drill completed: PASS (on CPU, fidelity real)" in out


def test_its_runs_have_a_tag_and_a_page_that_leads_to_theirs(done: tuple[Packaged, str, str]) -> None:
    seatrial, out, _ = done
    page = seatrial.root / f"{tag_of(out)}.html"
    assert f"report  {page}" in out.splitlines()
    links = re.findall(r'href="([^"]*report.html)"', page.read_text())
    assert len(links) == 2 and all((seatrial.root / link).is_file() for link in links)
    found = json.loads(seatrial("runs", "--tag", tag_of(out), "--json"))
    assert sorted(row["case"] for row in found) == ["bad", "good"]
    assert "bit-equal" in seatrial("compare", *(row["run"] for row in found))


def test_what_passed_is_not_run_again_and_what_failed_is(done: tuple[Packaged, str, str]) -> None:
    seatrial, out, _ = done
    tag = tag_of(out)
    before = seatrial.runs()
    told = json.loads(seatrial("run", "--all", "drill", "--resume", "--json", expect=ExitCode.FAILED))
    after = seatrial.runs()
    assert (told["suite"], told["page"]) == (tag, str(seatrial.root / f"{tag}.html"))
    assert [(row["job"], row["verdict"]) for row in told["jobs"] if row["run"]] == [
        ("bad/drill", "FAIL"),
        ("good/drill", "PASS"),
    ]
    assert told["jobs"][2]["loss"] == 2.0 and told["jobs"][2]["unit"] == "tokens"
    assert after["good"] == before["good"] and len(after["bad"]) == 2
    assert told["jobs"][0]["run"] == after["bad"][-1].id and tag in after["bad"][-1].notes().tags


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Packaged]:
    """Three good cases; the one in the middle takes some seconds."""
    found = Packaged(tmp_path, {"one": walk("one"), "slow": walk("slow", steps=250), "third": walk("third")})
    yield found
    for process in found.started:
        if process.poll() is None:  # a test that failed has left it
            process.terminate()
            process.communicate(timeout=60)
    assert all(is_gone(run) for runs in found.runs().values() for run in runs), "a rank is left"


def test_ctrl_c_stops_the_present_one_and_resume_goes_on_where_it_ended(three: Packaged) -> None:
    process = three.start("run", "--all", "drill", "--max-restarts", "2")
    poll(lambda: "slow" in three.runs(), 60, "the second has begun")
    [run] = three.runs()["slow"]
    wait_for_step(run, 12)
    [page] = three.root.glob("all-drill-*.html")  # also somebody who kills the command has one
    assert "slow/drill" in page.read_text()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == ExitCode.STOPPED, out + err
    states = [re.split(r"\s{2,}", line)[1] for line in out[out.index("JOB ") :].splitlines()[1:4]]
    assert states == ["completed", "stopped", "not started"]
    assert "1 of 3 passed" in out and "3 of 3" not in err and three.runs().keys() == {"one", "slow"}
    assert f"resume  seatrial run --all drill --resume {tag_of(out)} --max-restarts 2" in out.splitlines()

    told = json.loads(three("run", "--all", "drill", "--resume", tag_of(out), "--json"))
    assert [(row["state"], row["verdict"]) for row in told["jobs"]] == [("completed", "PASS")] * 3
    assert {name: len(runs) for name, runs in three.runs().items()} == {"one": 1, "slow": 1, "third": 1}
    first, second = run.events().of(RunStart)
    assert first.start_step == 0 and second.start_step >= 12 and len(losses(run)) == 250
    assert "third/drill" in (three.root / f"{tag_of(out)}.html").read_text()


def test_ctrl_c_while_a_run_is_judged_starts_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(tmp_path, monkeypatch, one=walk("one"), two=walk("two"))
    judge = outcome.judge_and_keep

    def interrupted(run: Run) -> list[Finding]:
        os.kill(os.getpid(), signal.SIGINT)
        return judge(run)

    monkeypatch.setattr(outcome, "judge_and_keep", interrupted)
    out = call("run", "--all", "drill", expect=ExitCode.STOPPED).stdout
    assert re.findall(r"(?m)^(\w+)/drill  +(completed|not started)", out) == [
        ("one", "completed"),
        ("two", "not started"),
    ]
    assert [run.job.case for run in History(Path("runs")).runs] == ["one"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_request_before_anything_has_begun_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    offer(tmp_path, monkeypatch, one=walk("one"))
    monkeypatch.setattr(running, "make_environment", lambda *_, **__: os.kill(os.getpid(), number))
    out = call("run", "--all", "drill", expect=ExitCode.INTERRUPTED).stdout
    assert "one/drill  not started" in out and "resume" not in out and "report" not in out
    assert not Path("runs").exists()


def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **cases: str) -> None:
    """The same in this process."""
    variables = install(tmp_path, cases)
    monkeypatch.syspath_prepend(variables["PYTHONPATH"])
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SEATRIAL_RUNS_DIR", "runs")
    monkeypatch.chdir(tmp_path)
    for name in cases:
        monkeypatch.delitem(sys.modules, name, raising=False)


def call(*args: str, expect: int = 0) -> Result:
    result = CliRunner().invoke(cli, args)
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == expect, result.output
    return result


def ended(job: str, verdict: Verdict) -> Row:
    return Row(job=job, state="completed", verdict=verdict, run=job)


PASS, FAIL, UNKNOWN = ended("a", Verdict.PASS), ended("b", Verdict.FAIL), ended("c", Verdict.UNKNOWN)
LEFT, BROKEN, NOT = (Row(job=state, state=state) for state in (LEFT_OUT, CANNOT_RUN, NOT_STARTED))


@pytest.mark.parametrize(
    ("rows", "stopped", "code"),
    [
        ([PASS, ended("d", Verdict.WARN), LEFT], False, ExitCode.PASSED),
        ([PASS, UNKNOWN], False, ExitCode.UNKNOWN),
        ([PASS, BROKEN], False, ExitCode.UNKNOWN),
        ([PASS, FAIL, UNKNOWN, BROKEN], False, ExitCode.FAILED),
        ([PASS, UNKNOWN, NOT], True, ExitCode.STOPPED),
        ([PASS, FAIL, NOT], True, ExitCode.FAILED),
        ([NOT, BROKEN], True, ExitCode.INTERRUPTED),
    ],
)
def test_the_exit_code_is_the_worst_of_all(rows: list[Row], stopped: bool, code: int, tmp_path: Path) -> None:
    found = suite.make("tiny", [], Request(history=History(tmp_path)), None, quiet=True)
    found.rows = {row.job: row for row in rows}
    assert found.exit_code(stopped=stopped) == code


def test_the_newest_suite_goes_on_or_the_one_that_is_named_and_in_it_the_newest_runs(tmp_path: Path) -> None:
    old, new, other = "all-tiny-20260101-000000", "all-tiny-20260102-000000", "all-tiny-mds-20260103-000000"
    history, job = History(tmp_path), bind(CASE, TINY, LOCAL)
    tagged = {"a": [old], "b": [new], "c": [new, "mine"], "d": [other], "e": []}
    for second, (name, tags) in enumerate(tagged.items()):
        run = history.create(job, name)
        run.save_notes(Notes(tags=tuple(tags)))
        os.utime(run.path / "job.json", (second, second))

    def found(resume: str) -> tuple[str, list[str]]:
        one = suite.make("tiny", [job.label], Request(history=History(tmp_path)), resume, quiet=True)
        return one.tag, [run.id for run in one.earlier.values()]

    assert (found(""), found(old)) == ((new, ["c"]), (old, ["a"]))
    with pytest.raises(UserError, match="no suite of tiny is called 'all-tiny-mds-20260103-000000'"):
        found(other)


BAD = [
    (["cpu-ddp"], "CASE"),
    (["--set", "steps=3"], "--set"),
    (["--expect", "none"], "--expect"),
    (["--name", "mine"], "--name"),
    (["--nodes", "2"], "--nodes"),
    (["--processes", "2"], "--processes"),
    (["--detach"], "--detach"),
]


def test_what_means_one_run_is_refused_all_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as refused:
        call("run", "--all", "tiny", *(word for words, _ in BAD for word in words))
    assert {problem.where.partition("[")[0] for problem in refused.value.problems} == {where for _, where in BAD}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--all", "tinny"), "--all: no recipe of any case is called 'tinny'\n    did you mean tiny"),
        (("--all", "tiny", "--resume"), "--resume: no suite of tiny in runs"),
        (("--all", "tiny", "--on", "nowhere"), "no cluster is called 'nowhere'"),
        ((), "nothing is named that could run"),
    ],
)
def test_bad_input_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=re.escape(said)):
        call("run", *args)
    assert list(tmp_path.iterdir()) == []


RECIPE = "tiny-tp2"
CASES = [case["case"] for case in listing() if RECIPE in [recipe["name"] for recipe in case["recipes"]]]


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> fake.Memory:
    """An engine in memory, whose jobs are over when they are looked at."""
    found = fake.Memory()
    fake.offer(monkeypatch, fake.launcher(found))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("seatrial.toml").write_text('[clusters.far]\nlauncher = "memory"\nnodes = 1\ncpus_per_node = 4\n')

    def over() -> None:
        found.jobs = {name: Standing(phase=Phase.ENDED) for name in found.jobs}

    found.before_answer = over
    monkeypatch.setattr(running, "make_environment", lambda *_, **__: pytest.fail("it runs here"))
    return found


def jobs(*args: str, expect: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(call("run", "--all", RECIPE, "--json", *args, expect=expect).stdout)[
        "jobs"
    ]
    return found


def test_on_a_cluster_one_is_submitted_when_the_one_before_is_over(memory: fake.Memory) -> None:
    waiting: list[int] = []
    over = memory.before_answer

    def look() -> None:
        waiting.append(sum(standing == fake.RUNNING for standing in memory.jobs.values()))
        over()

    memory.before_answer = look
    rows = jobs("--on", "far", expect=ExitCode.UNKNOWN)  # its jobs say nothing, so nobody knows what came of them
    assert [row["state"] for row in rows] == ["lost"] * len(CASES) and len(memory.submitted) == len(CASES) > 2
    assert max(waiting) == 1
    assert {run.job.cluster for run in History(Path("runs")).runs} == {"far"}


def test_ctrl_c_on_a_cluster_leaves_the_present_one_which_is_watched_again(memory: fake.Memory) -> None:
    over = memory.before_answer

    def leave() -> None:
        if memory.jobs:
            raise KeyboardInterrupt

    memory.before_answer = leave
    rows = jobs("--on", "far", expect=ExitCode.STOPPED)
    assert [row["state"] for row in rows] == ["queued"] + ["not started"] * (len(CASES) - 1)
    assert len(memory.submitted) == 1 and rows[0]["verdict"] is None
    memory.before_answer = lambda: None
    with pytest.raises(UserError, match=r"all-tiny-tp2-\d{8}-\d{6} ran on far"):
        call("run", "--all", RECIPE, "--resume", "--on", "local")
    memory.before_answer = lambda: setattr(memory, "before_answer", over)  # it still runs when it is found
    rows = jobs("--resume", expect=ExitCode.UNKNOWN)
    assert [row["state"] for row in rows] == ["lost"] * len(CASES) and len(memory.submitted) == len(CASES)


def test_an_engine_that_refuses_one_gets_the_others(memory: fake.Memory) -> None:
    over = memory.before_answer

    def refuse_the_first() -> None:
        memory.before_answer = over
        raise UserError(Problem("no partition is called p5", "sbatch", "name another"))

    memory.before_answer = refuse_the_first
    rows = jobs("--on", "far", expect=ExitCode.UNKNOWN)
    assert rows[0]["state"] == "cannot run" and rows[0]["why"] == "sbatch: no partition is called p5 (name another)"
    assert [row["state"] for row in rows[1:]] == ["lost"] * (len(CASES) - 1)


def test_a_job_array_is_refused(memory: fake.Memory) -> None:
    with pytest.raises(UserError, match="far makes several runs of each job"):
        call("run", "--all", RECIPE, "--on", "far", "--option", "tasks=2")
    assert memory.submitted == []


def test_what_is_on_request_is_left_out_with_a_word(memory: fake.Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "ON_REQUEST", {"pytorch": "768 MiB"})
    heavy = [case["case"] for case in listing() if case["environment"] == "pytorch" and case["case"] in CASES]
    rows = jobs("--on", "far", expect=ExitCode.UNKNOWN)
    assert heavy and [row["job"] for row in rows if row["state"] == "left out"] == [f"{c}/{RECIPE}" for c in heavy]
    assert len(memory.submitted) == len(CASES) - len(heavy)
    [why] = {row["why"] for row in rows if row["state"] == "left out"}
    assert why == "needs the environment pytorch (768 MiB): say where it is in [clusters.far.software.pytorch]"
    with Path("seatrial.toml").open("a") as file:
        file.write('[clusters.far.software.pytorch]\npython = "/opt/pytorch/bin/python"\n')
    assert not [row for row in jobs("--on", "far", expect=ExitCode.UNKNOWN) if row["state"] == "left out"]


def test_left_out_here_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEATRIAL_ENVIRONMENTS", str(tmp_path / "environments"))
    monkeypatch.setattr(versions, "ON_REQUEST", {"pytorch": "768 MiB"})
    monkeypatch.setattr(running, "make_environment", lambda *_, **__: pytest.fail("it is made"))
    monkeypatch.setattr(run_all, "listing", lambda: [case for case in listing() if case["environment"] == "pytorch"])
    result = call("run", "--all", RECIPE)
    assert "left out: needs the environment pytorch (768 MiB): seatrial env create pytorch" in result.stderr
    assert re.search(r"0 of 0 passed, \d+ left out, in ", result.stdout) and list(tmp_path.iterdir()) == []
