"""One run of each kind that a page can be of, and the pages that are made of them."""

from __future__ import annotations

import json
import random
from dataclasses import asdict
from pathlib import Path

from seatrial import catalog, reading
from seatrial.binding import bind
from seatrial.events import Heartbeat, RunEnd, RunStart, Step, encode
from seatrial.expected import Expected, Faster, Range
from seatrial.findings import Finding, Severity, Verdict
from seatrial.history import History
from seatrial.provenance import FILE, Start
from seatrial.report import suite, write
from seatrial.report.comparison_page import to_html
from seatrial.report.gate import gate
from seatrial.report.summary import Summary, summarise
from seatrial.runs import Run
from seatrial.verdict import judge
from tests import stories

BOOM = """\
step 26 loads its batch
Traceback (most recent call last):
  File "/opt/seatrial/train.py", line 212, in <module>
    main()
  File "/opt/seatrial/train.py", line 180, in main
    batch = next(batches)  # a line that is longer than any screen of a telephone is wide, so that it must be scrolled
  File "/opt/seatrial/data.py", line 88, in __next__
    raise ValueError(f"shard {self.shard} is torn: {self.path}")
ValueError: shard 7 is torn: /fsx/datasets/c4/shard-00007-of-01024.mds
"""


def runs(root: Path) -> History:
    """A folder with a run of each kind, judged."""
    root.mkdir()
    for make in (_completed, _failed, _stopped, _preparation, _elsewhere):
        make(root)
    stories.write_run(root, [], name="nothing")
    for run in History(root).runs:
        run.save_findings(judge(run))
    return History(root)


def pages(root: Path) -> dict[str, Path]:
    """Name -> file of the page of each kind of run, and of comparisons."""
    history = runs(root)
    found = {run.id: write(run, judge(run)) for run in history.runs}
    completed, failed, stopped = (
        summarise(history.find(name), judge(history.find(name))) for name in ("completed", "failed", "stopped")
    )
    sides = {
        "comparison": to_html([completed, stopped]),
        "gate": to_html([completed, failed, stopped], [gate(completed, failed)]),
    }
    sides["suite"] = suite.to_html("all-tiny-20261128-180512", "local", _suite([completed, failed, stopped]))
    for name, text in sides.items():
        found[name] = root / f"{name}.html"
        found[name].write_text(text, encoding="utf-8")
    return found


def _suite(summaries: list[Summary]) -> list[suite.Row]:
    """Runs, and jobs that have none, for each of the reasons that there can be."""
    why = (
        "environment pytorch: seatrial-two 2.0 could not be had: there is no network, and no folder of wheels is named"
    )
    heavy = "needs the environment paxml (2.5 GB, Python 3.10): seatrial env create paxml"
    return [
        *map(suite.row, summaries),
        suite.Row(job="composer-stable-diffusion/tiny", state=suite.CANNOT_RUN, why=why),
        suite.Row(job="jax-paxml/tiny", state=suite.LEFT_OUT, why=heavy),
        suite.Row(job="torchtitan/tiny", state=suite.NOT_STARTED),
    ]


def _completed(root: Path) -> None:
    """A rank was killed on the way; one of eight is slow."""
    chance, events = random.Random(3), []
    hosts = [f"ip-10-0-{rank // 4}-12" for rank in range(8)]
    for moment, event in stories.whole_run():
        if isinstance(event, Step):
            busy = [0.09 * (1 + 0.01 * chance.random()) * (1.2 if rank == 5 else 1) for rank in range(8)]
            ranks = {"data_wait": [0.004] * 8, "busy": busy, "cpu": [0.085] * 8}
            event = stories.step(event.step, seconds=event.seconds, ranks=ranks)
        elif isinstance(event, RunStart):
            start = {"attempt": event.attempt, "start_step": event.start_step}
            event = stories.start(world_size=8, hosts=hosts, **start)
        events.append((moment, event))
    died = Finding(
        check="run.rank-died",
        verdict=Verdict.WARN,
        observed="rank 1 was killed by SIGKILL",
        expected="every rank runs to the end",
        severity=Severity.MONITOR,
        evidence="logs/rank-1.log",
        remedy="seatrial logs completed --rank 1",
    )
    expected = Expected(
        rate=Range(low=35e3, expected=42e3, high=50e3, evidence=("llama3.1-8b on 8 H100 SXM, nemo 2025-04",)),
        memory=Range(low=0.36e9, expected=0.4e9, high=0.44e9),
        faster=(Faster(setting="recompute=selective", gain=0.31), Faster(setting="compile=true", gain=0.09)),
    )
    run = stories.write_run(
        root, [*events, (12.0, died)], name="completed", nodes=2, processes_per_node=4, expected=expected
    )
    told = Start(
        time=stories.START,
        command="seatrial run ./mine.py --on p5 --set learning_rate=3e-4 --set steps=40 --set hf_token=***",
        folder="/home/me/trials",
        host="login-1",
        seatrial="0.1.0",
        code="0123456789abcdef0123456789abcdef01234567, mine.py changed since",
        variables={"NCCL_DEBUG": "INFO"},
    )
    (run.path / FILE).write_text(json.dumps(asdict(told)) + "\n")


def _failed(root: Path) -> None:
    events = stories.steps_only([0.1] * 26, end=False)
    what = "rank 1 ended with exit code 1"
    died = Finding(check="run.rank-died", verdict=Verdict.FAIL, observed=what, evidence="logs/rank-1.log")
    end = RunEnd(outcome="failed", step=26, reason=what)
    run = stories.write_run(root, [*events, (3.0, died), (3.0, end)], name="failed")
    _logs(run, {"rank-0.log": "hello\n", "rank-1.log": "hello\n" * 3 + BOOM})


def _stopped(root: Path) -> None:
    chance = random.Random(5)
    seconds = [0.11 * (1 + 0.1 * chance.random()) for _ in range(14)]
    events = stories.steps_only(seconds, end=False, unit="samples", flops_per_token={})
    stories.write_run(root, [*events, (2.0, RunEnd(outcome="stopped", step=14, reason="SIGTERM"))], name="stopped")


def _preparation(root: Path) -> None:
    start = stories.start(
        steps=1,
        unit="samples",
        parameters=None,
        flops_per_token={},
        peak_flops=None,
        peak_source="unknown",
        world_size=1,
        hosts=["node-a"],
    )
    size = Finding(check="data.size", verdict=Verdict.PASS, observed="1,204 documents in 2 shards", expected="some")
    events = [(0.0, Heartbeat(phase="start")), (0.4, start), (9.0, size), (9.1, RunEnd(outcome="completed", step=1))]
    told = {"case": "datasets", "purpose": "preparation", "title": "C4 as MDS shards", "parameters": None}
    stories.write_run(root, events, name="preparation", args={"name": "c4", "format": "mds"}, **told)


def _elsewhere(root: Path) -> None:
    """A log of torchtitan, read as a run on p5."""
    case, recipe = catalog.recipe("torchtitan/llama3-8b")
    job = bind(case, recipe, reading.elsewhere(recipe, None, None, None), secrets=None)
    line = "[titan] - root - INFO - step: {0:2}  loss: {1:7.4f}  memory: 68.57GiB(86.69%)  tps: {2:,}  mfu: 39.73%"
    lines = [line.format(step, 12.0 - step / 3, 6700 + 5 * step) for step in range(1, 25)]
    run = History(root).create(job, "elsewhere")
    found = reading.events(case, job, lines, stories.START, recipe.instance_type)
    run.events_path.write_bytes(b"".join(encode(event, moment) for moment, event in found))
    _logs(run, {"rank-0.log": "\n".join(lines)})


def _logs(run: Run, texts: dict[str, str]) -> None:
    (run.path / "logs").mkdir(exist_ok=True)
    for name, text in texts.items():
        (run.path / "logs" / name).write_text(text)
