"""A report as text, JSON or SARIF, and the page about the rules."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from seatrial import __version__
from seatrial.findings import Finding, Rule, Verdict
from seatrial.lint import rules as launch_files
from seatrial.lint.judge import Report, headers
from seatrial.lint.rules import ALL, all_rules

_SARIF_LEVELS = {Verdict.FAIL: "error", Verdict.WARN: "warning", Verdict.UNKNOWN: "note"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


PLACES = 10
"""Of one rule that are shown, if not all are asked for."""


def text(report: Report, *, every: bool = False) -> str:
    """For people: what costs most first, each rule once with what to do and its places, and a line that counts.

    `every`: all places of a rule, however many.
    """
    lines = []
    groups: dict[tuple[Verdict, str, str], list[Finding]] = {}
    for finding in report.findings:
        groups.setdefault((finding.verdict, finding.check, finding.remedy), []).append(finding)
    for (verdict, check, remedy), findings in groups.items():
        shown = findings if every else findings[:PLACES]
        lines.append(f"{verdict}  {check}" + (f"  {len(findings)} places" if len(findings) > 1 else ""))
        lines += [f"    {remedy}"] if remedy else []
        lines += [f"  {f.scope['path']}:{f.scope['line']}  {f.observed}" for f in shown]
        lines += [f"  and {len(findings) - len(shown)} more; --all shows them"] if len(findings) > len(shown) else []
        lines.append("")
    return "\n".join([*lines, summary(report)]) + "\n"


def summary(report: Report) -> str:
    """``3 files, 5 findings: 2 FAIL, 3 WARN; 4.1 % of the lines unread; 0.3 s``"""
    counts = [(v, sum(f.verdict is v for f in report.findings)) for v in (Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN)]
    kinds = ", ".join(f"{count} {verdict}" for verdict, count in counts if count)
    found = f"{_many(len(report.findings), 'finding')}: {kinds}" if kinds else "no findings"
    known = f"; {len(report.known)} known" if report.known else ""
    return f"{_many(len(report.files), 'file')}, {found}{known}; {_share(report)} unread; {report.seconds:.1f} s"


def _share(report: Report) -> str:
    percent = 100 * report.unread
    return f"{max(percent, 0.1):.1f} % of the lines" if percent else "0 % of the lines"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def as_json(report: Report) -> str:
    """For programs: every file with its verdict, every finding, what is known, and the figures of the summary."""
    verdicts = report.verdicts()
    files = [
        {"path": file.path.as_posix(), "verdict": verdicts[file.path]}
        | {"lines": file.lines, "unread_lines": file.unread_lines}
        for file in report.files
    ]
    value: dict[str, Any] = {"files": files, "findings": [asdict(finding) for finding in report.findings]}
    if report.known is not None:
        value["known"] = [asdict(finding) for finding in report.known]
    return json.dumps(value | _figures(report), indent=2, ensure_ascii=False) + "\n"


def _figures(report: Report) -> dict[str, float]:
    return {"unread_share": round(report.unread, 6), "seconds": round(report.seconds, 3)}


def sarif(report: Report) -> str:
    """For code scanning: SARIF 2.1.0."""
    rules = {rule.id: _sarif_rule(rule) for rule in headers()}
    order = {id: index for index, id in enumerate(rules)}
    driver = {"name": "seatrial", "version": __version__, "rules": list(rules.values())}
    states = [({}, report.findings)] if report.known is None else _states(report.findings, report.known)
    results = [_sarif_result(finding, order[finding.check]) | state for state, found in states for finding in found]
    run = {"tool": {"driver": driver}, "results": results, "properties": _figures(report)}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _states(new: Sequence[Finding], known: Sequence[Finding]) -> list[tuple[dict[str, str], Sequence[Finding]]]:
    """Where one result has a state, all must: SARIF 2.1.0, 3.27.24."""
    return [({"baselineState": "new"}, new), ({"baselineState": "unchanged"}, known)]


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
seatrial lint jobs/ --diff main               # only what has changed since this work left main
seatrial lint jobs/ --format sarif -o lint.sarif
```

What costs most comes first: FAIL, then WARN, then UNKNOWN. A rule stands once, with what to do and up to ten of its
places; `--all` shows every place, and JSON and SARIF always hold all. The last line counts files and findings, and says
which share of the lines could not be read and how long it took. Files that are many are read by as many processes as
there are cores; the output is the same.

FAIL: it does not do what it says. WARN: it works today, or in some places. Exit codes: 0 nothing was found, 1 there are
findings, 2 a path does not exist or holds no launch file.

## In a tree that is older than the linter

`--diff BASE` tells what is found on lines that were added or altered since the branch left that commit, with what is
not committed, and which of the changed files could not be read. A command over several lines changes as a whole. What a
change breaks elsewhere is not told: look at the whole tree from time to time.

A baseline is a file of findings that are known. What stands in it is not told and fails nothing:

```sh
seatrial lint jobs/ --write-baseline lint-baseline.json    # once, and whenever something was repaired
seatrial lint jobs/ --baseline lint-baseline.json          # every time
```

Its entries are rule, path and a hash of the line. A line that moves stays known, one that is altered does not. In
SARIF what is known has the `baselineState` `unchanged`, all else is `new`.

## What is read

Shell code is parsed, never run. A variable that has one known value is filled in; where a value cannot be known, no
rule guesses. A file, or a part of one, that cannot be parsed is a finding of its own, `lint.unreadable`, with the
verdict UNKNOWN: what was not found in it may be there all the same. `--ignore lint.unreadable` does not show it; the
file's verdict in JSON stays UNKNOWN, and its lines count as unread.

Of a template (Helm, Jinja, Terraform, envsubst) what is literal is judged, and what is filled in is unknown: one
finding says how many of its lines that are. Where `helm` is on PATH, charts with their values are rendered by it,
offline.

The environment that a file sets is judged by the rules of `seatrial network`; their ids begin with `network.`, and
[efa.md](efa.md) explains them.

## How right it is

Three times in November 2026 findings on what others wrote were judged by hand, strictly: right is what is true,
matters where it stands, and has a remedy that does no harm. What was wrong was then repaired as a kind, so that only
figures on files that no repair had seen say anything.

- Nine source distributions of PyPI (aws-parallelcluster, axolotl, DeepSpeed, dstack, flytekit, nemo-run, ReFrame,
  SkyPilot, Toil: 113 launch files), all findings: 1 of 1 FAIL and 46 of 49 WARN were right. 184 public files,
  shortened: 36 of 36 FAIL, 263 of 269 WARN.
- 29 other distributions (espnet, vLLM, fairseq, oumi, Snakemake, Airflow's Kubernetes provider, FireWorks and more:
  3617 files, 36 MB), on 2026-11-30: 8 of 68 FAIL were right. 55 of the wrong ones took PKG-INFO for a batch script,
  or did not know the templates of FireWorks. Of about 130 WARN that were looked at half were right.
- After the repair, in 45 other public batch scripts and manifests, and in files of those trees that had not been
  looked at: 16 of 16 FAIL and 85 of 90 WARN were right. Of the wrong ones two ask test data for a version, two a
  nightly build (told no more), one takes a suffix that may be empty for one that is missing. 18 FAIL of
  slurm.log-folder are not counted: a single file does not show whether its folder is there.

What is missed was looked for by reading 95 batch and shell scripts, 9 manifests and 9 Dockerfiles, some with
shortened lists of arguments. In the first 27 five mistakes were not told for which there was a rule in spirit, in the
next 41 files four, in the next 27 three, in the last 18 none; each is told now. Not told are still: marks such as
%account% that a site's own program fills in, two commands on one line (`module purge module load x`), a port that
each task draws for itself, and one process where several GPUs were asked for.

```sh
python benchmarks/lint_precision.py FOLDER --sample 100 --csv sample.csv   # fill in its empty column, then --judged
```

On one core it reads 1.3 MB of small launch files a second, 1.9 of long scripts, 4.9 of large manifests; of 5.6 MB of
all kinds 1.7 (2026-11-30).

## What a file can say

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

## Rules
"""
