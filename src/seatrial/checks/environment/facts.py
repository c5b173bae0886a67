"""Facts of one rank, as they travel to rank 0 and are kept; and which of them may differ between ranks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from fnmatch import fnmatchcase

from seatrial.checks.observations import Unreadable
from seatrial.findings import Verdict

Value = str | int | float | bool | None
"""None: there is no such thing here, such as a version of CUDA where there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What one rank found."""

    rank: int
    local_rank: int
    host: str
    values: Mapping[str, Value] = field(default_factory=dict)
    """Name -> value. Those of a node are collected by the first rank on it."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """Name -> why it could not be seen."""

    def to_json(self) -> str:
        """A line of facts.jsonl."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, line: str) -> Facts:
        """What `to_json` made. Raises Unreadable for anything else."""
        expected = "the facts of a rank, as one JSON object"
        try:
            record = json.loads(line)
        except ValueError:
            raise Unreadable(expected, line) from None
        if not isinstance(record, dict) or set(record) != {f.name for f in fields(cls)}:
            raise Unreadable(expected, line)
        numbers = all(type(record[name]) is int for name in ("rank", "local_rank"))
        tables = all(isinstance(record[name], dict) for name in ("values", "problems"))
        if not (numbers and tables and isinstance(record["host"], str)):
            raise Unreadable(expected, line)
        return cls(**record)


class Collector:
    """Facts while they are collected: a value, or why it could not be seen."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}
        self.problems: dict[str, str] = {}

    def add(self, name: str, look: Callable[[], Value]) -> None:
        """What `look` returns; what it raises is why the fact could not be seen."""
        try:
            self.values[name] = look()
        except OSError as error:
            place = f": {error.filename}" if error.filename else ""
            self.problems[name] = f"{error.strerror or error}{place}"
        except Exception as error:  # one fact that cannot be had takes no other with it
            self.problems[name] = f"{type(error).__name__}: {error}".splitlines()[0][:200]


@dataclass(frozen=True, slots=True)
class Difference:
    """What it means that a fact is not the same everywhere."""

    pattern: str
    """Of its name."""
    verdict: Verdict
    """SKIP: it may differ."""
    why: str


DIFFERENCES = (
    Difference("process.*", Verdict.SKIP, "each process has its own"),
    Difference("collective.*", Verdict.SKIP, "a rule of its own says what is wrong with it"),
    Difference("device.index", Verdict.SKIP, "each rank has a device of its own"),
    Difference("device.uuid", Verdict.SKIP, "each rank has a device of its own"),
    Difference("device.bus", Verdict.SKIP, "each rank has a device of its own"),
    Difference("disk.free", Verdict.SKIP, "it changes all the time"),
    Difference("shm.free", Verdict.SKIP, "it changes all the time"),
    Difference("hugepages.free", Verdict.SKIP, "it changes all the time"),
    Difference("cpu.list", Verdict.SKIP, "ranks may be bound to cores of their own"),
    Difference("python.executable", Verdict.WARN, "another interpreter may bring other packages"),
    # Ranks and engines set these for each process, or choose them by what a host calls its interfaces.
    Difference("variable.CUDA_VISIBLE_DEVICES", Verdict.SKIP, "an engine gives each rank its own device"),
    Difference("variable.NEURON_RT_VISIBLE_CORES", Verdict.SKIP, "an engine gives each rank its own cores"),
    Difference("variable.GLOO_SOCKET_IFNAME", Verdict.SKIP, "each host has its own names of interfaces"),
    Difference("variable.NCCL_HOSTID", Verdict.SKIP, "it is there to tell hosts apart"),
    # What makes no result wrong, but is reason to look: nodes of one image have the same.
    Difference("cpu.*", Verdict.WARN, "one node may be slower than the others"),
    Difference("memory.*", Verdict.WARN, "one node may run out of memory before the others"),
    Difference("hugepages.*", Verdict.WARN, "one node may run out of memory before the others"),
    Difference("shm.*", Verdict.WARN, "loaders on one node may run out of shared memory"),
    Difference("disk.*", Verdict.WARN, "checkpoints may lie on different file systems"),
    Difference("host.*", Verdict.WARN, "nodes of one kind finish together"),
    Difference("system.*", Verdict.WARN, "nodes of one image have the same"),
    Difference("package.*", Verdict.WARN, "nodes of one image have the same"),
    Difference("gpus.*", Verdict.WARN, "one node may compute faster, or otherwise, than the others"),
    Difference("sysctl.*", Verdict.WARN, "one node may be slower than the others, or refuse what they allow"),
    Difference("module.*", Verdict.WARN, "one node has another driver, or none"),
    Difference("mount-options.*", Verdict.WARN, "one node may see files later, or move them slower"),
    Difference("mount.*", Verdict.FAIL, "what is written there on one node is not there on the others"),
    Difference("*", Verdict.FAIL, "ranks that run different software or settings hang, crash or drift apart"),
)
"""The first whose pattern fits counts."""

OF_NODES = (
    "system.*",
    "cpu.model",
    "cpu.count",
    "memory.*",
    "hugepages.*",
    "shm.*",
    "disk.*",
    "package.*",
    "software.*",
    "gpus.*",
    "sysctl.*",
    "module.*",
    "mount.*",
    "mount-options.*",
    "mounts",
)
"""Facts that the first rank on each node collects for all of them."""

ALWAYS = (
    *(f"limit.{name}" for name in ("memlock", "nofile", "nproc", "stack")),
    *("python.version", "cpu.usable", "cgroup.cpus", "cgroup.memory", "cgroup.pids"),
    *("system.kernel", "system.architecture", "cpu.model", "cpu.count", "memory.total"),
    *("hugepages.total", "shm.total", "disk.free", "disk.inodes"),
    *("sysctl.kernel.pid_max", "module.efa", "mounts"),
    *("torch", "torch.version.cuda", "torch.backends.cudnn.version", "nccl", "threads.torch"),
)
"""Facts without which nothing can be called equal: seen, or said why not, wherever Seatrial collects."""

TITLES: Mapping[str, str] = {
    "torch": "torch",
    "torch.version.cuda": "CUDA",
    "torch.backends.cudnn.version": "cuDNN",
    "nccl": "NCCL",
    "threads.torch": "threads of torch",
    "limit.memlock": "locked memory (ulimit -l)",
    "limit.nofile": "open files (ulimit -n)",
    "limit.nproc": "processes (ulimit -u)",
    "limit.stack": "stack (ulimit -s)",
    "shm.total": "size of /dev/shm",
    "software.driver": "NVIDIA driver",
    "software.efa_installer": "EFA installer",
    "software.aws_ofi_nccl": "aws-ofi-nccl",
    "system.cmdline": "the kernel's command line",
    "mounts": "file systems that nodes share",
}
"""Facts that people call by another name."""

_KINDS = dict.fromkeys(("variable", "package", "software", "sysctl"), "") | {
    "gpus": "of its GPUs ",
    "module": "module ",
    "mount": "what is mounted at ",
    "mount-options": "options of the mount ",
}
"""What stands before the name of a fact of some kinds."""


def difference(name: str) -> Difference:
    """What it means that a fact of that name differs."""
    return next(item for item in DIFFERENCES if fnmatchcase(name, item.pattern))


def of_node(name: str) -> bool:
    """Whether the first rank on each node collects it for all of them."""
    return any(fnmatchcase(name, pattern) for pattern in OF_NODES)


def title(name: str) -> str:
    """What people call a fact."""
    kind, _, rest = name.partition(".")
    return TITLES.get(name) or (_KINDS[kind] + rest if kind in _KINDS else name)


def shown(value: Value) -> str:
    """A value in a sentence."""
    return "none" if value is None else str(value)
