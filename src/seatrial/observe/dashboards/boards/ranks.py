"""The ranks of a run, side by side."""

from __future__ import annotations

from seatrial.observe.dashboards.model import Dashboard, Panel

_MEDIAN = "on (run_id) group_left () quantile by (run_id) (0.5, train_step_work_seconds{RUN})"

DASHBOARD = Dashboard(
    name="ranks",
    title="Ranks and stragglers",
    about="Which rank the others wait for, and whether it is its own work, its data or its node.",
    nodes="train_heartbeat_timestamp_seconds",
    panels=(
        Panel("Ranks", {"{{run_id}}": "train_ranks{RUN}"}, "stat"),
        Panel(
            "Ranks without a sign of life for a minute",
            {
                "{{run_id}}": "count by (run_id) (time() - train_heartbeat_timestamp_seconds{RUN} > 60) or 0 * train_ranks{RUN}"
            },
            "stat",
        ),
        Panel(
            "Slowest rank, of the median",
            {"{{run_id}}": f"max by (run_id) (train_step_work_seconds{{RANK}} / {_MEDIAN})"},
            "stat",
            about="1.2 for minutes is a straggler.",
        ),
        Panel(
            "Lost to waiting for other ranks",
            {"{{run_id}}": "avg by (run_id) (rate(train_comm_wait_seconds_total{RANK}[$__rate_interval]))"},
            "stat",
        ),
        Panel(
            "Work of each rank",
            {"{{rank}}": "sum by (rank) (train_step_work_seconds{RANK})"},
            "heatmap",
            about="A line that stands out is one slow rank, a band is a slow node. Choose one run.",
        ),
        Panel(
            "The slowest ranks, of the median",
            {"rank {{rank}} on {{node}}": f"topk(5, train_step_work_seconds{{RANK}} / {_MEDIAN})"},
        ),
        Panel("Work, mean of each node", {"{{node}}": "avg by (node) (train_step_work_seconds{RANK})"}),
        Panel(
            "Waits for other ranks",
            {"{{rank}}": "sum by (rank) (train_comm_wait_seconds{RANK})"},
            "heatmap",
            about="The straggler is the one that does not wait. Choose one run.",
        ),
        Panel(
            "Those that wait least for others",
            {"rank {{rank}} on {{node}}": "bottomk(5, train_comm_wait_seconds{RANK})"},
            about="The others wait for these.",
        ),
        Panel("Those that wait most for data", {"rank {{rank}} on {{node}}": "topk(5, train_data_wait_seconds{RANK})"}),
        Panel(
            "Share of the time that ranks wait for data",
            {"{{node}}": "avg by (node) (rate(train_data_wait_seconds_total{RANK}[$__rate_interval]))"},
        ),
        Panel(
            "Processors busy for a rank",
            {"rank {{rank}} on {{node}}": "topk(5, train_cpu_seconds{RANK} / train_step_work_seconds{RANK})"},
            stated="number",
            about="Processor time per second of work: much more on one node means that something else runs there.",
        ),
        Panel(
            "Longest without a sign of life",
            {"rank {{rank}} on {{node}}": "topk(5, time() - train_heartbeat_timestamp_seconds{RANK})"},
        ),
    ),
)
