"""One training run."""

from __future__ import annotations

from seatrial.observe.dashboards.model import Dashboard, Panel

_SHARES = (
    "sum by (run_id, phase) (rate(train_phase_seconds_total{RUN}[$__rate_interval]))"
    " / on (run_id) group_left () sum by (run_id) (rate(train_phase_seconds_total{RUN}[$__rate_interval]))"
)

DASHBOARD = Dashboard(
    name="run",
    title="Run",
    about="How a training run goes: does it learn, how fast, and what is lost on the way.",
    panels=(
        Panel("State", {"{{state}}": "train_run_state{RUN}"}, "word"),
        Panel("Steps done, of those planned", {"{{run_id}}": "train_step{RUN} / train_steps_planned{RUN}"}, "stat"),
        Panel("Goodput", {"{{run_id}}": "train_goodput_ratio{RUN}"}, "stat"),
        Panel("Restarts", {"{{run_id}}": "increase(train_restarts_total{RUN}[$__range])"}, "stat"),
        Panel(
            "Since the newest step",
            {"{{run_id}}": "time() - max by (run_id) (train_last_step_timestamp_seconds{RUN})"},
            "stat",
            about="Many times the time of a step: the run hangs.",
        ),
        Panel("Nodes", {"nodes": "count(count by (node) (train_heartbeat_timestamp_seconds{RUN}))"}, "stat"),
        Panel("Loss, nats", {"{{run_id}}": "train_loss{RUN}"}),
        Panel("Throughput, tokens/s", {"{{run_id}}": "train_tokens_per_second{RUN}"}),
        Panel(
            "Time of a step",
            {
                "step, {{run_id}}": "train_step_time_seconds{RUN}",
                "work of the median rank, {{run_id}}": "quantile by (run_id) (0.5, train_step_work_seconds{RUN})",
                "work of the 95th percentile, {{run_id}}": "quantile by (run_id) (0.95, train_step_work_seconds{RUN})",
            },
            about="A wide gap between median and 95th percentile: stragglers, see the dashboard of ranks.",
        ),
        Panel("MFU", {"{{convention}}, {{run_id}}": "train_mfu_ratio{RUN}"}),
        Panel("What a step is made of", {"{{phase}}": _SHARES}, fill=True, about="Of rank 0."),
        Panel("Gradient norm", {"{{run_id}}": "train_grad_norm{RUN}"}),
        Panel(
            "Checkpoints",
            {
                "{{op}}, {{run_id}}": "train_checkpoint_seconds{RUN}",
                "stood still, {{run_id}}": "increase(train_checkpoint_stall_seconds_total{RUN}[$__rate_interval])",
            },
        ),
        Panel("Memory, rank 0", {"{{run_id}}": "train_memory_bytes{RUN}"}),
        Panel(
            "Ranks by node",
            {"{{node}}": "count by (cluster, run_id, node) (train_heartbeat_timestamp_seconds{RUN})"},
            "table",
            about="A node's name leads to its dashboards.",
        ),
        Panel(
            "Findings that are not PASS",
            {"{{check}}": 'sum by (run_id, check, verdict) (train_findings{RUN, verdict!="PASS"}) > 0'},
            "table",
        ),
    ),
)
