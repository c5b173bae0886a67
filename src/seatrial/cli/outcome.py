"""What is said when a run is over: findings, verdict, report, exit code."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from typing import Any

import click

from seatrial import tracked
from seatrial.cli.options import VERDICT_COLORS, pasteable, print_json, warn
from seatrial.errors import Problem, UserError
from seatrial.events import RunStart
from seatrial.findings import Finding, Verdict, overall
from seatrial.interrupts import held_back
from seatrial.runs import Run, State

WATCHING = ("options", "max_restarts", "hang_timeout")
"""Parameters of `seatrial run` that hold again when it goes on."""


def judge_and_keep(run: Run) -> list[Finding]:
    """Judge a run, and write its findings and its page into its folder; where that cannot be, only say so."""
    from seatrial import report
    from seatrial.verdict import judge

    with held_back():  # a second Ctrl-C, meant for the ranks, must not leave half a report
        findings = judge(run)
        try:
            run.save_findings(findings)
            note_profiles(run)
            report.write(run, findings, links(run))
        except OSError as error:
            what = f"the verdict and the page are not kept: {error.strerror or error}"
            warn([Problem(what, str(error.filename or run.path))])
    return findings


def links(run: Run) -> list[tuple[str, str]]:
    """Where a run can be looked at beside its report, as far as seatrial.toml says that."""
    from seatrial import config
    from seatrial.observe.dashboards.links import of_run

    try:
        told = config.observe()
    except UserError:  # the verdict does not wait for a file to be repaired; who starts runs is told
        return []
    found: list[tuple[str, str]] = []
    if told["grafana"]:
        log = run.events()
        start, times = log.last(RunStart), [timed.time for timed in log.events]
        end = None if run.state().live else max(times, default=None)
        device = start.device if start else None
        found += of_run(told["grafana"], run.id, start.hosts if start else [], device, min(times, default=None), end)
    if told["runbooks"]:
        found.append(("what alerts mean", told["runbooks"]))
    return found


def note_profiles(run: Run) -> None:
    """Keep what a run's profiles came to: reading them again takes as long as they are large."""
    from seatrial import profiles

    with contextlib.suppress(UserError):  # the report says it
        profiles.of_run(run.path, keep=True)


def say(run: Run, findings: list[Finding], target: str, *, as_json: bool) -> None:
    """The verdict with its reasons, and what can be done next. `target`: what the run was started as."""
    verdict = overall(findings)
    if as_json:
        start = run.events().last(RunStart)
        print_json(
            {
                "run": run.id,
                "path": str(run.path),
                "state": run.state(),
                "verdict": verdict,
                "findings": [_plain(f, whole=_is_check(run)) for f in findings],
                "world_size": start.world_size if start else None,
                "report": str(run.report_path),
            }
        )
        return
    if _is_check(run):
        from seatrial.cli.findings import print_findings

        print_findings(run.job.title, findings)
    else:
        say_findings(findings)
    click.echo()
    say_verdict(run, findings)
    if run.report_path.exists():
        click.echo(f"report  {run.report_path}")
    for one in tracked.of(run):
        click.echo(f"track   {one.tracker}: {one.address or one.problem}")
    state = run.state()
    if state is State.STOPPED:
        click.echo(f"resume  {pasteable('run', target, '--resume', run.id, keep=WATCHING)}")
    elif state is State.FAILED:
        click.echo(f"logs    {pasteable('logs', run.id)}")
        say_reason(run)


def _is_check(run: Run) -> bool:
    """Whether its findings are what it was started for, so that they are told with what to do."""
    return run.job.purpose in ("check", "benchmark")


def _plain(finding: Finding, *, whole: bool) -> dict[str, Any]:
    return asdict(finding) if whole else {name: getattr(finding, name) for name in ("check", "verdict", "observed")}


def say_findings(findings: list[Finding]) -> None:
    """A line for each."""
    for finding in findings:
        mark = click.style(finding.verdict.ljust(7), fg=VERDICT_COLORS.get(finding.verdict))
        click.echo(f"{mark} {finding.check.ljust(20)} {finding.observed}")


def say_verdict(run: Run, findings: list[Finding]) -> None:
    """What a run came to, in a line."""
    verdict = overall(findings)
    word = click.style(verdict, fg=VERDICT_COLORS.get(verdict), bold=True)
    left_out = ", ".join(finding.check for finding in findings if finding.verdict is Verdict.SKIP)
    click.echo(
        f"{run.job.label} {run.state()}: {word} ({_device(run)})" + (f", without {left_out}" if left_out else "")
    )


def _device(run: Run) -> str:
    if run.job.device == "unknown":  # a log that was read: what it tells itself
        start = run.events().last(RunStart)
        return start.device if start else "hardware unknown"
    return f"on CPU, fidelity {run.job.fidelity}" if run.job.device == "cpu" else run.job.device


def say_reason(run: Run) -> None:
    """What the report begins with: the rank that failed first, its traceback, the end of its log."""
    from seatrial import diagnose
    from seatrial.report import document, judged, reason

    left = diagnose.read(run)
    found = reason.find(run, left, diagnose.judge(left))
    if found is None:
        return
    click.echo(f"\n{document.one_line(found.what)}", err=True)
    for block in judged.reason_blocks(found):
        click.echo("\n".join((f"\n{block.caption}:", *document.indented(block.lines))), err=True)
