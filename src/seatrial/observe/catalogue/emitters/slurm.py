"""Slurm: its own OpenMetrics, and our collector for versions that have none, with the same names."""

from __future__ import annotations

from seatrial.observe.catalogue.metric import Emitter, family

# /metrics/nodes
_NODES = """
slurm_nodes | gauge | count | | All nodes.
slurm_node_cpus | gauge | count | node | Processors of a node.
slurm_node_cpus_alloc | gauge | count | node | Those of them that jobs have.
slurm_node_cpus_effective | gauge | count | node | Those that jobs may have.
slurm_node_cpus_idle | gauge | count | node | Those that no job has.
slurm_node_gpus | gauge | count | node | GPUs of a node.
slurm_node_gpus_alloc | gauge | count | node | Those of them that jobs have.
slurm_node_memory_bytes | gauge | bytes | node | Memory of a node.
slurm_node_memory_alloc_bytes | gauge | bytes | node | What of it jobs have.
slurm_node_memory_effective_bytes | gauge | bytes | node | What jobs may have.
slurm_node_memory_free_bytes | gauge | bytes | node | What is free.
"""
NODE_STATES = (
    "alloc blocked cloud completing down drain drained draining dyn_future dyn_normal external fail future idle "
    "invalid_reg maint mixed noresp planned power_down power_up powered_down powering_up reboot_issued reboot_req resv "
    "unknown"
)

# /metrics/jobs
_JOBS = """
slurm_jobs | gauge | count | | All jobs that the controller remembers.
slurm_jobs_cpus_alloc | gauge | count | | Processors that jobs have.
slurm_jobs_gpus_alloc | gauge | count | | GPUs that jobs have.
slurm_jobs_memory_alloc | gauge | bytes | | Memory that jobs have.
slurm_jobs_nodes_alloc | gauge | count | | Nodes that jobs have.
"""
JOB_STATES = (
    "bootfail cancelled completed completing configuring deadline expediting failed fed_requeued finished hold "
    "node_failed outofmemory pending powerup_node preempted requeued resizing revoked running signaling stageout started "
    "suspended timeout"
)

# /metrics/partitions
_PARTITIONS = """
slurm_partitions | gauge | count | | All partitions.
slurm_partition_nodes | gauge | count | partition | Nodes of a partition.
slurm_partition_cpus | gauge | count | partition | Processors of a partition.
slurm_partition_gpus | gauge | count | partition | GPUs of a partition.
slurm_partition_jobs | gauge | count | partition | Jobs of a partition.
slurm_partition_jobs_cpus_alloc | gauge | count | partition | Processors that they have.
slurm_partition_jobs_gpus_alloc | gauge | count | partition | GPUs that they have.
slurm_partition_jobs_memory_alloc | gauge | bytes | partition | Memory that they have.
slurm_partition_jobs_min_job_nodes | gauge | count | partition | The most nodes that a pending job needs at least.
slurm_partition_jobs_max_job_nodes | gauge | count | partition | The most nodes that a pending job may take.
slurm_partition_jobs_wait_part_node_limit | gauge | count | partition | Jobs that wait because the partition allows no more nodes.
slurm_partition_nodes_cpus_alloc | gauge | count | partition | Processors that jobs have.
slurm_partition_nodes_cpus_efctv | gauge | count | partition | Processors that jobs may have.
slurm_partition_nodes_cpus_idle | gauge | count | partition | Processors that no job has.
slurm_partition_nodes_mem_alloc | gauge | bytes | partition | Memory that jobs have.
slurm_partition_nodes_mem_avail | gauge | bytes | partition | Memory that jobs may have.
slurm_partition_nodes_mem_free | gauge | bytes | partition | Free memory.
slurm_partition_nodes_mem_tot | gauge | bytes | partition | Memory of all its nodes.
"""
# Three states are spelt otherwise here than above.
_PARTITION_NODE_STATES = (
    NODE_STATES.replace("completing", "cg").replace("noresp", "no_resp").replace("reboot_req", "reboot_requested")
    + " powering_down"
)

# /metrics/scheduler
_SCHEDULER = """
slurm_agent_queue_size | gauge | count | | Messages to nodes that wait to be sent again.
slurm_server_thread_cnt | gauge | count | | Threads of the controller.
slurm_slurmdbd_queue_size | gauge | count | | Messages that wait for the accounting daemon.
slurm_sched_mean_cycle | gauge | microseconds | | Mean time of a pass of the main scheduler.
slurm_schedule_cycle_last | gauge | microseconds | | Time of its newest pass.
slurm_schedule_cycle_max | gauge | microseconds | | Time of its longest pass.
slurm_schedule_cycle_cnt | gauge | count | | Its passes.
slurm_schedule_queue_len | gauge | count | | Jobs that wait.
slurm_bf_mean_cycle | gauge | microseconds | | Mean time of a pass of the backfill scheduler.
slurm_bf_cycle_last | gauge | microseconds | | Time of its newest pass.
slurm_bf_queue_len | gauge | count | | Jobs that it looked at.
slurm_bf_when_last_cycle | gauge | timestamp | | When its newest pass was.
slurm_backfilled_jobs | gauge | count | | Jobs that it started since the counters were reset.
slurm_sdiag_jobs_submitted | gauge | count | | Jobs submitted since the counters were reset.
slurm_sdiag_jobs_started | gauge | count | | Jobs started since the counters were reset.
slurm_sdiag_jobs_completed | gauge | count | | Jobs completed since the counters were reset.
slurm_sdiag_jobs_canceled | gauge | count | | Jobs cancelled since the counters were reset.
slurm_sdiag_jobs_failed | gauge | count | | Jobs failed since the counters were reset.
slurm_sched_stats_timestamp | gauge | timestamp | | When these were taken.
"""

EMITTER = Emitter(
    id="slurm",
    title="Slurm's own OpenMetrics",
    port=6817,
    paths=("/metrics/nodes", "/metrics/jobs", "/metrics/partitions", "/metrics/scheduler"),
    source="src/plugins/metrics/openmetrics/openmetrics.c of https://github.com/SchedMD/slurm, 25.11; "
    "https://slurm.schedmd.com/metrics.html",
).with_metrics(
    _NODES,
    family(NODE_STATES, "slurm_nodes_{} | gauge | count | | Nodes that are {}."),
    _JOBS,
    family(JOB_STATES, "slurm_jobs_{} | gauge | count | | Jobs that are {}."),
    _PARTITIONS,
    family(
        _PARTITION_NODE_STATES,
        "slurm_partition_nodes_{} | gauge | count | partition | Nodes of a partition that are {}.",
    ),
    family(JOB_STATES, "slurm_partition_jobs_{} | gauge | count | partition | Jobs of a partition that are {}."),
    _SCHEDULER,
)
