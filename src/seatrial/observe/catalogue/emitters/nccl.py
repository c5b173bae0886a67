"""NCCL Inspector, through node_exporter's textfile collector."""

from __future__ import annotations

from seatrial.observe.catalogue.metric import Emitter

_NCCL = """
nccl_bus_bandwidth_gbs | gauge | GB/s | collective, algo_proto | Bus bandwidth of a collective.
nccl_collective_exec_time_microseconds | gauge | microseconds | collective, algo_proto | How long a collective took.
nccl_p2p_bus_bandwidth_gbs | gauge | GB/s | p2p_operation | Bandwidth of sends and receives.
nccl_p2p_exec_time_microseconds | gauge | microseconds | p2p_operation | How long they took.
"""

EMITTER = Emitter(
    id="nccl",
    title="NCCL Inspector, in node_exporter's textfile collector",
    port=9100,
    source="plugins/profiler/inspector of https://github.com/NVIDIA/nccl, NCCL 2.28.3 and newer",
    labels=("slurm_job_id", "gpu", "comm_name", "n_nodes", "nranks", "message_size"),
).with_metrics(_NCCL)
