"""seatrial check cluster: the sea trial."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from seatrial.cli.completing import complete_cluster
from seatrial.cli.findings import print_findings
from seatrial.cli.options import as_json, print_json, runs_dir
from seatrial.errors import Problem, UserError
from seatrial.findings import exit_code

if TYPE_CHECKING:
    from seatrial.cli.running import Request
    from seatrial.cluster import Cluster
    from seatrial.findings import Finding
    from seatrial.history import History
    from seatrial.report.trial import Ran, Trial

RECIPE = "tiny"
"""Of a case that is named without one."""


@click.command()
@click.option("--on", "cluster", metavar="CLUSTER", help="Which.  [default: local]", shell_complete=complete_cluster)
@click.option(
    "--with",
    "cases",
    metavar="CASE,...",
    default="",
    help="Also run these on its free nodes, one after the other: env,node,collectives, or node/full.",
)
@click.option("--nodes", type=click.IntRange(1), help="How many.  [default: all that get jobs]")
@click.option("-v", "--verbose", is_flag=True, help="Also what is right.")
@runs_dir
@as_json
def command(cluster: str | None, cases: str, nodes: int | None, verbose: bool, history: History, as_json: bool) -> None:
    """The sea trial: what a cluster says of itself, and what its nodes are worth.

    Without --with nothing is started. The page shows each node, the sick ones first, and what to do with it.
    """
    from seatrial import config, launchers
    from seatrial.cli.running import Request
    from seatrial.report.trial import Trial, headline

    where = config.cluster(cluster or launchers.HERE)
    about = [*config.check(where), *_kept_away(where)]
    asked = [name.strip() for name in cases.split(",") if name.strip()]
    request = Request(history=history, cluster=cluster, nodes=nodes or _working(where))
    ran = [_run(request, name, quiet=as_json) for name in _targets(request, asked)]
    tag = f"trial-{where.name}-{datetime.now(UTC).strftime('%Y%m%d-%H%M%S')}"
    trial = Trial(cluster=where.name, tag=tag, about=about, ran=ran)
    page = _keep(trial, history) if ran else None
    if as_json:
        rows = [
            {"node": n.name, "verdict": n.verdict, "severity": n.severity, "findings": [asdict(f) for f in n.findings]}
            for n in trial.nodes()
        ]
        print_json({"cluster": where.name, "verdict": trial.verdict, "nodes": rows, "page": page,
                    "findings": [asdict(f) for f in about], "runs": [one.run for one in ran]})  # fmt: skip
    else:
        print_findings(where.name, about, verbose=verbose)
        for node in trial.nodes():
            print_findings(node.name, node.findings, verbose=verbose)
        if page:
            click.echo(f"\n{headline(trial)}\nreport  {page}")
    sys.exit(exit_code(trial.findings))


def _targets(request: Request, asked: Sequence[str]) -> list[str]:
    """``node`` as ``node/tiny``. Raises UserError with everything that cannot run, before anything does."""
    from seatrial.cli import running

    problems: list[Problem] = []
    targets = [name if "/" in name else f"{name}/{RECIPE}" for name in asked]
    for target in targets:
        try:
            running.prepare(request, target)
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    return targets


def _run(request: Request, target: str, *, quiet: bool) -> Ran:
    """One case on all nodes of the trial, to its end."""
    from seatrial.cli import outcome, running
    from seatrial.events import RunStart
    from seatrial.report.trial import Ran

    ready = running.prepare(request, target)
    if not ready.launcher.hands_over:
        running.make_environment(ready.job, quiet=quiet)
    plan, [run] = running.begin(ready, request.history, None)
    ended = running.follow(plan, run, ready.where, quiet=quiet)
    start = run.events().last(RunStart)
    findings: Sequence[Finding] = ended.findings if ended else outcome.judge_and_keep(run)
    return Ran(job=target, run=run.id, findings=findings, hosts=start.hosts if start else ())


def _working(where: Cluster) -> int | None:
    """Nodes that get jobs now; None where the engine does not say, and the recipe decides."""
    from seatrial import launchers

    guard = launchers.find(where.launcher).guard
    if guard is None:
        return None
    return min(where.nodes, sum(not reason for reason in guard.reasons(where).values())) or None


def _kept_away(where: Cluster) -> list[Finding]:
    from seatrial.guarding import kept_away

    return kept_away(where)


def _keep(trial: Trial, history: History) -> str:
    from seatrial.report.trial import to_html
    from seatrial.runs import replace_text

    page = history.root / f"{trial.tag}.html"
    replace_text(page, to_html(trial))
    return str(page)
