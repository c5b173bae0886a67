"""What known messages in logs mean: one table, each with its cause and who says so.

A message is a cause, or only follows from one, or is mere advice, which proves nothing. Between two causes time
decides, not this table: its order only says which of two patterns that match one line is meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from seatrial.diagnose import rules
from seatrial.findings import Rule

TORCH = "PyTorch 2.13"
NCCL = "NCCL 2.31, src/debug.cc and src/transport/net.cc"
OFI = "aws-ofi-nccl 1.21"
NEURON = "Neuron runtime, nrt_status.h"
KERNEL = "Linux, mm/oom_kill.c"
SLURM = "Slurm 25.05, slurmstepd"
NVRX = rules.LESSONS
CUDA = "CUDA runtime API, cudaError"
ENGINES = "job states of Slurm, Kubernetes, AWS Batch"


@dataclass(frozen=True, slots=True)
class Signature:
    """A message that is known."""

    pattern: re.Pattern[str]
    rule: Rule
    """What it means; rules.CONSEQUENCE for what only follows."""
    source: str
    """Who says so."""

    @property
    def of_any_process(self) -> bool:
        """Whether it may be about another process than the one that it stands in the log of."""
        return self.source in (KERNEL, SLURM)


def _known(rule: Rule, source: str, *patterns: str) -> Signature:
    return Signature(re.compile("|".join(patterns)), rule, source)


ADVICE = re.compile(
    r"asynchronously reported|CUDA_LAUNCH_BLOCKING|TORCH_USE_CUDA_DSA|(?:could|may) be caused by|"
    r"This is typically caused by|[Cc]onsider |For debugging",
)
"""Advice that programs print beside an error: never evidence (NVRx)."""

SIGNATURES = (
    # Programs that called different collectives.
    _known(rules.COLLECTIVE_MISMATCH, "gloo, transport/tcp/pair.cc", r"op\.preamble\.length <= op\.nbytes"),
    _known(
        rules.COLLECTIVE_MISMATCH,
        TORCH,
        r"Detected mismatch between collectives on ranks",
        r"DDP expects same model across all ranks",
    ),
    _known(rules.COLLECTIVE_MISSING, TORCH, r"failed to pass monitoredBarrier"),
    # Memory of the device, the host, /dev/shm; room on a disk.
    _known(
        rules.DEVICE_MEMORY,
        TORCH,
        r"OutOfMemoryError: (?:CUDA|HIP|XPU)",
        r"CUDA out of memory",
        r"CUDA error: out of memory",
        r"RESOURCE_EXHAUSTED: Out of memory",
        r"CUBLAS_STATUS_ALLOC_FAILED",
    ),
    _known(rules.DEVICE_MEMORY, NEURON, r"NRT_RESOURCE\b"),
    _known(
        rules.HOST_MEMORY,
        KERNEL,
        r"Out of memory: Killed process",
        r"oom-kill:constraint",
        r"Memory cgroup out of memory",
        r"the kernel's OOM killer ended \d+ process",
    ),
    _known(rules.HOST_MEMORY, SLURM, r"[Dd]etected \d+ oom[-_ ]kill event", r"OUT_OF_MEMORY"),
    _known(
        rules.HOST_MEMORY,
        TORCH,
        r"DefaultCPUAllocator: (?:can't|not enough)",
        r"std::bad_alloc",
        r"\bMemoryError\b",
        r"\[Errno 12\] Cannot allocate memory",
    ),
    _known(rules.KILLED, TORCH, r"DataLoader worker .*killed by signal: Killed", r"was killed by SIGKILL"),
    _known(
        rules.SHARED_MEMORY,
        TORCH,
        r"(?:No space left on device|Bus error|unable to (?:open|write|mmap)).*(?:/dev/shm|shared memory)",
        r"(?:/dev/shm|torch_shm|shared memory).*(?:No space left on device|Bus error)",
        r"insufficient shared memory",
    ),
    _known(rules.DISK, "errno(3)", r"No space left on device", r"Disk quota exceeded", r"\[Errno (?:28|122)\]"),
    _known(
        rules.STORAGE,
        "errno(3)",
        r"\[Errno (?:5|116|121)\]",
        r"Input/output error",
        r"Stale file handle",
        r"Remote I/O error",
        r"Transport endpoint is not connected",
        r"Read-only file system",
    ),
    # Devices, then what programs do with them.
    _known(
        rules.DEVICE,
        CUDA,
        r"CUDA error: (?:uncorrectable ECC|uncorrectable NVLink|hardware stack error|unknown error)",
        r"CUDA error: (?:no CUDA-capable|CUDA-capable device\(s\) is/are busy|system not yet initialized)",
        r"fallen off the bus",
        r"NVRM: Xid",
        r"Unable to determine the device handle",
    ),
    _known(rules.DEVICE, NEURON, r"NRT_EXEC_HW_ERR", r"NRT_HW_ERR"),
    _known(
        rules.KERNEL,
        CUDA,
        r"CUDA error: (?:an illegal memory access|device-side assert|misaligned address|an illegal instruction)",
        r"CUDA error: (?:invalid (?:device function|configuration argument)|unspecified launch failure)",
    ),
    # The network, where it is the first to say something.
    _known(
        rules.NETWORK,
        OFI,
        r"NET/OFI .*(?:completion with error|completed with error|Unresponsive|Couldn't open)",
        r"NCCL WARN .*NET/(?:OFI|IB)",
    ),
    _known(
        rules.NETWORK,
        NCCL,
        r"NCCL WARN .*(?:Call to (?:ibv_|connect|bind|recv|send)|socket.*(?:timed out|refused))",
        r"No route to host",
        r"Network is unreachable",
        r"ncclSystemError",
    ),
    # What follows from something else.
    _known(
        rules.HANG,
        NVRX,
        r"collective operation timeout",
        r"rank \d+ gave no sign of life",
        r"Timed out waiting \d+ms for (?:recv|send) operation",
    ),
    _known(
        rules.CONSEQUENCE,
        NVRX,
        r"ncclRemoteError",
        r"remote process exited",
        r"[Cc]onnection (?:was )?(?:closed|reset|refused)",
        r"closed by (?:remote )?peer",
        r"Broken pipe",
        r"pair closure",
        r"Socket (?:closed|[Tt]imeout)",
        r"DistNetworkError|DistStoreError|DistBackendError",
        r"ChildFailedError|SignalException|KeyboardInterrupt",
        r"Sending process \d+ closing signal",
        r"Job step aborted",
        r"task \d+: Killed",
        r"slurmstepd: error: .*CANCELLED",
        r"^(?:Killed|Terminated)$",
    ),
)

ENGINE = (
    _known(rules.HOST_MEMORY, ENGINES, r"OUT_OF_MEMORY", r"OOMKilled", r"OutOfMemoryError"),
    _known(rules.TIME_LIMIT, ENGINES, r"^(?:TIMEOUT|DEADLINE)", r"DeadlineExceeded", r"duration exceeded timeout"),
    _known(
        rules.NODE,
        ENGINES,
        r"NODE_FAIL|BOOT_FAIL|PREEMPTED",
        r"Evicted|Preempting|NodeLost",
        r"Host EC2 \(instance .*\) terminated",
    ),
)
"""What engines say of a job's end: certain, since they did it themselves."""


def meaning(text: str) -> Signature | None:
    """What a line of a log means; None if it is not known, or is only advice."""
    if ADVICE.search(text):
        text = ADVICE.split(text)[0]  # an error and its advice may stand in one line
    return next((one for one in SIGNATURES if one.pattern.search(text)), None)


def of_engine(words: str) -> Signature | None:
    """What an engine's words mean; None if they give no cause."""
    return next((one for one in ENGINE if one.pattern.search(words)), None)
