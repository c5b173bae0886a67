"""Collectives, by NCCL Inspector; beside them what training and the network say."""

from __future__ import annotations

from seatrial.observe.dashboards.model import Dashboard, Panel

_BANDWIDTH = "nccl_bus_bandwidth_gbs{NODE}"

DASHBOARD = Dashboard(
    name="collectives",
    title="Collectives",
    about="How fast NCCL's collectives are while a job runs, and which GPU drags them. Needs NCCL Inspector; what other "
    "libraries do is only seen below, as waiting and as traffic.",
    nodes="nccl_bus_bandwidth_gbs",
    panels=(
        Panel("Bus bandwidth", {"{{collective}}": f"avg by (collective) ({_BANDWIDTH})"}),
        Panel(
            "Bus bandwidth by size",
            {"{{collective}}, {{message_size}}": f"avg by (collective, message_size) ({_BANDWIDTH})"},
        ),
        Panel("Bus bandwidth by number of ranks", {"{{nranks}} ranks": f"avg by (nranks) ({_BANDWIDTH})"}),
        Panel("Bus bandwidth by algorithm and protocol", {"{{algo_proto}}": f"avg by (algo_proto) ({_BANDWIDTH})"}),
        Panel(
            "GPUs with the least bus bandwidth",
            {"{{node}} GPU {{gpu}}": f"bottomk(5, avg by (node, gpu) ({_BANDWIDTH}))"},
            about="One that is lower than the others in every collective drags them.",
        ),
        Panel(
            "Time of a collective",
            {"{{collective}}": "avg by (collective) (nccl_collective_exec_time_microseconds{NODE})"},
        ),
        Panel(
            "Longest and mean time",
            {
                "{{collective}}": "max by (collective) (nccl_collective_exec_time_microseconds{NODE})"
                " / avg by (collective) (nccl_collective_exec_time_microseconds{NODE})"
            },
            stated="number",
            about="Much above 1: ranks arrive at different times.",
        ),
        Panel(
            "Bandwidth of sends and receives",
            {"{{p2p_operation}}": "avg by (p2p_operation) (nccl_p2p_bus_bandwidth_gbs{NODE})"},
        ),
        Panel(
            "Time of sends and receives",
            {"{{p2p_operation}}": "avg by (p2p_operation) (nccl_p2p_exec_time_microseconds{NODE})"},
        ),
        Panel(
            "Share of the time that ranks wait for others",
            {"{{run_id}}": "avg by (run_id) (rate(train_comm_wait_seconds_total{NODE}[$__rate_interval]))"},
        ),
        Panel("Sent over EFA", {"{{node}}": "sum by (node) (rate(node_amazonefa_tx_bytes{NODE}[$__rate_interval]))"}),
    ),
)
