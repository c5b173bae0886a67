"""Why runs die, hang or are slow: the headers of what a diagnosis can come to, each the root cause or none of them.

The examples are what a run's logs, events or engine say.
"""

from __future__ import annotations

from seatrial.findings import Rule, Severity, Verdict

LESSONS = "NVIDIA Resiliency Extension 0.7 (d8686d9), its log analysis: roles of signatures, 2026-08"
TORCH = "PyTorch 2.13, torch.distributed and its flight recorder"
OURS = "Seatrial's own rule"
CAUSE = (Verdict.FAIL, Verdict.WARN)
"""FAIL: the run ended by it. WARN: the run survived it, or was slowed."""


def _cause(
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
ERROR = _cause(
    "error",
    "no exception",
    "the others wait for this rank in their next collective",
    "read the traceback: the report shows it",
    "ValueError: no such column",
)
INPUT = _cause(
    "input",
    "input that the program can use",
    "a restart would only meet it again",
    "do what the message says",
    "error: text:x: matches no file",
    source=OURS,
)
NOT_FINITE = _cause(
    "not-finite",
    "finite losses",
    "weights that were once updated with NaN are lost, and a restart from a later checkpoint meets it again",
    "lower the learning rate, lengthen the warm-up, look at the data of that step; if it comes at other steps each "
    "time, suspect a device: seatrial check node",
    "the loss of step 3 is not a finite number",
    source=OURS,
)
KILLED = _cause(
    "killed",
    "no signal from outside",
    "a signal says neither who sent it nor why: a bare 'Killed' is no proof that memory ran out",
    "look in the kernel's log of that node for 'Out of memory', and in the scheduler's for a limit; else ask who has "
    "rights there",
    "rank 1 was killed by SIGKILL",
    severity=Severity.MONITOR,
)
CRASH = _cause(
    "crash",
    "no fault of the process",
    "SIGSEGV, SIGBUS, SIGILL and SIGFPE come from native code, rarely from a faulty memory or device",
    "read the Python stack in the rank's log: the library called there is the first suspect; if it is another one each "
    "time on one node, suspect its memory: seatrial check node",
    "rank 1 was killed by SIGSEGV",
    severity=Severity.MONITOR,
)
HOST_MEMORY = _cause(
    "host-memory",
    "memory of the host that suffices",
    "the kernel or the scheduler kills the process, without a word in its own log",
    "fewer data workers, smaller batches on the host, checkpoints of less ranks at once, or more memory for the job",
    "Memory cgroup out of memory: Killed process 4711",
)
DEVICE_MEMORY = _cause(
    "device-memory",
    "memory of the device that suffices",
    "what does not fit at this step does not fit at the next attempt either",
    "a smaller micro-batch, more recomputation or sharding; if it comes late, fragmentation: "
    "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True",
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
)
SHARED_MEMORY = _cause(
    "shared-memory",
    "room in /dev/shm",
    "data workers and NCCL pass data there; a container's default is 64 MiB",
    "a larger /dev/shm: --shm-size, or an emptyDir of medium Memory",
    "unable to write to file </torch_4711_0>: No space left on device: /dev/shm",
)
DISK = _cause(
    "disk",
    "room where the run writes",
    "what cannot be written is lost: checkpoints, caches, logs",
    "free some space, raise the quota, or keep fewer checkpoints",
    "OSError: [Errno 28] No space left on device",
)
STORAGE = _cause(
    "storage",
    "a file system that answers",
    "reads and writes that fail end a rank, and hang the others",
    "look at the mount and the kernel's log of that node: seatrial check node",
    "OSError: [Errno 5] Input/output error",
    severity=Severity.MONITOR,
)
DEVICE = _cause(
    "device",
    "a device without a fault",
    "a faulty device fails again in the next job on that node",
    "seatrial check node --level full, on that node; the kernel's log says which Xid it was",
    "CUDA error: uncorrectable ECC error encountered",
    severity=Severity.MONITOR,
)
KERNEL = _cause(
    "device-program",
    "no illegal access in a device's code",
    "it is most often a mistake of the program, such as an index out of range; of a node only if it stays there",
    "run it again with CUDA_LAUNCH_BLOCKING=1, which shows the call; if only one device ever has it, suspect that one",
    "CUDA error: an illegal memory access was encountered",
)
NETWORK = _cause(
    "network",
    "a network that carries what the ranks send",
    "a collective that cannot be finished ends all its ranks",
    "seatrial check node on both ends; the security group must allow all traffic from and to itself",
    "NCCL WARN NET/OFI Request 0x7f completed with error",
    severity=Severity.MONITOR,
)
FALLBACK = _cause(
    "fallback",
    "collectives over EFA where the nodes have it",
    "without the plug-in NCCL takes TCP, says so in one line only, and is many times slower",
    "seatrial network lint; then look whether the container has aws-ofi-nccl and libfabric, and sees /dev/infiniband",
    "NCCL INFO Using network Socket",
    source="NCCL's log at level INFO, aws-ofi-nccl 1.21",
    good="NCCL INFO Using network Libfabric",
)
TIME_LIMIT = _cause(
    "time-limit",
    "an end before the scheduler's limit",
    "the scheduler ends the job whatever it does",
    "a higher limit, or resume it: seatrial run --resume",
    "TIMEOUT: TimeLimit",
)
NODE = _cause(
    "node",
    "nodes that stay",
    "a node that fails or is taken away takes its ranks with it",
    "resume it: seatrial run --resume; if the node failed, look at it before it gets another job",
    "NODE_FAIL",
    severity=Severity.MONITOR,
)
COLLECTIVE_MISSING = _cause(
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
COLLECTIVE_MISMATCH = _cause(
    "collective-mismatch",
    "the same collectives in the same order, with the same sizes and types, on every rank",
    "what is exchanged is garbage, or ranks wait for each other without end",
    "look for what makes that rank call another one: a branch, an uneven last batch, a parameter that only it has",
    "rank 2 called all_reduce([999] Float); ranks 0, 1 and 3 called all_reduce([1000] Float)",
    source=TORCH,
    good="ranks 0 to 3 called all_reduce([1000] Float)",
)
HANG = _cause(
    "hang",
    "every rank gives signs of life",
    "ranks that wait for each other cost as much as ranks that train",
    "look at that rank's stack",
    "rank 2 stands in sleep (data.py:7), the others wait in all_reduce",
    source=TORCH,
    severity=Severity.MONITOR,
)
DATA = _cause(
    "data",
    "a wait for data below 30 % of a step",
    "devices that wait for data cost as much as devices that compute",
    "more data workers or a faster file system; if one rank alone waits, look at its node's storage and its shard",
    "data_wait 0.8 s of a step of 1.0 s",
    source="share of a step from which monitoring of training alerts: DataStarved, 0.3",
)
CHECKPOINT = _cause(
    "checkpoint",
    "checkpoints that cost less than 10 % of the time",
    "training stands still while a checkpoint is written",
    "write them less often or in the background, or on a faster file system",
    "12 checkpoints stood still for 300 s of 1000 s",
    source=OURS,
)
STRAGGLER = _cause(
    "straggler",
    "ranks whose own work takes about the same time",
    "all others wait for the slowest in every step",
    "seatrial check node on its host: clocks, throttling, neighbours; if another rank is slow each time, it is no node",
    "work of rank 3: 0.4 s a step, of the others 0.2 s",
    source="NVIDIA Resiliency Extension 0.7: alarm where the others' time / this rank's is below 0.75",
    severity=Severity.MONITOR,
)
IMBALANCE = _cause(
    "imbalance",
    "ranks that have about the same to compute",
    "all others wait for the one with the most work in every step; of jobs with stragglers only 1.7 % owe it to a bad "
    "machine",
    "look at how work is spread: lengths of sequences, layers of a pipeline stage, experts; only then at the node",
    "cpu of rank 3: 0.4 s a step, of the others 0.2 s",
    source="Understanding Stragglers in Large Model Training, OSDI 2025 (3,079 jobs)",
)
SLOWED = _cause(
    "slow-since",
    "steps that take as long at the end as they did before",
    "what was fast and is slow has a cause outside of the job: clocks, a neighbour, a file system, a link",
    "look at what happened then: seatrial check node on the hosts, throttling, other jobs; a profile of a step now",
    "from step 61 on a step takes 0.52 s, before 0.31 s",
    source=OURS,
    severity=Severity.MONITOR,
)
RESUMED = _cause(
    "slow-after-resume",
    "steps that take as long after a resume as before it",
    "three of thirteen published runs were 41 to 54 % slower after their resume, and nobody remarked it",
    "compare the settings of both attempts first, then their hosts; seatrial check node on those that are new",
    "a step takes 0.9 s, before the resume 0.6 s",
    source="NVIDIA-NeMo/Megatron-Bridge, examples/model_verification_cards, 2026-08",
)
STALLS = _cause(
    "stalls",
    "steps that all take about as long",
    "a rank that stops to clean up or to write stops all of them",
    "collect garbage on all ranks in the same step and freeze what lives on; log, validate and evaluate less often",
    "7 of 60 steps took more than twice as long as the others, 20 % of the time",
    source=OURS,
)

RULES: tuple[Rule, ...] = tuple(value for value in globals().values() if isinstance(value, Rule))
"""All of them."""
