"""How often `seatrial diagnose` names the cause: real runs over gloo, each with one injected fault.

Runs of 4 ranks that end, hang or have a slow rank (tests/faults.py), of 1 or 2 that are slow (tests/slowness.py), of 1
whose steps become slow (tests/slow_steps.py). The first are started by `seatrial run`, the others forked.

    python benchmarks/diagnose.py [--seeds 20] [--clean 50] [--faults absent,kill,...] [--json FILE]

The fault `oom` is a real kill by the kernel: it runs in a memory cgroup with a limit, which root can make.

The seed draws the rank and the step of the fault. Right is the rule, the rank where there is one to blame, and that
nothing else is said to have slowed the run. Beside them runs with no fault: there no cause may be named. With --json it
goes on where the file ends, so that it can be run in pieces. Needs torch; a run takes a few seconds, a hang some more.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import forked
from seatrial.diagnose import diagnose
from seatrial.history import History

TESTS = Path(__file__).parents[1] / "tests"
HANG_SECONDS = 20
"""Without a sign of life, for what hangs; on a busy machine ranks that start are silent for nearly as long."""
HANGS = {"absent", "skip"}
EXPECTED = {
    "none": "diagnose.cause",
    "absent": "diagnose.collective-missing",
    "skip": "diagnose.collective-mismatch",
    "shape": "diagnose.collective-mismatch",
    "nan": "diagnose.not-finite",
    "kill": "diagnose.killed",
    "disk": "diagnose.disk",
    "loader": "diagnose.data",
    "slow": "diagnose.straggler",
    "error": "diagnose.error",
    "abort": "diagnose.crash",
    "imbalance": "diagnose.imbalance",
    "oom": "diagnose.host-memory",
}
"""Fault of tests/faults.py -> what it shall be called."""
SLOW = {
    "nothing": "diagnose.cause",
    "garbage": "diagnose.garbage",
    "precision": "diagnose.precision",
    "threads": "diagnose.threads",
    "communication": "diagnose.communication",
    "neighbour": "diagnose.straggler",
    "attention": "diagnose.attention",
    "compiled": "diagnose.cause",
    "uncompiled": "diagnose.uncompiled",
    "breaks": "diagnose.graph-breaks",
    "again": "diagnose.recompiled",
    "gives-up": "diagnose.recompiled",
    "stage": "diagnose.imbalance",
}
"""The same of tests/slowness.py."""
STEPS = {
    "steady": "diagnose.cause",
    "folder": "diagnose.checkpoint-folder",
    "since": "diagnose.slow-since",
    "growing": "diagnose.growing",
    "resume": "diagnose.slow-after-resume",
    "pauses": "diagnose.stalls",
}
"""The same of tests/slow_steps.py."""
ALONE = {"garbage", "neighbour", "stage"}
"""Causes that are one rank's."""
MEMORY_BYTES = 3 * 2**30
"""Of four ranks with torch, about half as much is used; the fault takes 4 GiB."""
V1 = Path("/sys/fs/cgroup/memory")
CGROUPS, LIMIT = (V1, "memory.limit_in_bytes") if V1.is_dir() else (Path("/sys/fs/cgroup"), "memory.max")
CLEAN = ("none", "nothing", "steady", "compiled")
BLAMES_NOBODY = {"none", "nan"} | (SLOW.keys() - ALONE) | STEPS.keys()
"""A loss is the mean over all ranks: whose it was is not told."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run and what its diagnosis said."""

    fault: str
    seed: int
    rank: int
    step: int
    named: str
    ranks: tuple[int, ...]
    said: str
    besides: tuple[str, ...]
    """What else is said to have slowed it."""
    share: float | None
    """Of the time that it cost, as it is told."""

    @property
    def right(self) -> bool:
        """Whether it is what was injected, and where."""
        faults = self.fault.split("+")
        blamed = self.ranks == (() if BLAMES_NOBODY.issuperset(faults) else (self.rank,))
        return {self.named, *self.besides} == {(EXPECTED | SLOW | STEPS)[fault] for fault in faults} and blamed


@contextlib.contextmanager
def limited(fault: str) -> Iterator[Callable[[], None] | None]:
    """What puts a process into a memory cgroup with a limit. Raises OSError without root."""
    if fault != "oom":
        yield None
        return
    group = CGROUPS / f"seatrial-{os.getpid()}"
    group.mkdir()
    try:
        (group / LIMIT).write_text(str(MEMORY_BYTES))
        yield lambda: (group / "cgroup.procs").write_text("0") and None
    finally:
        group.rmdir()


def outcome(fault: str, seed: int, root: Path) -> Outcome:
    """Run it, and ask why it went wrong."""
    chance = random.Random(f"{fault} {seed}")
    faults = set(fault.split("+"))
    folder = root / f"{fault}-{seed}"
    if faults <= STEPS.keys():
        case, rank, step = "slow_steps.py", 0, chance.randint(20, 36)
        settings = {"cause": fault, "since": str(step)}
    elif faults <= SLOW.keys():
        case, rank, step = "slowness.py", chance.randrange(2), 0
        settings = {"cause": fault, "faulty_rank": str(rank)}
    else:
        case, rank, step = "faults.py", chance.randrange(4), chance.randint(3, 9)
        settings = {"fault": fault, "faulty_rank": str(rank), "fault_step": str(step)}
    if not folder.exists():
        if case == "faults.py":
            watched(fault, TESTS / case, folder, settings)
        else:
            alone = "threads" in faults or (fault == "nothing" and seed % 4 == 3)
            settings |= {"size": "768"} if alone else {}
            for _ in range(2 if "resume" in faults else 1):
                forked.run(TESTS / case, folder, settings, processes=1 if alone else None)
    found = diagnose(History(root).find(folder.name))
    findings = [found.cause, *(one.finding for one in found.slowed_by)]
    ranks = tuple(rank for finding in findings for rank in finding.scope.get("rank", ()))
    besides = tuple(one.finding.check for one in found.slowed_by)
    return Outcome(fault, seed, rank, step, found.cause.check, ranks, found.cause.observed, besides, found.share)


def watched(fault: str, case: Path, folder: Path, settings: dict[str, str]) -> None:
    """`seatrial run`, whose launcher says how ranks end."""
    arguments = [str(case), "--name", folder.name, *(f"--set={key}={value}" for key, value in settings.items())]
    with limited(fault) as enter:
        subprocess.run(
            [
                sys.executable,
                "-m",
                "seatrial",
                "run",
                *arguments,
                *(["--hang-timeout", str(HANG_SECONDS)] if fault in HANGS else []),
            ],
            env=os.environ | {"SEATRIAL_RUNS_DIR": str(folder.parent)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=300,
            preexec_fn=enter,
        )


def planned(faults: list[str], seeds: int, clean: int) -> Iterator[tuple[str, int]]:
    """All faults in turn, so that a machine that gets busy disturbs all of them."""
    for seed in range(max(seeds, clean)):
        for fault in faults:
            if seed < (clean if fault in CLEAN else seeds):
                yield fault, seed


def before(path: Path | None) -> list[Outcome]:
    """What the file holds of earlier pieces."""
    records = json.loads(path.read_text()) if path and path.exists() else []
    return [
        Outcome(**{k: tuple(v) if isinstance(v, list) else v for k, v in record.items() if k != "right"})
        for record in records
    ]


def lower_bound(right: int, of: int) -> float:
    """Of the share, 95 %, one-sided: Wilson's score."""
    z, share = 1.645, right / of
    middle = share + z * z / (2 * of) - z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return middle / (1 + z * z / of)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--clean", type=int, default=50)
    here = [fault for fault in EXPECTED | SLOW | STEPS if fault != "oom" or os.access(CGROUPS, os.W_OK)]
    parser.add_argument("--faults", default=",".join(here))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="keep the runs there; those that are there are asked again")
    options = parser.parse_args()
    found = before(options.json)
    done = {(one.fault, one.seed) for one in found}
    with tempfile.TemporaryDirectory() as scratch:
        for fault, seed in planned(options.faults.split(","), options.seeds, options.clean):
            if (fault, seed) in done:
                continue
            one = outcome(fault, seed, options.keep or Path(scratch))
            found.append(one)
            if not one.right:
                print(f"wrong: {one}", file=sys.stderr, flush=True)
            if options.json:
                options.json.write_text(json.dumps([asdict(o) | {"right": o.right} for o in found], indent=1) + "\n")
    print("| fault | right | of | at least (95 %) |\n|---|---:|---:|---:|")
    for fault in dict.fromkeys(one.fault for one in found):
        mine = [one.right for one in found if one.fault == fault]
        print(f"| {fault} | {sum(mine)} | {len(mine)} | {lower_bound(sum(mine), len(mine)):.2f} |")


if __name__ == "__main__":
    main()
