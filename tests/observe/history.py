"""A history of every metric of the catalogue, made by formulas: two nodes of two GPUs, two runs, one slow rank.

Names, labels and types are the catalogue's, so that a query finds data if, and only if, it asks for what is emitted.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product

from seatrial.observe.catalogue import EMITTERS, METRICS, Metric

CLUSTER = "example"
NODES = ("node-1", "node-2")
RUNS = ("fsdp-llama3.1-8b-1128-0930", "jax-llama3.1-8b-1128-1015")
Labels = Mapping[str, str]


def _rows(names: str, *values: str) -> list[dict[str, str]]:
    return [dict(zip(names.split(), value.split(), strict=True)) for value in values]


_TOGETHER: Sequence[tuple[str, list[dict[str, str]]]] = (
    ("train_", _rows("run_id case", f"{RUNS[0]} fsdp", f"{RUNS[1]} jax")),
    ("train_", _rows("rank node", "0 node-1", "1 node-1", "2 node-2", "3 node-2")),
    ("node_filesystem_", _rows("device fstype mountpoint", "/dev/root ext4 /", "fs-1@tcp:/abc lustre /fsx")),
    ("node_disk_", _rows("device", "nvme0n1", "nvme1n1")),
    ("node_network_", _rows("device", "lo", "ens32")),
    ("node_amazonefa_", _rows("device", "rdmap79s0", "rdmap80s0")),
    ("node_cpu_", _rows("mode", "idle", "user", "system", "iowait")),
    ("kube_node_status_condition", _rows("condition status", "Ready true", "Ready false")),
    ("ALERTS", _rows("alertname alertstate severity", "GpuXid firing critical", "NodeFsFilling pending warning")),
)
"""Beginning of a metric's name -> labels that belong together, with their values."""

_APART: Mapping[str, Sequence[str]] = {
    "gpu": ("0", "1"),
    "phase": ("forward", "backward", "optimizer", "data_wait", "checkpoint", "other"),
    "convention": ("causal", "full"),
    "op": ("save", "load"),
    "verdict": ("PASS", "FAIL"),
    "check": ("gpu.xid", "memory.size"),
    "collective": ("AllReduce", "AllGather"),
    "message_size": ("1MiB-2MiB", "128MiB-256MiB"),
    "partition": ("p5", "cpu"),
    "collector": ("run", "slurm"),
    "node": NODES,
    "state": ("running",),
    "cpu": ("0", "1"),
    "resource": ("nvidia_com_gpu",),
    "severity": ("REBOOT",),
    "reason": ("Resources",),
    "xid": ("79",),
}
"""Label -> its values. One that is not here has one value, its own name; an older spelling of a label is left out."""

_AT_EVERY_NODE = ("dcgm", "efa", "node_exporter", "nccl", "neuron", "prometheus", "exporter")
"""Emitters that run on each node; the others run on the head node."""


def openmetrics(start: int, stop: int, step: int, leave_out: Sequence[str] = ()) -> Iterator[str]:
    """The history from `start` to `stop`, Unix seconds, as lines of OpenMetrics text."""
    for metric in METRICS.values():
        if metric.name in leave_out:
            continue
        for name in metric.series:
            for labels in _series(metric):
                told = ",".join(f'{label}="{value}"' for label, value in labels.items())
                value = _values(metric, labels)
                for at in range(start, stop + 1, step):
                    yield f"{name}{{{told}}} {value(at - start, at):.12g} {at}\n"
    yield "# EOF\n"


def _series(metric: Metric) -> Iterator[Labels]:
    emitter = EMITTERS[metric.emitter]
    left = set(metric.labels) - set(emitter.old_labels) - {"*"}
    choices: list[Sequence[Labels]] = []
    for beginning, rows in _TOGETHER:
        if metric.name.startswith(beginning) and set(rows[0]) <= left:
            choices.append(rows)
            left -= set(rows[0])
    choices += [[{label: value} for value in _APART.get(label, (label,))] for label in sorted(left)]
    target = {"cluster": CLUSTER, "job": metric.emitter}
    nodes = NODES if metric.emitter in _AT_EVERY_NODE else ("head",)
    for chosen in product([{"node": node} for node in nodes], *choices):
        labels = {**target, **{label: value for part in chosen for label, value in part.items()}}
        yield {**labels, "instance": f"{labels['node']}:{emitter.port}"}


_LEVELS: Mapping[str, float] = {
    "ratio": 0.6,
    "percent": 70,
    "seconds": 0.4,
    "milliseconds": 20,
    "microseconds": 900,
    "nanoseconds": 4e8,
    "bytes": 6e10,
    "kilobytes": 1e6,
    "mebibytes": 6e4,
    "bytes/s": 1.25e10,
    "GB/s": 300,
    "tokens/s": 3.2e5,
    "samples/s": 300,
    "FLOP/s": 6.5e15,
    "hertz": 2.6e9,
    "megahertz": 1700,
    "celsius": 58,
    "watts": 520,
    "nats": 2.5,
    "number": 0.8,
    "count": 4,
    "step": 500,
}
"""Unit -> about what a gauge shows, or a counter adds in a second."""


def _values(metric: Metric, labels: Labels) -> Callable[[int, int], float]:
    """Value of a series, by seconds since the start and by the time."""
    own = zlib.crc32(repr(sorted(labels.items())).encode()) / 2**32  # every series is a little different
    if metric.name in _SPECIAL:
        special = _SPECIAL[metric.name]
        return lambda since, at: special(since, labels, own)
    if metric.unit == "timestamp":
        return lambda since, at: at - 5 - 20 * own
    if metric.unit in ("info", "bool", "code"):
        return lambda since, at: 1.0
    level = _LEVELS.get(metric.unit, 1.0)
    if metric.type == "counter" or metric.name.startswith(("node_vmstat_", "node_netstat_")):
        pace = {"seconds": 0.3, "nanoseconds": 2e7, "bytes": 2e9, "step": 0.5}.get(metric.unit, 0.05)
        return lambda since, at: pace * (0.8 + 0.4 * own) * (since + 40 * math.sin(since / 300 + 6 * own) + 60)
    if metric.unit == "count":
        return lambda since, at: float(round(level * (0.5 + own)))
    wave = level * (0.85 + 0.1 * own)
    return lambda since, at: wave * (1 + 0.03 * math.sin(since / 400 + 6 * own) + 0.01 * math.sin(since / 37 + own))


_PHASES = {"forward": 0.27, "backward": 0.52, "optimizer": 0.06, "data_wait": 0.05, "checkpoint": 0.04, "other": 0.06}


def _noise(since: int, own: float) -> float:
    return math.sin(since * (0.9 + own)) + math.sin(since * 0.37 + own)


def _work(since: int, labels: Labels, own: float) -> float:
    """Rank 3 is slow after two thirds of an hour."""
    slow = 0.5 if labels["rank"] == "3" and since > 2400 else 0.0
    return 1.6 + slow + 0.01 * _noise(since, own)


_SPECIAL: Mapping[str, Callable[[int, Labels, float], float]] = {
    "train_loss": lambda since, labels, own: 2.4 + 8 * math.exp(-since / 900) + 0.02 * _noise(since, own),
    "train_grad_norm": lambda since, labels, own: 0.6 + 3 * math.exp(-since / 500) + 0.05 * _noise(since, own),
    "train_learning_rate": lambda since, labels, own: 3e-4 * min(1.0, (since + 60) / 600),
    "train_step": lambda since, labels, own: since // 2,
    "train_steps_planned": lambda since, labels, own: 5000,
    "train_step_time_seconds": lambda since, labels, own: 1.95 + 0.5 * (since > 2400) + 0.02 * _noise(since, own),
    "train_step_work_seconds": _work,
    "train_comm_wait_seconds": lambda since, labels, own: 2.6 - _work(since, labels, own),
    "train_data_wait_seconds": lambda since, labels, own: 0.06 + 0.02 * own + 0.004 * _noise(since, own),
    "train_phase_seconds_total": lambda since, labels, own: since * _PHASES[labels["phase"]],
    "train_tokens_per_second": lambda since, labels, own: (
        3.2e5 / (1 + 0.25 * (since > 2400)) + 1500 * _noise(since, own)
    ),
    "train_mfu_ratio": lambda since, labels, own: (
        (0.40 if labels["convention"] == "causal" else 0.44) / (1 + 0.25 * (since > 2400)) + 0.002 * _noise(since, own)
    ),
    "train_goodput_ratio": lambda since, labels, own: 0.93,
    "train_restarts_total": lambda since, labels, own: float(since > 1200),
    "train_checkpoint_seconds": lambda since, labels, own: (21 if labels["op"] == "save" else 34) + 4 * own,
    "train_checkpoint_stall_seconds_total": lambda since, labels, own: 12.0 * (since // 600),
    "train_memory_bytes": lambda since, labels, own: 6.1e10 if since > 60 else 4.4e10,
    "train_ranks": lambda since, labels, own: 4,
    "up": lambda since, labels, own: float(labels["node"] != "node-2" or since < 1800),
    "seatrial_collector_success": lambda since, labels, own: float(labels["collector"] != "slurm"),
    "node_filesystem_size_bytes": lambda since, labels, own: 1.2e12 if labels["fstype"] == "lustre" else 2e11,
    "node_filesystem_avail_bytes": lambda since, labels, own: (
        (5e11 if labels["fstype"] == "lustre" else 9e10) - 1e7 * since
    ),
    "node_memory_MemTotal_bytes": lambda since, labels, own: 2e12,
    "node_memory_HugePages_Total": lambda since, labels, own: 5128,
    "slurm_node_gpus": lambda since, labels, own: 8,
    "slurm_partition_nodes": lambda since, labels, own: 16,
    "kube_node_status_allocatable": lambda since, labels, own: 8,
    "node_amazonefa_state_id": lambda since, labels, own: 4,
}
"""Metrics of which more than the unit is known."""
