"""What `seatrial lint` tells about trees that others have written, how much of them it cannot read, and how fast it is.

    python benchmarks/lint_precision.py FOLDER                             # each folder in it is a tree
    python benchmarks/lint_precision.py FOLDER --sample 100 --seed 1 --csv sample.csv
    python benchmarks/lint_precision.py --judged sample.csv

Whether a finding is right only a person can say. The second form prints findings that were drawn at random, each with
its line, and writes them with an empty column `right`; put yes or no into it. The third prints which share was right,
by verdict and by rule. Strict: right is what is true, matters where it stands, and has a remedy that does no harm.
Seconds are those of one core, of this process alone; a quiet machine is faster.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from seatrial.errors import UserError
from seatrial.findings import Finding
from seatrial.lint.judge import Report, lint
from seatrial.lint.rules import all_rules
from seatrial.masking import mask

COLUMNS = ("right", "verdict", "rule", "path", "line", "text", "observed", "remedy")
FILES = {"sbatch": "job.sbatch", "shell": "job.sh", "yaml": "job.yaml", "dockerfile": "x.Dockerfile"}
YES, NO = ("yes", "y", "1"), ("no", "n", "0")


def measured(trees: Iterable[Path]) -> dict[str, tuple[Report, float]]:
    """Tree -> what is found in it, and in how many seconds of one core. One without launch files is left out."""
    found = {}
    warm_up()
    for tree in trees:
        begin = time.process_time()
        try:
            report = lint([tree], jobs=1)
        except UserError as error:
            print(f"{tree.name}: {error}".split("\n")[0], file=sys.stderr)
            continue
        found[tree.name] = report, time.process_time() - begin
    return found


def warm_up() -> None:
    """Parsers are loaded with the first file that needs them."""
    with tempfile.TemporaryDirectory() as folder:
        for rule in all_rules():
            (Path(folder) / f"{rule.id}-{FILES[rule.kinds[0]]}").write_text(rule.bad, encoding="utf-8")
        lint([Path(folder)])


def figures(found: dict[str, tuple[Report, float]]) -> None:
    """A line for each tree and one for all of them, then a line for each rule."""
    print(f"{'tree':32} {'files':>6} {'MB':>7} {'unread':>7} {'FAIL':>5} {'WARN':>5} {'UNKNOWN':>7} {'MB/s':>6}")
    for name, (report, seconds) in found.items():
        print(row(name, [report], seconds))
    print(row("all", [report for report, _ in found.values()], sum(seconds for _, seconds in found.values())))
    rules = Counter((f.check, str(f.verdict)) for report, _ in found.values() for f in report.findings)
    trees = Counter(key for report, _ in found.values() for key in {(f.check, str(f.verdict)) for f in report.findings})
    print(f"\n{'rule':48} {'verdict':8} {'findings':>8} {'trees':>6}")
    for (rule, verdict), count in rules.most_common():
        print(f"{rule:48} {verdict:8} {count:8} {trees[rule, verdict]:6}")


def row(name: str, reports: Sequence[Report], seconds: float) -> str:
    """Figures of some trees."""
    files = [file for report in reports for file in report.files]
    verdicts = Counter(str(finding.verdict) for report in reports for finding in report.findings)
    size = sum(file.size for file in files) / 1e6
    unread = sum(file.unread_lines for file in files) / max(1, sum(file.lines for file in files))
    counts = f"{verdicts['FAIL']:5} {verdicts['WARN']:5} {verdicts['UNKNOWN']:7}"
    return f"{name:32} {len(files):6} {size:7.2f} {unread:7.1%} {counts} {size / max(seconds, 1e-9):6.2f}"


def drawn(findings: Sequence[Finding], count: int, seed: int) -> list[dict[str, str]]:
    """Some findings, drawn at random, each with its line."""
    rows = []
    for finding in random.Random(seed).sample(findings, min(count, len(findings))):
        path, line = finding.scope["path"], finding.scope["line"]
        lines = Path(path).read_text(encoding="utf-8", errors="replace").split("\n")
        text = mask(lines[line - 1].strip()) if line <= len(lines) else ""
        values = ("", str(finding.verdict), finding.check, path, str(line), text, finding.observed, finding.remedy)
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


def shares(rows: Sequence[dict[str, str]]) -> None:
    """Which share was right, by verdict and by rule."""
    judged = [row for row in rows if row["right"].strip().lower() in (*YES, *NO)]
    print(f"{len(judged)} of {len(rows)} are judged")
    for column in ("verdict", "rule"):
        print()
        for name, total in Counter(row[column] for row in judged).most_common():
            right = sum(row[column] == name and row["right"].strip().lower() in YES for row in judged)
            print(f"{name:48} {right:4} of {total:4}  {right / total:4.0%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="each folder in it is a tree")
    parser.add_argument("--sample", type=int, metavar="N", help="print so many findings, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--csv", type=Path, help="write the sample into this file")
    parser.add_argument("--judged", type=Path, metavar="CSV", help="a sample in which the column right is filled in")
    options = parser.parse_args()
    if options.judged:
        with options.judged.open(encoding="utf-8", newline="") as file:
            shares(list(csv.DictReader(file)))
        return
    if options.folder is None:
        parser.error("give a folder of trees, or --judged")
    found = measured(sorted(path for path in options.folder.iterdir() if path.is_dir()))
    figures(found)
    if options.sample:
        rows = drawn([f for report, _ in found.values() for f in report.findings], options.sample, options.seed)
        for one in rows:
            print(f"\n{one['path']}:{one['line']}  {one['verdict']}  {one['rule']}\n    {one['text']}")
            print(f"    {one['observed']}\n    {one['remedy']}")
        if options.csv:
            with options.csv.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS)
                writer.writeheader()
                writer.writerows(rows)


if __name__ == "__main__":
    main()
