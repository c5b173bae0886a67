"""How often `seatrial diagnose` names the cause: real runs of 4 ranks over gloo, each with one injected fault.

    python benchmarks/diagnose.py [--seeds 20] [--clean 50] [--faults absent,kill,...] [--json FILE]

The fault `oom` is a real kill by the kernel: it runs in a memory cgroup with a limit, which root can make.

The seed draws the rank and the step of the fault. Right is the rule, and the rank where there is one to blame. Beside
them runs with no fault: there no cause may be named. Needs torch; a run takes a few seconds, a hang some more.
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

from seatrial.diagnose import diagnose
from seatrial.runs import History

CASE = Path(__file__).parents[1] / "tests" / "faults.py"
RANKS = 4
HANG_SECONDS = 20
"""Without a sign of life, for what hangs; on a busy machine ranks that start are silent for nearly as long."""
HANGS = {"absent", "skip"}
EXPECTED = {
    "none": {"diagnose.cause"},
    "absent": {"diagnose.collective-missing"},
    "skip": {"diagnose.collective-mismatch"},
    "shape": {"diagnose.collective-mismatch"},
    "nan": {"diagnose.not-finite"},
    "kill": {"diagnose.killed"},
    "disk": {"diagnose.disk"},
    "loader": {"diagnose.data"},
    "slow": {"diagnose.straggler"},
    "error": {"diagnose.error"},
    "abort": {"diagnose.crash"},
    "imbalance": {"diagnose.imbalance"},
    "oom": {"diagnose.host-memory"},
}
"""Fault of tests/faults.py -> what it shall be called."""
MEMORY_BYTES = 3 * 2**30
"""Of four ranks with torch, about half as much is used; the fault takes 4 GiB."""
V1 = Path("/sys/fs/cgroup/memory")
CGROUPS, LIMIT = (V1, "memory.limit_in_bytes") if V1.is_dir() else (Path("/sys/fs/cgroup"), "memory.max")
BLAMES_NOBODY = {"none", "nan"}
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

    @property
    def right(self) -> bool:
        """Whether it is what was injected, and where."""
        blamed = self.ranks == (() if self.fault in BLAMES_NOBODY else (self.rank,))
        return self.named in EXPECTED[self.fault] and blamed


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
    rank, step = chance.randrange(RANKS), chance.randint(3, 9)
    name = f"{fault}-{seed}"
    settings = [f"--set=fault={fault}", f"--set=faulty_rank={rank}", f"--set=fault_step={step}"]
    argv = [sys.executable, "-m", "seatrial", "run", str(CASE), "--name", name, *settings]
    with limited(fault) as enter:
        subprocess.run(
            [*argv, *(["--hang-timeout", str(HANG_SECONDS)] if fault in HANGS else [])],
            env=os.environ | {"SEATRIAL_RUNS_DIR": str(root)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=300,
            preexec_fn=enter,
        )
    cause = diagnose(History(root).find(name)).cause
    return Outcome(fault, seed, rank, step, cause.check, tuple(cause.scope.get("rank", ())), cause.observed)


def outcomes(faults: list[str], seeds: int, clean: int, root: Path) -> Iterator[Outcome]:
    """All faults in turn, so that a machine that gets busy disturbs all of them."""
    for seed in range(max(seeds, clean)):
        for fault in faults:
            if seed < (clean if fault == "none" else seeds):
                yield outcome(fault, seed, root)


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
    here = [fault for fault in EXPECTED if fault != "oom" or os.access(CGROUPS, os.W_OK)]
    parser.add_argument("--faults", default=",".join(here))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="keep the runs there")
    options = parser.parse_args()
    found: list[Outcome] = []
    with tempfile.TemporaryDirectory() as scratch:
        for one in outcomes(options.faults.split(","), options.seeds, options.clean, options.keep or Path(scratch)):
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
