"""Start the ranks of this node with NeMo-Run: an experiment of one task, on its LocalExecutor. Runs once per node."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

from seatrial.cases.nemo_run import Args
from seatrial.cases.nemo_run.torchrun import OUTCOME, forward_signals
from seatrial.errors import ExitCode
from seatrial.rank.start import read_job

RANK = "seatrial.cases.nemo_run.rank"
"""The module that every rank runs."""


def main() -> None:
    """Run the experiment, and exit with a code of ExitCode."""
    run, node = Path(os.environ["SEATRIAL_RUN"]).absolute(), int(os.environ["NODE_RANK"])
    job = read_job(run)
    home = run / "nemo-run" / f"node-{node}"
    home.mkdir(parents=True, exist_ok=True)
    os.environ["NEMORUN_HOME"] = str(home)  # read when nemo_run is imported
    sys.modules["torch"] = None  # type: ignore[assignment]  # it would import torch, 4 s, and do without
    outcome = home / "outcome"
    outcome.unlink(missing_ok=True)  # of the attempt before
    launch(Args(**job["args"]), job, home, outcome)
    code = _told(outcome)
    if code == -signal.SIGTERM:  # the launcher knows what that means
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    sys.exit(code)


def launch(args: Args, job: dict[str, Any], home: Path, outcome: Path) -> None:
    """Start this node's ranks, and wait for them."""
    import nemo_run

    with nemo_run.Experiment(job["recipe"], executor=executor(args, home, outcome)) as experiment:
        experiment.add(nemo_run.Script(path=RANK, entrypoint="python", m=True), name="ranks", tail_logs=True)
        forward_signals()  # after torchx, which answers them with an exception
        experiment.run()


def executor(args: Args, home: Path, outcome: Path) -> Any:
    """As many nodes and ranks as the launcher says, by torchrun; nodes meet where it says."""
    import nemo_run

    nodes = int(os.environ["NNODES"])
    return nemo_run.LocalExecutor(
        nodes=nodes,
        ntasks_per_node=int(os.environ["NPROC_PER_NODE"]),
        # c10d's rendezvous compares host names between nodes, which costs look-ups and fails where names differ.
        launcher=nemo_run.Torchrun(rdzv_backend="static" if nodes > 1 else "c10d"),
        env_vars={
            "PATH": str(_torchrun(args.python or sys.executable, home)),
            OUTCOME: str(outcome),
            "PET_SIGNALS_TO_HANDLE": "SIGINT",  # the others are forwarded
            "LOGLEVEL": "WARNING",
            **({"PET_LOCAL_ADDR": "127.0.0.1"} if nodes == 1 else {}),  # no host name has to be looked up
        },
    )


def _torchrun(python: str, home: Path) -> Path:
    """A folder with a torchrun for that Python."""
    script = home / "bin" / "torchrun"
    script.parent.mkdir(exist_ok=True)
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(python)} -m seatrial.cases.nemo_run.torchrun "$@"\n')
    script.chmod(0o755)
    return script.parent


def _told(outcome: Path) -> int:
    """What the ranks ended with, a failure if torchrun was killed before it could tell. Its words are printed."""
    if not outcome.exists():
        return ExitCode.FAILED
    code, _, words = outcome.read_text().partition("\n")
    print(words, flush=True)
    return int(code)


if __name__ == "__main__":
    main()
