"""Run one program of nccl-tests, keep what it says, and judge it. Reads from top to bottom.

On one node it is one process with all GPUs. On several, each rank starts a process with one GPU, which finds the others
by the MPI that its rank was started under; the first one prints for all.
"""

from __future__ import annotations

import sys
import time
import traceback
from typing import NoReturn

from seatrial.cases.nccl_tests import Args, find, preflight
from seatrial.cases.nccl_tests.tool import offers, report
from seatrial.errors import ExitCode, UserError
from seatrial.rank import announce
from seatrial.rank.core import Rank
from seatrial.rank.lines import failure
from seatrial.rank.start import start

JUDGING_SECONDS = 20.0
"""What a rank whose program failed leaves the first one to judge: an engine ends all ranks as soon as one fails."""


def main() -> None:
    """Run, judge, and exit with a code of ExitCode."""
    with start(Rank) as node:
        args = Args(**node.args)
        path = find(args.program, args.folder)
        if path is None:
            raise UserError(preflight(args))
        announce.run_start(node, steps=1, unit="samples")
        node.stage("measure")
        several = node.world_size > node.processes_per_node
        told = options(args, 1 if several else node.processes_per_node)
        failed = report(node, [path, *told, *json_file(node, path, args)], "nccl-tests")
        if failed and several:
            fail(node, failed)
        node.end("completed", 1)


def options(args: Args, gpus: int) -> list[str]:
    """What nccl-tests is told."""
    told = {
        "-b": args.min_bytes,
        "-e": args.max_bytes,
        "-f": args.step_factor,
        "-w": args.warmup,
        "-n": args.iterations,
        "-c": int(args.check),
        "-g": gpus,
    }
    return [word for name, value in told.items() for word in (name, str(value))]


def json_file(node: Rank, path: str, args: Args) -> list[str]:
    """-J, if this version has it. All ranks say so, and the first one writes."""
    return ["-J", str(node.run / f"{args.program}_perf.json")] if offers(path, "-J") else []


def fail(node: Rank, reason: str) -> NoReturn:
    """End this rank so that the engine ends the others, too: they may wait for it without end."""
    try:
        raise RuntimeError(reason)
    except RuntimeError:
        if node.rank == 0:
            raise
        print(failure(node.rank, time.time()), file=sys.stderr)
        traceback.print_exc()
        time.sleep(JUDGING_SECONDS)
        sys.exit(ExitCode.FAILED)


if __name__ == "__main__":
    main()
