"""How findings about nodes are printed, and which exit code they come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import click

from seatrial.checks.judging import severity
from seatrial.cli.options import VERDICT_COLORS, F
from seatrial.findings import Finding, Severity, Verdict, exit_code, overall

SHOWN = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN)
"""Verdicts that are told one by one, the worst first."""
MOST = 4
"""Things of one kind that are told where rules are told together."""
NAGIOS = {Verdict.PASS: 0, Verdict.WARN: 1, Verdict.FAIL: 2, Verdict.UNKNOWN: 3}
"""The plugin API of Nagios: OK, WARNING, CRITICAL, UNKNOWN."""


def nagios_option(function: F) -> F:
    """``--nagios``"""
    return click.option(
        "--nagios", is_flag=True, help="One line, and exit codes 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN."
    )(function)


def code_of(findings: Iterable[Finding], *, nagios: bool) -> int:
    """The exit code of the worst verdict."""
    return NAGIOS[overall(findings)] if nagios else exit_code(findings)


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
    asked = f", {action.action}" if action is not Severity.NONE else ""
    return f"{about}: {click.style(verdict, fg=VERDICT_COLORS.get(verdict), bold=True)}{asked}"


def print_findings(about: str, findings: Sequence[Finding], *, verbose: bool = False) -> None:
    """What is not right, the worst first, each with its remedy; of what is right the number."""
    click.echo(headline(about, findings))
    for verdict in (*SHOWN, Verdict.PASS, Verdict.SKIP) if verbose else SHOWN:
        group = [finding for finding in findings if finding.verdict is verdict]
        if verdict is Verdict.UNKNOWN:
            _unknown(group, verbose=verbose)
        else:
            for finding in group:
                _one(finding)
    counts = Counter(finding.verdict for finding in findings)
    click.echo("  " + ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]))


def _unknown(findings: Sequence[Finding], *, verbose: bool) -> None:
    """What could not be judged, by what would help: a tool that is missing, or no type, leaves many rules without an
    answer."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.remedy if not verbose else f"{finding.check} {finding.scope}", []).append(finding)
    for group in groups.values():
        seen = list(dict.fromkeys(finding.observed for finding in group))
        told = "; ".join(seen[:MOST]) + (f"; and {len(seen) - MOST} more" if len(seen) > MOST else "")
        _print(group[0], told, ", ".join(dict.fromkeys(finding.check for finding in group)))


def _print(first: Finding, observed: str, names: str) -> None:
    mark = click.style(first.verdict.ljust(7), fg=VERDICT_COLORS.get(first.verdict))
    indent = " " * 10
    click.echo(f"  {mark} {observed}")
    click.echo(f"{indent}{names}")
    if first.remedy and first.verdict in SHOWN:
        click.echo(f"{indent}{click.style(first.remedy, bold=True)}")


def _one(finding: Finding) -> None:
    scope = finding.about("node", "nodes")
    expected = f": {finding.expected}" if finding.verdict is not Verdict.SKIP else ""
    seen = f"\n{' ' * 10}seen in {finding.evidence}" if finding.evidence else ""
    _print(finding, f"{finding.observed}{f' ({scope})' if scope else ''}", f"{finding.check}{expected}{seen}")


def print_nagios(about: str, findings: Sequence[Finding]) -> None:
    """One line: status, text, and numbers behind a bar."""
    words = {0: "OK", 1: "WARNING", 2: "CRITICAL", 3: "UNKNOWN"}[NAGIOS[overall(findings)]]
    counts = Counter(finding.verdict for finding in findings)
    worst = [f for verdict in SHOWN for f in findings if f.verdict is verdict][:3]
    told = "; ".join(f"{f.check}: {f.observed}" for f in worst) or f"{counts[Verdict.PASS]} checks passed"
    numbers = " ".join(f"{verdict.lower()}={counts[verdict]}" for verdict in Verdict)
    click.echo(f"SEATRIAL {words} - {about}: {told.replace('|', '/')} | {numbers}")
