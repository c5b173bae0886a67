"""Rules about EFA devices."""

from __future__ import annotations

from seatrial.observe.catalogue import METRICS
from seatrial.observe.rules.rule import Alert, Recording, Topic
from seatrial.observe.rules.topics.gpu import ACTIVE

_AGENT = "AWS EKS node monitoring agent 51af549, {}; it looks at one second, we at the mean of five minutes"


def _rate(counter: str) -> Recording:
    """Of a counter by any of its names: a collector of OpenTelemetry adds _total."""
    metric = METRICS[f"node_amazonefa_{counter}"]
    rates = " or ".join(f"rate({name}[5m])" for name in (metric.name, *metric.old_names))
    return Recording(
        name=f"efa:{metric.name}:rate5m",
        expr=f"max by (cluster, node, device, port) ({rates})",
        help=f"{metric.name} a second, with and without `_total`.",
    )


SENT = _rate("tx_bytes")
DROPS = _rate("rx_drops")
READ_ERRORS = _rate("rdma_read_wr_err")
WRITE_ERRORS = _rate("rdma_write_wr_err")
TIMEOUTS = _rate("retrans_timeout_events")
RETRANSMITTED = _rate("retrans_pkts")
UNRESPONSIVE = _rate("unresponsive_remote_events")
IMPAIRED = _rate("impaired_remote_conn_events")
COUNT = Recording(
    name="node:efa_devices:count",
    expr="count by (cluster, node) (count by (cluster, node, device) (node_amazonefa_info))",
    help="EFA devices that a node has.",
)


def _too_many(rate: Recording, name: str, bound: int, what: str, runbook: str, series: str) -> Alert:
    """A rate of a counter beyond a bound."""
    about = 'node="n1", device="rdmap79s0", port="1"'
    return Alert(
        name=name,
        expr=f"{rate.name} > $bound",
        values={"bound": bound},
        hold="5m",
        severity="warning",
        summary=f"{{{{ $value | printf `%.0f` }}}} {what} a second on {{{{ $labels.device }}}} of {{{{ $labels.node }}}}",
        runbook=runbook,
        source=_AGENT.format(f"more than {bound} a second"),
        dashboard="efa",
        labels=about,
        says=f"{2 * bound} {what} a second on rdmap79s0 of n1",
        fires=f"node_amazonefa_{series}_total{{{about}}}  0+{120 * bound}x90 {120 * bound * 90}x119",
        quiet=f"node_amazonefa_{series}{{{about}}}  0+{54 * bound}x209",
    )


_REMOTE = (
    "One node at the other end is gone or stuck: look which node all those that complain have in common. With the run's "
    "job still there, `seatrial diagnose RUN`."
)
RATES = (
    _too_many(
        TIMEOUTS,
        "EfaRetransmitTimeouts",
        100,
        "retransmissions after a timeout",
        "Packets get no answer in time: congestion, a node that hangs, or a device that fails. If one node is at the end "
        "of all of them, drain it.",
        "retrans_timeout_events",
    ),
    _too_many(
        RETRANSMITTED,
        "EfaRetransmits",
        1000,
        "packets sent again",
        "SRD sends again what got lost on one of its paths; that many mean congestion or a bad path. Compare nodes: all "
        "alike is the fabric's load, one alone is that node.",
        "retrans_pkts",
    ),
    _too_many(
        DROPS,
        "EfaReceiveDrops",
        100,
        "dropped packets",
        "The node does not take packets out of its queues fast enough: it is overloaded, or a process that holds receive "
        "buffers hangs.",
        "rx_drops",
    ),
    _too_many(
        READ_ERRORS,
        "EfaRdmaReadErrors",
        100,
        "failed RDMA reads",
        "Requests end with an error, which libfabric hands to NCCL: the job is about to fail. Look at the other end first.",
        "rdma_read_wr_err",
    ),
    _too_many(
        WRITE_ERRORS,
        "EfaRdmaWriteErrors",
        100,
        "failed RDMA writes",
        "Requests end with an error, which libfabric hands to NCCL: the job is about to fail. Look at the other end first.",
        "rdma_write_wr_err",
    ),
    _too_many(
        UNRESPONSIVE, "EfaRemoteUnresponsive", 100, "unanswered calls to a node", _REMOTE, "unresponsive_remote_events"
    ),
    _too_many(IMPAIRED, "EfaRemoteImpaired", 100, "impaired connections", _REMOTE, "impaired_remote_conn_events"),
)

MISSING = Alert(
    name="EfaDeviceMissing",
    expr=f"{COUNT.name} < clamp_min(max_over_time({COUNT.name}[1d]), $expected)",
    values={"expected": 0},
    hold="5m",
    severity="critical",
    summary="{{ $labels.node }} has {{ $value }} EFA devices only",
    runbook="NCCL uses those that are left, and the whole job goes at their speed. Drain the node and replace it. "
    "`expected` is the number of the instance type; where it is not given, it is the most of the last day.",
    source="the hardware table: EFA interfaces of an instance type",
    dashboard="efa",
    labels='node="n1"',
    says="n1 has 1 EFA devices only",
    fires="""
node_amazonefa_info{node="n1", device="rdmap79s0"}  1x209
node_amazonefa_info{node="n1", device="rdmap80s0"}  1x60 _x30 1x119
""",
    quiet="""
node_amazonefa_info{node="n1", device="rdmap79s0"}  1x209
node_amazonefa_info{node="n1", device="rdmap80s0"}  1x20 _x2 1x187
""",
)

PORT_DOWN = Alert(
    name="EfaPortDown",
    expr="max by (cluster, node, device, port) (node_amazonefa_state_id) != 4",
    hold="2m",
    severity="critical",
    summary="port {{ $labels.port }} of {{ $labels.device }} of {{ $labels.node }} is not active",
    runbook="No traffic passes this device. Drain the node, reboot it, replace it if the port stays down.",
    source="Linux, enum ib_port_state: 4 is active",
    dashboard="efa",
    labels='node="n1", device="rdmap79s0", port="1"',
    says="port 1 of rdmap79s0 of n1 is not active",
    fires='node_amazonefa_state_id{node="n1", device="rdmap79s0", port="1"}  1x90 4x119',
    quiet='node_amazonefa_state_id{node="n1", device="rdmap79s0", port="1"}  4x209',
)

COMMANDS = Alert(
    name="EfaDeviceErrors",
    expr="max by (cluster, node, device) (increase(node_amazonefa_cmds_err[15m]) or increase(node_amazonefa_cmds_err_total[15m]))"
    " > 0 or max by (cluster, node, device) (increase(node_amazonefa_no_completion_cmds[15m])"
    " or increase(node_amazonefa_no_completion_cmds_total[15m])) > 0",
    hold="0s",
    severity="warning",
    summary="{{ $labels.device }} of {{ $labels.node }} refused commands of its driver, or never answered",
    runbook="Memory could not be registered, queue pairs could not be made, or the device hangs. `dmesg` on the node names "
    "the command; limits of locked memory are the usual cause, a device that never answers is a node to replace.",
    source="amzn-drivers r3.1.0, kernel/linux/efa: what the counters count",
    dashboard="efa",
    labels='node="n1", device="rdmap79s0"',
    says="rdmap79s0 of n1 refused commands of its driver, or never answered",
    fires='node_amazonefa_no_completion_cmds{node="n1", device="rdmap79s0"}  0x70 3x139',
    quiet='node_amazonefa_cmds_err{node="n1", device="rdmap79s0"}  3x209',
)

_ETHERNET = 'node_network_transmit_bytes_total{device!~"lo|docker.*|veth.*|cali.*|cni.*"}'
FALLBACK = Alert(
    name="EfaSilentTcpFallback",
    expr=f"sum by (cluster, node) (rate({_ETHERNET}[5m])) > $bytes"
    f" and on (cluster, node) sum by (cluster, node) ({SENT.name}) < 1e6 and on (cluster, node) max by (cluster, node) ({ACTIVE.name}) > 0.05",
    values={"bytes": 1e9},
    hold="5m",
    severity="warning",
    summary="{{ $labels.node }} sends {{ $value | humanize }}B/s over TCP, and nothing over its EFA devices",
    runbook="NCCL found no EFA and took sockets, which is many times slower. The job's log says `NET/Socket`; look at the "
    "plugin's library path, at FI_PROVIDER, and whether the container got the devices: `seatrial network show`, "
    "`seatrial check env --on CLUSTER`.",
    source="our judgement: a gigabyte a second over Ethernet while GPUs work and EFA is below a megabyte",
    dashboard="efa",
    labels='node="n1"',
    says="n1 sends 3GB/s over TCP, and nothing over its EFA devices",
    fires="""
node_network_transmit_bytes_total{node="n1", device="ens5"}  0+180000000000x90 16200000000000x119
node_amazonefa_tx_bytes{node="n1", device="rdmap79s0", port="1"}  0x209
DCGM_FI_PROF_GR_ENGINE_ACTIVE{node="n1", gpu="3", UUID="GPU-3"}  0.9x209
""",
    quiet="""
node_network_transmit_bytes_total{node="n1", device="ens5"}  0+180000000000x209
node_amazonefa_tx_bytes{node="n1", device="rdmap79s0", port="1"}  0x209
DCGM_FI_PROF_GR_ENGINE_ACTIVE{node="n1", gpu="3", UUID="GPU-3"}  0x209
node_network_transmit_bytes_total{node="n2", device="ens5"}  0+180000000000x209
node_amazonefa_tx_bytes{node="n2", device="rdmap79s0", port="1"}  0+600000000000x209
DCGM_FI_PROF_GR_ENGINE_ACTIVE{node="n2", gpu="3", UUID="GPU-3"}  0.9x209
""",
)

IMBALANCE = Alert(
    name="EfaImbalance",
    expr=f"max by (cluster, node) ({SENT.name}) / min by (cluster, node) ({SENT.name}) > $ratio"
    f" and on (cluster, node) sum by (cluster, node) ({SENT.name}) > 1e9",
    values={"ratio": 2},
    hold="15m",
    severity="info",
    summary="one EFA device of {{ $labels.node }} sends {{ $value | printf `%.1f` }} times as much as another",
    runbook="Collectives of all GPUs load all devices alike. Unequal devices come of ranks that are bound to the wrong "
    "GPUs, of a wrong topology file, or of a job that does not use all GPUs.",
    source="our judgement: twice as much, above a gigabyte a second",
    dashboard="efa",
    labels='node="n1"',
    says="one EFA device of n1 sends 3.0 times as much as another",
    fires="""
node_amazonefa_tx_bytes{node="n1", device="rdmap79s0", port="1"}  0+180000000000x90 16200000000000+60000000000x119
node_amazonefa_tx_bytes{node="n1", device="rdmap80s0", port="1"}  0+60000000000x209
""",
    quiet="""
node_amazonefa_tx_bytes{node="n1", device="rdmap79s0", port="1"}  0+180000x209
node_amazonefa_tx_bytes{node="n1", device="rdmap80s0", port="1"}  0+600x209
""",
)

TOPIC = Topic(
    title="EFA",
    recordings=(SENT, DROPS, READ_ERRORS, WRITE_ERRORS, TIMEOUTS, RETRANSMITTED, UNRESPONSIVE, IMPAIRED, COUNT),
    alerts=(MISSING, PORT_DOWN, FALLBACK, *RATES, COMMANDS, IMBALANCE),
)
