"""Rules about training runs that hang, fail, or learn nothing."""

from __future__ import annotations

from seatrial.observe.rules.rule import Alert, Recording, Topic

RUNNING = 'and on (cluster, run_id) train_run_state{state="running"}'

PER_LOG = Recording(
    name="run:train_step_seconds:per_log_1h",
    # With nothing logged for an hour it is 0, not 0/0, which would end the alarm of a hang that is so old.
    expr="max by (cluster, run_id, case) (increase(train_step_seconds_total[1h]) / clamp_min(changes(train_step_total[1h]), 1))",
    help="Seconds between two logged steps, mean of an hour.",
)
HANG = Alert(
    name="TrainingHang",
    expr="(time() - max by (cluster, run_id, case) (train_last_step_timestamp_seconds)"
    f" > clamp_min($factor * {PER_LOG.name}, $least)) {RUNNING}",
    values={"factor": 10, "least": 60},
    hold="1m",
    severity="critical",
    summary="run {{ $labels.run_id }} logged no step for {{ $value | humanizeDuration }}",
    runbook="The run goes on and makes no progress, most often because one rank does not come to a collective. "
    "`seatrial diagnose RUN` names the rank that stands elsewhere than the others; keep stacks and flight recorder dumps "
    "before you cancel it.",
    source="our judgement: ten times what the run itself takes between two logged steps, and a minute at least",
    dashboard="run",
    labels='run_id="r", case="fsdp"',
    says="run r logged no step for 1h 10m 0s",
    fires="""
train_run_state{run_id="r", case="fsdp", state="running"}  1x210
train_last_step_timestamp_seconds{run_id="r", case="fsdp"}  0+60x10 600x80 5460+60x119
train_step_seconds_total{run_id="r", case="fsdp"}  0+60x10 600x80 660+60x119
train_step_total{run_id="r", case="fsdp"}  0+10x10 100x80 110+10x119
""",
    quiet="""
train_run_state{run_id="r", case="fsdp", state="completed"}  1x210
train_last_step_timestamp_seconds{run_id="r", case="fsdp"}  0+60x60 3600x150
train_step_seconds_total{run_id="r", case="fsdp"}  0+60x60 3600x150
train_step_total{run_id="r", case="fsdp"}  0+10x60 600x150
train_run_state{run_id="slow", case="fsdp", state="running"}  1x210
train_last_step_timestamp_seconds{run_id="slow", case="fsdp"}  0x9 600x9 1200x9 1800x9 2400x9 3000x9 3600x9 4200x9 4800x9 5400x9 6000x9
train_step_seconds_total{run_id="slow", case="fsdp"}  0x9 600x9 1200x9 1800x9 2400x9 3000x9 3600x9 4200x9 4800x9 5400x9 6000x9
train_step_total{run_id="slow", case="fsdp"}  0x9 1x9 2x9 3x9 4x9 5x9 6x9 7x9 8x9 9x9 10x9
""",
)

NO_STEP = Alert(
    name="TrainingNoFirstStep",
    expr='max by (cluster, run_id, case) (train_run_state{state=~"starting|running"})'
    " unless on (cluster, run_id) train_last_step_timestamp_seconds",
    hold="30m",
    severity="warning",
    summary="run {{ $labels.run_id }} has begun, and did not log its first step",
    runbook="Start-up takes as long as loading, compiling and the first checkpoint to resume from. Longer than that it "
    "most often waits for a rank that could not start, or for the network: `seatrial logs RUN` and `seatrial diagnose RUN`.",
    source="our judgement: half an hour; compilers of large models take longer, so change it there",
    dashboard="run",
    labels='run_id="r", case="jax"',
    says="run r has begun, and did not log its first step",
    fires="""
train_run_state{run_id="r", case="jax", state="running"}  1x210
train_last_step_timestamp_seconds{run_id="r", case="jax"}  _x90 5400+60x119
""",
    quiet="""
train_run_state{run_id="r", case="jax", state="queued"}  1x210
train_run_state{run_id="quick", case="jax", state="starting"}  1x20
""",
)

RANK_LOST = Alert(
    name="TrainingRankLost",
    # The heartbeats of an attempt that failed are removed at once: the last ones count until there are new ones.
    expr="(time() - max by (cluster, run_id, case, node, rank) (last_over_time(train_heartbeat_timestamp_seconds[15m]))"
    f" > on (cluster, run_id, case) group_left () clamp_min($factor * {PER_LOG.name}, $least)) {RUNNING}",
    values={"factor": 10, "least": 60},
    hold="0s",
    severity="critical",
    summary="rank {{ $labels.rank }} of run {{ $labels.run_id }} on {{ $labels.node }} gave no sign of life for "
    "{{ $value | humanizeDuration }}",
    runbook="The rank's process is gone, stopped, or stands in a call that does not return; all others wait for it. A run "
    "that restarts by itself ends this alert. If it comes back on the same node: `seatrial check node` there.",
    source="our judgement: as for TrainingHang; a rank gives a sign of life at each step",
    dashboard="ranks",
    labels='run_id="r", case="fsdp", node="n1", rank="1"',
    says="rank 1 of run r on n1 gave no sign of life for 20m 0s",
    fires="""
train_run_state{run_id="r", case="fsdp", state="running"}  1x210
train_heartbeat_timestamp_seconds{run_id="r", case="fsdp", node="n1", rank="0"}  0+60x210
train_heartbeat_timestamp_seconds{run_id="r", case="fsdp", node="n1", rank="1"}  0+60x60 3600x30 5460+60x119
train_step_seconds_total{run_id="r", case="fsdp"}  0+60x210
train_step_total{run_id="r", case="fsdp"}  0+10x210
""",
    quiet="""
train_run_state{run_id="r", case="fsdp", state="failed"}  1x210
train_heartbeat_timestamp_seconds{run_id="r", case="fsdp", node="n1", rank="0"}  0+60x60 3600x150
train_step_seconds_total{run_id="r", case="fsdp"}  0+60x60 3600x150
train_step_total{run_id="r", case="fsdp"}  0+10x60 600x150
""",
)

NONFINITE = Alert(
    name="TrainingLossNonFinite",
    expr="max by (cluster, run_id, case) (increase(train_nonfinite_total[10m])) > 0",
    hold="0s",
    severity="critical",
    summary="loss or gradient norm of run {{ $labels.run_id }} is not a number",
    runbook="What the model learns after such a step is lost. Go back to the last checkpoint before it. Single steps may "
    "be skipped on purpose with a loss scale; several in a row come of the learning rate, the data, or of hardware: "
    "`seatrial diagnose RUN`.",
    source="arithmetic: nothing is learned from a loss that is not a number",
    dashboard="run",
    labels='run_id="r", case="fsdp"',
    says="loss or gradient norm of run r is not a number",
    fires='train_nonfinite_total{run_id="r", case="fsdp"}  0x30 0+1x60 60x119',
    quiet='train_nonfinite_total{run_id="r", case="fsdp"}  3x210',
)

SPIKE = Alert(
    name="TrainingLossSpike",
    expr="max by (cluster, run_id, case) (train_loss / quantile_over_time(0.5, train_loss[30m])) > $ratio",
    values={"ratio": 1.5},
    hold="2m",
    severity="warning",
    summary="the loss of run {{ $labels.run_id }} is {{ $value | printf `%.2f` }} times its median of half an hour",
    runbook="Spikes that recede within some steps are usual at high learning rates. One that stays has spoilt the "
    "weights: go back to the checkpoint before it, skip the batches, or lower the learning rate.",
    source="our judgement; nobody has published a bound that holds for all models",
    dashboard="run",
    labels='run_id="r", case="fsdp"',
    says="the loss of run r is 2.00 times its median of half an hour",
    fires='train_loss{run_id="r", case="fsdp"}  3x70 6x20 3x119',
    quiet='train_loss{run_id="r", case="fsdp"}  11-0.05x70 7.5 12 7.5 7x140',
)

RESTARTS = Alert(
    name="TrainingRestarting",
    expr="max by (cluster, run_id, case)"
    " (max_over_time(train_restarts_total[1h]) - min_over_time(train_restarts_total[1h])) >= $times",
    values={"times": 3},
    hold="0s",
    severity="warning",
    summary="run {{ $labels.run_id }} was restarted {{ $value }} times within an hour",
    runbook="It meets the same fault again and again: `seatrial diagnose RUN` says what ended each attempt, and whether a "
    "node is common to them. A restart without progress since the last one is paid for in vain.",
    source="NVIDIA Resiliency Extension 2026-08: three restarts for one cause without progress",
    dashboard="run",
    labels='run_id="r", case="fsdp"',
    says="run r was restarted 3 times within an hour",
    fires='train_restarts_total{run_id="r", case="fsdp"}  0x40 1x10 2x10 3x149',
    quiet='train_restarts_total{run_id="r", case="fsdp"}  0x40 1x20 2x149',
)

FAILED = Alert(
    name="TrainingFailed",
    expr='max by (cluster, run_id, case, state) (train_run_state{state=~"failed|lost"})',
    hold="0s",
    severity="critical",
    summary="run {{ $labels.run_id }} is {{ $labels.state }}",
    runbook="`seatrial diagnose RUN` names the rank that failed first and why; `seatrial run CASE --resume` goes on from "
    "the last checkpoint. The exporter forgets a run some time after its end, 15 minutes by default, and with it goes "
    "the alert.",
    source="docs/events.md: what the run itself says, or its processes that are gone",
    dashboard="run",
    labels='run_id="r", case="fsdp", state="lost"',
    says="run r is lost",
    fires='train_run_state{run_id="r", case="fsdp", state="lost"}  1x90',
    quiet='train_run_state{run_id="r", case="fsdp", state="stopped"}  1x90',
)

VERDICT = Alert(
    name="TrainingFinding",
    expr='max by (cluster, run_id, case, check) (train_findings{verdict="FAIL"}) > 0',
    hold="0s",
    severity="warning",
    summary="rule {{ $labels.check }} says FAIL of run {{ $labels.run_id }}",
    runbook="`seatrial report RUN` has the finding with what was observed, what was expected, and what to do.",
    source="the rule that the label check names",
    dashboard="run",
    labels='run_id="r", case="fsdp", check="run.loss-fell"',
    says="rule run.loss-fell says FAIL of run r",
    fires='train_findings{run_id="r", case="fsdp", check="run.loss-fell", verdict="FAIL"}  1x90',
    quiet='train_findings{run_id="r", case="fsdp", check="run.loss-fell", verdict="WARN"}  1x90',
)

TOPIC = Topic(
    title="Training: hangs, failures and what is learned",
    recordings=(PER_LOG,),
    alerts=(HANG, RANK_LOST, NO_STEP, FAILED, RESTARTS, NONFINITE, SPIKE, VERDICT),
)
