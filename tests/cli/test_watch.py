"""seatrial watch: what a run, and a cluster with its runs, look like in the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from seatrial import config, launchers
from seatrial.cli import watching
from seatrial.cli.watching import ClusterView, RunView
from seatrial.errors import Problem, UserError
from seatrial.events import Heartbeat, RunEnd
from seatrial.findings import Finding, Verdict
from seatrial.history import History
from seatrial.runs import Run
from tests import stories


def shown(view: RunView | ClusterView, width: int = 100) -> str:
    """As a terminal of that width shows it."""
    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        console.print(view.look())
    return capture.get()


def append(run: Run, *events: object) -> None:
    with run.events_path.open("ab") as file:
        file.writelines(stories.encode(event, stories.START + 99) for event in events)


def test_a_run_as_it_stands(tmp_path: Path) -> None:
    run = stories.write_run(tmp_path, stories.whole_run())
    text = shown(RunView(run))
    assert "fsdp-tiny-1  fsdp/tiny, 2 ranks on local  completed" in text
    assert "step 40/40" in text and "ETA" not in text
    [loss] = [line for line in text.splitlines() if line.startswith(" loss")]
    assert "█" in loss and "▁" in loss and "5.4452 → 3.3668" in loss
    assert "backward 48%" in text and "MFU" in text
    assert "restart 1: exit code -9" in text and "goes on from checkpoints/step-20" in text


def test_what_comes_is_shown_and_what_was_read_is_not_read_again(tmp_path: Path, monkeypatch) -> None:
    run = stories.write_run(tmp_path, [(0.0, Heartbeat(phase="import"))])
    run.claim()
    view = RunView(run)
    assert "import" in shown(view) and "starting" not in shown(view) and "running" in shown(view)
    append(run, stories.start(steps=1000), *(stories.step(n, num_ranks=4) for n in range(1, 31)))
    text = shown(view)
    assert "step 30/1000" in text and "ETA 1 min 37 s" in text and "last event" in text
    append(run, Heartbeat(phase="save"))
    assert "save" in shown(view)
    append(run, stories.step(31))
    assert "save" not in shown(view)
    run.release()
    append(run, RunEnd(outcome="failed", step=31, reason="out of memory"))
    assert "failed" in shown(view) and "ETA" not in shown(view)


def test_a_rank_that_keeps_the_others_waiting_is_named(tmp_path: Path) -> None:
    slow = {"busy": [0.08, 0.08, 0.08, 0.095], "data_wait": [0.001] * 4}
    hosts = ["node-a", "node-a", "node-b", "node-b"]
    events = [stories.start(hosts=hosts), *(stories.step(n, ranks=slow) for n in range(1, 40))]
    run = stories.write_run(tmp_path, list(enumerate(events)))
    text = shown(RunView(run), 120)
    assert "behind: rank 3 95 ms (1 on node-b)" in text and "data_wait: 4 ranks, median 1 ms, none is behind" in text


def test_findings_are_counted_and_those_that_are_not_right_are_told(tmp_path: Path) -> None:
    bad = Finding(check="run.hang", verdict=Verdict.FAIL, observed="rank 1 was silent for 300 s")
    run = stories.write_run(
        tmp_path, [(0.0, stories.start()), *((float(n), f) for n, f in enumerate(stories.FINDINGS))]
    )
    append(run, bad, bad)  # the same, seen twice
    text = shown(RunView(run), 120)
    assert "2 PASS, 1 WARN, 1 FAIL, 1 SKIP" in text
    assert text.count("FAIL run.hang: rank 1 was silent for 300 s") == 1 and "run.completed" not in text


def test_a_cluster_shows_runs_that_go_on(tmp_path: Path) -> None:
    over = stories.write_run(tmp_path, stories.whole_run(), name="over")
    live = stories.write_run(tmp_path, stories.steps_only([0.1] * 30, end=False), name="live")
    other = stories.write_run(tmp_path, stories.steps_only([0.1] * 3, end=False), name="other", cluster="p5")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/job.json").write_text("{")
    for run in (live, other):
        run.claim()
    text = shown(ClusterView(config.cluster("local"), History(tmp_path)))
    assert (
        "local  local, 1 node" in text
        and "live fsdp/tiny running 30/40" in " ".join(text.split())
        and "41K tokens/s" in text
    )
    assert over.id not in text and other.id not in text
    live.release()
    append(live, RunEnd(outcome="completed", step=40))
    assert "no run goes on" in shown(ClusterView(config.cluster("local"), History(tmp_path)))


class Nodes:
    """A guard that says what it is told to."""

    def __init__(self, reasons: dict[str, str]) -> None:
        self.answers = reasons

    def reasons(self, _: object) -> dict[str, str]:
        if not self.answers:
            raise UserError(Problem("the controller does not answer"))
        return self.answers


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        ({"n1": "", "n2": "seatrial: gpu.xid 79", "n3": ""}, ("2 of 3 nodes get jobs", "n2  seatrial: gpu.xid 79")),
        ({f"n{n}": "down" for n in range(20)}, ("0 of 20 nodes get jobs", "and 8 more")),
        ({}, ("no answer: the controller does not answer",)),
    ],
)
def test_nodes_that_get_no_jobs_are_named(tmp_path: Path, monkeypatch, reasons, said) -> None:
    class Launcher:
        guard = Nodes(reasons)

    cluster = config.cluster("local")
    monkeypatch.setattr(launchers, "find", lambda _: Launcher)
    text = shown(ClusterView(cluster, History(tmp_path)))
    assert all(words in text for words in said)


def test_without_a_terminal_it_is_shown_once(command, tmp_path: Path) -> None:
    run = stories.write_run(tmp_path, stories.whole_run())
    said = command("watch", "--runs-dir", str(tmp_path))
    assert run.id in said and "step 40/40" in said
    assert "no run goes on" in command("watch", "--on", "local", "--runs-dir", str(tmp_path))


def test_of_many_ranks_and_nodes_the_first_are_named(tmp_path: Path) -> None:
    busy = [0.08] * 200 + [0.095] * 20
    events = [stories.start(world_size=220), *(stories.step(n, ranks={"busy": busy}) for n in range(1, 40))]
    run = stories.write_run(tmp_path, list(enumerate(events)))
    text = " ".join(shown(RunView(run), 400).split())
    assert "rank 207 95 ms (" in text and "rank 208" not in text
    assert watching.MOST_RANKS == 8
