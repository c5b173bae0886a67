"""Rules about the sweeps that Seatrial runs itself; of pasted output: seatrial.checks.node.collectives."""

from __future__ import annotations

from seatrial.checks.collectives.judging import SEARCH
from seatrial.findings import Rule, Severity, Verdict

_SOURCE = "NVIDIA/nccl-tests 2.19.6, doc/PERFORMANCE.md"

DATA = Rule(
    id="collectives.data",
    reads="the elements that each rank has after an operation",
    expected="no wrong element",
    why="A link or a device that changes data breaks a training in silence, whatever its speed.",
    remedy=SEARCH,
    source="every element is known beforehand: seatrial.cases.collectives",
    severity=Severity.ISOLATE,
    good="0 wrong elements",
    bad="1 wrong element",
)

SPEED = Rule(
    id="collectives.speed",
    verdicts=(*Verdict,),
    reads="bus bandwidth of each size",
    expected="90 % or more of the baseline at each size; below 95 % is WARN",
    why="A slow link slows every step of every training that crosses it.",
    remedy=SEARCH,
    source="nccl-tests 2.19.6 (0.9 of NCCL_TESTS_MIN_BW); SuperBench, rule variance (-5 %)",
    severity=Severity.MONITOR,
    good="480 GB/s at 16 GiB, baseline 487",
    bad="95 GB/s at 16 GiB, baseline 487",
)

LINE = Rule(
    id="collectives.latency-and-bandwidth",
    verdicts=(Verdict.PASS, Verdict.SKIP),
    reads="times of all sizes",
    expected="numbers to compare runs by",
    why="Small messages take the latency, large ones the bandwidth: a sweep comes to these two.",
    remedy="",
    source=_SOURCE,
    good="60 us and 490 GB/s",
    bad="",
)

RANKS = Rule(
    id="collectives.ranks",
    verdicts=(Verdict.PASS, Verdict.UNKNOWN),
    reads="the ranks that the tool names in its output",
    expected="all of the job's",
    why="A program without MPI tests each rank by itself, and no link between nodes.",
    remedy="build it with MPI=1 and the MPI that the cluster starts: srun --mpi=list, or mpirun --version",
    source="NVIDIA/nccl-tests 2.19.6, README.md: Running with MPI",
    good="16 ranks",
    bad="1 of 16 ranks",
)

SEARCHED = Rule(
    id="collectives.search",
    verdicts=(Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN),
    reads="all-reduces of pairs and halves of the ranks",
    expected="all pairs are alike, and no element is wrong",
    why="A whole job is as slow as its slowest node or link, and does not say which that is.",
    remedy="keep jobs off it, and look at it: seatrial check node --level full",
    source="pairs, then suspects against known-good nodes: seatrial.checks.pairwise",
    severity=Severity.ISOLATE,
    good="no pair is slower than twice the fastest",
    bad="every pair with rank 2 is 40 times slower",
)
