"""Run every benchmark that a CPU is enough for, and write the result tables into docs/performance.md.

    python benchmarks/all.py --write docs/performance.md

Takes about half an hour; let the machine do nothing else meanwhile. Each script's table replaces what stands between
the marks `<!-- NAME -->` and `<!-- /NAME -->` of the document; without --write the tables are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from interleave import Row, markdown
from programs import HERE

SCRIPTS = {
    "startup": ["startup.py"],
    "first_allreduce": ["first_allreduce.py"],
    "loop_overhead": ["loop_overhead.py"],
    "hf_trainer": ["hf_trainer.py", "--chart", str(HERE.parent / "docs" / "hf_trainer_loss.svg")],
    "checkpoint": ["checkpoint.py"],
    "recovery": ["recovery.py"],
    "slurm": ["slurm.py"],
    "profile": ["profile_trace.py"],
    "frameworks": ["frameworks.py"],
}
"""Mark in the document -> script and its arguments."""


def table_of(arguments: list[str], repeats: int | None) -> str:
    """Run one script; its table."""
    command = [sys.executable, str(HERE / arguments[0]), *arguments[1:], "--json"]
    command += ["--repeats", str(repeats)] if repeats else []
    answer = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return markdown([Row(**entry) for entry in json.loads(answer.stdout)["rows"]])


def machine() -> str:
    """What the figures were measured on."""
    names = re.findall(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    cores = len(os.sched_getaffinity(0))
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "accelerate"))
    load = f"load average when it began {os.getloadavg()[0]:.1f}"
    return f"{cores} cores of {names[0]}, Python {platform.python_version()}, {packages}; {load}."


def replace_between(text: str, mark: str, content: str) -> str:
    """`text` with what stands between a mark and its end replaced. Raises ValueError if there is no such mark."""
    pattern = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"the document has no <!-- {mark} -->")
    return pattern.sub(lambda found: f"{found[1]}{content}\n{found[2]}", text)


def main() -> None:
    """Measure, and write or print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--write", type=Path, metavar="DOCUMENT", help="write the tables into this document")
    options.add_argument("--only", nargs="+", choices=sorted(SCRIPTS), default=list(SCRIPTS), help="some of them")
    options.add_argument("--repeats", type=int, help="repetitions of each program; each script has its own default")
    chosen = options.parse_args()
    print(machine())
    if chosen.write:
        store(chosen.write, "machine", machine())
    for name in chosen.only:
        table = table_of(SCRIPTS[name], chosen.repeats)
        print(f"\n{name}\n{table}", flush=True)
        if chosen.write:
            store(chosen.write, name, table)


def store(document: Path, mark: str, content: str) -> None:
    """Put a piece into the document at once, so that a later failure loses nothing."""
    document.write_text(replace_between(document.read_text(encoding="utf-8"), mark, content), encoding="utf-8")


if __name__ == "__main__":
    main()
