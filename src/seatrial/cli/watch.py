"""seatrial watch"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from seatrial.cli.completing import complete_cluster
from seatrial.cli.options import find_run, run_argument, runs_dir, warn_unseen
from seatrial.history import History
from seatrial.runs import Run

if TYPE_CHECKING:
    from rich.console import RenderableType

LOOK_SECONDS = 0.5
"""Between two looks at files of this machine."""


@click.command()
@run_argument
@click.option("--on", "cluster", metavar="CLUSTER", help="Its nodes and all its runs.", shell_complete=complete_cluster)
@click.option("--once", is_flag=True, help="Show it once. So it is where standard output is no terminal.")
@runs_dir
def command(name: str, cluster: str | None, once: bool, history: History) -> None:
    """A run, or a cluster with its runs, live in the terminal. Ctrl-C ends the watching only.

    Step, rate, loss, ranks, what was found, when it will be done; of a run that is over, how it ended.
    """
    from seatrial.cli.watching import ClusterView, RunView

    once = once or not sys.stdout.isatty()
    if cluster is None:
        run = find_run(history, name)
        view = RunView(run)
        _show(view.look, lambda: [run] if run.submission() else [], lambda: once or not run.state().live)
    else:
        from seatrial import config

        whole = ClusterView(config.cluster(cluster), history)
        _show(whole.look, whole.handed_over, lambda: once)


def _show(look: Callable[[], RenderableType], asked: Callable[[], list[Run]], done: Callable[[], bool]) -> None:
    """Look again and again, and ask the engines of what they have; the last picture stays."""
    from rich.console import Console
    from rich.live import Live

    from seatrial import following

    console, questions = Console(highlight=False), 0.0
    if done():
        warn_unseen(following.refresh(asked()))
        console.print(look())
        return
    live = Live(look(), console=console, auto_refresh=False, vertical_overflow="crop")
    with contextlib.suppress(KeyboardInterrupt), live:
        while not done():
            time.sleep(LOOK_SECONDS)
            if time.monotonic() - questions >= following.POLL_SECONDS:
                questions = time.monotonic()
                following.refresh(asked())  # who does not answer is shown as last seen
            live.update(look(), refresh=True)
        live.update(look(), refresh=True)
