"""What a process may use: locked memory, files, shared memory, huge pages, processors, disk."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.checks.environment.judging import Around, Expected, rule
from seatrial.checks.node.limits import LOCKED
from seatrial.findings import Finding, Rule, Severity, Verdict, judged
from seatrial.hardware import GIB, MIB

FILES, FILES_OF_RANK = 512, 4
"""Open files of a rank by itself, and for each other rank: gloo holds a socket to each in every process group, and a
job has two of them; NCCL's bootstrap two more while it connects. Seatrial's own estimate."""
SHARED, SHARED_LEAST = GIB, 64 * MIB
"""Bytes of /dev/shm: what NVIDIA's containers are to be started with, and what a container has if nobody asks."""
_FRAMEWORKS = "NVIDIA, https://docs.nvidia.com/deeplearning/frameworks/user-guide/index.html"


@rule(
    "env.memlock",
    expected="no limit of locked memory",
    why="GPUs and EFA read and write memory that stays where it is; with a limit, registering it fails in the job.",
    remedy="memlock unlimited in /etc/security/limits.d, LimitMEMLOCK=infinity for slurmd, --ulimit memlock=-1",
    source=f"{_FRAMEWORKS} (--ulimit memlock=-1); awslabs/awsome-distributed-ai asks for 16 GiB",
    good='limit.memlock = "unlimited"',
    bad="limit.memlock = 8388608",
)
def memlock(rule: Rule, around: Around, expected: Expected) -> Iterator[Finding]:
    limit = around.number("limit.memlock")
    if expected.device == "cpu":
        yield rule.finding(Verdict.SKIP, "on CPUs nothing is locked: gloo copies")
        return
    verdict = Verdict.PASS if limit == float("inf") else Verdict.WARN if limit >= LOCKED else Verdict.FAIL
    yield rule.finding(verdict, "no limit" if verdict is Verdict.PASS else f"{limit / MIB:.0f} MiB")


@rule(
    "env.open-files",
    expected="room for a few files for every rank",
    why="A rank holds sockets to all others; where they are too many it ends with 'Too many open files'.",
    remedy="ulimit -n 65536 where the job starts, LimitNOFILE of slurmd or containerd",
    source="Seatrial's own estimate",
    good="limit.nofile = 65536",
    bad="limit.nofile = 256",
)
def open_files(rule: Rule, around: Around, expected: Expected) -> Iterator[Finding]:
    limit, least = around.number("limit.nofile"), FILES + FILES_OF_RANK * expected.world_size
    observed = "no limit" if limit == float("inf") else f"{limit:.0f} files"
    yield rule.finding(judged(limit >= least), observed, expected=f"{least} or more for {expected.world_size} ranks")


@rule(
    "env.shared-memory",
    of_node=True,
    expected=f"{SHARED // GIB} GiB or more in /dev/shm",
    why="Loaders and NCCL pass data through it; where it is full they die of a bus error.",
    remedy="--shm-size or --ipc=host for docker, an emptyDir of medium Memory in a pod; remove what killed jobs left",
    source=f"{_FRAMEWORKS} (--shm-size=1g)",
    good="shm.total = 1081081081081\nshm.free = 1081081081081",
    bad="shm.total = 67108864\nshm.free = 67108864",
)
def shared_memory(rule: Rule, around: Around, _: Expected) -> Iterator[Finding]:
    total, free = around.number("shm.total"), around.number("shm.free")
    enough = Verdict.PASS if free >= SHARED else Verdict.FAIL if free <= SHARED_LEAST else Verdict.WARN
    yield rule.finding(enough, f"{free / MIB:.0f} of {total / MIB:.0f} MiB are free")


@rule(
    "env.huge-pages",
    of_node=True,
    expected="huge pages, from which EFA takes its buffers",
    why="EFA registers a limited number of pages: with small ones its buffers may not fit.",
    remedy="install EFA's own configuration (efa-config), or hugepages-2Mi in the pod; a job that forks may go without",
    source="https://github.com/ofiwg/libfabric/issues/9739",
    good='hugepages.total = 5128\nhugepages.bytes = 2097152\nsoftware.efa_driver = "3.3.0"',
    bad='hugepages.total = 0\nhugepages.bytes = 2097152\nsoftware.efa_driver = "3.3.0"',
)
def huge_pages(rule: Rule, around: Around, _: Expected) -> Iterator[Finding]:
    if around["software.efa_driver"] is None:
        yield rule.finding(Verdict.SKIP, "EFA's driver is not loaded here")
        return
    pages, size = around.number("hugepages.total"), around.number("hugepages.bytes")
    yield rule.finding(Verdict.PASS if pages else Verdict.WARN, f"{pages:.0f} pages of {size / MIB:.0f} MiB")


@rule(
    "env.cpus",
    expected="no more threads than CPUs",
    why="Threads that find no CPU wait for each other in every step.",
    remedy="fewer ranks on a node, OMP_NUM_THREADS, or more CPUs for the job (--cpus-per-task, requests in the pod)",
    source="Seatrial's own rule",
    good='threads.torch = 24\ncpu.usable = 192\ncpu.count = 192\ncgroup.cpus = "unlimited"',
    bad='threads.torch = 24\ncpu.usable = 4\ncpu.count = 192\ncgroup.cpus = "unlimited"',
    example=Expected(device="cuda", world_size=8, per_node=8),
)
def cpus(rule: Rule, around: Around, expected: Expected) -> Iterator[Finding]:
    threads = around.number("threads.torch")
    mine, node = around.number("cpu.usable"), around.number("cpu.count")
    allowed = around.number("cgroup.cpus")
    together = threads * expected.per_node
    good = threads <= mine and together <= min(node, allowed)
    limit = "" if allowed == float("inf") else f", a limit of {allowed:g}"
    observed = f"{expected.per_node} ranks of {threads:.0f} threads on {node:.0f} CPUs{limit}; one may use {mine:.0f}"
    yield rule.finding(Verdict.PASS if good else Verdict.WARN, observed)


@rule(
    "env.disk",
    of_node=True,
    severity=Severity.MONITOR,
    expected="space where checkpoints go",
    why="A checkpoint that cannot be written ends what a week of training was for.",
    remedy="free some space there, or name another folder: shared of the cluster",
    source="the check's argument free_gib",
    good="disk.free = 1099511627776\ndisk.inodes = 1000000",
    bad="disk.free = 1048576\ndisk.inodes = 1000000",
    example=Expected(device="cuda", free_bytes=GIB),
)
def disk(rule: Rule, around: Around, expected: Expected) -> Iterator[Finding]:
    if not expected.keeps_checkpoints:
        yield rule.finding(Verdict.SKIP, "the nodes share no file system, so that no checkpoints are kept")
        return
    free, inodes = around.number("disk.free"), around["disk.inodes"]
    good = free >= expected.free_bytes and (inodes is None or around.number("disk.inodes") > 0)
    observed = f"{free / GIB:.1f} GiB are free" + (", but no inode" if inodes == 0 else "")
    yield rule.finding(judged(good), observed, expected=f"{expected.free_bytes / GIB:g} GiB or more")
