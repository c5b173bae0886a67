"""kube-state-metrics: what of it rules and dashboards here use."""

from __future__ import annotations

from seatrial.observe.catalogue.metric import Emitter

_KUBE = """
kube_node_info | gauge | info | kernel_version, os_image, container_runtime_version, kubelet_version, provider_id, internal_ip | A node.
kube_node_status_condition | gauge | bool | condition, status | Condition of a node.
kube_node_spec_unschedulable | gauge | bool | | Whether a node takes no new pods.
kube_node_spec_taint | gauge | info | key, value, effect | Taint of a node.
kube_node_labels | gauge | info | * | Labels of a node, those that kube-state-metrics was told to show.
kube_node_status_allocatable | gauge | number | resource, unit | What a node has for pods, in the unit that the label says.
kube_node_status_capacity | gauge | number | resource, unit | What a node has, in the unit that the label says.
kube_pod_info | gauge | info | namespace, pod, uid, host_ip, pod_ip, created_by_kind, created_by_name | A pod.
kube_pod_status_phase | gauge | bool | namespace, pod, uid, phase | Phase of a pod.
kube_pod_status_reason | gauge | bool | namespace, pod, uid, reason | Why a pod is as it is: Evicted, NodeLost and others.
kube_pod_container_resource_requests | gauge | number | namespace, pod, uid, container, resource, unit | What a container asks for.
kube_pod_container_status_restarts_total | counter | count | namespace, pod, uid, container | Restarts of a container.
kube_pod_container_status_waiting_reason | gauge | info | namespace, pod, uid, container, reason | Why a container waits.
kube_pod_container_status_last_terminated_reason | gauge | info | namespace, pod, uid, container, reason | How it ended the last time.
kube_job_status_active | gauge | count | namespace, job_name | Pods of a Job that run.
kube_job_status_failed | gauge | count | namespace, job_name, reason | Pods of a Job that failed.
kube_job_status_succeeded | gauge | count | namespace, job_name | Pods of a Job that succeeded.
"""

EMITTER = Emitter(
    id="kube_state",
    title="kube-state-metrics",
    port=8080,
    source="docs/metrics of https://github.com/kubernetes/kube-state-metrics, version 2; from memory, not compared",
).with_metrics(_KUBE)
