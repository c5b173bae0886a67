"""A report as text, JSON or SARIF, and the page about the rules."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from seatrial import __version__
from seatrial.findings import Finding, Rule, Verdict
from seatrial.lint import rules as launch_files
from seatrial.lint.judge import Report, headers
from seatrial.lint.rules import ALL, all_rules

_SARIF_LEVELS = {Verdict.FAIL: "error", Verdict.WARN: "warning", Verdict.UNKNOWN: "note"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def text(report: Report) -> str:
    """For people: findings by file, each with what to do, and a line that counts them."""
    lines = []
    for _, findings in itertools.groupby(report.findings, key=lambda finding: finding.scope["path"]):
        for finding in findings:
            place = f"{finding.scope['path']}:{finding.scope['line']}"
            lines.append(f"{place}  {finding.verdict}  {finding.check}  {finding.observed}")
            lines += [f"    {finding.remedy}"] if finding.remedy else []
        lines.append("")
    return "\n".join([*lines, summary(report)]) + "\n"


def summary(report: Report) -> str:
    """``3 files, 5 findings: 2 FAIL, 3 WARN``"""
    counts = [(v, sum(f.verdict is v for f in report.findings)) for v in (Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN)]
    kinds = ", ".join(f"{count} {verdict}" for verdict, count in counts if count)
    return f"{_many(len(report.paths), 'file')}, " + (
        f"{_many(len(report.findings), 'finding')}: {kinds}" if kinds else "no findings"
    )


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def as_json(report: Report) -> str:
    """For programs: every file with its verdict, every finding."""
    files = [{"path": path.as_posix(), "verdict": report.verdict(path)} for path in report.paths]
    value = {"files": files, "findings": [asdict(finding) for finding in report.findings]}
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def sarif(report: Report) -> str:
    """For code scanning: SARIF 2.1.0."""
    rules = {rule.id: _sarif_rule(rule) for rule in headers()}
    order = {id: index for index, id in enumerate(rules)}
    driver = {"name": "seatrial", "version": __version__, "rules": list(rules.values())}
    results = [_sarif_result(finding, order[finding.check]) for finding in report.findings]
    value = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.expected},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.why}\n\nInstead: {rule.remedy}.\n\nSource: {rule.source}"},
        "defaultConfiguration": {"level": _SARIF_LEVELS[rule.verdicts[0]]},
    }


def _sarif_result(finding: Finding, rule: int) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": finding.scope["path"]},
        "region": {"startLine": finding.scope["line"]},
    }
    remedy = f"\n{finding.remedy}" if finding.remedy else ""
    return {
        "ruleId": finding.check,
        "ruleIndex": rule,
        "level": _SARIF_LEVELS[finding.verdict],
        "message": {"text": f"{finding.observed}; expected: {finding.expected}{remedy}"},
        "locations": [{"physicalLocation": place}],
    }


FORMATS: Mapping[str, Callable[[Report], str]] = {"text": text, "json": as_json, "sarif": sarif}


def page() -> str:
    """docs/lint.md"""
    lines = [_INTRODUCTION, "| rule | verdict | in | expected |\n|---|---|---|---|"]
    lines += [f"| {rule.id} | {rule.verdict} | {_kinds(rule)} | {rule.expected} |" for rule in all_rules()]
    lines.append("")
    for topic, rules in itertools.groupby(all_rules(), key=lambda rule: rule.id.partition(".")[0]):
        lines.append(f"## {topic}\n")
        for rule in rules:
            lines += [
                f"### {rule.id}\n",
                f"{rule.why}\n",
                f"Instead: {rule.remedy}.\n",
                f"Source: {rule.source}\n",
                f"```\n{rule.bad}```\n",
            ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _kinds(rule: launch_files.Rule) -> str:
    return "all" if set(rule.kinds) == set(ALL) else ", ".join(rule.kinds)


_INTRODUCTION = """# seatrial lint

Finds what is wrong in launch files before a cluster does: sbatch scripts, shell scripts, Kubernetes manifests and
Dockerfiles, and the scripts inside of manifests and here-documents.

```sh
seatrial lint jobs/ Dockerfile                # everything in a folder, and one file
seatrial lint jobs/ --instance p5.48xlarge    # for files that do not name their nodes
seatrial lint jobs/ --select 'slurm.*'        # some rules; --ignore leaves some out
seatrial lint jobs/ --format sarif -o lint.sarif
```

Shell code is parsed, never run. A variable that has one known value is filled in; where a value cannot be known, no
rule guesses. A file, or a part of one, that cannot be parsed is a finding of its own, `lint.unreadable`, with the
verdict UNKNOWN: what was not found in it may be there all the same. Templates (Helm, Jinja) have to be rendered first.

The environment that a file sets is judged by the rules of `seatrial network`; their ids begin with `network.`, and
[efa.md](efa.md) explains them.

A comment excuses one rule, on its own line or alone on the line before, and has to say why:

```sh
# seatrial: ignore[pins.unpinned-clone] the branch is what is being tested
git clone https://github.com/pytorch/torchtitan.git
```

Another one says where a file runs, if it does not name its nodes otherwise (a node selector, a variable that ends in
`INSTANCE_TYPE`): the instance type and versions, by the names of the keys of `[clusters.NAME.stack]`. What Seatrial
renders says it, so that the linter finds nothing in it.

```sh
# seatrial: site[instance=trn1.32xlarge kernel=5.10]
export FI_EFA_FORK_SAFE=1
```

FAIL: it does not do what it says. WARN: it works today, or in some places. Exit codes: 0 nothing was found, 1 there are
findings, 2 a path does not exist or holds no launch file.
"""
