"""Rules about a Kubernetes cluster, on what kube-state-metrics tells."""

from __future__ import annotations

from seatrial.observe.rules.rule import Alert, Topic

NOT_READY = Alert(
    name="KubeNodeNotReady",
    expr='max by (cluster, node) (kube_node_status_condition{condition="Ready", status=~"false|unknown"}) == 1',
    hold="10m",
    severity="critical",
    summary="{{ $labels.node }} is not ready",
    runbook="Its pods are evicted after five minutes, and a job that spans nodes starts again. `kubectl describe node NODE`; "
    "HyperPod and EKS's node repair replace it themselves where they are on.",
    source="EKS node repair: ten minutes after the condition is seen",
    dashboard="scheduler",
    labels='node="n1"',
    says="n1 is not ready",
    fires='kube_node_status_condition{node="n1", condition="Ready", status="unknown"}  1x90 0x119',
    quiet="""
kube_node_status_condition{node="n1", condition="Ready", status="unknown"}  1x8 0x201
kube_node_status_condition{node="n1", condition="MemoryPressure", status="false"}  1x210
""",
)

CORDONED = Alert(
    name="KubeNodeUnschedulable",
    expr="max by (cluster, node) (kube_node_spec_unschedulable) == 1",
    hold="1h",
    severity="warning",
    summary="{{ $labels.node }} takes no new pods for more than an hour",
    runbook="It is paid for and does no work. `kubectl describe node NODE` shows taints and who set them; what Seatrial "
    "marked is let in again by a check of the same level that passes.",
    source="our judgement: an hour",
    dashboard="scheduler",
    labels='node="n1"',
    says="n1 takes no new pods for more than an hour",
    fires='kube_node_spec_unschedulable{node="n1"}  1x90 0x119',
    quiet='kube_node_spec_unschedulable{node="n1"}  1x50 0x159',
)

PENDING = Alert(
    name="KubePodPending",
    expr='max by (cluster, namespace, pod) (kube_pod_status_phase{phase="Pending"}) == 1',
    hold="30m",
    severity="warning",
    summary="pod {{ $labels.pod }} in {{ $labels.namespace }} waits for more than half an hour",
    runbook="There are no nodes with that many GPUs and EFA devices free, a selector or taint keeps it away, or its image "
    "cannot be pulled: `kubectl describe pod`. One pod that waits keeps a whole job from starting.",
    source="our judgement: half an hour",
    dashboard="scheduler",
    labels='namespace="ml", pod="train-0"',
    says="pod train-0 in ml waits for more than half an hour",
    fires='kube_pod_status_phase{namespace="ml", pod="train-0", phase="Pending"}  1x90 0x119',
    quiet="""
kube_pod_status_phase{namespace="ml", pod="train-0", phase="Pending"}  1x25 0x184
kube_pod_status_phase{namespace="ml", pod="train-1", phase="Running"}  1x210
""",
)

JOB_FAILED = Alert(
    name="KubeJobFailed",
    expr="max by (cluster, namespace, job_name) (kube_job_status_failed) > 0 unless on (cluster, namespace, job_name)"
    " max by (cluster, namespace, job_name) (kube_job_status_active) > 0",
    hold="1m",
    severity="warning",
    summary="job {{ $labels.job_name }} in {{ $labels.namespace }} failed",
    runbook="`seatrial status` and `seatrial diagnose RUN` if Seatrial started it, else `kubectl logs job/NAME`. The alert "
    "ends with the Job's time to live.",
    source="kube-state-metrics, docs/metrics: kube_job_status_failed",
    dashboard="scheduler",
    labels='namespace="ml", job_name="train"',
    says="job train in ml failed",
    fires='kube_job_status_failed{namespace="ml", job_name="train"}  0x30 1x60',
    quiet="""
kube_job_status_failed{namespace="ml", job_name="train"}  1x210
kube_job_status_active{namespace="ml", job_name="train"}  2x210
""",
)

OOM = Alert(
    name="KubePodOutOfMemory",
    expr='max by (cluster, namespace, pod, container) (kube_pod_container_status_last_terminated_reason{reason="OOMKilled"}) == 1'
    " and on (cluster, namespace, pod, container)"
    " max by (cluster, namespace, pod, container) (increase(kube_pod_container_status_restarts_total[15m])) > 0",
    hold="0s",
    severity="warning",
    summary="container {{ $labels.container }} of {{ $labels.pod }} in {{ $labels.namespace }} ran out of memory",
    runbook="Raise the memory limit, or use fewer loader workers; /dev/shm counts as the pod's memory.",
    source="Kubernetes: OOMKilled is the kernel's doing within the pod's limit",
    dashboard="scheduler",
    labels='namespace="ml", pod="train-0", container="rank"',
    says="container rank of train-0 in ml ran out of memory",
    fires="""
kube_pod_container_status_last_terminated_reason{namespace="ml", pod="train-0", container="rank", reason="OOMKilled"}  1x210
kube_pod_container_status_restarts_total{namespace="ml", pod="train-0", container="rank"}  0x70 1x139
""",
    quiet="""
kube_pod_container_status_last_terminated_reason{namespace="ml", pod="train-0", container="rank", reason="Error"}  1x210
kube_pod_container_status_restarts_total{namespace="ml", pod="train-0", container="rank"}  0x70 1x139
""",
)

TOPIC = Topic(title="Kubernetes", alerts=(NOT_READY, CORDONED, PENDING, JOB_FAILED, OOM))
