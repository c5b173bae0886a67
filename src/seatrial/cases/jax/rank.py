"""A rank with JAX: its device, the other ranks, and what it says of them. One process for each device.

MASTER_ADDR and MASTER_PORT are set as torchrun does; rank 0 serves JAX's coordinator there.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax
import jax.monitoring
import numpy as np
from jax.experimental import multihost_utils

from seatrial.cases.jax.flags import xla_flags
from seatrial.errors import Problem, UserError
from seatrial.hardware.accelerators import peak_of_device
from seatrial.rank.core import Rank

BLOCK = 1024
"""Bytes that every rank sends at once: one compiled program serves all small messages."""


class JaxRank(Rank):
    """A rank with JAX."""

    def __init__(self, run: Path, job: dict[str, Any]) -> None:
        super().__init__(run, job)
        self.nodes: int = job["nodes"]

    def join(self) -> None:
        """Meet the other ranks. Raises UserError for a device that JAX has no name for here."""
        if self.device_kind not in ("cpu", "cuda"):
            what = "this case has no name for such a device in JAX"
            raise UserError(Problem(what, f"device {self.device_kind!r}", "run it on GPUs or CPUs"))
        os.environ["XLA_FLAGS"] = xla_flags(self.device_kind, os.environ.get("XLA_FLAGS", ""))
        # XLA's pool of threads takes all cores unless this says otherwise.
        os.environ.setdefault("NPROC", os.environ.get("OMP_NUM_THREADS", "1"))
        jax.config.update("jax_platforms", self.device_kind)
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.config.update("jax_enable_preemption_service", False)  # it would take SIGTERM, which is ours
        port = int(os.environ["MASTER_PORT"])
        if "TORCHELASTIC_RUN_ID" in os.environ:
            port += 1  # torchrun serves its own store at the first
        jax.distributed.initialize(
            f"{os.environ['MASTER_ADDR']}:{port}",
            num_processes=self.world_size,
            process_id=self.rank,
            local_device_ids=[self.local_rank] if self.device_kind == "cuda" else None,
        )

    def part(self) -> None:
        """Wait for the others: rank 0 keeps the coordinator that they still ask."""
        jax.distributed.shutdown()

    def gather(self, value: Any) -> list[Any]:
        """Every rank's JSON-able value, by rank. A collective."""
        text = json.dumps(value).encode()
        room = BLOCK - 8
        parts = _gather_blocks(len(text).to_bytes(8, "little") + text[:room].ljust(room))
        lengths = [int.from_bytes(part[:8], "little") for part in parts]
        whole = [part[8:] for part in parts]
        rest = max(lengths) - room
        if rest > 0:
            size = -(-rest // BLOCK) * BLOCK
            whole = [a + b for a, b in zip(whole, _gather_blocks(text[room:].ljust(size)), strict=True)]
        return [json.loads(part[:length]) for part, length in zip(whole, lengths, strict=True)]

    def on_any_rank(self, *flags: bool) -> list[bool]:
        """Each flag: whether it is set on any rank. A collective."""
        return [any(each) for each in zip(*self.gather(flags), strict=True)]

    @property
    def backend(self) -> str:
        """Collective backend of the device."""
        return "nccl" if self.device_kind == "cuda" else "gloo"

    def hosts(self) -> list[str]:
        """Host name of every rank. A collective."""
        return self.gather(socket.gethostname())

    def device_name(self) -> str:
        """The device for people."""
        return super().device_name() if self.device_kind == "cpu" else jax.local_devices()[0].device_kind

    def peak_memory(self) -> int:
        """Peak memory of this rank in bytes: device memory where there is one, else resident set."""
        if self.device_kind == "cpu":
            return super().peak_memory()
        return int(jax.local_devices()[0].memory_stats()["peak_bytes_in_use"])

    def peak_flops(self, dtype: str) -> tuple[float | None, str]:
        """Dense peak FLOP/s of one rank at ``bf16`` or ``fp32``, and where the figure comes from; None if unknown."""
        return super().peak_flops(dtype) if self.device_kind == "cpu" else peak_of_device(self.device_name(), dtype)

    def versions(self, packages: Iterable[str] = ()) -> dict[str, str]:
        """Versions of what decides a result, and of `packages`, as found in this process."""
        return super().versions([*packages, "jax-cuda12-plugin", "jax-cuda13-plugin"])

    def agree(self, step: int, loss: float, parameters: Any) -> bool:
        """Whether step and loss are the same on every rank, and each weight on all that hold the same part of it.

        A collective.
        """
        parts = [[*_part(shard)] for array in jax.tree.leaves(parameters) for shard in array.addressable_shards]
        everyone = self.gather([step, loss.hex(), parts])
        seen: dict[Any, int] = {}
        same = all(
            seen.setdefault((number, place), bits) == bits
            for *_, mine in everyone
            for number, (place, bits) in enumerate(mine)
        )
        return same and len({(done, value) for done, value, _ in everyone}) == 1


def _part(shard: jax.Shard) -> tuple[str, int]:
    """Which part of an array a shard is, and its bits as integers: their sum does not depend on the order."""
    bits = np.ascontiguousarray(shard.data).view(np.uint32)
    return str(shard.index), int(bits.sum(dtype=np.uint64))


def _gather_blocks(block: bytes) -> list[bytes]:
    found = multihost_utils.process_allgather(np.frombuffer(block, np.uint8))
    return [row.tobytes() for row in np.asarray(found).reshape(-1, len(block))]
