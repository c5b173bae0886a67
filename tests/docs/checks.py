"""docs/checks.md, from the catalogue of rules about nodes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from seatrial.checks.catalogue import Check, Rule, all_checks, sources
from seatrial.checks.observations import LEVELS, Source
from seatrial.findings import Severity
from tests.docs.tables import table

HEAD = """\
# Checks

This page is written from the catalogue of rules, `make goldens` writes it anew. `seatrial check list` shows what is
installed with you, `seatrial check show ID` one rule with its examples.
[healthy.md](healthy.md) says how a node and a cluster are checked.

A rule reads what one command or file of a node said, and judges that: `seatrial check node` looks itself,
`seatrial check read KIND FILE` judges what somebody else captured. A verdict is PASS, WARN, FAIL, UNKNOWN or SKIP.
What is missing, unreadable, cut off, late or of a command that ended with an error is UNKNOWN for every rule that reads
it. A node's verdict is the worst of all; SKIP is only said of a part that its instance type does not have.

"""
LONGEST = 100
"""Characters of a command, or of the names of files."""
SEVERITIES = {
    Severity.NONE: "says nothing about the node",
    Severity.MONITOR: "the node may go on working",
    Severity.RESET: "keeps jobs away, until the device was reset",
    Severity.REBOOT: "keeps jobs away, until the node was started again",
    Severity.ISOLATE: "keeps jobs away, until it was repaired or replaced",
}
TIME = {"quick": "seconds, beside a running job", "full": "minutes, alone", "deep": "hours, alone"}


def page() -> str:
    """The whole page."""
    severities = ((f"`{s}`", s.action, SEVERITIES[s]) for s in Severity)
    kinds = (_source(source) for source in sources().values())
    topics = sorted({check.id.partition(".")[0] for check in all_checks()})
    return "\n".join(
        (
            HEAD + table(("severity", "asks to", "of a FAIL it means"), severities),
            table(("level", "takes"), ((f"`{level}`", TIME[level]) for level in LEVELS)),
            "## What is read\n",
            table(("kind", "what it is", "from", "of a", "level", "brought by"), kinds),
            *(part for topic in topics for part in _topic(topic)),
        )
    )


def _source(source: Source) -> tuple[str, ...]:
    words = " ".join(source.command or source.files).split()
    origin = textwrap.shorten(" ".join(words), LONGEST, placeholder=" …")  # some are programs of their own
    told = f"`{origin}`{', as root' if source.privileged else ''}" if origin else "captured elsewhere"
    return f"`{source.kind}`", source.title, told, source.part, source.level, source.package or "-"


def _topic(topic: str) -> Iterator[str]:
    checks = [check for check in all_checks() if check.id.partition(".")[0] == topic]
    yield f"## `{topic}`\n"
    yield table(("rule", "reads", "about", "severity", "expected"), (_row(check) for check in checks))
    yield from (_rule(check.rule) for check in checks)


def _row(check: Check) -> tuple[str, ...]:
    rule = check.rule
    name = f"[`{rule.id}`](#{rule.id.replace('.', '')})"  # the anchor that GitHub makes of the heading
    return name, f"`{check.source.kind}`", rule.scope, rule.severity, rule.expected


def _rule(rule: Rule) -> str:
    remedy, source = _sentence(rule.remedy), _sentence(rule.source)
    return f"### `{rule.id}`\n\n{_sentence(rule.why)} *Remedy:* {remedy} *Source:* {source}\n"


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
