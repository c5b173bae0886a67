"""Run one program of nccl-tests on this node's GPUs, keep what it says, and judge it. Reads from top to bottom."""

from __future__ import annotations

import subprocess

from seatrial.cases.nccl_tests import Args, find, preflight
from seatrial.cases.nccl_tests.tool import report
from seatrial.errors import UserError
from seatrial.rank import announce
from seatrial.rank.core import Rank
from seatrial.rank.start import start


def main() -> None:
    """Run, judge, and exit with a code of ExitCode."""
    with start(Rank) as node:
        args = Args(**node.args)
        path = find(args.program, args.folder)
        if path is None:
            raise UserError(preflight(args))
        announce.run_start(node, steps=1, unit="samples")
        node.stage("measure")
        report(node, [path, *options(args, node.processes_per_node), *json_file(node, path, args)], "nccl-tests")
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
    """-J, if this version has it: it names its options when it is asked."""
    usage = subprocess.run([path, "-h"], capture_output=True, text=True, errors="replace", check=False)
    return ["-J", str(node.run / f"{args.program}_perf.json")] if "-J" in usage.stdout + usage.stderr else []


if __name__ == "__main__":
    main()
