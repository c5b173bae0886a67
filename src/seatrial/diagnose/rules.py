"""Why runs die or hang: the headers of what a diagnosis can come to, each the root cause or none of them.

Why they are slow: `seatrial.diagnose.slow_rules`.
The examples are what a run's logs, events or engine say.
"""

from __future__ import annotations

from seatrial.findings import Rule, Severity, Verdict

LESSONS = "NVIDIA Resiliency Extension 0.7 (d8686d9), its log analysis: roles of signatures, 2026-08"
TORCH = "PyTorch 2.13, torch.distributed and its flight recorder"
OURS = "Seatrial's own rule"
CAUSE = (Verdict.FAIL, Verdict.WARN)
"""FAIL: the run ended by it. WARN: the run survived it, or was slowed."""


def cause(
    name: str, expected: str, why: str, remedy: str, bad: str, *, source: str = LESSONS,
    severity: Severity = Severity.NONE, good: str = "step 10",
) -> Rule:  # fmt: skip
    return Rule(
        id=f"diagnose.{name}",
        verdicts=CAUSE,
        reads="what a run left",
        expected=expected,
        why=why,
        remedy=remedy,
        source=source,
        severity=severity,
        good=good,
        bad=bad,
    )


NOTHING = Rule(
    id="diagnose.cause",
    verdicts=(Verdict.PASS, Verdict.UNKNOWN),
    reads="what a run left",
    expected="nothing to explain, or a cause that what the run left shows",
    why="a cause that is guessed sends people to the wrong node",
    remedy="seatrial logs: what the ranks printed last; then the kernel's and the scheduler's logs of that time",
    source=LESSONS,
    good="run_end: completed",
    bad="rank 1 ended with exit code 1",
)
"""PASS: nothing went wrong. UNKNOWN: something did, and nothing says what."""
CONSEQUENCE = Rule(
    id="diagnose.consequence",
    verdicts=(Verdict.WARN,),
    reads="what a run left",
    expected="what follows from the cause, and is no cause",
    why="the last error of a run is seldom its cause: who loses a peer fails as well",
    remedy="look at the cause",
    source=LESSONS,
    good="step 10",
    bad="Connection closed by peer [127.0.0.1]:7553",
)
ERROR = cause(
    "error",
    "no exception",
    "the others wait for this rank in their next collective",
    "read the traceback: the report shows it",
    "ValueError: no such column",
)
INPUT = cause(
    "input",
    "input that the program can use",
    "a restart would only meet it again",
    "do what the message says",
    "error: text:x: matches no file",
    source=OURS,
)
NOT_FINITE = cause(
    "not-finite",
    "finite losses",
    "weights that were once updated with NaN are lost, and a restart from a later checkpoint meets it again",
    "lower the learning rate, lengthen the warm-up, look at the data of that step; if it comes at other steps each "
    "time, suspect a device: seatrial check node",
    "the loss of step 3 is not a finite number",
    source=OURS,
)
KILLED = cause(
    "killed",
    "no signal from outside",
    "a signal says neither who sent it nor why: a bare 'Killed' is no proof that memory ran out",
    "look in the kernel's log of that node for 'Out of memory', and in the scheduler's for a limit; else ask who has "
    "rights there",
    "rank 1 was killed by SIGKILL",
    severity=Severity.MONITOR,
)
CRASH = cause(
    "crash",
    "no fault of the process",
    "SIGSEGV, SIGBUS, SIGILL and SIGFPE come from native code, rarely from a faulty memory or device",
    "read the Python stack in the rank's log: the library called there is the first suspect; if it is another one each "
    "time on one node, suspect its memory: seatrial check node",
    "rank 1 was killed by SIGSEGV",
    severity=Severity.MONITOR,
)
HOST_MEMORY = cause(
    "host-memory",
    "memory of the host that suffices",
    "the kernel or the scheduler kills the process, without a word in its own log",
    "fewer data workers, smaller batches on the host, checkpoints of less ranks at once, or more memory for the job",
    "Memory cgroup out of memory: Killed process 4711",
)
DEVICE_MEMORY = cause(
    "device-memory",
    "memory of the device that suffices",
    "what does not fit at this step does not fit at the next attempt either",
    "a smaller micro-batch, more recomputation or sharding; if it comes late, fragmentation: "
    "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True",
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
)
SHARED_MEMORY = cause(
    "shared-memory",
    "room in /dev/shm",
    "data workers and NCCL pass data there; a container's default is 64 MiB",
    "a larger /dev/shm: --shm-size, or an emptyDir of medium Memory",
    "unable to write to file </torch_4711_0>: No space left on device: /dev/shm",
)
DISK = cause(
    "disk",
    "room where the run writes",
    "what cannot be written is lost: checkpoints, caches, logs",
    "free some space, raise the quota, or keep fewer checkpoints",
    "OSError: [Errno 28] No space left on device",
)
STORAGE = cause(
    "storage",
    "a file system that answers",
    "reads and writes that fail end a rank, and hang the others",
    "look at the mount and the kernel's log of that node: seatrial check node",
    "OSError: [Errno 5] Input/output error",
    severity=Severity.MONITOR,
)
DEVICE = cause(
    "device",
    "a device without a fault",
    "a faulty device fails again in the next job on that node",
    "seatrial check node --level full, on that node; the kernel's log says which Xid it was",
    "CUDA error: uncorrectable ECC error encountered",
    severity=Severity.MONITOR,
)
KERNEL = cause(
    "device-program",
    "no illegal access in a device's code",
    "it is most often a mistake of the program, such as an index out of range; of a node only if it stays there",
    "run it again with CUDA_LAUNCH_BLOCKING=1, which shows the call; if only one device ever has it, suspect that one",
    "CUDA error: an illegal memory access was encountered",
)
NETWORK = cause(
    "network",
    "a network that carries what the ranks send",
    "a collective that cannot be finished ends all its ranks",
    "seatrial check node on both ends; the security group must allow all traffic from and to itself",
    "NCCL WARN NET/OFI Request 0x7f completed with error",
    severity=Severity.MONITOR,
)
TIME_LIMIT = cause(
    "time-limit",
    "an end before the scheduler's limit",
    "the scheduler ends the job whatever it does",
    "a higher limit, or resume it: seatrial run --resume",
    "TIMEOUT: TimeLimit",
)
NODE = cause(
    "node",
    "nodes that stay",
    "a node that fails or is taken away takes its ranks with it",
    "resume it: seatrial run --resume; if the node failed, look at it before it gets another job",
    "NODE_FAIL",
    severity=Severity.MONITOR,
)
COLLECTIVE_MISSING = cause(
    "collective-missing",
    "every rank comes to every collective",
    "the others wait for it without end",
    "look at that rank's stack: a branch that only it takes, input that only it waits for, a device that does not "
    "answer",
    "rank 2 never came to all_reduce([1000] Float), no. 41 of group 0, in which ranks 0, 1 and 3 wait",
    source=TORCH,
    severity=Severity.MONITOR,
    good="ranks 0 to 3 came to all_reduce([1000] Float), no. 41 of group 0",
)
COLLECTIVE_MISMATCH = cause(
    "collective-mismatch",
    "the same collectives in the same order, with the same sizes and types, on every rank",
    "what is exchanged is garbage, or ranks wait for each other without end",
    "look for what makes that rank call another one: a branch, an uneven last batch, a parameter that only it has",
    "rank 2 called all_reduce([999] Float); ranks 0, 1 and 3 called all_reduce([1000] Float)",
    source=TORCH,
    good="ranks 0 to 3 called all_reduce([1000] Float)",
)
HANG = cause(
    "hang",
    "every rank gives signs of life",
    "ranks that wait for each other cost as much as ranks that train",
    "look at that rank's stack",
    "rank 2 stands in sleep (data.py:7), the others wait in all_reduce",
    source=TORCH,
    severity=Severity.MONITOR,
)
RULES: tuple[Rule, ...] = tuple(value for value in globals().values() if isinstance(value, Rule))
"""All of them."""
