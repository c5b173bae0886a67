"""Rules about what a kernel tells of itself and of its devices, apart from Xids."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from seatrial.checks.catalogue import Judge, Rule, Scope, check
from seatrial.checks.node.kernel_events import WINDOW, Incident, Log, Trace
from seatrial.checks.node.kernel_judging import AT, GOOD, READ_ALL, VERDICTS, blamed, complete, nothing, place
from seatrial.checks.node.kernel_log import KERNEL_LOG
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict


def _judge(scope: Scope) -> Judge:
    def judge(rule: Rule, log: Log, _: Profile) -> Iterator[Finding]:
        found, few = list(_counted(rule, log, scope)), sorted(_few(rule, log))
        yield from complete(rule, log, found, ", ".join(few))

    return judge


def _recent(trace: Trace, log: Log) -> list[Incident]:
    return log.since_boot(trace) if trace.signature.until_boot else log.within(trace)


def _often(trace: Trace, incidents: list[Incident]) -> bool:
    hours = WINDOW / 3600
    return bool(incidents) and sum(i.count for i in incidents) > trace.signature.more_than * hours


def _few(rule: Rule, log: Log) -> Iterator[str]:
    """What was there, but no more often than it may be."""
    for trace in log.of(rule.id):
        incidents = _recent(trace, log)
        if incidents and not _often(trace, incidents):
            yield f"{sum(i.count for i in incidents)} x {trace.signature.name}"


def _counted(rule: Rule, log: Log, scope: Scope) -> Iterator[Finding]:
    """One finding for each kind of fault on each thing. What lasts and what is merely recent are told apart."""
    for trace in log.of(rule.id):
        incidents, signature = _recent(trace, log), trace.signature
        if _often(trace, incidents):
            stated = replace(rule, severity=signature.severity)
            yield stated.finding(
                signature.verdict,
                blamed(trace, incidents),
                remedy=signature.remedy,
                scope=place(trace, scope if scope != "node" else "on"),
            )


def _rule(
    id: str, scope: Scope, severity: Severity, expected: str, why: str, remedy: str, cites: str, bad: str
) -> None:
    """Registers a rule whose signatures say all that is to be judged."""
    check(
        id,
        KERNEL_LOG,
        scope=scope,
        severity=severity,
        verdicts=VERDICTS,
        expected=expected,
        why=why,
        remedy=remedy,
        cites=cites,
        good=GOOD,
        bad=GOOD + "".join(f"{AT}{line}\n" for line in bad.splitlines()),
    )(_judge(scope))


_NPD = "node-problem-detector 6632ca67, config/kernel-monitor.json"
_EKS = "aws/eks-node-monitoring-agent 51af549"

_rule(
    "gpu.on-bus",
    "gpu",
    Severity.REBOOT,
    "no GPU has fallen off the bus since boot",
    "A GPU that is gone ends every job which has a rank on it, and only a reboot brings it back, if anything does.",
    "reboot the node; replace it if the GPU goes again",
    "NVIDIA Xid catalogue, Xid 79; DCGM error FALLEN_OFF_BUS asks for ISOLATE, NVSentinel for a restart",
    "NVRM: GPU at PCI:0000:0f:00: GPU-2b1d0f6e has fallen off the bus.",
)
_rule(
    "gpu.driver-start",
    "gpu",
    Severity.REBOOT,
    "the driver started every GPU",
    "A GPU whose driver could not start it is missing from nvidia-smi, and jobs see one GPU fewer than they ask for.",
    "reboot the node; if it stays, compare driver and firmware with the other nodes', then replace it",
    "NVIDIA GPU debug guidelines, RmInitAdapter",
    "NVRM: GPU 0000:0f:00.0: RmInitAdapter failed! (0x62:0x65:2028)",
)
_rule(
    "kernel.pcie",
    "link",
    Severity.RESET,
    "no uncorrected PCIe error, and no more than one corrected a minute",
    "A link that retries slows every transfer between host and GPU or adapter; one that fails loses the device.",
    "reset the device or reboot; if it comes again, replace the node: riser, cable or slot",
    "Linux Documentation/PCI/pcieaer-howto.rst; the rate is this package's own, no source names one",
    "pcieport 0000:c0:01.1: PCIe Bus Error: severity=Uncorrected (Fatal), type=Transaction Layer, (Requester ID)",
)
_rule(
    "kernel.hardware",
    "node",
    Severity.ISOLATE,
    "no machine check and no hardware error that firmware reports",
    "A processor or bus that errs uncorrected stops the node, and may have computed something wrong before.",
    "replace the node; on your own hardware read the firmware's event log (ipmitool sel list)",
    f"{_NPD}, CperHardwareErrorFatal; Linux Documentation/admin-guide/RAS",
    "{1}[Hardware Error]: event severity: fatal",
)
_rule(
    "kernel.memory-errors",
    "node",
    Severity.ISOLATE,
    "no uncorrected error of the node's memory, and few corrected ones",
    "Uncorrected errors kill processes and take pages away; many corrected ones come before them.",
    "replace the node; on your own hardware replace the module that the line names",
    f"{_NPD}, MemoryReadError; AzNHC, EDAC; the rate of corrected ones: mcelog's 10 in 24 h for a page",
    "EDAC MC0: 1 UE memory read error on CPU_SrcID#0_MC#0_Chan#1_DIMM#0 (channel:1 slot:0 page:0x12345 offset:0x0)",
)
_rule(
    "kernel.nvme",
    "disk",
    Severity.REBOOT,
    "every NVMe drive answers",
    "A drive that resets or is gone takes scratch data, checkpoints or the root file system with it.",
    "reboot the node; if it comes again, replace it. EBS: look at the volume's status checks first",
    "Linux drivers/nvme/host/pci.c",
    "nvme nvme1: controller is down; will reset: CSTS=0xffffffff, PCI_STATUS=0x10",
)
_rule(
    "kernel.filesystem",
    "disk",
    Severity.REBOOT,
    "no error of a file system or disk, and none made read-only",
    "What is written is lost, and a root file system that became read-only fails jobs at odd places.",
    "drain the node, check the file system (fsck, xfs_repair), reboot; replace the node if the disk is at fault",
    f"{_NPD}, Ext4Error, XfsHasShutDown, ReadonlyFilesystem",
    "EXT4-fs error (device nvme1n1): ext4_find_entry:1455: inode #2: comm python3: reading directory lblock 0",
)
_rule(
    "kernel.memory-shortage",
    "node",
    Severity.MONITOR,
    "nothing was killed for want of memory",
    "A data loader or rank that the kernel killed ends the job with nothing but signal 9 in its log.",
    "find what takes the memory; the node is not at fault",
    f"{_NPD}, OOMKilling",
    "Out of memory: Killed process 51807 (python3) total-vm:935052kB, anon-rss:62936kB, file-rss:1824kB",
)
_rule(
    "kernel.stuck",
    "node",
    Severity.REBOOT,
    "no task hung, no CPU stuck, no kernel bug",
    "A task that waits in the kernel cannot be killed, so a job on that node never ends.",
    "drain and reboot the node",
    f"{_NPD}, TaskHung, KernelOops; {_EKS}, SoftLockup, KernelBug",
    "watchdog: BUG: soft lockup - CPU#12 stuck for 23s! [python3:4711]",
)
_rule(
    "kernel.links",
    "nic",
    Severity.MONITOR,
    "no network link went down more than twice",
    "Each time that a link goes down, what was under way on it is sent again after a time-out, or fails.",
    "look at cable, transceiver and switch port; on EC2 replace the node if it goes on",
    "NVSentinel 1.31, NIC monitor: more than two changes of carrier",
    "mlx5_core 0000:0c:00.0 ens1: Link down\n" * 3,
)
_rule(
    "kernel.nccl",
    "node",
    Severity.MONITOR,
    "no process crashed in a collective library",
    "It names the library in which a rank died; the fault is as often in what the other ranks or the network did.",
    "look at the job's own log and its other ranks; the node is not blamed",
    f"{_EKS}, NCCL: an event, no condition",
    "python3[4711]: segfault at 8 ip 00007f3a1c2d4e5f sp 00007ffc0a1b2c3d error 4 in libnccl.so.2[7f3a1c000000]",
)
_rule(
    "neuron.hardware",
    "gpu",
    Severity.ISOLATE,
    "no hardware error of a Neuron device since boot",
    "A Trainium chip with an uncorrected error ends the job, and AWS asks for another instance.",
    "replace the node, as the line's own action says; on EC2 stop and start the instance",
    f"AWS Neuron runtime troubleshooting; aws-neuron-sdk, neuron-problem-detector; {_EKS}",
    "NEURON_HW_ERR=SRAM_UNCORRECTABLE_ERROR instance-id=i-0592464924bd45322 hostname=ip-172-31-61-252 nd-id=0 nc-id=0"
    " serial-num=19fcda00f5ff6eb9 action=TERMINATE_INSTANCE",
)
_rule(
    "efa.driver-log",
    "nic",
    Severity.REBOOT,
    "the EFA driver has no complaint",
    "An adapter whose orders are not answered is gone for libfabric: jobs fail at start, or fall back to TCP.",
    "reboot the node; replace it if it comes again",
    "amzn-drivers 64788ef, efa_com.c; Linux drivers/infiniband/hw/efa/efa_com.c",
    "infiniband rdmap16s27: The device didn't send any completion for admin cmd CREATE_QP(1) status 0 (ctx 0x0)",
)
_rule(
    "kernel.throttling",
    "node",
    Severity.MONITOR,
    "no CPU was too hot",
    "A node whose processors slow down is the straggler that all other nodes wait for.",
    "look at fans, air flow and the power profile; on EC2 replace the node if it goes on",
    "Linux arch/x86/kernel/cpu/mce, therm_throt",
    "CPU4: Package temperature above threshold, cpu clock throttled (total events = 1)",
)


@check(
    "kernel.log-reach",
    KERNEL_LOG,
    verdicts=VERDICTS,
    expected=f"lines of a kernel back to the boot, or at least {WINDOW / 3600:g} h, with none lost",
    why="What has left the kernel's buffer cannot be seen, so a short log with no fault in it proves little.",
    remedy=f"{READ_ALL}; a larger buffer for the next boot: kernel parameter log_buf_len=16M",
    cites="Linux Documentation/admin-guide/kernel-parameters.txt, log_buf_len; printk",
    good=GOOD,
    bad=GOOD.partition("\n")[2],
)
def reach(rule: Rule, log: Log, _: Profile) -> Iterator[Finding]:
    lost: dict[str, int] = defaultdict(int)
    for trace in log.of(rule.id):
        lost[trace.said] += sum(incident.count for incident in log.within(trace))
    if any(lost.values()):
        yield rule.finding(Verdict.UNKNOWN, "; ".join(line for line in lost if lost[line]))
        return
    base = nothing(rule, log)
    if base.verdict is not Verdict.PASS:
        yield base
    elif any(place[1] not in log.from_boot for place in log.first):
        # Not UNKNOWN: all buffers wrap on a node that is up for long, and what lasts until a reboot, devices show live.
        yield rule.finding(
            Verdict.WARN, f"{log.count} lines since {log.since()}: faults before that, since boot, cannot be seen here"
        )
    else:
        yield rule.finding(Verdict.PASS, f"{log.count} lines since {log.since()}")
