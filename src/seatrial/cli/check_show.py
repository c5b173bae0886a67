"""seatrial check show"""

from __future__ import annotations

import textwrap

import click

from seatrial.cli.completing import complete_check
from seatrial.cli.options import as_json, print_json
from seatrial.cli.tables import print_facts


@click.command()
@click.argument("id", shell_complete=complete_check)
@as_json
def command(id: str, as_json: bool) -> None:
    """A rule in full: what it reads, what is right and who says so, what to do."""
    from seatrial.checks.catalogue import find

    check = find(id)
    rule, source = check.rule, check.source
    facts = {
        "reads": f"{source.kind}: {source.title}",
        "from": " ".join(source.command or source.files) or f"a file: check read {source.kind} FILE",
        "level": source.level if source.collected else "read",
        "about": rule.scope,
        "expected": rule.expected,
        "why": rule.why,
        "severity": rule.severity,
        "remedy": rule.remedy,
        "source": rule.source,
    }
    if as_json:
        print_json({"rule": rule.id, **facts, "good": rule.good, "bad": rule.bad})
        return
    click.echo(click.style(rule.id, bold=True))
    print_facts(facts, 8)
    for name, example in (("right", rule.good), ("wrong", rule.bad)):
        click.echo(f"\n{name}, on {rule.on}:\n" + textwrap.indent(example.rstrip("\n"), "    "))
