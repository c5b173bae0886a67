"""Starts what the benchmarks compare: `seatrial run`, torchrun, and plain ranks; and leaves no process behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from seatrial.events import EventLog
from seatrial.history import History
from seatrial.runs import Run

HERE = Path(__file__).resolve().parent
TIMEOUT = 300.0
"""Seconds after which a program hangs."""
OUTER_LAUNCHER = ("RANK", "LOCAL_", "WORLD_SIZE", "MASTER_", "TORCHELASTIC_", "SLURM_", "PMI_", "OMPI_", "SEATRIAL_")
"""Beginnings of variables by which a launcher around the benchmark would reach into it."""


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="seatrial-benchmark-") as folder:
        yield Path(folder)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's variables without those of any launcher around it, and with `extra`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OUTER_LAUNCHER)}
    return kept | {"PYTHONUNBUFFERED": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"} | dict(extra or {})


@contextlib.contextmanager
def started(argv: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A running program in a session of its own, which is killed at the end with all that it started there."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            argv, stdout=file, stderr=subprocess.STDOUT, env=environment(env), start_new_session=True
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def finish(
    process: subprocess.Popen[bytes], log: Path, accepted: Sequence[int] = (0,), timeout: float = TIMEOUT
) -> None:
    """Wait for the end. Raises RuntimeError with the log's tail if it was not a good one."""
    code = process.wait(timeout)
    if code not in accepted:
        tail = log.read_text(errors="replace")[-3000:]
        raise RuntimeError(f"{process.args!r} ended with exit code {code}:\n{tail}")


def seatrial_argv(target: str, runs: Path, settings: Mapping[str, object], *options: str) -> list[str]:
    """The command line of `seatrial run`."""
    chosen = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    return [sys.executable, "-m", "seatrial", "run", target, "--runs-dir", str(runs), *chosen, *options]


def run_case(target: str, settings: Mapping[str, object]) -> EventLog:
    """Run a recipe through the command and its local launcher, and return what happened.

    A verdict other than PASS is no failure here: a benchmark's run is too short to be judged.
    """
    with scratch() as folder:
        log = folder / "log"
        with started(seatrial_argv(target, folder / "runs", settings), log) as process:
            finish(process, log, accepted=(0, 1, 3))
        return newest_run(folder / "runs").events()


def newest_run(runs: Path) -> Run:
    """The run that was started last."""
    return History(runs).runs[-1]


def run_ranks(program: Path, arguments: Sequence[str], *, world_size: int, threads: int, folder: Path) -> list[str]:
    """Run a plain Python program once per rank, with the variables that torchrun sets. Returns what each printed."""
    port = str(free_port())
    shared = {"WORLD_SIZE": str(world_size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    shared |= {"OMP_NUM_THREADS": str(threads), "GLOO_SOCKET_IFNAME": "lo0" if sys.platform == "darwin" else "lo"}
    logs = [folder / f"rank-{rank}.log" for rank in range(world_size)]
    for log in logs:
        log.unlink(missing_ok=True)
    with contextlib.ExitStack() as stack:
        ranks = [
            stack.enter_context(
                started(
                    [sys.executable, str(program), *arguments],
                    log,
                    shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
                )
            )
            for rank, log in enumerate(logs)
        ]
        for process, log in zip(ranks, logs, strict=True):
            finish(process, log)
    return [log.read_text(errors="replace") for log in logs]


def free_port() -> int:
    """A TCP port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def torchrun_argv(*program: str, options: Sequence[str] = ()) -> list[str]:
    """torchrun on 2 ranks of this machine; without `options` with its static rendezvous, the fastest that it has."""
    where = options or ["--master-port", str(free_port())]
    return [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", *where, *program]
