"""Our collector of training runs."""

from __future__ import annotations

from seatrial.observe.catalogue.metric import Emitter

_RUN = """
train_run_info | gauge | info | recipe, launcher, cluster_name, job_id, device, backend, unit | What runs, where and on what.
train_run_state | gauge | info | state | Where the run stands: queued, starting, running, completed, stopped, failed, lost.
train_start_timestamp_seconds | gauge | timestamp | | When it was first started.
train_end_timestamp_seconds | gauge | timestamp | | When it ended; absent while it goes on.
train_ranks | gauge | count | | Ranks of the newest attempt.
train_restarts_total | counter | count | | Attempts after the first.
train_goodput_ratio | gauge | ratio | | Share of the time since the start that went into steps that count: not into starting, steps done twice, or checkpoints.
train_events_unreadable_total | counter | count | | Lines of events.jsonl that could not be read.
"""

_STEPS = """
train_step | gauge | step | | Steps that the model has done; it goes back where a run resumes from a checkpoint.
train_steps_planned | gauge | step | | Steps that the whole job takes.
train_step_total | counter | step | | Steps that were done, those done twice counted twice.
train_last_step_timestamp_seconds | gauge | timestamp | | When the newest logged step was done.
train_loss | gauge | nats | | Loss of the newest logged step, mean over all ranks.
train_grad_norm | gauge | number | | Global L2 norm of the gradient before clipping.
train_learning_rate | gauge | number | | Learning rate of the newest logged step.
train_nonfinite_total | counter | count | | Logged steps whose loss or gradient norm was not a number or infinite.
train_validation | gauge | number | metric | What the newest validation gave.
train_tokens_total | counter | count | | Tokens trained on, all ranks together, those of steps done twice counted twice.
train_samples_total | counter | count | | The same in samples, of cases that count those.
train_tokens_per_second | gauge | tokens/s | | Throughput of the newest logged step, all ranks, the wait for data included.
train_samples_per_second | gauge | samples/s | | The same in samples, of cases that count those.
train_model_flops_per_second | gauge | FLOP/s | convention | Model FLOP/s of the newest logged step, all ranks together.
train_mfu_ratio | gauge | ratio | convention | Share of the ranks' dense peak; absent where the peak is unknown.
train_memory_bytes | gauge | bytes | | Peak memory of rank 0: of its device, or else resident.
"""

_TIMES = """
train_step_time_seconds | gauge | seconds | | Wall time of the newest logged step, the wait for data and checkpoints included.
train_step_seconds_total | counter | seconds | | Wall time of all steps.
train_phase_seconds | gauge | seconds | phase | Rank 0's part of the newest logged step: data_wait, forward, backward, optimizer, checkpoint, other.
train_phase_seconds_total | counter | seconds | phase | The same of all steps.
train_step_work_seconds | gauge | seconds | node, rank | What a rank worked in the newest logged step, until its last collective: synchronous steps hide a straggler, this does not.
train_data_wait_seconds | gauge | seconds | node, rank | What a rank waited for data in the newest logged step.
train_data_wait_seconds_total | counter | seconds | node, rank | The same of all steps.
train_comm_wait_seconds | gauge | seconds | node, rank | What a rank waited for other ranks in the newest logged step; absent where the program cannot tell.
train_comm_wait_seconds_total | counter | seconds | node, rank | The same of all steps.
train_cpu_seconds | gauge | seconds | node, rank | Processor time of a rank in the newest logged step.
train_heartbeat_timestamp_seconds | gauge | timestamp | node, rank | A rank's last sign of life.
"""

_CHECKPOINTS = """
train_checkpoint_seconds | gauge | seconds | op | How long the newest checkpoint took, by op: save, load.
train_checkpoint_stall_seconds_total | counter | seconds | | How long training stood still for checkpoints.
train_checkpoint_saves_total | counter | count | | Checkpoints that were written.
train_checkpoint_bytes | gauge | bytes | | Size of the newest checkpoint.
train_checkpoint_step | gauge | step | | Steps that the newest checkpoint holds.
train_checkpoint_timestamp_seconds | gauge | timestamp | | When the newest checkpoint was complete.
"""

_FINDINGS = """
train_findings | gauge | count | check, verdict | Findings about the run, by rule and verdict.
train_verdict | gauge | info | verdict | What its findings come to, once it was judged.
"""

EMITTER = Emitter(
    id="run",
    title="seatrial observe export, collector run",
    ours=True,
    port=9109,
    source="docs/events.md",
    labels=("run_id", "case"),
).with_metrics(_RUN, _STEPS, _TIMES, _CHECKPOINTS, _FINDINGS)
