"""Slurm and Kubernetes: what the nodes are given to. A cluster has one of them; the other's panels stay empty."""

from __future__ import annotations

from seatrial.observe.dashboards.model import Dashboard, Panel

_STATES = ("alloc", "mixed", "idle", "drain", "down", "maint")
_JOBS = ("running", "pending", "completing", "failed")
_GPUS = 'resource="nvidia_com_gpu"'

DASHBOARD = Dashboard(
    name="scheduler",
    title="Scheduler",
    about="What the cluster does: nodes by state, who waits and why, how much of it is in use. The first eight panels "
    "are of Slurm, the others of Kubernetes.",
    panels=(
        Panel("Slurm: nodes by state", {state: f"sum(slurm_nodes_{state}{{CLUSTER}})" for state in _STATES}, fill=True),
        Panel("Slurm: jobs by state", {state: f"sum(slurm_jobs_{state}{{CLUSTER}})" for state in _JOBS}),
        Panel(
            "Slurm: GPUs that jobs have",
            {
                "{{cluster}}": "sum by (cluster) (slurm_node_gpus_alloc{CLUSTER}) / sum by (cluster) (slurm_node_gpus{CLUSTER})"
            },
        ),
        Panel("Slurm: why jobs wait", {"{{reason}}": "sum by (reason) (slurm_jobs_pending_by_reason{CLUSTER})"}),
        Panel(
            "Slurm: nodes that are drained, down or failing",
            {"{{node}}": "max by (cluster, node, reason, user) (slurm_node_reason_info{CLUSTER})"},
            "table",
        ),
        Panel(
            "Slurm: since when",
            {"{{node}}": "time() - max by (cluster, node) (slurm_node_reason_timestamp_seconds{CLUSTER})"},
            "table",
        ),
        Panel(
            "Slurm: nodes of partitions in use",
            {
                "{{partition}}": "sum by (partition) (slurm_partition_nodes_alloc{CLUSTER} + slurm_partition_nodes_mixed{CLUSTER})"
                " / sum by (partition) (slurm_partition_nodes{CLUSTER})"
            },
        ),
        Panel(
            "Slurm: time of a scheduler's pass",
            {"main": "max(slurm_schedule_cycle_last{CLUSTER})", "backfill": "max(slurm_bf_cycle_last{CLUSTER})"},
        ),
        Panel(
            "Kubernetes: nodes that are not ready",
            {
                "{{cluster}}": 'sum by (cluster) (kube_node_status_condition{CLUSTER, condition="Ready", status!="true"})'
            },
            stated="count",
        ),
        Panel(
            "Kubernetes: nodes that take no new pods",
            {"{{cluster}}": "sum by (cluster) (kube_node_spec_unschedulable{CLUSTER})"},
            stated="count",
        ),
        Panel(
            "Kubernetes: GPUs that pods ask for",
            {
                "{{cluster}}": f"sum by (cluster) (kube_pod_container_resource_requests{{CLUSTER, {_GPUS}}})"
                f" / sum by (cluster) (kube_node_status_allocatable{{CLUSTER, {_GPUS}}})"
            },
        ),
        Panel(
            "Kubernetes: pods by phase",
            {"{{phase}}": "sum by (phase) (kube_pod_status_phase{CLUSTER})"},
            stated="count",
            fill=True,
        ),
        Panel(
            "Kubernetes: why containers wait",
            {"{{reason}}": "sum by (reason) (kube_pod_container_status_waiting_reason{CLUSTER})"},
            stated="count",
        ),
        Panel(
            "Kubernetes: containers that started again",
            {
                "{{namespace}}": "sum by (namespace) (increase(kube_pod_container_status_restarts_total{CLUSTER}[$__rate_interval]))"
            },
        ),
        Panel(
            "Kubernetes: pods of Jobs that failed",
            {"{{job_name}}": "sum by (job_name) (kube_job_status_failed{CLUSTER})"},
        ),
    ),
)
