"""One rank of a run: its place in the world, its arguments, its events, its signals.

RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT are set as torchrun does. A launcher adds

- SEATRIAL_RUN: the folder of the run. Its job.json is the job, or else
- SEATRIAL_JOB: the text of job.json, where nobody could put it into the folder;
- SEATRIAL_ATTEMPT: the number of this start, where the launcher counts them;
- SEATRIAL_HEARTBEATS=1: give a sign of life after each step;
- SEATRIAL_PRINT_EVENTS=1: rank 0 also prints its events, for launchers that can only read logs;
- SEATRIAL_CHECKPOINTS=0: keep none, because the folder is lost with the node.
"""

from __future__ import annotations

import contextlib
import datetime
import faulthandler
import importlib.metadata
import json
import math
import multiprocessing
import os
import platform
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Literal, NoReturn

import numpy as np
import torch
import torch.distributed as dist

from seatrial import __version__
from seatrial.errors import ExitCode, UserError
from seatrial.events import PRINTED, Event, EventWriter, Heartbeat, RunEnd, Step, encode, read_events
from seatrial.findings import Finding, Verdict
from seatrial.rank import interfaces

COLLECTIVE_TIMEOUT = datetime.timedelta(minutes=30)
"""After this a collective that not all ranks joined raises. The local launcher's hang limit is shorter."""
FOLDERS = ("checkpoints", "heartbeats", "logs", "stacks")
"""What ranks write into, in the folder of a run."""


class Worker:
    """Set up by `start`; use it as the only door to the run's folder."""

    def __init__(self, run: Path, job: dict[str, Any]) -> None:
        self.run = run
        self.args: dict[str, Any] = job["args"]
        self.digest: str = job["digest"]
        self.pins: dict[str, str] = job["pins"]
        self.rank = int(os.environ["RANK"])
        self.local_rank = int(os.environ["LOCAL_RANK"])
        self.world_size = int(os.environ["WORLD_SIZE"])
        self.processes_per_node: int = job["processes_per_node"]
        self.attempt = self._attempt()
        self.device = torch.device("cuda", self.local_rank) if job["device"] == "cuda" else torch.device("cpu")
        self.stop_signal: str | None = None
        """Name of the signal that asked this rank to write a checkpoint and stop."""
        self.keeps_checkpoints = os.environ.get("SEATRIAL_CHECKPOINTS") != "0"
        self._events = EventWriter(run / "events.jsonl") if self.rank == 0 else None
        self._print_events = os.environ.get("SEATRIAL_PRINT_EVENTS") == "1"
        self._heartbeat = self._open_heartbeat()
        self._step = 0
        self._finite = True
        self._control: dist.ProcessGroup | None = None
        self._ended = False

    @property
    def backend(self) -> str:
        """Collective backend of the device."""
        return "nccl" if self.device.type == "cuda" else "gloo"

    def emit(self, event: Event) -> None:
        """Append an event to the run; only rank 0's are kept."""
        if isinstance(event, Step):
            self._step = event.step
            self._finite = self._finite and math.isfinite(event.loss)
        if self._events is not None:
            line = encode(event, time.time())
            self._events.append(line)
            if self._print_events:
                print(f"{PRINTED}{line.decode()}", end="", flush=True)

    def end(
        self, outcome: str, step: int, *, reason: str = "", ranks_agree: bool | None = None, final: bool = False
    ) -> None:
        """Say how this attempt ended; the first word counts. `final`: a restart would only come here again."""
        if not self._ended:
            self.emit(RunEnd(outcome=outcome, step=step, reason=reason, ranks_agree=ranks_agree, final=final))
        self._ended = True

    def phase(self, name: str) -> None:
        """Enter a phase that has no steps; also a sign of life."""
        self.emit(Heartbeat(phase=name, rank=self.rank))
        self.alive()

    def alive(self) -> None:
        """Give a sign of life."""
        if self._heartbeat is not None:
            os.utime(self._heartbeat)

    @property
    def data(self) -> Path:
        """Folder of prepared data sets, beside the runs: SEATRIAL_DATA if it is set."""
        return Path(os.environ.get("SEATRIAL_DATA") or self.run.absolute().parent / "datasets")

    def request(self) -> Literal["stop", "give up"] | None:
        """What all ranks shall do now: write a checkpoint and stop, give up because a loss is not a number, or go on.

        A collective over the host's network, so that no device has to be waited for. Follow it with `leave`.
        """
        if self._control is None:
            self._control = dist.new_group(backend="gloo")
        flags = torch.tensor([self.stop_signal is not None, not self._finite], dtype=torch.int32)
        dist.all_reduce(flags, op=dist.ReduceOp.MAX, group=self._control)
        stop, broken = flags.tolist()
        return "give up" if broken else "stop" if stop else None

    def leave(self, request: Literal["stop", "give up"], step: int, *, saved: bool) -> NoReturn:
        """End the process as `request` asked for; `saved` says whether a checkpoint of `step` was written."""
        if request == "give up":
            # It stays what it is, and a restart would only come here again.
            self.end("failed", step, reason=f"the loss of step {step} is not a finite number", final=True)
            sys.exit(ExitCode.INVALID)
        self.end("stopped" if saved else "failed", step, reason=self.stop_signal or "another rank was asked to")
        sys.exit(ExitCode.STOPPED if saved else ExitCode.FAILED)

    def sum(self, values: list[float]) -> list[float]:
        """Each value summed over all ranks, in double precision. A collective: every rank must call it."""
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor)
        return tensor.tolist()

    def gather(self, values: list[float]) -> list[list[float]]:
        """Every rank's list, by rank. A collective."""
        mine = torch.tensor(values, dtype=torch.float64, device=self.device)
        everyone = [torch.empty_like(mine) for _ in range(self.world_size)]
        dist.all_gather(everyone, mine)
        return torch.stack(everyone).tolist()

    def device_name(self) -> str:
        """The device for people."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return f"cpu ({_processor()})"

    def peak_memory(self) -> int:
        """Peak memory of this rank in bytes: device memory where there is one, else resident set."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        import resource

        unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes on macOS, KiB on Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

    def hosts(self) -> list[str]:
        """Host name of every rank. A collective."""
        names: list[Any] = [None] * self.world_size
        dist.all_gather_object(names, socket.gethostname())
        return names

    def _attempt(self) -> int:
        if "SEATRIAL_ATTEMPT" in os.environ:
            return int(os.environ["SEATRIAL_ATTEMPT"])
        # An engine that starts a job anew does not count; what rank 0 wrote before does.
        return read_events(self.run / "events.jsonl").attempts() if self.rank == 0 else 0

    def _open_heartbeat(self) -> int | None:
        if os.environ.get("SEATRIAL_HEARTBEATS") != "1":
            return None
        return os.open(self.run / "heartbeats" / f"rank-{self.rank}", os.O_WRONLY | os.O_CREAT, 0o644)

    def _dump_stacks_on_request(self) -> None:
        # Without this a hang would leave no trace: SIGUSR2 writes every thread's stack, even from inside C code.
        self._stacks = (self.run / "stacks" / f"rank-{self.rank}.txt").open("a")
        faulthandler.register(signal.SIGUSR2, file=self._stacks, all_threads=True)

    def _stop_on_request(self) -> None:
        def stop(number: int, _: FrameType | None) -> None:
            self.stop_signal = signal.Signals(number).name

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGUSR1, stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the launcher's to handle: it sends SIGTERM

    def _choose_interface(self) -> None:
        if "GLOO_SOCKET_IFNAME" not in os.environ:
            # Left alone gloo takes the address that this host's own name resolves to, on Debian 127.0.1.1.
            name = interfaces.towards(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
            if name is not None:
                os.environ["GLOO_SOCKET_IFNAME"] = name

    def _warn_of_other_versions(self) -> None:
        for package, pin in self.pins.items():
            found = _version(package)
            if found is None or found.partition("+")[0] != pin:  # 2.13.0+cpu is 2.13.0, built for CPUs
                self.emit(
                    Finding(
                        check="run.versions",
                        verdict=Verdict.WARN,
                        observed=f"{package} {found or 'is not installed as a package'}",
                        expected=f"{package} {pin}, which this case was made with",
                        action="install that version, or read the result with care",
                    )
                )

    def _join(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        backend = "cpu:gloo,cuda:nccl" if self.device.type == "cuda" else "gloo"
        dist.init_process_group(backend, timeout=COLLECTIVE_TIMEOUT)


@contextlib.contextmanager
def start(*, join: bool = True) -> Iterator[Worker]:
    """Join the run: read its job, set up signals and the process group; leave it in order, whatever happens.

    `join=False` leaves the process group to a framework that insists on making its own. A UserError inside is printed
    without a traceback and ends the process with exit code 2.
    """
    folder = os.environ.get("SEATRIAL_RUN")
    if folder is None:
        print("error: SEATRIAL_RUN is not set; this program is started by: seatrial run", file=sys.stderr)
        sys.exit(ExitCode.USAGE)
    run = Path(folder)
    worker = Worker(run, _job(run))
    worker._dump_stacks_on_request()
    worker.phase("start")
    worker._warn_of_other_versions()
    worker._choose_interface()
    if join:
        worker._join()
    worker._stop_on_request()  # not before: a rank that waits for others to join has nothing to save, and may just end
    try:
        yield worker
        code: Any = 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        worker.end("failed", worker._step, reason=str(error), final=True)
        code = ExitCode.USAGE
    except SystemExit as request:
        code = request.code or 0
    except BaseException as error:
        # The reason goes into the run, the traceback into this rank's log.
        worker.end("failed", worker._step, reason=f"{type(error).__name__}: {error}".splitlines()[0])
        traceback.print_exc()
        code = 1
    _leave(worker, code if isinstance(code, int) else 1)


def _job(run: Path) -> dict[str, Any]:
    """The job, from the run's folder, or from the launcher; then this is also who makes the folder."""
    for name in FOLDERS:
        (run / name).mkdir(parents=True, exist_ok=True)
    text = os.environ.get("SEATRIAL_JOB") or (run / "job.json").read_text(encoding="utf-8")
    job: dict[str, Any] = json.loads(text)
    return job


def _leave(worker: Worker, code: int) -> NoReturn:
    """End the process at once, without destructors.

    ProcessGroupGloo's destructor joins its threads while it holds the interpreter's lock, and a thread that is just
    dropping a Python tensor waits for that lock: about one exit in four hung (torch 2.13). After a failure, leaving in
    order would also wait for collectives that the other ranks never join.
    """
    if code in (0, ExitCode.STOPPED) and dist.is_initialized():
        # Rank 0 keeps the store that others may still read, and engines kill everybody as soon as one rank has left
        # with a code that is not 0.
        dist.barrier()
        if worker.device.type == "cuda":
            dist.destroy_process_group()
    for child in multiprocessing.active_children():  # a framework's helpers, which would outlive us
        child.kill()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def versions(packages: Iterable[str] = ()) -> dict[str, str]:
    """Versions of what decides a result, and of `packages`, as found in this process."""
    found = {
        "seatrial": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "system": platform.platform(),
    }
    if torch.version.cuda:
        found["cuda"] = torch.version.cuda
        found["nccl"] = ".".join(map(str, torch.cuda.nccl.version()))
    return found | {package: version for package in packages if (version := _version(package))}


def _version(package: str) -> str | None:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(package)
    return None


def _processor() -> str:
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
