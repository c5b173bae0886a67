"""Facts that real ranks told, and what is made of them.

cpu.jsonl: facts.jsonl of `seatrial run env` on a virtual machine without GPUs (Debian 12, Python 3.11.7, torch
2.13.0+cpu); of its packages four are left, the path of Python and
the kernel's command line are shortened. `gpus` is made of it: 32 ranks on 4 nodes,
with what torch and the files of a p5.48xlarge would say.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from seatrial.checks.environment.facts import Facts, of_node
from seatrial.checks.environment.judging import Expected

TEXT = (Path(__file__).parent / "cpu.jsonl").read_text()
CPU = [Facts.from_json(line) for line in TEXT.splitlines()]
ON_CPU = Expected(device="cpu", world_size=2, per_node=2)
ON_GPUS = Expected(device="cuda", world_size=32, per_node=8)
GPU: dict[str, Any] = {
    "collective.all-reduce.nccl": 0,
    "collective.all-to-all.nccl": 0,
    "cpu.count": 192,
    "cpu.usable": 192,
    "device.capability": "9.0",
    "device.count": 8,
    "device.name": "NVIDIA H100 80GB HBM3",
    "host.instance": "p5.48xlarge",
    "hugepages.total": 5128,
    "limit.memlock": "unlimited",
    "nccl": "2.31.2",
    "software.aws_ofi_nccl": "1.21.1",
    "software.driver": "580.95.05",
    "software.driver_libraries": "580.95.05",
    "software.efa_driver": "3.3.0",
    "software.efa_installer": "1.50.0",
    "software.libfabric": "2.6.0amzn1.0",
    "threads.torch": 24,
    "torch": "2.13.0+cu130",
    "torch.architectures": "sm_80 sm_90 sm_100",
    "torch.backends.cudnn.version": "9.13.1",
    "torch.cuda.is_available": True,
    "torch.distributed.is_nccl_available": True,
    "torch.version.cuda": "13.0",
}


def gpus(nodes: int = 4, per_node: int = 8) -> list[Facts]:
    """Healthy ranks on p5.48xlarge."""
    ranks = []
    for rank in range(nodes * per_node):
        node, local = divmod(rank, per_node)
        base = CPU[0 if local == 0 else 1]
        own = {name: value for name, value in GPU.items() if local == 0 or not of_node(name)}
        values = {**base.values, **own, "device.index": local, "device.uuid": f"GPU-{rank:04x}", "process.pid": rank}
        ranks.append(Facts(rank=rank, local_rank=local, host=f"ip-10-0-0-{node}", values=values))
    return ranks


def changed(ranks: list[Facts], rank: int, **values: Any) -> list[Facts]:
    """The same, but for facts of one rank; names with ``__`` for a dot."""
    news = {name.replace("__", "."): value for name, value in values.items()}
    return [replace(f, values={**f.values, **news}) if f.rank == rank else f for f in ranks]


def without(ranks: list[Facts], rank: int, name: str) -> list[Facts]:
    """The same, but a fact of one rank was not collected."""
    return [replace(f, values={n: v for n, v in f.values.items() if n != name}) if f.rank == rank else f for f in ranks]
