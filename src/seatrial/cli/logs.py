"""seatrial logs"""

from __future__ import annotations

import time
from pathlib import Path

import click

from seatrial import following
from seatrial.cli.options import as_json, find_run, print_json_line, run_argument, runs_dir, warn_unseen
from seatrial.errors import Problem, UserError, unknown
from seatrial.history import History
from seatrial.runs import Run

FOLLOW_SECONDS = 0.2
"""Between two looks at growing files."""
SHOWN = 4
"""Names of logs that are told where none holds anything."""


@click.command()
@run_argument
@runs_dir
@click.option("--rank", type=click.IntRange(0), help="Only this rank.  [default: all]")
@click.option("-f", "--follow", is_flag=True, help="From the beginning on, as long as the run goes on.")
@as_json
def command(name: str, history: History, rank: int | None, follow: bool, as_json: bool) -> None:
    """What a run's ranks printed; where that is nothing, which logs there are and what the run does."""
    run = find_run(history, name, logs=True)
    if rank is not None:
        _check_rank(run, rank)
    offsets: dict[Path, int] = {}
    unseen: list[Problem] = []
    said = ""
    while True:
        running = run.state().live  # asked before reading, so that the last lines are not missed
        for path in _paths(run, rank):
            offset = offsets.get(path, 0)
            offsets[path] = _print_from(path, offset, growing=running, prefix=rank is None, as_json=as_json)
        nothing = "" if any(offsets.values()) else _nothing(run, rank)
        if nothing != said and nothing:
            click.echo(nothing, err=True)
        said = nothing
        if not (follow and running):
            return
        if run.submission() is None:
            time.sleep(FOLLOW_SECONDS)
        else:
            time.sleep(following.POLL_SECONDS)
            before, unseen = unseen, following.refresh([run], logs=True)
            if unseen != before:  # said once, not at each look
                warn_unseen(unseen)


def _check_rank(run: Run, rank: int) -> None:
    ranks = [str(r) for r in range(run.job.world_size)]
    if str(rank) not in ranks:
        raise UserError(unknown("rank", str(rank), ranks, "--rank"))
    if not run.log_path(rank).exists() and any(path.stem.startswith(("node-", "driver")) for path in _logs(run)):
        raise UserError(Problem("this run's ranks share a log for each node", "--rank", "leave it out"))


def _logs(run: Run) -> list[Path]:
    """The logs that are there; where torchrun or a pod keeps its ranks together, they are those of nodes."""
    return sorted(run.path.glob("logs/*.log"), key=lambda path: (len(path.name), path.name))


def _paths(run: Run, rank: int | None) -> list[Path]:
    return _logs(run) if rank is None else [path for path in [run.log_path(rank)] if path.exists()]


def _nothing(run: Run, rank: int | None) -> str:
    """That no line is there to be shown: which logs there are, and what the run does."""
    who = "nobody has printed anything" if rank is None else f"rank {rank} has printed nothing"
    names = [f"{path.name}{'' if path.stat().st_size else ' (empty)'}" for path in _logs(run)]
    more = [f"{len(names) - SHOWN} more"] if len(names) > SHOWN else []
    logs = f"in {run.path / 'logs'}: {', '.join([*names[:SHOWN], *more])}" if names else "there is no log"
    submission = run.submission()
    detail = submission.standing.detail if submission and submission.standing else ""
    return f"{who}; {logs}; {run.id} is {run.state()}" + (f" ({detail})" if detail else "")


def _print_from(path: Path, offset: int, *, growing: bool, prefix: bool, as_json: bool) -> int:
    """Print the lines from `offset` on; of a growing file only complete ones. Returns where the next ones begin."""
    with path.open("rb") as file:
        file.seek(offset)
        block = file.read()
    complete = block[: block.rfind(b"\n") + 1] if growing else block
    log = path.stem.removeprefix("rank-")
    for line in complete.decode("utf-8", errors="replace").splitlines():
        if as_json:
            print_json_line({"log": path.stem, "rank": int(log) if log.isdecimal() else None, "line": line})
        else:
            click.echo(f"{log}: {line}" if prefix else line)
    return offset + len(complete)
