"""What a profile is judged by: the headers of its rules. The bounds are ours; their examples are shares."""

from __future__ import annotations

from seatrial.findings import Rule, Verdict

OURS = "Seatrial's own bound"
SHARES = (Verdict.PASS, Verdict.WARN, Verdict.UNKNOWN)
MUCH = 0.1
"""Share of a step above which something is worth a look."""
SOME = 0.05
SMALL = 1 << 20
"""Bytes below which the latency of a collective counts, not its bandwidth: on EFA and NVLink both rise until about
that size (nccl-tests' curves; see `seatrial run collectives`)."""

WHOLE = Rule(
    id="profile.whole",
    verdicts=(Verdict.PASS, Verdict.UNKNOWN),
    reads="the file of the profile",
    expected="all of it can be read",
    why="shares of a part say little about the whole",
    remedy="record it again: was the rank killed, or the disk full, while it was written?",
    source=OURS,
    good="120,000 events",
    bad="the file ends in the middle of its events, after 80,000 events",
)
EXPOSED = Rule(
    id="profile.exposed-communication",
    verdicts=SHARES,
    reads="kernels, or operators where there is no device",
    expected=f"less than {MUCH:.0%} of a step",
    why="while a rank only communicates, what it computes with stands still",
    remedy="let it overlap with computing",
    source=OURS,
    good="3 %",
    bad="31 %",
)
LAUNCH = Rule(
    id="profile.launch-bound",
    verdicts=(*SHARES, Verdict.SKIP),
    reads="gaps between kernels, and the calls that launched what ended them",
    expected=f"less than {MUCH:.0%} of a step",
    why="the device has done all that it was asked for, and waits for Python",
    remedy="torch.compile or CUDA graphs, fused optimizers, a larger micro-batch; no .item() and no print of a loss "
    "inside a step",
    source=OURS,
    good="2 %",
    bad="24 %",
)
IDLE = Rule(
    id="profile.idle",
    verdicts=SHARES,
    reads="gaps in which nothing runs, without those that are launch-bound",
    expected=f"less than {MUCH:.0%} of a step",
    why="nothing runs, and nothing that was asked for waits",
    remedy="see what the host does there: a loader that is behind, a checkpoint, an evaluation, a synchronisation",
    source=OURS,
    good="4 %",
    bad="40 %",
)
COPIES = Rule(
    id="profile.copies",
    verdicts=SHARES,
    reads="copies that nothing else hides",
    expected=f"less than {SOME:.0%} of a step",
    why="a copy that nothing overlaps is time in which nothing is computed",
    remedy="pinned memory and non_blocking=True, prefetch of batches; offload to the host only where memory demands it",
    source=OURS,
    good="1 %",
    bad="12 %",
)
MESSAGES = Rule(
    id="profile.small-messages",
    verdicts=SHARES,
    reads="sizes of the messages of collectives",
    expected=f"less than {MUCH:.0%} of a step in messages below 1 MiB",
    why="below that size a collective costs its latency, however little is sent",
    remedy="send less often and more at once: larger buckets, larger FSDP units, more gradient accumulation",
    source=OURS,
    good="1 %",
    bad="22 %",
)
SKEW = Rule(
    id="profile.skew",
    verdicts=SHARES,
    reads="profiles of several ranks",
    expected=f"ranks that wait less than {MUCH:.0%} of a step for each other",
    why="all are as slow as the slowest",
    remedy="seatrial check node on its node; seatrial diagnose; deal the data out evenly",
    source=OURS,
    good="2 %",
    bad="rank 3: 18 %",
)
REMEDIES = {
    "all_gather": "prefetch weights: FSDP gathers the next unit while this one computes if units are neither tiny nor "
    "one; keep them after the forward pass (reshard_after_forward=false), or shard inside the node only (shard_size)",
    "reduce_scatter": "reduce while the backward pass still runs: units of one layer each, not one for all; reduce "
    "less often by gradient accumulation; shard inside the node only (shard_size)",
    "all_reduce": "reduce while the backward pass still runs (buckets of DDP, overlap_grad_reduce), less often by "
    "gradient accumulation; of tensor parallelism: inside the node only, sequence_parallel, async tensor parallelism",
    "all_to_all": "keep the experts' group inside the node, balance the experts, overlap dispatch with shared layers",
    "send": "more micro-batches per pipeline stage, interleaved stages",
    "recv": "more micro-batches per pipeline stage, interleaved stages",
    "send_recv": "more micro-batches per pipeline stage, interleaved stages; of context parallelism: longer sequences",
    "broadcast": "broadcast outside the steps",
}
"""Collective operation -> how it is hidden, or made rarer."""
