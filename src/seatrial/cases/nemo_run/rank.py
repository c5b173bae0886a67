"""What every rank of the experiment does: it joins the run, and trains with megatron-core or with NeMo."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

from seatrial.cases.nemo_run import Args
from seatrial.cases.nemo_run.megatron import megatron_args
from seatrial.rank.machine import other_versions
from seatrial.rank.start import read_job
from seatrial.train.worker import Worker, start
from seatrial.versions import pins


def main() -> None:
    """Train, and exit with a code of ExitCode."""
    end_with_torchrun()
    args = Args(**read_job(Path(os.environ["SEATRIAL_RUN"]))["args"])
    with start(join=args.engine != "nemo") as worker:  # NeMo makes a process group of its own
        if args.engine == "nemo":
            from seatrial.cases.nemo_run import nemo

            nemo.train(args, worker)
        else:
            train_with_megatron(args, worker)


def train_with_megatron(args: Args, worker: Worker) -> None:
    """Train with megatron-core under the driver of megatron-lm, to the end of the run."""
    from seatrial.cases.megatron_lm.train import train

    for finding in other_versions(pins("megatron-core")):
        worker.emit(finding)
    train(megatron_args(args), worker)


def end_with_torchrun() -> None:
    """A torchrun that is killed takes its ranks with it, which are in sessions of their own."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, prctl(2)


if __name__ == "__main__":
    main()
