"""Accelerators: their peaks, memory and links, each with its source."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from seatrial.errors import UserError, unknown
from seatrial.hardware import GIB, MIB

DTYPES = ("fp32", "tf32", "bf16", "fp16", "fp8", "fp4", "int8")
"""The dtypes that a peak can be known for."""


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
_BY_NAME = {item.name: item for item in ACCELERATORS}


def accelerator(name: str) -> Accelerator:
    """The accelerator of that name. Raises UserError with the nearest names."""
    found = _BY_NAME.get(name)
    if found is None:
        raise UserError(unknown("accelerator", name, _BY_NAME))
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
