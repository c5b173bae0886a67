"""The command: parse, call, print. One verb a module, imported when it is used."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Iterable

import click

from seatrial import __version__, streams
from seatrial.cli.verbs import Verbs
from seatrial.errors import ExitCode, Problem, UserError

COMMANDS = {
    "list": "What there is: cases with their recipes.",
    "show": "A recipe in full: every argument with its meaning.",
    "run": "Start a recipe and watch it.",
    "render": "The dry run: show or write the plan, start nothing.",
    "forecast": "What a run will need and give, before it starts: memory, time, cost, the best layouts; simulate.",
    "runs": "The runs there have been.",
    "status": "Where a run stands.",
    "watch": "A run or a cluster, live in the terminal: step, rate, loss, ranks, nodes, what was found.",
    "logs": "What a run's ranks printed.",
    "cancel": "Ask a run to write a checkpoint and stop.",
    "track": "A run's numbers in TensorBoard, MLflow or Weights & Biases.",
    "report": "A run's verdict and figures, as a page or as text.",
    "diagnose": "Why a run died, hung or was slow: the root cause, and what only followed.",
    "compare": "Runs side by side, and which differences are more than noise.",
    "baseline": "What the loss of a training must be, step by step: record a band of good runs, list.",
    "history": "The same job over time: where a figure changed, and what else did.",
    "profile": "Where the time of a step goes: show, compare profiles of runs, or of anybody.",
    "read": "A framework's log that was written elsewhere, as a run: its figures and its verdict.",
    "env": "The software of cases with frameworks of their own: list, create, remove, lock.",
    "check": "Is a node healthy, and what to do if not: node, read, list, show.",
    "cluster": "The clusters of seatrial.toml: list, show, check, init.",
    "arch": "AWS architectures: list, show, params, render, lint, diff, deploy, status, outputs, cluster, delete.",
    "image": "The software of jobs and machines as images: list, show, render, build, push, import.",
    "versions": "Every version that is chosen: show, check what goes together, what is outdated.",
    "prices": "What things on AWS cost, with source and date: list, refresh.",
    "observe": "Metrics of runs, nodes and clusters, for those who look at Grafana: export.",
    "network": "EFA, NCCL and Neuron variables: what a node type needs, and what is wrong in a file.",
    "lint": "Defects in anybody's launch files: sbatch, shell, Kubernetes manifests, Dockerfiles.",
    "completion": "The script that completes this command in your shell.",
}

EXIT_CODES = """\b
Exit codes:
   0  done; of a run: passed
   1  the run failed
   2  something you can repair: nothing was started
   3  the run ended but cannot be judged
  75  stopped with a checkpoint: resume it
  130 interrupted, with nothing to stop
"""


NOT_OURS = {
    errno.EACCES: "it belongs to another user: ask for the right to it, or name another place",
    errno.EPERM: "it belongs to another user: ask for the right to it, or name another place",
    errno.EROFS: "the file system is mounted read-only: name another place",
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "your quota is used up: free some space",
}
"""What a file system may refuse at any time -> what to do about it."""


class _Seatrial(Verbs):
    """The command itself."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            return ctx.exit(ExitCode.INTERRUPTED)


_HELP = {"help_option_names": ["-h", "--help"]}


@click.group(cls=_Seatrial, modules="seatrial.cli.", titles=COMMANDS, epilog=EXIT_CODES, context_settings=_HELP)
@click.version_option(__version__, prog_name="seatrial")
def cli() -> None:
    """Take a GPU or Trainium cluster through its sea trials: run known distributed-training cases, and know whether
    the result is as good as it should be. Start with: seatrial run fsdp"""


def main() -> None:
    """Entry point: errors of the user go to stderr without a traceback, exit code 2."""
    color = False if os.environ.get("NO_COLOR") else None
    if "_SEATRIAL_COMPLETE" in os.environ:
        importlib.import_module("seatrial.cli.shells")
    streams.guard(gives_up=True)
    try:
        cli(prog_name="seatrial", color=color)
    except UserError as error:
        _say_problems(error.problems, color)
        sys.exit(ExitCode.USAGE)
    except OSError as error:
        if error.errno not in NOT_OURS:
            raise
        _say_problems([Problem(error.strerror or str(error), str(error.filename or ""), NOT_OURS[error.errno])], color)
        sys.exit(ExitCode.USAGE)
    finally:
        sys.stdout.flush()
        lost = sys.stdout.lost if isinstance(sys.stdout, streams.Stream) else None
        if lost is not None:
            _say_problems([Problem(f"not all was written: {lost.strerror}", "standard output")], color)
            sys.exit(ExitCode.USAGE)


def _say_problems(problems: Iterable[Problem], color: bool | None) -> None:
    for problem in problems:
        click.echo(f"{click.style('error', fg='red', bold=True)}: {problem}", err=True, color=color)
