"""Rules about nodes: file systems, clock, memory, and what our own checks found."""

from __future__ import annotations

from seatrial.observe.rules.rule import Alert, Topic

_MIXIN = "node-mixin of Prometheus' node_exporter, {}"
_OWN = 'fstype!~"tmpfs|ramfs|overlay|squashfs|lustre|nfs.*|fuse.*"'
_ROOT = 'node="n1", device="/dev/nvme0n1p1", fstype="ext4", mountpoint="/"'


def _free(fstype: str) -> str:
    return (
        f"max by (cluster, node, mountpoint) (node_filesystem_avail_bytes{{{fstype}}})"
        f" / max by (cluster, node, mountpoint) (node_filesystem_size_bytes{{{fstype}}})"
    )


FILLING = Alert(
    name="NodeFilesystemFilling",
    expr=f"({_free(_OWN)} < $share) and on (cluster, node, mountpoint)"
    f" max by (cluster, node, mountpoint) (predict_linear(node_filesystem_avail_bytes{{{_OWN}}}[6h], 24 * 3600)) < 0",
    values={"share": 0.15},
    hold="1h",
    severity="warning",
    summary="{{ $labels.mountpoint }} of {{ $labels.node }} has {{ $value | humanizePercentage }} left and is full within "
    "a day",
    runbook="Logs, core dumps, container images and checkpoints that nobody collects: `du -xh --max-depth=2`. Jobs that "
    "begin on a full disk fail in ways that look like something else.",
    source=_MIXIN.format("NodeFilesystemSpaceFillingUp"),
    dashboard="node",
    labels='node="n1", mountpoint="/"',
    says="/ of n1 has 1% left and is full within a day",
    fires=f"""
node_filesystem_avail_bytes{{{_ROOT}}}  14-0.1625x80 1x9 80x119
node_filesystem_size_bytes{{{_ROOT}}}  100x210
""",
    quiet=f"""
node_filesystem_avail_bytes{{{_ROOT}}}  10x210
node_filesystem_size_bytes{{{_ROOT}}}  100x210
""",
)

FULL = Alert(
    name="NodeFilesystemFull",
    expr=f"{_free(_OWN)} < $share",
    values={"share": 0.03},
    hold="15m",
    severity="critical",
    summary="{{ $labels.mountpoint }} of {{ $labels.node }} has {{ $value | humanizePercentage }} left",
    runbook="Drain the node, free space, and let it in again: a job that begins there now is lost.",
    source=_MIXIN.format("NodeFilesystemAlmostOutOfSpace, critical"),
    dashboard="node",
    labels='node="n1", mountpoint="/"',
    says="/ of n1 has 2% left",
    fires=f"""
node_filesystem_avail_bytes{{{_ROOT}}}  2x90 80x119
node_filesystem_size_bytes{{{_ROOT}}}  100x210
""",
    quiet=f"""
node_filesystem_avail_bytes{{{_ROOT}}}  4x210
node_filesystem_size_bytes{{{_ROOT}}}  100x210
""",
)

_SHARED = 'fstype=~"lustre|nfs.*"'
_FSX = 'node="n1", device="10.0.0.1@tcp:/fsx", fstype="lustre", mountpoint="/fsx"'
SHARED = Alert(
    name="SharedFilesystemLow",
    expr=f"max by (cluster, mountpoint) ({_free(_SHARED)}) < $share",
    values={"share": 0.1},
    hold="15m",
    severity="warning",
    summary="{{ $labels.mountpoint }} has {{ $value | humanizePercentage }} left",
    runbook="All jobs write their checkpoints there. Remove old ones (`seatrial runs prune`), release files to S3, or let "
    "the file system grow; Lustre gets slow before it is full, since its targets fill unevenly. Nodes tell the size; the "
    "file system's own metrics are CloudWatch's.",
    source="our judgement: a tenth",
    dashboard="filesystem",
    labels='mountpoint="/fsx"',
    says="/fsx has 5% left",
    fires=f"""
node_filesystem_avail_bytes{{{_FSX}}}  5x90 80x119
node_filesystem_size_bytes{{{_FSX}}}  100x210
""",
    quiet=f"""
node_filesystem_avail_bytes{{{_FSX}}}  11x210
node_filesystem_size_bytes{{{_FSX}}}  100x210
""",
)

SKEW = Alert(
    name="NodeClockSkew",
    expr="max by (cluster, node) (abs(node_timex_offset_seconds)) > $seconds",
    values={"seconds": 0.05},
    hold="10m",
    severity="warning",
    summary="the clock of {{ $labels.node }} is {{ $value | printf `%.2f` }} s off",
    runbook="Logs, events and traces of several nodes cannot be put in order any more, and certificates may be refused. "
    "`chronyc sources` on the node; on EC2 the time comes from 169.254.169.123.",
    source=_MIXIN.format("NodeClockSkewDetected"),
    dashboard="node",
    labels='node="n1"',
    says="the clock of n1 is 0.20 s off",
    fires='node_timex_offset_seconds{node="n1"}  -0.2x90 0x119',
    quiet='node_timex_offset_seconds{node="n1"}  0.04x210',
)

UNSYNCED = Alert(
    name="NodeClockNotSynchronised",
    expr="max by (cluster, node) (max_over_time(node_timex_sync_status[5m])) == 0"
    " and on (cluster, node) max by (cluster, node) (node_timex_maxerror_seconds) >= 16",
    hold="10m",
    severity="warning",
    summary="nobody keeps the clock of {{ $labels.node }}",
    runbook="chronyd does not run or reaches no server: `systemctl status chronyd`, `chronyc sources`.",
    source=_MIXIN.format("NodeClockNotSynchronising"),
    dashboard="node",
    labels='node="n1"',
    says="nobody keeps the clock of n1",
    fires="""
node_timex_sync_status{node="n1"}  0x90 1x119
node_timex_maxerror_seconds{node="n1"}  16x90 0.01x119
""",
    quiet="""
node_timex_sync_status{node="n1"}  0x3 1x206
node_timex_maxerror_seconds{node="n1"}  16x210
""",
)

OOM = Alert(
    name="NodeOutOfMemory",
    expr="max by (cluster, node) (increase(node_vmstat_oom_kill[15m])) > 0",
    hold="0s",
    severity="warning",
    summary="the kernel of {{ $labels.node }} killed a process for want of memory",
    runbook="Most often it is a rank: loaders with too many workers, or checkpoints that are gathered on one node. "
    "`seatrial diagnose RUN` says whether it was one of a run's.",
    source="Linux, /proc/vmstat: oom_kill",
    dashboard="node",
    labels='node="n1"',
    says="the kernel of n1 killed a process for want of memory",
    fires='node_vmstat_oom_kill{node="n1"}  0x70 1x139',
    quiet='node_vmstat_oom_kill{node="n1"}  4x210',
)

EDAC = Alert(
    name="NodeMemoryErrors",
    expr="max by (cluster, node) (increase(node_edac_uncorrectable_errors_total[1h])) > 0",
    hold="0s",
    severity="critical",
    summary="uncorrectable errors in the memory of {{ $labels.node }}",
    runbook="What was computed there cannot be trusted. Drain the node and replace it.",
    source="Linux, EDAC: uncorrectable errors are lost data",
    dashboard="node",
    labels='node="n1"',
    says="uncorrectable errors in the memory of n1",
    fires='node_edac_uncorrectable_errors_total{node="n1", controller="0"}  0x70 1x139',
    quiet='node_edac_uncorrectable_errors_total{node="n1", controller="0"}  1x210',
)

CHECK = Alert(
    name="NodeCheckFailed",
    expr='max by (cluster, node, check) (seatrial_node_findings{verdict="FAIL"}) > 0',
    hold="0s",
    severity="warning",
    summary="rule {{ $labels.check }} says FAIL of {{ $labels.node }}",
    runbook="`seatrial check show RULE` says what it reads, why, and what to do; `seatrial check node` on the node, what it "
    "found. With the hooks in place the node gets no jobs until a check of that level passes.",
    source="the rule that the label check names: docs/checks.md",
    dashboard="health",
    labels='node="n1", check="gpu.count"',
    says="rule gpu.count says FAIL of n1",
    fires='seatrial_node_findings{node="n1", check="gpu.count", verdict="FAIL", severity="reboot"}  1x90',
    quiet='seatrial_node_findings{node="n1", check="gpu.count", verdict="WARN", severity="monitor"}  1x90',
)

QUARANTINED = Alert(
    name="NodeQuarantined",
    expr="max by (cluster, node, check, level) (seatrial_node_quarantined) > 0",
    hold="1h",
    severity="info",
    summary="{{ $labels.node }} gets no jobs, because of {{ $labels.check }}",
    runbook="It is paid for and does no work. Repair or replace it; a check of the level that the alert names, if it "
    "passes, or `seatrial check release NODE` lets jobs onto it again.",
    source="docs/healthy.md",
    dashboard="health",
    labels='node="n1", check="gpu.ecc", level="full"',
    says="n1 gets no jobs, because of gpu.ecc",
    fires='seatrial_node_quarantined{node="n1", check="gpu.ecc", level="full"}  1x90',
    quiet='seatrial_node_quarantined{node="n1", check="gpu.ecc", level="full"}  1x40',
)

STALE = Alert(
    name="NodeCheckStale",
    expr="time() - max by (cluster, node) (seatrial_node_checked_timestamp_seconds) > $seconds",
    values={"seconds": 6 * 3600},
    hold="10m",
    severity="info",
    summary="{{ $labels.node }} was checked {{ $value | humanizeDuration }} ago",
    runbook="What is not looked at is not known to be healthy: the hook does not run any more, or cannot write its "
    "findings. `seatrial check hooks --on CLUSTER` says how it is put in place.",
    source="our judgement: the hooks look every five minutes at a node without jobs, and before and after each job",
    dashboard="health",
    labels='node="n1"',
    says="n1 was checked 8h 20m 0s ago",
    fires='seatrial_node_checked_timestamp_seconds{node="n1"}  -25200x90 5460+60x119',
    quiet='seatrial_node_checked_timestamp_seconds{node="n1"}  0x210',
)

TOPIC = Topic(
    title="Nodes and file systems",
    alerts=(FULL, FILLING, SHARED, OOM, EDAC, SKEW, UNSYNCED, CHECK, QUARANTINED, STALE),
)
