"""Every fact about hardware, once, with its source: accelerators with their peaks, instance types with their parts.

Unknown is written as None, or as a dtype that is missing: never guessed. `tests/test_hardware.py` compares each
instance type with a record of EC2's own DescribeInstanceTypes and lists the known differences.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from seatrial.errors import UserError, unknown

DTYPES = ("fp32", "tf32", "bf16", "fp16", "fp8", "fp4", "int8")
"""The dtypes that a peak can be known for."""

MIB, GIB = 2**20, 2**30

EFA_HUGE_PAGES_MIB = 5120
"""What libfabric's EFA provider takes of the 5128 pages of 2 MiB that the EFA driver sets aside on a node.
Amazon EKS user guide, "Run machine learning training on Amazon EKS with Elastic Fabric Adapter"."""
EFA_HUGE_PAGES_SET_ASIDE_MIB = 5128 * 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Accelerator:
    """One GPU, or one Trainium chip."""

    name: str
    vendor: str
    memory_bytes: int
    """As EC2 reports it. A data sheet's "GB" is 2**30 bytes for HBM (an H100's 80 GB are 81920 MiB) and 10**9 for the
    GDDR of A10G, L4 and L40S (24 GB are 22888 MiB). The driver keeps some of it: an 80 GB H100 shows 81559 MiB."""
    peak_flops: Mapping[str, float] = field(hash=False)
    """Dtype -> DENSE peak FLOP/s of the whole accelerator. A dtype is missing if the hardware lacks it, or if no
    figure was found in a vendor's publication."""
    device_names: tuple[str, ...]
    """Whole words by which the name that torch.cuda.get_device_name() gives is recognised."""
    links: int | None
    """NVLinks of one GPU (12 of the 3rd generation, 18 of the 4th and 5th: what `nvidia-smi nvlink -s` must list), or
    NeuronLinks of one chip (Neuron's NKI architecture guides). 0: it has none. None: depends on a bridge."""
    source: str
    pcie: int | None = None
    """Generation of its PCIe, of which a GPU has 16 lanes. Between a GB200 and its host there is NVLink-C2C, faster."""
    nvlink_bytes: float = 0.0
    """Bytes a second over all NVLinks of a GPU, in one direction: half of what data sheets print. 0: it has
    none, or that depends on a bridge."""
    hbm_bytes: float | None = None
    """Bytes a second between its memory and its caches, as the data sheet prints them. None: not found."""
    watts: float | None = None
    """Power that it may take, by its data sheet: what clocks are lowered to keep. None: not found."""
    multiprocessors: int | None = None
    """Streaming multiprocessors of a GPU (compute units of AMD's): how many tiles of a product it computes at once."""
    cores_per_accelerator: int = 1
    """NeuronCores of a Trainium chip; a GPU counts as 1."""
    ranks_per_accelerator: int = 1
    """Devices that a framework sees, so the ranks that one accelerator takes by default."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """One EC2 instance type."""

    name: str
    accelerator: str | None
    """Name of its Accelerator; None: CPU only."""
    accelerators: int
    """GPUs, or Trainium chips."""
    vcpus: int
    memory_mib: int
    network_cards: int | None
    efa_interfaces: int
    """EFA interfaces at most; 0: no EFA."""
    network_gbps: float | None
    """All cards together, in Gbit/s. On small sizes EC2 promises it as "up to", that is in bursts. None: EC2
    publishes no figure."""
    nvme_gb: int
    """Local instance storage in GB (10**9 bytes), all disks together; 0: none."""
    source: str
    architecture: str = "x86_64"
    """What an image for it must be built for: x86_64 or arm64."""

    @property
    def ranks(self) -> int:
        """Devices that a framework sees, so the ranks that a node takes; 0 on CPU-only types."""
        return self.accelerators * accelerator(self.accelerator).ranks_per_accelerator if self.accelerator else 0


def _tera(**figures: float) -> dict[str, float]:
    return {dtype: figure * 1e12 for dtype, figure in figures.items()}


def _gpu(
    name: str,
    memory_bytes: int,
    peaks: Mapping[str, float],
    device_name: str,
    links: int | None,
    nvlink_bytes: float,
    pcie: int,
    source: str,
    hbm_bytes: float,
    multiprocessors: int,
    watts: float,
    vendor: str = "NVIDIA",
) -> Accelerator:
    return Accelerator(
        name=name,
        vendor=vendor,
        memory_bytes=memory_bytes,
        peak_flops=peaks,
        device_names=(device_name,),
        links=links,
        source=source,
        pcie=pcie,
        nvlink_bytes=nvlink_bytes,
        hbm_bytes=hbm_bytes,
        multiprocessors=multiprocessors,
        watts=watts,
    )


# NVIDIA's product pages print most figures "with sparsity", twice the dense ones: 1979 for bf16 on an H100 or H200.
_A100 = _tera(fp32=19.5, tf32=156, bf16=312, fp16=312, int8=624)
_HOPPER_SXM = _tera(fp32=66.9, tf32=494.7, bf16=989.4, fp16=989.4, fp8=1978.9, int8=1978.9)
_HOPPER_PCIE = _tera(fp32=51.2, tf32=378, bf16=756, fp16=756, fp8=1513, int8=1513)
_HOPPER_NVL = _tera(fp32=60, tf32=417.5, bf16=835.5, fp16=835.5, fp8=1670.5, int8=1670.5)
_B200 = _tera(fp32=75, tf32=1125, bf16=2250, fp16=2250, fp8=4500, fp4=9000, int8=4500)
# fp4: HGX prints 108 PFLOP/s dense for 8 GPUs, so 13.5 each; the Blackwell Ultra data sheet rounds to 14. int8 is left
# out: this chip has little of it, and published figures reach from 0.15 to 0.19 POP/s.
_B300 = _tera(fp32=75, tf32=1125, bf16=2250, fp16=2250, fp8=4500, fp4=13500)
# One of the two GPUs of a superchip, at 1200 W. NVIDIA's benchmark recipes (dgxc-benchmarking) divide by 2450 for
# bf16 and 4900 for fp8 instead, so their MFU reads 2 % higher.
_GB200 = _tera(fp32=80, tf32=1250, bf16=2500, fp16=2500, fp8=5000, fp4=10000, int8=5000)
# fp8 and fp4 of the rack, 360 and 1080 PFLOP/s dense, by its 72 GPUs.
_GB300 = _tera(fp32=80, tf32=1250, bf16=2500, fp16=2500, fp8=5000, fp4=15000)
_MI300X = _tera(fp32=163.4, tf32=653.7, bf16=1307.4, fp16=1307.4, fp8=2614.9, int8=2614.9)
_MI350X = _tera(fp32=144.2, bf16=2306.9, fp16=2306.9, fp8=4613.7, fp4=9227.5, int8=4613.7)
_MI355X = _tera(fp32=157.3, bf16=2516.6, fp16=2516.6, fp8=5033.2, fp4=10066.3, int8=5033.2)
_T4 = _tera(fp32=8.1, fp16=65, int8=130)  # Turing has no tensor core for bf16, tf32 or fp8.
# Not the A10, whose sheet says 125 for bf16. tf32 and int8 are left out: not confirmed for the A10G.
_A10G = _tera(fp32=35, bf16=70, fp16=70)
_L4 = _tera(fp32=30.3, tf32=60, bf16=121, fp16=121, fp8=242.5, int8=242.5)
# 362.05 is what the sheet prints as dense, although half of its sparse 733 would be 366.5.
_L40S = _tera(fp32=91.6, tf32=183, bf16=362.05, fp16=362.05, fp8=733, int8=733)
# int8: 380 in the present documentation, 420 in that of Neuron 2.9. "fp8" is cFP8 on both chips.
# Trainium2 by its chip's page; its core's page says 79 for bf16, 632 for 8 cores.
_TRAINIUM1 = _tera(fp32=47.5, tf32=190, bf16=190, fp16=190, fp8=190, int8=380)
_TRAINIUM2 = _tera(fp32=181, tf32=667, bf16=667, fp16=667, fp8=1299)

_A100_SHEET = "NVIDIA A100 data sheet, https://www.nvidia.com/en-us/data-center/a100/"
_HOPPER_PAPER = "NVIDIA H100 architecture white paper v1.04, https://resources.nvidia.com/en-us-tensor-core"
_H100_SHEET = "NVIDIA H100 data sheet, sparse figures halved, https://www.nvidia.com/en-us/data-center/h100/"
_H200_SHEET = "NVIDIA H200 data sheet, sparse figures halved, https://www.nvidia.com/en-us/data-center/h200/"
_HGX = "NVIDIA HGX specifications, an eighth of 8 GPUs, https://www.nvidia.com/en-us/data-center/hgx/"
_NVL72 = "NVIDIA Blackwell data sheet, sparse figures halved, https://www.nvidia.com/en-us/data-center/gb200-nvl72/"
_NVL72_ULTRA = "NVIDIA GB300 NVL72, a 72nd of the rack, dense, https://www.nvidia.com/en-us/data-center/gb300-nvl72/"
_AMD = "AMD Instinct data sheets, dense, https://www.amd.com/en/products/accelerators/instinct.html"
_T4_SHEET = "NVIDIA T4 data sheet, https://www.nvidia.com/en-us/data-center/tesla-t4/"
_A10G_SHEET = "https://d1.awsstatic.com/product-marketing/ec2/NVIDIA_AWS_A10G_DataSheet_FINAL_02_17_2022.pdf"
_L4_SHEET = "NVIDIA L4 data sheet, sparse figures halved, https://www.nvidia.com/en-us/data-center/l4/"
_L40S_SHEET = "NVIDIA L40S data sheet, https://www.nvidia.com/en-us/data-center/l40s/"
_NEURON = "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/about-neuron/arch/neuron-hardware/"

ACCELERATORS = (
    _gpu("A100 40GB", 40 * GIB, _A100, "A100-SXM4-40GB", 12, 300e9, 4, _A100_SHEET, 1.555e12, 108, 400),
    _gpu("A100 80GB", 80 * GIB, _A100, "A100-SXM4-80GB", 12, 300e9, 4, _A100_SHEET, 2.039e12, 108, 400),
    _gpu("H100 SXM", 80 * GIB, _HOPPER_SXM, "H100 80GB HBM3", 18, 450e9, 5, _HOPPER_PAPER, 3.35e12, 132, 700),
    _gpu("H100 PCIe", 80 * GIB, _HOPPER_PCIE, "H100 PCIe", None, 0, 5, _HOPPER_PAPER, 2.0e12, 114, 350),
    _gpu("H100 NVL", 94 * GIB, _HOPPER_NVL, "H100 NVL", None, 0, 5, _H100_SHEET, 3.9e12, 132, 400),
    # The chip of the H100 SXM with other memory: its sheet prints the same peaks, rounded.
    _gpu("H200 SXM", 141 * GIB, _HOPPER_SXM, "H200", 18, 450e9, 5, f"{_H200_SHEET}; {_HOPPER_PAPER}", 4.8e12, 132, 700),
    _gpu("H200 NVL", 141 * GIB, _HOPPER_NVL, "H200 NVL", None, 0, 5, _H200_SHEET, 4.8e12, 132, 600),
    _gpu("B200", 183359 * MIB, _B200, "B200", 18, 900e9, 5, _HGX, 7.7e12, 148, 1000),
    _gpu("B300", 275040 * MIB, _B300, "B300", 18, 900e9, 6, _HGX, 7.7e12, 148, 1100),
    # Memory and power of a GB200 and GB300 as the driver shows them, which on B200 and B300 is also what EC2 reports.
    _gpu("GB200", 189471 * MIB, _GB200, "GB200", 18, 900e9, 6, _NVL72, 8.0e12, 148, 1200),
    _gpu("GB300", 284208 * MIB, _GB300, "GB300", 18, 900e9, 6, _NVL72_ULTRA, 8.0e12, 148, 1400),
    # Not on EC2; published measurements exist. Infinity Fabric: 7 links of 64 GB/s a direction to the other GPUs.
    _gpu("MI300X", 192 * GIB, _MI300X, "MI300X", None, 448e9, 5, _AMD, 5.3e12, 304, 750, "AMD"),
    _gpu("MI325X", 256 * GIB, _MI300X, "MI325X", None, 448e9, 5, _AMD, 6.0e12, 304, 1000, "AMD"),
    _gpu("MI350X", 288 * GIB, _MI350X, "MI350X", None, 538e9, 5, _AMD, 8.0e12, 256, 1000, "AMD"),
    _gpu("MI355X", 288 * GIB, _MI355X, "MI355X", None, 538e9, 5, _AMD, 8.0e12, 256, 1400, "AMD"),
    _gpu("T4", 16 * GIB, _T4, "T4", 0, 0, 3, _T4_SHEET, 320e9, 40, 70),
    _gpu("A10G", 22888 * MIB, _A10G, "A10G", 0, 0, 4, _A10G_SHEET, 600e9, 80, 300),
    _gpu("L4", 22888 * MIB, _L4, "L4", 0, 0, 4, _L4_SHEET, 300e9, 58, 72),
    _gpu("L40S", 45776 * MIB, _L40S, "L40S", 0, 0, 4, _L40S_SHEET, 864e9, 142, 350),
    Accelerator(
        name="Trainium1",
        vendor="AWS",
        memory_bytes=32 * GIB,
        peak_flops=_TRAINIUM1,
        device_names=(),
        links=4,
        source=f"{_NEURON}trainium.html",
        hbm_bytes=820e9,
        cores_per_accelerator=2,
        ranks_per_accelerator=2,
    ),
    Accelerator(
        name="Trainium2",
        vendor="AWS",
        memory_bytes=96 * GIB,
        peak_flops=_TRAINIUM2,
        device_names=(),
        links=4,
        source=f"{_NEURON}trainium2.html",
        hbm_bytes=2.9e12,
        cores_per_accelerator=8,
        ranks_per_accelerator=4,  # Logical NeuronCore configuration 2, the default, pairs the cores.
    ),
)

_EC2 = "EC2 DescribeInstanceTypes; https://docs.aws.amazon.com/ec2/latest/instancetypes/"
# 18 of them are one UltraServer, for which AWS publishes 28.8 Tbit/s of EFA and 405 TB. The counts of cards and of EFA
# interfaces are those of DescribeInstanceTypes, quoted in the issue. AWS's own health check expects only the 4 that its
# recommended layout attaches (awslabs/awsome-distributed-ai#1201): what a node has is not this maximum.
_P6E = "https://aws.amazon.com/ec2/instance-types/p6/; https://github.com/NVIDIA/aicr/issues/1256"


def _ec2(
    name: str,
    accelerators: int,
    accelerator: str | None,
    vcpus: int,
    memory_gib: int,
    network_cards: int,
    efa_interfaces: int,
    network_gbps: float | None,
    nvme_gb: int,
    source: str = _EC2,
    architecture: str = "x86_64",
) -> Instance:
    return Instance(
        name=name,
        accelerator=accelerator,
        accelerators=accelerators,
        vcpus=vcpus,
        memory_mib=memory_gib * 1024,
        network_cards=network_cards,
        efa_interfaces=efa_interfaces,
        network_gbps=network_gbps,
        nvme_gb=nvme_gb,
        source=source,
        architecture=architecture,
    )


# fmt: off
INSTANCES = (
    #    name                  n  accelerator   vcpu   GiB  cards EFA  Gbit/s NVMe GB
    _ec2("p4d.24xlarge",       8, "A100 40GB",   96, 1152,  4,  4,  400,  8000),
    _ec2("p4de.24xlarge",      8, "A100 80GB",   96, 1152,  4,  4,  400,  8000),
    _ec2("p5.4xlarge",         1, "H100 SXM",    16,  256,  1,  1,  100,  3800),
    _ec2("p5.48xlarge",        8, "H100 SXM",   192, 2048, 32, 32, 3200, 30400),
    _ec2("p5e.48xlarge",       8, "H200 SXM",   192, 2048, 32, 32, 3200, 30400),
    _ec2("p5en.48xlarge",      8, "H200 SXM",   192, 2048, 16, 16, 3200, 30400),
    _ec2("p6-b200.48xlarge",   8, "B200",       192, 2048,  8,  8, 3200, 30400),
    # The first of the 17 cards carries no EFA.
    _ec2("p6-b300.48xlarge",   8, "B300",       192, 4096, 17, 16, 6400, 30400),
    _ec2("p6e-gb200.36xlarge", 4, "GB200",      144,  960, 17, 16, 1600, 22500, _P6E, "arm64"),
    _ec2("g4dn.xlarge",        1, "T4",           4,   16,  1,  0,   25,   125),
    _ec2("g4dn.2xlarge",       1, "T4",           8,   32,  1,  0,   25,   225),
    _ec2("g4dn.4xlarge",       1, "T4",          16,   64,  1,  0,   25,   225),
    _ec2("g4dn.8xlarge",       1, "T4",          32,  128,  1,  1,   50,   900),
    _ec2("g4dn.12xlarge",      4, "T4",          48,  192,  1,  1,   50,   900),
    _ec2("g4dn.16xlarge",      1, "T4",          64,  256,  1,  1,   50,   900),
    _ec2("g4dn.metal",         8, "T4",          96,  384,  1,  1,  100,  1800),
    _ec2("g5.xlarge",          1, "A10G",         4,   16,  1,  0,   10,   250),
    _ec2("g5.2xlarge",         1, "A10G",         8,   32,  1,  0,   10,   450),
    _ec2("g5.4xlarge",         1, "A10G",        16,   64,  1,  0,   25,   600),
    _ec2("g5.8xlarge",         1, "A10G",        32,  128,  1,  1,   25,   900),
    _ec2("g5.12xlarge",        4, "A10G",        48,  192,  1,  1,   40,  3800),
    _ec2("g5.16xlarge",        1, "A10G",        64,  256,  1,  1,   25,  1900),
    _ec2("g5.24xlarge",        4, "A10G",        96,  384,  1,  1,   50,  3800),
    _ec2("g5.48xlarge",        8, "A10G",       192,  768,  1,  1,  100,  7600),
    _ec2("g6.xlarge",          1, "L4",           4,   16,  1,  0,   10,   250),
    _ec2("g6.2xlarge",         1, "L4",           8,   32,  1,  0,   10,   450),
    _ec2("g6.4xlarge",         1, "L4",          16,   64,  1,  0,   25,   600),
    _ec2("g6.8xlarge",         1, "L4",          32,  128,  1,  1,   25,   900),
    _ec2("g6.12xlarge",        4, "L4",          48,  192,  1,  1,   40,  3760),
    _ec2("g6.16xlarge",        1, "L4",          64,  256,  1,  1,   25,  1880),
    _ec2("g6.24xlarge",        4, "L4",          96,  384,  1,  1,   50,  3760),
    _ec2("g6.48xlarge",        8, "L4",         192,  768,  1,  1,  100,  7520),
    _ec2("g6e.xlarge",         1, "L40S",         4,   32,  1,  0,   20,   250),
    _ec2("g6e.2xlarge",        1, "L40S",         8,   64,  1,  0,   20,   450),
    _ec2("g6e.4xlarge",        1, "L40S",        16,  128,  1,  0,   20,   600),
    _ec2("g6e.8xlarge",        1, "L40S",        32,  256,  1,  1,   25,   900),
    _ec2("g6e.12xlarge",       4, "L40S",        48,  384,  1,  1,  100,  3800),
    _ec2("g6e.16xlarge",       1, "L40S",        64,  512,  1,  1,   35,  1900),
    _ec2("g6e.24xlarge",       4, "L40S",        96,  768,  2,  2,  200,  3800),
    _ec2("g6e.48xlarge",       8, "L40S",       192, 1536,  4,  4,  400,  7600),
    _ec2("trn1.2xlarge",       1, "Trainium1",    8,   32,  1,  0, 12.5,   474),
    _ec2("trn1.32xlarge",     16, "Trainium1",  128,  512,  8,  8,  800,  7600),
    _ec2("trn1n.32xlarge",    16, "Trainium1",  128,  512, 16, 16, 1600,  7600),
    _ec2("trn2.3xlarge",       1, "Trainium2",   12,  128,  1,  1,  200,   470),
    _ec2("trn2.48xlarge",     16, "Trainium2",  192, 2048, 16, 16, 3200,  7600),
    _ec2("trn2u.48xlarge",    16, "Trainium2",  192, 2048, 16, 16, 3200,  7600),
    # CPU only: with EFA, then those of head, login, system and build nodes.
    _ec2("c5n.18xlarge",       0, None,          72,  192,  1,  1,  100,     0),
    _ec2("c6in.32xlarge",      0, None,         128,  256,  2,  2,  200,     0),
    _ec2("hpc6a.48xlarge",     0, None,          96,  384,  1,  1,  100,     0),
    _ec2("c5.2xlarge",         0, None,           8,   16,  1,  0,   10,     0),
    _ec2("c5.4xlarge",         0, None,          16,   32,  1,  0,   10,     0),
    _ec2("m5.2xlarge",         0, None,           8,   32,  1,  0,   10,     0),
    _ec2("m5.4xlarge",         0, None,          16,   64,  1,  0,   10,     0),
    _ec2("m5.8xlarge",         0, None,          32,  128,  1,  0,   10,     0),
    _ec2("m5.12xlarge",        0, None,          48,  192,  1,  0,   12,     0),
    _ec2("t2.small",           0, None,           1,    2,  1,  0, None,     0),
    _ec2("t2.medium",          0, None,           2,    4,  1,  0, None,     0),
    _ec2("t3.small",           0, None,           2,    2,  1,  0,    5,     0),
    _ec2("t3a.micro",          0, None,           2,    1,  1,  0,    5,     0),
    _ec2("t3a.small",          0, None,           2,    2,  1,  0,    5,     0),
    _ec2("t3a.medium",         0, None,           2,    4,  1,  0,    5,     0),
    _ec2("t3a.large",          0, None,           2,    8,  1,  0,    5,     0),
)
# fmt: on

HOST_PCIE: Mapping[str, int] = {
    "p4d": 3, "p4de": 3,  # Cascade Lake
    "p5": 4, "p5e": 4,  # EPYC of the 3rd generation
    "p5en": 5,  # Sapphire Rapids: "Gen5 PCIe between CPU and GPU"
    "p6-b200": 5, "p6-b300": 5,  # Emerald Rapids
    "p6e-gb200": 5,  # Grace
    "g4dn": 3,  # Cascade Lake
    "g5": 4, "g6": 4, "g6e": 4,  # EPYC of the 2nd and 3rd generation
}  # fmt: skip
"""Family -> generation of PCIe of its processors, which may be older than that of its GPUs.
Processors: https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html; their PCIe: their makers' data sheets."""
PCIE_BYTES: Mapping[int, float] = {3: 15.75e9, 4: 31.5e9, 5: 63.0e9, 6: 121.0e9}
"""Generation -> bytes a second over 16 lanes in one direction: 8, 16, 32 and 64 GT/s a lane, less what the encoding
takes (128b/130b, and 242 of 256 bytes). PCI Express Base Specification."""

NVLINK_DOMAINS: Mapping[str, int] = {"p6e-gb200": 72}
"""Family -> accelerators that NVLink joins, where they are more than an instance's: an UltraServer is 18 instances.
https://aws.amazon.com/ec2/instance-types/p6/, 2026-11"""
NEURONLINK_BYTES: Mapping[str, float] = {"Trainium1": 192 * GIB, "Trainium2": 640e9}
"""Accelerator -> bytes a second over all its NeuronLinks in one direction: half of what Neuron's pages have, 384 GiB/s
of NeuronLink-v2 in a trn1.32xlarge, of which a trn1n has twice as much (trn1-arch, editions of 2023 and 2024; later
ones lack the column), and 1.28 TB/s of v3 (trainium2), read 2026-11. Whether they count both directions they do not
say: that is taken for granted."""

_ACCELERATORS = {item.name: item for item in ACCELERATORS}
_INSTANCES = {item.name: item for item in INSTANCES}

COMPUTE_CAPABILITIES: Mapping[str, tuple[int, int]] = {
    "A100 40GB": (8, 0),
    "A100 80GB": (8, 0),
    "H100 SXM": (9, 0),
    "H100 PCIe": (9, 0),
    "H100 NVL": (9, 0),
    "H200 SXM": (9, 0),
    "H200 NVL": (9, 0),
    "B200": (10, 0),
    "B300": (10, 3),
    "GB200": (10, 0),
    "GB300": (10, 3),
    "T4": (7, 5),
    "A10G": (8, 6),
    "L4": (8, 9),
    "L40S": (8, 9),
}
"""Accelerator -> its compute capability. Source: https://developer.nvidia.com/cuda-gpus, 2026-11"""


def instance(name: str) -> Instance:
    """The instance type of that name, with or without SageMaker's ``ml.``. Raises UserError with the nearest names."""
    found = _INSTANCES.get(name.removeprefix("ml."))
    if found is None:
        raise UserError(unknown("instance type", name, _INSTANCES))
    return found


def accelerator(name: str) -> Accelerator:
    """The accelerator of that name. Raises UserError with the nearest names."""
    found = _ACCELERATORS.get(name)
    if found is None:
        raise UserError(unknown("accelerator", name, _ACCELERATORS))
    return found


@functools.cache
def accelerator_of_device(device_name: str) -> Accelerator | None:
    """The accelerator behind a name from torch.cuda.get_device_name(); None if it is not a whole one that we know.

    Only whole words count: a GH200 is no H200 and an L40 no L4. A slice of a GPU (``... MIG 1g.10gb``, ``T4-8Q``)
    carries the GPU's name but not its peak.
    """
    if re.search(r"\bMIG\b", device_name):
        return None
    matches = [
        (len(mark), item)
        for item in ACCELERATORS
        for mark in item.device_names
        if re.search(rf"(?<![\w-]){re.escape(mark)}(?![\w-])", device_name)
    ]
    return max(matches, key=lambda match: match[0])[1] if matches else None


def peak_of_device(device_name: str, dtype: str) -> tuple[float | None, str]:
    """Dense peak FLOP/s of a GPU by the name that torch gives, and where the figure comes from; None if unknown."""
    found = accelerator_of_device(device_name)
    if found is None or dtype not in found.peak_flops:
        return None, f"unknown: no {dtype} peak for {device_name} in the hardware table"
    return found.peak_flops[dtype], f"{found.name}, dense {dtype}: {found.source}"


def peak_flops(accelerator_name: str, dtype: str) -> float | None:
    """Dense peak FLOP/s of one whole accelerator; None if the hardware lacks the dtype or no figure is published."""
    if dtype not in DTYPES:
        raise UserError(unknown("dtype", dtype, DTYPES))
    return accelerator(accelerator_name).peak_flops.get(dtype)


def host_link(instance: Instance) -> float | None:
    """Bytes a second that PCIe carries at most between the host and one GPU, in one direction; None: not known.

    How many lanes lie between them nobody publishes: this is what 16 carry, and less is no proof of a fault.
    """
    host = HOST_PCIE.get(instance.name.partition(".")[0])
    gpu = accelerator(instance.accelerator).pcie if instance.accelerator else None
    return None if host is None or gpu is None else PCIE_BYTES[min(host, gpu)]
