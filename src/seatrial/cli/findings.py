"""How findings about nodes are printed, and which exit code they come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import click

from seatrial.checks.judging import severity
from seatrial.cli.options import VERDICT_COLORS, F
from seatrial.errors import ExitCode
from seatrial.findings import Finding, Severity, Verdict, overall

SHOWN = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN)
"""Verdicts that are told one by one, the worst first."""
ACTIONS = {
    Severity.NONE: "nothing to do",
    Severity.MONITOR: "look at it again",
    Severity.RESET: "reset the device",
    Severity.REBOOT: "reboot the node",
    Severity.ISOLATE: "let no job onto the node",
}
EXIT_CODES = {Verdict.FAIL: ExitCode.FAILED, Verdict.UNKNOWN: ExitCode.UNKNOWN}
NAGIOS = {Verdict.PASS: 0, Verdict.WARN: 1, Verdict.FAIL: 2, Verdict.UNKNOWN: 3}
"""The plugin API of Nagios: OK, WARNING, CRITICAL, UNKNOWN."""


def nagios_option(function: F) -> F:
    """``--nagios``"""
    return click.option(
        "--nagios", is_flag=True, help="One line, and exit codes 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN."
    )(function)


def exit_code(findings: Iterable[Finding], *, nagios: bool = False) -> int:
    """That of the worst verdict."""
    verdict = overall(findings)
    return NAGIOS[verdict] if nagios else EXIT_CODES.get(verdict, ExitCode.PASSED)


def record(about: str, findings: Sequence[Finding]) -> dict[str, Any]:
    """The findings about one node, as JSON holds them."""
    return {
        "node": about,
        "verdict": overall(findings),
        "severity": severity(findings),
        "findings": [asdict(finding) for finding in findings],
    }


def headline(about: str, findings: Sequence[Finding]) -> str:
    """``ip-10-0-0-1, p5.48xlarge: FAIL, reboot the node``"""
    verdict = overall(findings)
    action = severity(findings)
    asked = f", {ACTIONS[action]}" if action is not Severity.NONE else ""
    return f"{about}: {click.style(verdict, fg=VERDICT_COLORS.get(verdict), bold=True)}{asked}"


def print_findings(about: str, findings: Sequence[Finding], *, verbose: bool = False) -> None:
    """What is not right, the worst first, each with its remedy; of what is right the number."""
    click.echo(headline(about, findings))
    shown = (*SHOWN, Verdict.PASS, Verdict.SKIP) if verbose else SHOWN
    for verdict in shown:
        for group in _alike([finding for finding in findings if finding.verdict is verdict]):
            _print_group(group)
    counts = Counter(finding.verdict for finding in findings)
    click.echo("  " + ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]))


def _alike(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Those with the same words, place and remedy together: one missing tool leaves many rules without an answer."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        key = (
            finding.observed,
            finding.evidence,
            finding.remedy,
            "" if finding.verdict in SHOWN[1:2] else finding.check,
        )
        groups.setdefault(key, []).append(finding)
    return [*groups.values()]


def _print_group(group: Sequence[Finding]) -> None:
    first = group[0]
    mark = click.style(first.verdict.ljust(7), fg=VERDICT_COLORS.get(first.verdict))
    scope = " ".join(f"{key} {value}" for key, value in first.scope.items())
    names = ", ".join(dict.fromkeys(finding.check for finding in group))
    where = f" ({scope})" if scope else ""
    click.echo(f"  {mark} {first.observed}{where}")
    indent = " " * 10
    if first.verdict is not Verdict.SKIP:
        click.echo(f"{indent}{names}: {first.expected}" if len(group) == 1 else f"{indent}{names}")
    if first.remedy and first.verdict in SHOWN:
        click.echo(f"{indent}{click.style(first.remedy, bold=True)}")
    if first.evidence:
        click.echo(f"{indent}seen in {first.evidence}")


def print_nagios(about: str, findings: Sequence[Finding]) -> None:
    """One line: status, text, and numbers behind a bar."""
    words = {0: "OK", 1: "WARNING", 2: "CRITICAL", 3: "UNKNOWN"}[exit_code(findings, nagios=True)]
    counts = Counter(finding.verdict for finding in findings)
    worst = [f for verdict in SHOWN for f in findings if f.verdict is verdict][:3]
    told = "; ".join(f"{f.check}: {f.observed}" for f in worst) or f"{counts[Verdict.PASS]} checks passed"
    numbers = " ".join(f"{verdict.lower()}={counts[verdict]}" for verdict in Verdict)
    click.echo(f"SEATRIAL {words} - {about}: {told.replace('|', '/')} | {numbers}")
