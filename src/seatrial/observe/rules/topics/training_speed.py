"""Rules about training runs that are slower than they could be."""

from __future__ import annotations

from seatrial.observe.rules.rule import Alert, Recording, Topic
from seatrial.observe.rules.topics.training import RUNNING

_OF_RANK = "max by (cluster, run_id, node, rank)"
OWN = Recording(
    name="rank:train_own_seconds:last",
    # All ranks of a synchronous step take as long as the slowest, the others wait. A program that does not tell its waits
    # shows its straggler by processor time on a CPU, and on accelerators not at all.
    expr=f"({_OF_RANK} (train_step_work_seconds) - {_OF_RANK} (train_comm_wait_seconds)"
    f" - {_OF_RANK} (train_data_wait_seconds)) or ({_OF_RANK} (train_cpu_seconds)"
    ' and on (cluster, run_id) train_run_info{device="cpu"})',
    help="What a rank itself works in a step, without waiting for others or for data; on a CPU else its processor time.",
)
MEDIAN = Recording(
    name="run:train_own_seconds:median",
    expr=f"quantile by (cluster, run_id) (0.5, {OWN.name})",
    help="The same of the median rank.",
)
STEP_NOW = Recording(
    name="run:train_step_time_seconds:median_10m",
    expr="max by (cluster, run_id, case) (quantile_over_time(0.5, train_step_time_seconds[10m]))",
    help="Median step time of 10 minutes.",
)

STEP_LONG = Recording(
    name="run:train_step_time_seconds:median_6h",
    expr="max by (cluster, run_id, case) (quantile_over_time(0.5, train_step_time_seconds[6h]))",
    help="Median step time of 6 hours: the run's own baseline.",
)

DATA_WAIT = Recording(
    name="rank:train_data_wait:ratio_rate10m",
    expr="max by (cluster, run_id, node, rank) (rate(train_data_wait_seconds_total[10m]))"
    " / on (cluster, run_id) group_left () max by (cluster, run_id) (rate(train_step_seconds_total[10m]))",
    help="Share of its steps that a rank waits for data.",
)

STRAGGLER = Alert(
    name="TrainingStraggler",
    expr=f"{OWN.name} / on (cluster, run_id) group_left () {MEDIAN.name} > $ratio {RUNNING}",
    values={"ratio": 1.33},
    hold="5m",
    severity="warning",
    summary="rank {{ $labels.rank }} of run {{ $labels.run_id }} on {{ $labels.node }} works "
    "{{ $value | printf `%.2f` }} times as long as the median rank",
    runbook="Every step waits for this rank. Uneven batches, sequence lengths and pipeline stages are far more often the "
    "cause than a bad machine: `seatrial diagnose RUN` tells the two apart. If the same node drags other runs, too: "
    "`seatrial check node --level full` there.",
    source="NVIDIA Resiliency Extension 0.7: a relative score below 0.75, which is 1.33 times the time; it compares with "
    "the best rank, we with the median",
    dashboard="ranks",
    labels='run_id="r", node="n2", rank="3"',
    says="rank 3 of run r on n2 works 1.50 times as long as the median rank",
    fires="""
train_run_state{run_id="r", case="fsdp", state="running"}  1x210
train_step_work_seconds{run_id="r", case="fsdp", node="n1", rank="0"}  4x210
train_step_work_seconds{run_id="r", case="fsdp", node="n1", rank="1"}  4x210
train_step_work_seconds{run_id="r", case="fsdp", node="n2", rank="2"}  4x210
train_step_work_seconds{run_id="r", case="fsdp", node="n2", rank="3"}  4x210
train_comm_wait_seconds{run_id="r", case="fsdp", node="n1", rank="0"}  2x210
train_comm_wait_seconds{run_id="r", case="fsdp", node="n1", rank="1"}  2x210
train_comm_wait_seconds{run_id="r", case="fsdp", node="n2", rank="2"}  2x210
train_comm_wait_seconds{run_id="r", case="fsdp", node="n2", rank="3"}  1x90 2x119
train_data_wait_seconds{run_id="r", case="fsdp", node="n1", rank="0"}  0x210
train_data_wait_seconds{run_id="r", case="fsdp", node="n1", rank="1"}  0x210
train_data_wait_seconds{run_id="r", case="fsdp", node="n2", rank="2"}  0x210
train_data_wait_seconds{run_id="r", case="fsdp", node="n2", rank="3"}  0x210
""",
    quiet="""
train_run_state{run_id="r", case="fsdp", state="running"}  1x210
train_step_work_seconds{run_id="r", case="fsdp", node="n1", rank="0"}  4x210
train_step_work_seconds{run_id="r", case="fsdp", node="n1", rank="1"}  4x210
train_step_work_seconds{run_id="r", case="fsdp", node="n2", rank="2"}  4x210
train_step_work_seconds{run_id="r", case="fsdp", node="n2", rank="3"}  4x210
train_comm_wait_seconds{run_id="r", case="fsdp", node="n1", rank="0"}  2x210
train_comm_wait_seconds{run_id="r", case="fsdp", node="n1", rank="1"}  2x210
train_comm_wait_seconds{run_id="r", case="fsdp", node="n2", rank="2"}  1.4x210
train_comm_wait_seconds{run_id="r", case="fsdp", node="n2", rank="3"}  2 2 0 2x207
train_data_wait_seconds{run_id="r", case="fsdp", node="n1", rank="0"}  0x210
train_data_wait_seconds{run_id="r", case="fsdp", node="n1", rank="1"}  0x210
train_data_wait_seconds{run_id="r", case="fsdp", node="n2", rank="2"}  0x210
train_data_wait_seconds{run_id="r", case="fsdp", node="n2", rank="3"}  0x210
train_run_state{run_id="c", case="jax", state="running"}  1x210
train_run_info{run_id="c", case="jax", device="cuda"}  1x210
train_cpu_seconds{run_id="c", case="jax", node="n1", rank="0"}  1x210
train_cpu_seconds{run_id="c", case="jax", node="n1", rank="1"}  1x210
train_cpu_seconds{run_id="c", case="jax", node="n2", rank="2"}  1x210
train_cpu_seconds{run_id="c", case="jax", node="n2", rank="3"}  3x210
""",
)

SLOWER = Alert(
    name="TrainingSlower",
    expr=f"{STEP_NOW.name} / {STEP_LONG.name} > $ratio {RUNNING}",
    values={"ratio": 1.2},
    hold="10m",
    severity="warning",
    summary="a step of run {{ $labels.run_id }} takes {{ $value | printf `%.2f` }} times as long as it did",
    runbook="The run is slower than its own last 6 hours. Look for a straggler, throttled GPUs, data that arrives late, "
    "and errors of the network at the moment when it began.",
    source="our judgement: a fifth is more than steps vary, and worth an hour of somebody's time",
    dashboard="run",
    labels='run_id="r", case="fsdp"',
    says="a step of run r takes 1.50 times as long as it did",
    fires="""
train_run_state{run_id="r", case="fsdp", state="running"}  1x210
train_step_time_seconds{run_id="r", case="fsdp"}  2x60 3x30 2x119
""",
    quiet="""
train_run_state{run_id="r", case="fsdp", state="running"}  1x210
train_step_time_seconds{run_id="r", case="fsdp"}  2x60 2.3x30 2x119
""",
)

STARVED = Alert(
    name="TrainingDataStarved",
    expr=f"{DATA_WAIT.name} > $share",
    values={"share": 0.3},
    hold="10m",
    severity="warning",
    summary="rank {{ $labels.rank }} of run {{ $labels.run_id }} on {{ $labels.node }} waits for data "
    "{{ $value | humanizePercentage }} of its time",
    runbook="The accelerators idle for data. More loader processes, data that is tokenized before, a cache on the node's "
    "disks, or a file system with more throughput; on one node only it is that node's disk or its way to the storage.",
    source="our judgement: three tenths of the step",
    dashboard="run",
    labels='run_id="r", node="n1", rank="0"',
    says="rank 0 of run r on n1 waits for data 50% of its time",
    fires="""
train_data_wait_seconds_total{run_id="r", case="fsdp", node="n1", rank="0"}  0+30x90 2700x119
train_step_seconds_total{run_id="r", case="fsdp"}  0+60x210
""",
    quiet="""
train_data_wait_seconds_total{run_id="r", case="fsdp", node="n1", rank="0"}  0+15x210
train_step_seconds_total{run_id="r", case="fsdp"}  0+60x210
""",
)

STALL = Alert(
    name="TrainingCheckpointStall",
    expr="max by (cluster, run_id, case) (rate(train_checkpoint_stall_seconds_total[30m])) > $share",
    values={"share": 0.1},
    hold="10m",
    severity="info",
    summary="run {{ $labels.run_id }} stands still for checkpoints {{ $value | humanizePercentage }} of its time",
    runbook="Write them less often, asynchronously, or to a faster file system. How often is right follows from how often "
    "nodes fail and how long a checkpoint takes.",
    source="our judgement: a tenth of the time",
    dashboard="run",
    labels='run_id="r", case="fsdp"',
    says="run r stands still for checkpoints 20% of its time",
    fires='train_checkpoint_stall_seconds_total{run_id="r", case="fsdp"}  0+12x90 1080x119',
    quiet='train_checkpoint_stall_seconds_total{run_id="r", case="fsdp"}  0+3x210',
)

GOODPUT = Alert(
    name="TrainingGoodputLow",
    expr="(max by (cluster, run_id, case) (train_goodput_ratio) < $share"
    f" and on (cluster, run_id) time() - max by (cluster, run_id) (train_start_timestamp_seconds) > 3600) {RUNNING}",
    values={"share": 0.5},
    hold="15m",
    severity="info",
    summary="only {{ $value | humanizePercentage }} of the time of run {{ $labels.run_id }} went into steps that count",
    runbook="The rest went into starting, into steps that were done twice after a failure, and into checkpoints: the "
    "report of the run says how much into each.",
    source="our judgement: half of the time, after an hour",
    dashboard="run",
    labels='run_id="r", case="fsdp"',
    says="only 40% of the time of run r went into steps that count",
    fires="""
train_run_state{run_id="r", case="fsdp", state="running"}  1x210
train_start_timestamp_seconds{run_id="r", case="fsdp"}  0x210
train_goodput_ratio{run_id="r", case="fsdp"}  0.4x90 0.8x119
""",
    quiet="""
train_run_state{run_id="r", case="fsdp", state="running"}  1x210
train_start_timestamp_seconds{run_id="r", case="fsdp"}  0x210
train_goodput_ratio{run_id="r", case="fsdp"}  0.1x40 0.6x169
""",
)

TOPIC = Topic(
    title="Training: speed",
    recordings=(OWN, MEDIAN, STEP_NOW, STEP_LONG, DATA_WAIT),
    alerts=(STRAGGLER, SLOWER, STARVED, GOODPUT, STALL),
)
