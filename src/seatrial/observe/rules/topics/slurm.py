"""Rules about a Slurm cluster."""

from __future__ import annotations

from seatrial.observe.rules.rule import Alert, Topic

DOWN = Alert(
    name="SlurmNodeDown",
    expr='max by (cluster, node, state) (slurm_node_state{state=~"down|fail|failing|unknown"}) > 0',
    hold="5m",
    severity="critical",
    summary="{{ $labels.node }} is {{ $labels.state }}",
    runbook="Its job was ended or put back into the queue. `scontrol show node NODE` has the reason; a node that does not "
    "answer is rebooted or replaced by HyperPod and by ParallelCluster themselves within some minutes.",
    source="Slurm, man sinfo: node state codes",
    dashboard="scheduler",
    labels='node="n1", state="down"',
    says="n1 is down",
    fires='slurm_node_state{node="n1", state="down"}  1x90',
    quiet="""
slurm_node_state{node="n1", state="down"}  1x4
slurm_node_state{node="n2", state="powered_down"}  1x210
""",
)

DOWN_NATIVE = Alert(
    name="SlurmNodesDown",
    expr="max by (cluster) (slurm_nodes_down + slurm_nodes_fail) > 0 unless on (cluster) slurm_node_state",
    hold="5m",
    severity="critical",
    summary="{{ $value }} nodes are down",
    runbook="Slurm's own metrics do not say which: `sinfo --list-reasons`, or our collector slurm beside them.",
    source="Slurm 25.11, metrics/openmetrics",
    dashboard="scheduler",
    labels="",
    says="2 nodes are down",
    fires="""
slurm_nodes_down  2x90 0x119
slurm_nodes_fail  0x210
""",
    quiet="""
slurm_nodes_down  0x210
slurm_nodes_fail  0x210
""",
)

DRAINED = Alert(
    name="SlurmNodeDrained",
    expr='max by (cluster, node, state) (slurm_node_state{state=~"drained|draining"}) > 0',
    hold="1h",
    severity="warning",
    summary="{{ $labels.node }} is {{ $labels.state }} for more than an hour",
    runbook="It is paid for and does no work. `sinfo --list-reasons` says why and who drained it; what Seatrial drained is "
    "let in again by a check of the same level that passes.",
    source="our judgement: an hour",
    dashboard="scheduler",
    labels='node="n1", state="drained"',
    says="n1 is drained for more than an hour",
    fires='slurm_node_state{node="n1", state="drained"}  1x90',
    quiet='slurm_node_state{node="n1", state="drained"}  1x50',
)

NO_ANSWER = Alert(
    name="SlurmNodesNotResponding",
    expr="max by (cluster) (slurm_nodes_noresp) > 0",
    hold="10m",
    severity="warning",
    summary="{{ $value }} nodes do not answer the controller",
    runbook="slurmd is gone, the node hangs, or the network to it is cut: `sinfo --responding` and `sinfo --dead`. After "
    "SlurmdTimeout they are down, and their jobs are lost.",
    source="Slurm, man slurm.conf: SlurmdTimeout, 300 s by default",
    dashboard="scheduler",
    labels="",
    says="1 nodes do not answer the controller",
    fires="slurm_nodes_noresp  1x90 0x119",
    quiet="slurm_nodes_noresp  1x5 0x204",
)

IDLE = Alert(
    name="SlurmJobsWaitBesideIdleNodes",
    expr="max by (cluster) (slurm_jobs_pending) > 0 and on (cluster) max by (cluster) (slurm_nodes_idle) > 0",
    hold="1h",
    severity="info",
    summary="{{ $value }} jobs wait, and there are idle nodes",
    runbook="Often it is right: they ask for more nodes than are idle, wait for others, or have reached a limit. "
    "`squeue --states=pending --format='%i %r'` says why each waits.",
    source="our judgement: an hour",
    dashboard="scheduler",
    labels="",
    says="3 jobs wait, and there are idle nodes",
    fires="""
slurm_jobs_pending  3x90 0x119
slurm_nodes_idle  2x210
""",
    quiet="""
slurm_jobs_pending  3x210
slurm_nodes_idle  0x210
""",
)

TOPIC = Topic(title="Slurm", alerts=(DOWN, DOWN_NATIVE, DRAINED, NO_ANSWER, IDLE))
