"""Run nccom-test, keep what it says, and judge it. Reads from top to bottom.

On one node it is this node's process. On several it is the whole job's, on the first node of Slurm's allocation, where
nccom-test starts the others itself, with srun.
"""

from __future__ import annotations

import os

from seatrial.cases.nccl_tests.tool import offers, report
from seatrial.cases.nccom_tests import PROGRAM, Args, find, preflight
from seatrial.errors import Problem, UserError
from seatrial.rank import announce
from seatrial.rank.core import Rank
from seatrial.rank.start import start

JSON = "--report-to-json-file"
"""Since AWS Neuron SDK 2.24, its release notes say."""
SLURM = "--slurm-mode"
"""In the user's guide of SDK 2.29."""


def main() -> None:
    """Run, judge, and exit with a code of ExitCode."""
    with start(Rank) as node:
        args = Args(**node.args)
        path = find()
        if path is None:
            raise UserError(preflight(args))
        told = options(args, node.world_size)
        if node.world_size > node.processes_per_node:
            told = [*in_slurm(path, node.world_size // node.processes_per_node), *told]
        if offers(path, JSON):
            told = [JSON, str(node.run / f"{PROGRAM}.json"), *told]
        announce.run_start(node, steps=1, unit="samples")
        node.stage("measure")
        report(node, [path, *told], "nccom", tells_itself=False)
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


def in_slurm(path: str, nodes: int) -> list[str]:
    """What it is told on the nodes of the job that this is. Raises UserError for a version that cannot."""
    if not offers(path, SLURM):
        remedy = "install the aws-neuronx-tools of AWS Neuron SDK 2.29 or newer"
        raise UserError(Problem(f"this version has no {SLURM}, by which it runs on several nodes", path, remedy))
    return ["--nnodes", str(nodes), SLURM, "--slurm-job-id", os.environ["SLURM_JOB_ID"]]


if __name__ == "__main__":
    main()
