"""seatrial logs"""

from __future__ import annotations

import time
from pathlib import Path

import click

from seatrial import tracking
from seatrial.cli.options import as_json, find_run, print_json, run_argument, runs_dir, warn_unseen
from seatrial.errors import Problem, UserError, unknown
from seatrial.runs import History, Run

FOLLOW_SECONDS = 0.2
"""Between two looks at growing files."""


@click.command()
@run_argument
@runs_dir
@click.option("--rank", type=click.IntRange(0), help="Only this rank.  [default: all]")
@click.option("-f", "--follow", is_flag=True, help="Go on as long as the run does.")
@as_json
def command(name: str, history: History, rank: int | None, follow: bool, as_json: bool) -> None:
    """What a run's ranks printed."""
    run = find_run(history, name, logs=True)
    offsets: dict[Path, int] = {}
    unseen: list[Problem] = []
    while True:
        running = run.state().live  # asked before reading, so that the last lines are not missed
        for path in _paths(run, rank):
            offset = offsets.get(path, 0)
            offsets[path] = _print_from(path, offset, growing=running, prefix=rank is None, as_json=as_json)
        if not (follow and running):
            return
        if run.submission() is None:
            time.sleep(FOLLOW_SECONDS)
        else:
            time.sleep(tracking.POLL_SECONDS)
            before, unseen = unseen, tracking.refresh([run], logs=True)
            if unseen != before:  # said once, not at each look
                warn_unseen(unseen)


def _paths(run: Run, rank: int | None) -> list[Path]:
    """The logs that are there; where torchrun or a pod keeps its ranks together, they are those of nodes."""
    if rank is None:
        return sorted(run.path.glob("logs/*.log"), key=lambda path: (len(path.name), path.name))
    ranks = [str(r) for r in range(run.job.world_size)]
    if str(rank) not in ranks:
        raise UserError(unknown("rank", str(rank), ranks, "--rank"))
    shared = [*run.path.glob("logs/node-*.log"), *run.path.glob("logs/driver.log")]
    if not run.log_path(rank).exists() and shared:
        raise UserError(Problem("this run's ranks share a log for each node", "--rank", "leave it out"))
    return [run.log_path(rank)]


def _print_from(path: Path, offset: int, *, growing: bool, prefix: bool, as_json: bool) -> int:
    """Print the lines from `offset` on; of a growing file only complete ones. Returns where the next ones begin."""
    if not path.exists():
        return offset
    with path.open("rb") as file:
        file.seek(offset)
        block = file.read()
    complete = block[: block.rfind(b"\n") + 1] if growing else block
    rank = path.stem.removeprefix("rank-")
    for line in complete.decode("utf-8", errors="replace").splitlines():
        if as_json:
            print_json({"rank": int(rank), "line": line} if rank.isdigit() else {"log": rank, "line": line})
        else:
            click.echo(f"{rank}: {line}" if prefix else line)
    return offset + len(complete)
