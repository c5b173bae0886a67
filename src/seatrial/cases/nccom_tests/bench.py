"""Run nccom-test on this node's cores, keep what it says, and judge it. Reads from top to bottom."""

from __future__ import annotations

from seatrial.cases.nccl_tests.tool import report
from seatrial.cases.nccom_tests import Args, find, preflight
from seatrial.errors import UserError
from seatrial.rank import announce
from seatrial.rank.core import Rank
from seatrial.rank.start import start


def main() -> None:
    """Run, judge, and exit with a code of ExitCode."""
    with start(Rank) as node:
        args = Args(**node.args)
        path = find()
        if path is None:
            raise UserError(preflight(args))
        announce.run_start(node, steps=1, unit="samples")
        node.stage("measure")
        report(node, [path, *options(args, node.processes_per_node)], "nccom", tells_itself=False)
        node.end("completed", 1)


def options(args: Args, cores: int) -> list[str]:
    """What nccom-test is told. fp32, since no other type was always checked."""
    told = {
        "--nworkers": cores,
        "--minbytes": args.min_bytes,
        "--maxbytes": args.max_bytes,
        "--stepfactor": args.step_factor,
        "--iters": args.iterations,
        "--warmup_iters": args.warmup,
        "--datatype": "fp32",
    }
    words = [word for name, value in told.items() for word in (name, str(value))]
    return [*words, args.operation, *(["--check"] if args.check else [])]


if __name__ == "__main__":
    main()
