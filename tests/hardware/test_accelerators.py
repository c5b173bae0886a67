"""Accelerators against arithmetic, and against names that torch really gives."""

import dataclasses
import json

import pytest

from seatrial.errors import UserError
from seatrial.hardware import accelerators
from seatrial.hardware.accelerators import ACCELERATORS

# A dense peak is multiprocessors x FLOP per clock of one x boost clock. White papers of Turing, Ampere, Hopper, Ada.
SILICON = {
    "T4": (40, 1024, 1.590e9),
    "A100 40GB": (108, 2048, 1.410e9),
    "A100 80GB": (108, 2048, 1.410e9),
    "H100 SXM": (132, 4096, 1.830e9),
    "H100 PCIe": (114, 4096, 1.620e9),
    "H200 SXM": (132, 4096, 1.830e9),
    "L4": (58, 1024, 2.040e9),
}


@pytest.mark.parametrize("name", SILICON)
def test_fp16_peak_is_what_the_silicon_can_do(name):
    multiprocessors, flop_per_clock, clock = SILICON[name]
    assert accelerators.peak_flops(name, "fp16") == pytest.approx(multiprocessors * flop_per_clock * clock, rel=0.01)


# TFLOP/s at bf16 as product pages print it, "with sparsity": what a dense table must never contain.
SPARSE_BF16 = {
    "A100 40GB": 624,
    "A100 80GB": 624,
    "H100 SXM": 1979,
    "H100 PCIe": 1513,
    "H100 NVL": 1671,
    "H200 SXM": 1979,
    "H200 NVL": 1671,
    "B200": 4500,
    "B300": 4500,
    "GB200": 5000,
    "A10G": 140,
    "L4": 242,
    "L40S": 733,
}


@pytest.mark.parametrize("name", SPARSE_BF16)
def test_bf16_peak_is_not_the_sparse_figure(name):
    assert accelerators.peak_flops(name, "bf16") == pytest.approx(SPARSE_BF16[name] * 1e12 / 2, rel=0.015)


def test_trainium2_peak_is_that_of_its_cores():
    """79 TFLOP/s a core by the NeuronCore-v3 page; the chip's page claims 5.5 % more. Sparse would be 2563."""
    chip = accelerators.accelerator("Trainium2")
    assert chip.peak_flops["bf16"] == pytest.approx(chip.cores_per_accelerator * 79e12, rel=0.06)


def test_h100_and_h200_peak():
    """The trap that this table exists for: 1979 TFLOP/s is the sparse figure, and halves every MFU."""
    for name in ("H100 SXM", "H200 SXM"):
        assert accelerators.peak_flops(name, "bf16") == pytest.approx(989.4e12, rel=0.01)


@pytest.mark.parametrize(
    "accelerator", [item for item in ACCELERATORS if item.vendor == "NVIDIA"], ids=lambda item: item.name
)
def test_tensor_cores_double_with_half_the_bits(accelerator):
    """One sparse figure among dense ones breaks this. fp4 is not bound to it: B300 has three times its fp8 rate."""
    peaks = accelerator.peak_flops
    half = peaks["fp16"]
    expected = {"tf32": half / 2, "bf16": half, "fp16": half, "fp8": half * 2, "int8": half * 2}
    known = {dtype: peak for dtype, peak in peaks.items() if dtype in expected}
    assert known == pytest.approx({dtype: expected[dtype] for dtype in known}, rel=0.015)
    assert peaks["fp32"] < half


def test_fp4_peaks():
    """HGX B200 and B300: 72 and 108 PFLOP/s dense for 8 GPUs. GB200 NVL72: 1440 sparse for 72."""
    peaks = [accelerators.peak_flops(name, "fp4") for name in ("B200", "B300", "GB200")]
    assert peaks == [72e15 / 8, 108e15 / 8, 1440e15 / 2 / 72]


def test_peaks_use_the_known_dtypes():
    assert {dtype for item in ACCELERATORS for dtype in item.peak_flops} == set(accelerators.DTYPES)


def test_unknown_peak_is_none():
    assert accelerators.peak_flops("T4", "bf16") is None
    assert accelerators.peak_flops("A100 80GB", "fp8") is None
    assert accelerators.peak_flops("B300", "int8") is None


@pytest.mark.parametrize(
    ("device_name", "expected"),
    [
        ("NVIDIA A100-SXM4-40GB", "A100 40GB"),
        ("NVIDIA A100-SXM4-80GB", "A100 80GB"),
        ("NVIDIA H100 80GB HBM3", "H100 SXM"),
        ("NVIDIA H100 PCIe", "H100 PCIe"),
        ("NVIDIA H100 NVL", "H100 NVL"),
        ("NVIDIA H200", "H200 SXM"),
        ("NVIDIA H200 NVL", "H200 NVL"),
        ("NVIDIA B200", "B200"),
        ("NVIDIA B300 SXM6 AC", "B300"),
        ("NVIDIA GB200", "GB200"),
        ("Tesla T4", "T4"),
        ("NVIDIA A10G", "A10G"),
        ("NVIDIA L4", "L4"),
        ("NVIDIA L40S", "L40S"),
        # Not in the table, although a name of the table is part of theirs.
        ("NVIDIA GH200 480GB", None),
        ("NVIDIA GB300", "GB300"),
        ("NVIDIA GB10", None),
        ("NVIDIA L40", None),
        ("NVIDIA A10", None),
        ("NVIDIA T400 4GB", None),
        # Slices of a GPU: not its peak.
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", None),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", None),
        ("GRID T4-8Q", None),
        ("NVIDIA GeForce RTX 4090", None),
        ("AMD Instinct MI300X", "MI300X"),
        ("AMD Instinct MI250X", None),
        ("", None),
    ],
)
def test_accelerator_of_device(device_name, expected):
    found = accelerators.accelerator_of_device(device_name)
    assert (found and found.name) == expected


def test_every_gpu_is_recognised_by_its_own_device_name():
    for item in ACCELERATORS:
        assert [accelerators.accelerator_of_device(name) for name in item.device_names] == [item] * len(
            item.device_names
        )
        assert item.device_names or item.vendor == "AWS"


def test_a_known_gpus_peak_is_the_tables():
    flops, source = accelerators.peak_of_device("NVIDIA H100 80GB HBM3", "bf16")
    assert flops == pytest.approx(989e12, rel=1e-3)
    assert source.startswith("H100") and "dense bf16" in source


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("NVIDIA Imaginary 9000", "bf16"),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", "bf16"),
        ("", "bf16"),
        ("NVIDIA A100-SXM4-80GB", "fp8"),
    ],
)
def test_an_unknown_gpu_or_dtype_has_no_peak(name, dtype):
    assert accelerators.peak_of_device(name, dtype) == (
        None,
        f"unknown: no {dtype} peak for {name} in the hardware table",
    )


@pytest.mark.parametrize("accelerator", ACCELERATORS, ids=lambda item: item.name)
def test_memory_keeps_up_with_a_few_hundred_operations_a_byte(accelerator):
    """A bandwidth in the wrong unit, or of the wrong chip, is far off what all makers build."""
    dtype = "bf16" if "bf16" in accelerator.peak_flops else "fp16"
    assert 90 < accelerator.peak_flops[dtype] / accelerator.hbm_bytes < 450


@pytest.mark.parametrize("accelerator", ACCELERATORS, ids=lambda item: item.name)
def test_a_multiprocessor_computes_a_few_tera_operations_at_a_few_watts(accelerator):
    if accelerator.vendor == "AWS":
        assert accelerator.multiprocessors is None
        return
    dtype = "bf16" if "bf16" in accelerator.peak_flops else "fp16"
    assert 0.8e12 < accelerator.peak_flops[dtype] / accelerator.multiprocessors < 18e12
    assert 1 < accelerator.watts / accelerator.multiprocessors < 10


def test_names_are_unique_and_sources_given():
    names = [entry.name for entry in ACCELERATORS]
    assert len(names) == len(set(names))
    assert [entry.name for entry in ACCELERATORS if "https://" not in entry.source] == []


@pytest.mark.parametrize(
    ("look_up", "name", "message", "remedy"),
    [
        (accelerators.accelerator, "H100", "no accelerator is called 'H100'", "H100 SXM"),
        (lambda name: accelerators.peak_flops(name, "bf16"), "A100", "no accelerator is called 'A100'", "A100 80GB"),
        (lambda name: accelerators.peak_flops("B200", name), "bfloat16", "no dtype is called 'bfloat16'", "bf16"),
    ],
)
def test_unknown_names_tell_the_nearest(look_up, name, message, remedy):
    with pytest.raises(UserError) as caught:
        look_up(name)
    [problem] = caught.value.problems
    assert message in problem.what
    assert remedy in problem.remedy


def test_entries_are_plain_data():
    """They end up in a job's JSON and in sets."""
    assert json.loads(json.dumps(dataclasses.asdict(accelerators.accelerator("B200"))))["peak_flops"]["fp8"] == 4500e12
    assert len({*ACCELERATORS}) == len(ACCELERATORS)
