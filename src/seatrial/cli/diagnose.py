"""seatrial diagnose"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from seatrial.cli.options import VERDICT_COLORS, as_json, find_run, print_json, run_argument, runs_dir

if TYPE_CHECKING:
    from seatrial.diagnose import Diagnosis
    from seatrial.findings import Finding
    from seatrial.history import History
    from seatrial.runs import Run


@click.command()
@run_argument
@runs_dir
@as_json
@click.pass_context
def command(ctx: click.Context, name: str, history: History, as_json: bool) -> None:
    """Why a run died, hung or was slow: its root cause with the evidence, then what only followed from it.

    Exit code 1 if a cause ended it, 3 if what it left does not tell the cause.
    """
    from seatrial import diagnose, related
    from seatrial.findings import exit_code

    run = find_run(history, name, logs=True)
    left = diagnose.read(run)
    found = related.explain(run, left, diagnose.judge(left))
    if as_json:
        print_json(_record(run, found))
    else:
        _say(run, found)
    ctx.exit(exit_code([found.cause]))


def _record(run: Run, found: Diagnosis) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "run": run.id,
        "state": run.state(),
        "verdict": found.cause.verdict,
        "cause": asdict(found.cause),
        "share": found.share,
        "slowed_by": [asdict(slowing) for slowing in found.slowed_by],
        "related": [asdict(one) for one in found.related],
        "consequences": [asdict(finding) for finding in found.consequences],
    }


def _say(run: Run, found: Diagnosis) -> None:
    from seatrial.report.document import one_line

    cause = found.cause
    mark = click.style(cause.verdict, fg=VERDICT_COLORS.get(cause.verdict), bold=True)
    click.echo(f"{run.job.label} {run.state()}: {mark} {cause.check}{_who(cause)}{_cost(found.share)}")
    _detail(cause)
    if cause.source and found.named:
        click.echo(f"  source: {cause.source}")
    if found.slowed_by:
        click.echo("what slowed it as well:")
    for one in found.slowed_by:
        click.echo(f"{one.finding.check}{_who(one.finding)}{_cost(one.share)}")
        _detail(one.finding)
    if found.related:
        click.echo("what else was found that may explain it:")
    for one in found.related:
        click.echo(f"{one.finding.verdict} {one.finding.check}{_cost(one.share)}")
        _detail(one.finding)
    if found.consequences:
        click.echo("what followed, or is no cause:")
    for finding in found.consequences:
        place = f" (seen in {finding.evidence})" if finding.evidence else ""
        click.echo(f"  {one_line(finding.observed)}{_who(finding)}{place}")


def _detail(finding: Finding) -> None:
    from seatrial.report.document import one_line

    click.echo(f"  {one_line(finding.observed)}")
    if finding.evidence:
        click.echo(f"  seen in {one_line(finding.evidence)}")
    if finding.remedy:
        click.echo(f"  {click.style(finding.remedy, bold=True)}")


def _cost(share: float | None) -> str:
    return f", {share:.0%} of the time" if share is not None else ""


def _who(finding: Finding) -> str:
    from seatrial.diagnose import blamed

    ranks = blamed(finding)
    return f", {ranks}" if ranks else ""
