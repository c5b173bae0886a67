"""seatrial check list"""

from __future__ import annotations

import click

from seatrial.cli.options import as_json, print_json
from seatrial.cli.tables import print_table


@click.command()
@as_json
def command(as_json: bool) -> None:
    """All rules about nodes: what they read, at which level, and what FAIL asks to be done.

    Level "read": of a cluster, by check read alone.
    """
    from seatrial.checks.catalogue import all_checks

    rows = [
        {
            "rule": check.id,
            "reads": check.source.kind,
            "level": check.source.level if check.source.collected else "read",
            "about": check.rule.scope,
            "severity": check.rule.severity,
            "expected": check.rule.expected,
        }
        for check in all_checks()
    ]
    if as_json:
        print_json(rows)
    else:
        header = ("RULE", "READS", "LEVEL", "ABOUT", "SEVERITY", "EXPECTED")
        print_table(header, [[*row.values()] for row in rows])
