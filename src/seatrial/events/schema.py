"""What may happen to a run: a type for each, the same for all cases."""

from __future__ import annotations

from dataclasses import dataclass, field

from seatrial.findings import Finding

PRINTED = "seatrial-event: "
"""Begins the line of an event that rank 0 prints into its log."""
BEGIN = "start"
"""Phase of the Heartbeat with which every rank begins an attempt."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStart:
    """An attempt has its process group and its model, and is about to take its first step."""

    attempt: int
    """0 for the first start, one more after each restart or resume."""
    start_step: int
    """Steps that are done already, from the checkpoint that was loaded; 0 for a fresh start."""
    steps: int
    """Steps that the whole job takes."""
    world_size: int
    """Ranks of this attempt."""
    device: str
    """Device of rank 0, for people: ``cpu (AMD EPYC)``, ``NVIDIA H200``."""
    backend: str
    """Collective backend: ``gloo``, ``nccl``."""
    unit: str = "tokens"
    """What `Step.count` counts: ``tokens`` or ``samples``."""
    parameters: int | None = None
    """Parameters of the model; None if the case does not tell."""
    flops_per_token: dict[str, float] = field(default_factory=dict)
    """Convention -> model FLOPs per token; see seatrial.metrics."""
    peak_flops: float | None = None
    """Dense peak FLOP/s per rank, None if unknown."""
    peak_source: str = "unknown"
    """Where `peak_flops` comes from; see seatrial.metrics."""
    hosts: list[str] = field(default_factory=list)
    """Host of each rank."""
    versions: dict[str, str] = field(default_factory=dict)
    """Software that takes part -> its version."""
    variables: dict[str, str] = field(default_factory=dict)
    """Environment of rank 0, as far as it decides how a run goes: NCCL_*, OMP_* and the like; never a secret."""
    dtype: str = ""
    """What the job is to multiply matrices in: ``bf16``, ``fp32``; empty if the case does not tell."""
    threads: int | None = None
    """Threads that an operation of rank 0 may take on a CPU; None: not known."""
    collective_bytes: dict[str, float] = field(default_factory=dict)
    """Operation -> bytes of what a rank has to reduce or gather in a step, by its layout; empty if nobody tells."""
    compiled: bool | None = None
    """Whether the job asks for torch.compile; None if the case does not tell."""
    stages: list[int] = field(default_factory=list)
    """Pipeline stage of each rank, from 0; empty if there is one alone, or nobody tells."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One optimizer step that was logged. Times are means per step since the last logged one."""

    step: int
    """1 after the first step."""
    loss: float
    """Mean over all ranks' tokens (or samples) of this step, nats."""
    learning_rate: float | None = None
    """None if the framework does not tell it."""
    grad_norm: float | None = None
    """Global L2 norm before clipping; None if the case does not compute it."""
    count: int
    """Tokens or samples of the step, all ranks together."""
    seconds: float
    """Wall time of the step, the wait for data and checkpoints included."""
    phases: dict[str, float] = field(default_factory=dict)
    """Rank 0's split of `seconds` into seatrial.metrics.PHASES."""
    ranks: dict[str, list[float]] = field(default_factory=dict)
    """Measure -> seconds of each rank: ``data_wait``, ``busy`` (wall, until the last collective), ``cpu``, ``gc``
    (Python's collector of garbage); ``wait`` for other ranks, where a program can tell; of GPUs ``throttled``, with
    clocks held down by heat or lack of power; ``compile`` (torch.compile's compiler), of a job that asks for it."""
    memory_bytes: int | None = None
    """Peak memory of rank 0: device memory where there is one, else resident set."""
    printed: dict[str, float] = field(default_factory=dict)
    """What the framework itself says: ``mfu``, a fraction, and ``flops``, model FLOP/s of a rank."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepContent:
    """What one step of an attempt consisted of on rank 0, looked at once, past the warm-up."""

    step: int
    """The step that was looked at."""
    products: str = ""
    """Dtype of the first linear layer's result: ``float32``, ``bfloat16``; empty if nobody saw it."""
    calls: dict[str, int] = field(default_factory=dict)
    """Operation and dtype, ``all_reduce Float`` -> how many collectives, as torch's flight recorder counts them."""
    bytes: dict[str, int] = field(default_factory=dict)
    """The same -> bytes of what they reduced or gathered: of input or output the larger one."""
    attention: str = ""
    """Kernel that the first scaled_dot_product_attention took: ``flash_attention``, ``efficient_attention``,
    ``cudnn_attention``, ``math``; empty if nobody saw one."""
    attention_possible: str = ""
    """What it would take if every kernel were allowed: ``math`` where no other takes such inputs."""
    graphs: int | None = None
    """Graphs that torch.compile had made by then; None if nobody looked."""
    eager: dict[str, int] = field(default_factory=dict)
    """Why torch.compile had left code to Python by then, in its own words -> how often, as it compiled."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Validation:
    """A pass over held-out data."""

    step: int
    """Steps that were done."""
    metrics: dict[str, float]
    """``loss`` and ``perplexity``, or ``accuracy``: whatever the case judges itself by."""
    seconds: float
    """Wall time of the pass; NaN or 0 if the framework does not tell it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointSaved:
    """A checkpoint is complete, verified and visible under its final name."""

    step: int
    """Steps that it holds."""
    path: str
    """Relative to the run."""
    bytes: int
    """Size of all its files."""
    seconds: float
    """From the call until it was visible."""
    stall_seconds: float
    """How long training stood still for it."""
    asynchronous: bool = False
    """Whether it was written while training went on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointLoaded:
    """Training goes on from a checkpoint."""

    step: int
    """Steps that it holds."""
    path: str
    """Relative to the run."""
    seconds: float
    """Wall time of loading."""
    world_size: int
    """World size of the attempt that wrote it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CollectiveSweep:
    """One collective operation was measured over sizes. Lists have an entry for each size."""

    tool: str
    """What measured it: ``torch.distributed``, ``nccl-tests``, ``nccom-test``."""
    operation: str
    """As nccl-tests names it: ``all_reduce``."""
    ranks: int
    """That took part."""
    nodes: int | None = None
    """That they were on; None: not told."""
    instance_type: str = ""
    """Of the nodes, or the device where that is not known."""
    sizes: list[int]
    """Bytes."""
    times_us: list[float]
    """Of one operation."""
    bus_bandwidths: list[float]
    """GB/s (10**9), by the formulas of nccl-tests."""
    baselines: list[float | None] = field(default_factory=list)
    """GB/s that such nodes reached at this size, the lowest of several sources; None: nobody says."""
    baseline_source: str = ""
    """Who says so."""
    line_rate: float | None = None
    """Bus bandwidth, GB/s, at which the links are full; None: not known."""
    line_rate_source: str = ""
    """Of what links."""
    alpha_us: float | None = None
    """Latency of the line that fits the times; None: none does."""
    beta_gbps: float | None = None
    """Its bandwidth, GB/s on the bus."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PartTimes:
    """One part of a training step was measured over shapes. Lists have an entry for each shape."""

    part: str
    """``product``, ``attention``, ``gather``: what forecasts add up."""
    axes: list[str]
    """What the numbers of a shape mean: ``rows``, ``inputs``, ``outputs``."""
    shapes: list[list[int]]
    """What was measured."""
    forward: list[float]
    """Seconds, of all ranks the mean, which did it at once."""
    backward: list[float]
    """The same of its backward pass; 0 for what has none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Restart:
    """The launcher starts all ranks again."""

    attempt: int
    """Number of the attempt that is started."""
    reason: str
    """Why the one before ended."""
    rank: int | None = None
    """The rank that was the cause, if one was."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heartbeat:
    """Rank 0 enters a phase without steps: ``import``, ``build``, ``load``, ``validate``, ``save``."""

    phase: str
    """What it enters."""
    rank: int = 0
    """The rank that says so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StopRequested:
    """The launcher asks all ranks to write a checkpoint and stop."""

    signal: str
    """Why: ``SIGINT`` (Ctrl-C), ``SIGTERM`` (cancelled, or ended by a scheduler), ``SIGHUP`` (the terminal is gone)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunEnd:
    """The attempt is over. Absent if the process was killed."""

    outcome: str
    """``completed``: all steps done; ``stopped``: asked to, checkpoint written; ``failed``; ``lost``: of a log that was
    read, which does not show how it ended."""
    step: int
    """Steps that were done."""
    reason: str = ""
    """Why it did not complete; empty if it did."""
    ranks_agree: bool | None = None
    """Whether step, loss and replicated weights were the same on all ranks; None if it was not compared."""
    final: bool = False
    """Another attempt would end in the same way: bad input, a loss that is not a number."""


Event = (
    RunStart
    | Step
    | StepContent
    | Validation
    | CheckpointSaved
    | CheckpointLoaded
    | CollectiveSweep
    | PartTimes
    | Restart
    | Heartbeat
    | StopRequested
    | RunEnd
    | Finding
)
