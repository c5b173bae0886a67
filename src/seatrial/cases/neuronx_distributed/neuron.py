"""A rank on a NeuronCore: its device, its variables, its collectives. Elsewhere it is an ordinary worker."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from seatrial.errors import Problem, UserError
from seatrial.hardware.accelerators import accelerator
from seatrial.train.worker import COLLECTIVE_TIMEOUT, Worker
from seatrial.versions import NEURON

PLATFORMS = {"trn1": "Trainium1", "trn2": "Trainium2"}
"""What torch_neuronx calls the chip -> its name in the hardware table."""
CACHE = "neuron-compile-cache"
"""Folder of compiled graphs, beside prepared data: all nodes of a cluster share it, and so do all runs."""

VARIABLES = {
    # https://awsdocs-neuron.readthedocs-hosted.com/en/latest/compiler/neuronx-cc/api-reference-guide/
    # neuron-compiler-cli-reference-guide.html: for transformers
    "NEURON_CC_FLAGS": "--model-type=transformer",
    # As in the package's examples/training/llama, run_llama3_70B_tp_pp.sh.
    "NEURON_FUSE_SOFTMAX": "1",
    "NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS": "7",
    "XLA_DISABLE_FUNCTIONALIZATION": "0",
    # Stochastic rounding is for bf16 without fp32 master weights, which are kept here.
    "NEURON_RT_STOCHASTIC_ROUNDING_EN": "0",
    # torch_xla gives each process its core, and the world its size, only where torchrun seems to have started it.
    # Where srun does, all of its other variables are set as well.
    "TORCHELASTIC_RUN_ID": "seatrial",
}
"""What the runtime and the compiler are told, unless the cluster's environment says otherwise."""


class NeuronWorker(Worker):
    """A rank whose device may be a NeuronCore. Its collectives then go over the host's network."""

    def __init__(self, run: Path, job: dict[str, Any]) -> None:
        super().__init__(run, job)
        self.on_neuron = self.device_kind == "neuron"
        if self.on_neuron:
            self.pins = {**self.pins, **NEURON}

    @cached_property
    def device(self) -> torch.device:
        """The NeuronCore, or what torch has. Raises UserError where the Neuron packages are missing."""
        if not self.on_neuron:
            return super().device
        for name, value in {**VARIABLES, "NEURON_COMPILE_CACHE_URL": str(self.data / CACHE)}.items():
            os.environ.setdefault(name, value)  # before torch_xla is imported, which reads them
        try:
            import torch_xla
            import torch_xla.distributed.xla_backend  # registers the backend
        except ImportError as error:
            remedy = f"take an image of the Neuron SDK with {', '.join(f'{n} {v}' for n, v in NEURON.items())}"
            raise UserError(Problem(f"torch_xla cannot be imported: {error}", "device 'neuron'", remedy)) from error
        return torch_xla.device()

    @property
    def backend(self) -> str:
        """Collective backend of the device."""
        return "xla" if self.on_neuron else super().backend

    @cached_property
    def control(self) -> dist.ProcessGroup | None:
        """Group of collectives over the host's network; None: the default one is."""
        return dist.new_group(backend="gloo") if self.on_neuron else None

    def join(self) -> None:
        """Make the process group."""
        if not self.on_neuron:
            return super().join()
        assert self.device.type == "xla"
        self._choose_interface()
        dist.init_process_group("xla", timeout=COLLECTIVE_TIMEOUT)

    def part(self) -> None:
        """Wait for the others."""
        if self.on_neuron and dist.is_initialized():
            dist.barrier(self.control)
        elif not self.on_neuron:
            super().part()

    def sum(self, values: list[float]) -> list[float]:
        """Each value summed over all ranks, in double precision. A collective."""
        return [sum(column) for column in zip(*self.gather(values), strict=True)]

    def gather(self, values: list[float]) -> list[list[float]]:
        """Every rank's list, by rank. A collective."""
        if not self.on_neuron:
            return super().gather(values)
        everyone: list[Any] = [None] * self.world_size
        dist.all_gather_object(everyone, values, group=self.control)
        return everyone

    def hosts(self) -> list[str]:
        """Host name of every rank. A collective."""
        names: list[Any] = [None] * self.world_size
        dist.all_gather_object(names, socket.gethostname(), group=self.control)
        return names

    @cached_property
    def platform(self) -> str | None:
        """``trn1`` or ``trn2``; None where there are no Neuron devices."""
        if not self.on_neuron:
            return None
        from torch_neuronx.utils import get_platform_target

        return str(get_platform_target())

    @property
    def lnc(self) -> int:
        """Physical NeuronCores of a logical one."""
        usual = "2" if self.platform == "trn2" else "1"
        return int(os.environ.get("NEURON_LOGICAL_NC_CONFIG", usual))

    def device_name(self) -> str:
        """The device for people."""
        return f"NeuronCore of {self.platform}, LNC {self.lnc}" if self.on_neuron else super().device_name()

    def peak_flops(self, dtype: str) -> tuple[float | None, str]:
        """Dense peak FLOP/s of one rank, and where the figure comes from; None if unknown."""
        if not self.on_neuron:
            return super().peak_flops(dtype)
        name = PLATFORMS.get(self.platform or "")
        if name is None:
            return None, f"unknown: no {self.platform} in the hardware table"
        chip = accelerator(name)
        ranks = chip.cores_per_accelerator // self.lnc
        return chip.peak_flops[dtype] / ranks, f"{name}, dense {dtype}, a share of its {ranks} ranks: {chip.source}"

    def versions(self, packages: Iterable[str] = ()) -> dict[str, str]:
        """Versions of what decides a result."""
        return super().versions([*packages, "torch-xla", "libneuronxla"] if self.on_neuron else packages)


def launch(worker: NeuronWorker) -> None:
    """Let the device compute what has been traced so far; elsewhere everything is computed at once."""
    if worker.on_neuron:
        import torch_xla

        torch_xla.sync()


def extracting() -> bool:
    """Whether neuron_parallel_compile runs this program for its graphs alone. What it then computes is no result."""
    return os.environ.get("NEURON_EXTRACT_GRAPHS_ONLY") == "1"
