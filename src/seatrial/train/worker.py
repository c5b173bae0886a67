"""A rank with torch: its device, its process group, its collectives.

MASTER_ADDR and MASTER_PORT are set as torchrun does; the others of a launcher's variables are `seatrial.rank.core`'s.
"""

from __future__ import annotations

import datetime
import os
import socket
from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from seatrial.errors import Problem, UserError
from seatrial.hardware.accelerators import peak_of_device
from seatrial.profiling import Profile
from seatrial.rank import interfaces
from seatrial.rank.core import Rank
from seatrial.rank.start import start as start_rank
from seatrial.rank.window import Recorder
from seatrial.train.contents import StepContents
from seatrial.train.profiler import CudaWindow, TorchRecorder

COLLECTIVE_TIMEOUT = datetime.timedelta(minutes=30)
"""After this a collective that not all ranks joined raises. The local launcher's hang limit is shorter."""


class Worker(Rank):
    """A rank with torch."""

    def __init__(self, run: Path, job: dict[str, Any], *, join: bool = True) -> None:
        super().__init__(run, job)
        self._joins = join
        self._control: dist.ProcessGroup | None = None
        self._contents = StepContents()

    def watch(self, model: torch.nn.Module) -> None:
        """See what `model` computes in, once, in its first forward pass; call it when it is whole."""
        self._contents.watch(model)

    def after_step(self, done: int) -> None:
        """Step `done` has been taken: a sign of life, and where a profile begins and ends; one step is looked at."""
        only_trained = self.in_steps
        super().after_step(done)
        if self.rank == 0 and (content := self._contents.after_step(done, only_trained=only_trained)):
            self.emit(content)

    @cached_property
    def device(self) -> torch.device:
        """What this rank computes on. Raises UserError where torch alone has no such device, instead of taking another.

        A case that brings one (torch-neuronx) gives it in a class of its own.
        """
        if self.device_kind == "cuda":
            return torch.device("cuda", self.local_rank)
        if self.device_kind == "cpu":
            return torch.device("cpu")
        what = "torch alone has no such device, and this case brings none"
        remedy = "run it on GPUs or CPUs, or take a case that is made for this accelerator"
        raise UserError(Problem(what, f"device {self.device_kind!r}", remedy))

    @property
    def backend(self) -> str:
        """Collective backend of the device."""
        return "nccl" if self.device.type == "cuda" else "gloo"

    def join(self) -> None:
        """Make the process group, unless a framework insists on making its own."""
        device = self.device  # also then: a rank without its device must not begin
        self._choose_interface()
        if not self._joins:
            return
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=COLLECTIVE_TIMEOUT)

    def part(self) -> None:
        """Wait for the others, if there is a process group."""
        if not dist.is_initialized():
            return
        # Rank 0 keeps the store that others may still read, and engines kill everybody as soon as one rank has left
        # with a code that is not 0.
        dist.barrier()
        if self.device.type == "cuda":
            dist.destroy_process_group()

    def on_any_rank(self, *flags: bool) -> list[bool]:
        """Each flag: whether it is set on any rank.

        A collective over the host's network, so that no device has to be waited for.
        """
        if self._control is None:
            self._control = dist.new_group(backend="gloo")
        found = torch.tensor(flags, dtype=torch.int32)
        dist.all_reduce(found, op=dist.ReduceOp.MAX, group=self._control)
        return [bool(flag) for flag in found.tolist()]

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

    def hosts(self) -> list[str]:
        """Host name of every rank. A collective."""
        names: list[Any] = [None] * self.world_size
        dist.all_gather_object(names, socket.gethostname())
        return names

    def device_name(self) -> str:
        """The device for people."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else super().device_name()

    def peak_memory(self) -> int:
        """Peak memory of this rank in bytes: device memory where there is one, else resident set."""
        return torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else super().peak_memory()

    def threads(self) -> int | None:
        """Threads that an operation may take on a CPU."""
        return torch.get_num_threads()

    def peak_flops(self, dtype: str) -> tuple[float | None, str]:
        """Dense peak FLOP/s of one rank at ``bf16`` or ``fp32``, and where the figure comes from; None if unknown."""
        return peak_of_device(self.device_name(), dtype) if self.device.type == "cuda" else super().peak_flops(dtype)

    def recorder(self, wanted: Profile, path: Path) -> Recorder:
        """torch.profiler, or what tells nsys of the window."""
        return CudaWindow(path) if wanted.tool == "nsys" else TorchRecorder(wanted, path, self.device)

    def versions(self, packages: Iterable[str] = ()) -> dict[str, str]:
        """Versions of what decides a result, and of `packages`, as found in this process."""
        found = super().versions(packages) | {"torch": torch.__version__}
        if torch.version.cuda:
            found["cuda"] = torch.version.cuda
            found["nccl"] = ".".join(map(str, torch.cuda.nccl.version()))
        return found

    def _choose_interface(self) -> None:
        if "GLOO_SOCKET_IFNAME" not in os.environ:
            # Left alone gloo takes the address that this host's own name resolves to, on Debian 127.0.1.1.
            name = interfaces.towards(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
            if name is not None:
                os.environ["GLOO_SOCKET_IFNAME"] = name


def start(*, join: bool = True) -> AbstractContextManager[Worker]:
    """`seatrial.rank.start.start` with torch; `join=False` leaves the process group to a framework that has its own."""
    return start_rank(partial(Worker, join=join))
