"""seatrial logs"""

from __future__ import annotations

import time
from pathlib import Path

import click

from seatrial.cli.options import as_json, print_json, run_argument, runs_dir
from seatrial.errors import UserError, unknown
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
    run = history.find(name)
    offsets = dict.fromkeys(_paths(run, rank), 0)
    while True:
        running = run.supervisor() is not None  # asked before reading, so that the last lines are not missed
        for path in offsets:
            offsets[path] = _print_from(path, offsets[path], growing=running, prefix=rank is None, as_json=as_json)
        if not (follow and running):
            return
        time.sleep(FOLLOW_SECONDS)


def _paths(run: Run, rank: int | None) -> list[Path]:
    ranks = [str(r) for r in range(run.job.world_size)]
    if rank is not None and str(rank) not in ranks:
        raise UserError(unknown("rank", str(rank), ranks, "--rank"))
    return [run.log_path(int(r)) for r in ([str(rank)] if rank is not None else ranks)]


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
            print_json({"rank": int(rank), "line": line})
        else:
            click.echo(f"{rank}: {line}" if prefix else line)
    return offset + len(complete)
