"""Rules about GPUs, on what NVIDIA's DCGM exporter tells."""

from __future__ import annotations

from seatrial.checks.node.xid_table import ANSWERS, XIDS, Action
from seatrial.findings import Verdict
from seatrial.observe.catalogue import METRICS
from seatrial.observe.rules.rule import Alert, Recording, Topic


def _gpu(metric: str) -> Recording:
    """The metric by one name and with one set of labels, whatever version of the exporter tells it."""
    names = (metric, *METRICS[metric].old_names)
    told, untold = (" or ".join(f"{name}{{{where}}}" for name in names) for where in ('node!=""', 'node=""'))
    for old in ("hostname", "Hostname"):  # a scrape that gives no node: the host name without its domain
        untold = f'label_replace({untold}, "node", "$1", "{old}", "([^.]+).*")'
    named = f"{told} or {untold}"
    for old in ("uuid", "gpu_uuid"):
        named = f'label_replace({named}, "UUID", "$1", "{old}", "(.+)")'
    return Recording(
        name=f"gpu:{metric}",
        expr=f"max without (hostname, Hostname, uuid, gpu_uuid) ({named})",
        help=f"{metric}, with labels `node` and `UUID` whatever the exporter's version calls them.",
    )


TEMPERATURE = _gpu("DCGM_FI_DEV_GPU_TEMP")
XID = _gpu("DCGM_FI_DEV_XID_ERRORS")
XIDS_COUNTED = _gpu("DCGM_EXP_XID_ERRORS_COUNT")
REMAP = _gpu("DCGM_FI_DEV_ROW_REMAP_FAILURE")
DOUBLE_BIT = _gpu("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL")
HEAT = _gpu("DCGM_FI_DEV_THERMAL_VIOLATION")
CLOCK_EVENTS = _gpu("DCGM_EXP_CLOCK_EVENTS_COUNT")
ACTIVE = _gpu("DCGM_FI_PROF_GR_ENGINE_ACTIVE")
REPLAYS = _gpu("DCGM_FI_DEV_PCIE_REPLAY_COUNTER")
HEALTH = _gpu("DCGM_EXP_GPU_HEALTH_STATUS")
NVLINK = tuple(
    _gpu(f"DCGM_FI_DEV_NVLINK_{kind}_ERROR_COUNT_TOTAL") for kind in ("CRC_FLIT", "CRC_DATA", "REPLAY", "RECOVERY")
)
COUNT = Recording(
    name="node:gpus:count",
    expr=f"count by (cluster, node) (count by (cluster, node, gpu) ({TEMPERATURE.name}))",
    help="GPUs that a node tells of.",
)

_FAULTS = {action for action, answer in ANSWERS.items() if answer.verdict is Verdict.FAIL} | {Action.WORKFLOW}
HARDWARE = tuple(code for code, xid in XIDS.items() if xid.action in _FAULTS and code != 45)
"""Xids after which a GPU or its node has to be reset, rebooted or replaced; 45 alone is the application's."""

_BY = "max by (cluster, node, gpu, UUID)"
_ON = "GPU {{ $labels.gpu }} of {{ $labels.node }}"
_AT = 'node="n1", gpu="3", UUID="GPU-3"'


def _series(name: str, values: str, labels: str = "") -> str:
    return f'{name}{{node="n1", gpu="3", UUID="GPU-3"{labels}}}  {values}'


XID_HARDWARE = Alert(
    name="GpuXid",
    expr=f'max by (cluster, node, gpu, UUID, xid) ({XIDS_COUNTED.name}{{xid=~"{"|".join(map(str, HARDWARE))}"}}) > 0',
    hold="0s",
    severity="critical",
    summary=f"Xid {{{{ $labels.xid }}}} on {_ON}",
    runbook="The driver found a fault that an application does not cause. Let no job onto the node, look the code up with "
    "`seatrial check show gpu.xid`, and do what it says: reset the GPU, reboot, or replace the node. The same code twice "
    "on one GPU: replace it.",
    source="NVIDIA's Xid catalogue: codes that ask for a reset, a reboot, a repair or a workflow",
    dashboard="gpu",
    labels=f'{_AT}, xid="79"',
    says="Xid 79 on GPU 3 of n1",
    fires=_series("DCGM_EXP_XID_ERRORS_COUNT", "0x60 1x30 0x119", ', xid="79", window_size_in_ms="300000"'),
    quiet=_series("DCGM_EXP_XID_ERRORS_COUNT", "0x60 1x30 0x119", ', xid="13", window_size_in_ms="300000"'),
)

XID_SEEN = Alert(
    name="GpuXidSeen",
    expr=f"{_BY} ({XID.name} and changes({XID.name}[5m]) > 0) > 0",
    hold="0s",
    severity="warning",
    summary=f"Xid {{{{ $value }}}} on {_ON}",
    runbook="DCGM_FI_DEV_XID_ERRORS keeps the last code only, so a repetition does not show: switch on "
    "DCGM_EXP_XID_ERRORS_COUNT, and read the kernel's log: `seatrial check node`. Codes such as 13, 31 and 43 are the "
    "application's fault most often.",
    source="NVIDIA's Xid catalogue; DCGM exporter: what the gauge means",
    dashboard="gpu",
    labels=_AT,
    says="Xid 31 on GPU 3 of n1",
    fires=_series("DCGM_FI_DEV_XID_ERRORS", "0x76 31x133"),
    quiet=_series("DCGM_FI_DEV_XID_ERRORS", "31x209"),
)

REMAP_FAILED = Alert(
    name="GpuRowRemapFailure",
    expr=f"{_BY} ({REMAP.name}) == 1",
    hold="0s",
    severity="critical",
    summary=f"a memory row of {_ON} could not be remapped",
    runbook="The GPU has no spare rows left where it needs one: its memory gives wrong or no data. Isolate the node and "
    "have the GPU replaced.",
    source="NVIDIA GPU memory error management: a failed remapping qualifies for a replacement",
    dashboard="gpu",
    labels=_AT,
    says="a memory row of GPU 3 of n1 could not be remapped",
    fires=_series("DCGM_FI_DEV_ROW_REMAP_FAILURE", "0x60 1x30 0x119"),
    quiet=_series("DCGM_FI_DEV_ROW_REMAP_FAILURE", "0x209"),
)

ECC = Alert(
    name="GpuEccDoubleBit",
    expr=f"{_BY} (increase({DOUBLE_BIT.name}[1h])) > 0",
    hold="0s",
    severity="critical",
    summary=f"uncorrectable memory errors on {_ON}",
    runbook="What the job computed on that GPU cannot be trusted, and most often it died of it. Drain the node, reset the "
    "GPU, then `seatrial check node --level deep`; a second time within days: replace it.",
    source="Meta GCM: no volatile uncorrectable error is tolerated; NVIDIA's Xid catalogue for Xid 48",
    dashboard="gpu",
    labels=_AT,
    says="uncorrectable memory errors on GPU 3 of n1",
    fires=_series("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "0x60 2x149"),
    quiet=_series("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "2x209"),
)

THROTTLED = Alert(
    name="GpuThermalThrottle",
    expr=f"{_BY} (rate({HEAT.name}[5m])) / 1e9 > $share",
    values={"share": 0.01},
    hold="5m",
    severity="warning",
    summary=f"{_ON} is throttled for heat {{{{ $value | humanizePercentage }}}} of the time",
    runbook="One hot GPU slows the whole job. On several nodes at once it is the cooling of the rack; on one GPU alone its "
    "fan or heat sink: have the node replaced if it stays.",
    source="our judgement: a hundredth of the time; DCGM counts nanoseconds",
    dashboard="gpu",
    labels=_AT,
    says="GPU 3 of n1 is throttled for heat 10% of the time",
    fires=_series("DCGM_FI_DEV_THERMAL_VIOLATION", "0+6000000000x90 540000000000x119"),
    quiet=_series("DCGM_FI_DEV_THERMAL_VIOLATION", "0+300000000x209"),
)

POWER_BRAKE = Alert(
    name="GpuPowerBrake",
    expr=f'{_BY} ({CLOCK_EVENTS.name}{{clock_event="hw_power_brake"}}) > 0',
    hold="5m",
    severity="warning",
    summary=f"{_ON} is slowed down by its power supply",
    runbook="The supply asks the GPU to halve its clocks. On several nodes at once it is the power of the rack.",
    source="NVIDIA DCGM, clock event reasons; that name of the label's value is from memory, not compared",
    dashboard="gpu",
    labels=_AT,
    says="GPU 3 of n1 is slowed down by its power supply",
    fires=_series("DCGM_EXP_CLOCK_EVENTS_COUNT", "5x90 0x119", ', clock_event="hw_power_brake"'),
    quiet=_series("DCGM_EXP_CLOCK_EVENTS_COUNT", "5x209", ', clock_event="power_cap"'),
)

IDLE = Alert(
    name="GpuIdleWhileJobRuns",
    expr=f'max by (cluster, node, gpu, UUID, hpc_job) ({ACTIVE.name}{{hpc_job!=""}}) < $share',
    values={"share": 0.05},
    hold="30m",
    severity="warning",
    summary=f"{_ON} does nothing, and job {{{{ $labels.hpc_job }}}} has it",
    runbook="The job hangs, waits for data, or asked for more GPUs than it uses. Ask its owner, or `seatrial diagnose`.",
    source="our judgement: a twentieth of the time over half an hour",
    dashboard="gpu",
    labels=f'{_AT}, hpc_job="4711"',
    says="GPU 3 of n1 does nothing, and job 4711 has it",
    fires=_series("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "0.01x90 0.9x119", ', hpc_job="4711"'),
    quiet=_series("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "0x209")
    + "\n"
    + 'DCGM_FI_PROF_GR_ENGINE_ACTIVE{node="n1", gpu="4", UUID="GPU-4", hpc_job="4711"}  0.01x20 0.06x189',
)

MISSING = Alert(
    name="GpuMissing",
    expr=f"{COUNT.name} < clamp_min(max_over_time({COUNT.name}[1d]), $expected)",
    values={"expected": 0},
    hold="5m",
    severity="critical",
    summary="{{ $labels.node }} tells of {{ $value }} GPUs only",
    runbook="A GPU fell off the bus, or its driver gave it up. Drain the node and reboot it; replace it if the GPU stays "
    "away. `expected` is the number of the instance type; where it is not given, it is the most of the last day.",
    source="HyperPod's health monitoring agent: another count than the type's asks for a reboot",
    dashboard="gpu",
    labels='node="n1"',
    says="n1 tells of 1 GPUs only",
    fires="""
DCGM_FI_DEV_GPU_TEMP{node="n1", gpu="0", UUID="GPU-0"}  40x209
DCGM_FI_DEV_GPU_TEMP{node="n1", gpu="1", UUID="GPU-1"}  40x60 _x30 40x119
""",
    quiet="""
DCGM_FI_DEV_GPU_TEMP{Hostname="n1.example.com", gpu="0", uuid="GPU-0"}  40x209
DCGM_FI_DEV_GPU_TEMP{Hostname="n1.example.com", gpu="1", uuid="GPU-1"}  40x20 _x2 40x187
""",
)

NVLINK_ERRORS = Alert(
    name="GpuNvlinkErrors",
    expr=" or ".join(f"{_BY} (increase({one.name}[1h])) >= $errors" for one in NVLINK),
    values={"errors": 5},
    hold="0s",
    severity="warning",
    summary=f"{{{{ $value | printf `%.0f` }}}} NVLink errors within an hour on {_ON}",
    runbook="Links repair single errors by themselves; many slow collectives down and announce a link that fails. Drain the "
    "node, reset the GPUs, and let `seatrial check node --level full` look at the links.",
    source="Imbue's host health checks: 5 errors of a link are a warning",
    dashboard="gpu",
    labels=_AT,
    says="60 NVLink errors within an hour on GPU 3 of n1",
    fires=_series("DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL", "0+1x90 90x119"),
    quiet=_series("DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL", "7x90 8x119"),
)

PCIE = Alert(
    name="GpuPcieReplays",
    expr=f"{_BY} (rate({REPLAYS.name}[5m])) * 60 > $per_minute",
    values={"per_minute": 8},
    hold="5m",
    severity="warning",
    summary=f"{{{{ $value | printf `%.0f` }}}} PCIe replays a minute on {_ON}",
    runbook="Packets on the way between CPU and GPU are sent again: copies and GPUDirect get slower. Replace the node if "
    "it goes on after a reboot.",
    source="NVIDIA DCGM, dcgm_gpu_hardware_limits.h: 8 a minute at most",
    dashboard="gpu",
    labels=_AT,
    says="20 PCIe replays a minute on GPU 3 of n1",
    fires=_series("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", "0+20x90 1800x119"),
    quiet=_series("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", "0+7x209"),
)

UNHEALTHY = Alert(
    name="GpuHealthFailure",
    expr=f"max by (cluster, node, gpu, UUID, health_watch) ({HEALTH.name}) >= 20",
    hold="0s",
    severity="critical",
    summary=f"DCGM's health watch {{{{ $labels.health_watch }}}} fails on {_ON}",
    runbook="`dcgmi health -c` on the node says why. Drain it and run `seatrial check node --level full`.",
    source="NVIDIA DCGM: health results, 20 is a failure",
    dashboard="gpu",
    labels=f'{_AT}, health_watch="PCIE"',
    says="DCGM's health watch PCIE fails on GPU 3 of n1",
    fires=_series("DCGM_EXP_GPU_HEALTH_STATUS", "20x90 0x119", ', health_watch="PCIE"'),
    quiet=_series("DCGM_EXP_GPU_HEALTH_STATUS", "10x209", ', health_watch="PCIE"'),
)

TOPIC = Topic(
    title="GPUs",
    recordings=(
        *(TEMPERATURE, XID, XIDS_COUNTED, REMAP, DOUBLE_BIT, HEAT, CLOCK_EVENTS, ACTIVE, REPLAYS, HEALTH),
        *(*NVLINK, COUNT),
    ),
    alerts=(
        *(XID_HARDWARE, XID_SEEN, REMAP_FAILED, ECC, UNHEALTHY, MISSING),
        *(THROTTLED, POWER_BRAKE, IDLE, NVLINK_ERRORS, PCIE),
    ),
)
