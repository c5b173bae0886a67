"""What tools say on a whole p5.48xlarge, made after the layouts of the recorded ones: 32 EFA devices, 192 CPUs, 8 GPUs.

Nobody captured it: no such machine was at hand.
"""

from __future__ import annotations

from collections.abc import Callable

EFA = 32
DEVICES = tuple((f"rdmap{79 + 16 * (n // 4)}s{n % 4}", f"0000:{79 + 16 * (n // 4):x}:0{n % 4}.0") for n in range(EFA))
"""Name in /sys/class/infiniband, and place on the PCI bus."""


def efa_devices() -> str:
    found = []
    for name, slot in DEVICES:
        for folder in (f"/sys/bus/pci/devices/{slot}", f"/sys/class/infiniband/{name}/device"):
            found += [f"{folder}/uevent:{line}" for line in ("DRIVER=efa", "PCI_ID=1D0F:EFA1", f"PCI_SLOT_NAME={slot}")]
        port = f"/sys/class/infiniband/{name}/ports/1"
        found += [f"{port}/state:4: ACTIVE", f"{port}/phys_state:5: LinkUp", f"{port}/rate:100 Gb/sec (4X EDR)"]
    return "\n".join(found) + "\n"


def efa_counters() -> str:
    found = []
    for look in range(2):
        found.append(f"@ {1000 + look}.000")
        for name, _ in DEVICES:
            folder = f"/sys/class/infiniband/{name}"
            counters = {"rx_drops": 7, "retrans_pkts": 12, "rx_bytes": 10**12 + look * 10**9, "tx_bytes": 10**12}
            found.append(f"{folder}/device/uevent:PCI_ID=1D0F:EFA1")
            found += [f"{folder}/ports/1/hw_counters/{counter}:{value}" for counter, value in counters.items()]
    return "\n".join(found) + "\n"


def fi_info() -> str:
    block = """\
provider: efa
    fabric: efa
    domain: {name}-rdm
    version: 203.0
    type: FI_EP_RDM
    protocol: FI_PROTO_EFA
"""
    return "".join(block.format(name=name) for name, _ in DEVICES)


def efa_uverbs() -> str:
    lines = (f"crw-rw-rw- 1 root root 231, {192 + n} Nov 28 12:00 uverbs{n}" for n in range(EFA))
    return "\n".join(["total 0", *lines]) + "\n"


def ibv_devinfo() -> str:
    block = """\
hca_id:\t{name}
\ttransport:\t\t\tunspecified (4)
\tvendor_id:\t\t\t0x1d0f
\tvendor_part_id:\t\t\t61345
\tphys_port_cnt:\t\t\t1
\t\tport:\t1
\t\t\tstate:\t\t\tPORT_ACTIVE (4)
"""
    return "\n".join(block.format(name=name) for name, _ in DEVICES)


def lscpu() -> str:
    return """\
CPU(s):                  192
On-line CPU(s) list:     0-191
Thread(s) per core:      2
Socket(s):               2
NUMA node(s):            2
NUMA node0 CPU(s):       0-47,96-143
NUMA node1 CPU(s):       48-95,144-191
"""


def meminfo(gib: int = 2000) -> str:
    return f"""\
MemTotal:       {gib * 2**20} kB
MemFree:        {gib * 2**19} kB
SwapTotal:             0 kB
HugePages_Total:    5128
Hugepagesize:       2048 kB
"""


MADE: dict[str, Callable[[], str]] = {
    "efa-counters": efa_counters,
    "efa-devices": efa_devices,
    "efa-uverbs": efa_uverbs,
    "fi-info": fi_info,
    "ibv-devinfo": ibv_devinfo,
    "lscpu": lscpu,
    "meminfo": meminfo,
}
"""Kind -> its text."""
