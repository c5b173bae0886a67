"""The hardware tables against EC2's own data, against arithmetic, and against names that torch really gives."""

import dataclasses
import gzip
import json
import re
from importlib import resources

import pytest

from seatrial import hardware
from seatrial.errors import UserError
from seatrial.hardware import ACCELERATORS, INSTANCES, MIB


def _recorded_types():
    """EC2's DescribeInstanceTypes as moto ships it: instance type -> its description."""
    folder = resources.files("moto") / "ec2" / "resources"
    packed = folder / "instance_types.json.gz"  # plain .json in older versions of moto
    raw = gzip.decompress(packed.read_bytes()) if packed.is_file() else (folder / "instance_types.json").read_bytes()
    return json.loads(raw)


RECORDED = _recorded_types()

ABSENT = {
    "p6e-gb200.36xlarge": "sold as UltraServers in a Local Zone only, which moto's record does not cover",
}
"""Instance types that moto does not know."""

NEURON_MEMORY = (
    "EC2 reports 512 GiB a chip; Neuron's documentation 96 GiB (trainium2.html, training/best-practices.html)"
)
NO_NEURON = "recorded without NeuronInfo; AWS's Trn2 page: an UltraServer is 64 Trainium2 chips in 4 such instances"
DIFFERENT = {
    ("trn2.3xlarge", "accelerator_mib"): (524288, NEURON_MEMORY),
    ("trn2.48xlarge", "accelerator_mib"): (524288, NEURON_MEMORY),
    ("trn2u.48xlarge", "accelerator"): (None, NO_NEURON),
    ("trn2u.48xlarge", "accelerators"): (0, NO_NEURON),
    ("trn2u.48xlarge", "accelerator_mib"): (None, NO_NEURON),
    ("trn2u.48xlarge", "cores_per_accelerator"): (None, NO_NEURON),
}
"""(instance type, fact) -> what moto says instead, and why the table does not follow it."""


def _devices(description):
    """(name, count, MiB, cores) of the accelerators that a description lists; nothing for a CPU type."""
    gpus = [
        (gpu["Name"], gpu["Count"], gpu["MemoryInfo"]["SizeInMiB"], 1)
        for gpu in description.get("GpuInfo", {}).get("Gpus", [])
    ]
    chips = [
        (chip["Name"], chip["Count"], chip["MemoryInfo"]["SizeInMiB"], chip["CoreInfo"]["Count"])
        for chip in description.get("NeuronInfo", {}).get("NeuronDevices", [])
    ]
    return gpus + chips


def _gbps(label):
    """Gbit/s of EC2's NetworkPerformance: "8x 100 Gigabit", "Up to 12.5 Gigabit"; None for "Low to Moderate".

    The bandwidths of the single cards do not add up to it: g6e.48xlarge has four that may each take all 400.
    """
    found = re.fullmatch(r"(?:Up to )?(?:(\d+)x )?([\d.]+) Gigabit", label)
    return int(found[1] or 1) * float(found[2]) if found else None


def _recorded_facts(description):
    devices = _devices(description)
    assert len(devices) <= 1, "an instance type with two kinds of accelerator does not fit the table"
    name, count, mib, cores = devices[0] if devices else (None, 0, None, None)
    network = description["NetworkInfo"]
    architectures = description["ProcessorInfo"]["SupportedArchitectures"]
    return {
        "vcpus": description["VCpuInfo"]["DefaultVCpus"],
        "memory_mib": description["MemoryInfo"]["SizeInMiB"],
        "accelerator": "Trainium1" if name == "Trainium" else name,
        "accelerators": count,
        "accelerator_mib": mib,
        "cores_per_accelerator": cores,
        "network_cards": network["MaximumNetworkCards"],
        "efa_interfaces": network.get("EfaInfo", {}).get("MaximumEfaInterfaces", 0),
        "network_gbps": _gbps(network["NetworkPerformance"]),
        "nvme_gb": description.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0),
        "architecture": next(name for name in architectures if name != "i386"),
    }


def _table_facts(instance):
    accelerator = hardware.accelerator(instance.accelerator) if instance.accelerator else None
    return {
        "vcpus": instance.vcpus,
        "memory_mib": instance.memory_mib,
        # EC2 does not tell the variants of a GPU apart: "A100" is either of ours, which their memory then decides.
        "accelerator": accelerator and accelerator.name.split()[0],
        "accelerators": instance.accelerators,
        "accelerator_mib": accelerator and accelerator.memory_bytes / MIB,
        "cores_per_accelerator": accelerator and accelerator.cores_per_accelerator,
        "network_cards": instance.network_cards,
        "efa_interfaces": instance.efa_interfaces,
        "network_gbps": instance.network_gbps,
        "nvme_gb": instance.nvme_gb,
        "architecture": instance.architecture,
    }


@pytest.mark.parametrize("instance", INSTANCES, ids=lambda instance: instance.name)
def test_instance_is_what_ec2_describes(instance):
    if instance.name in ABSENT:
        assert instance.name not in RECORDED, "moto knows it now: take it off ABSENT and compare it"
        return
    expected = _table_facts(instance)
    for (name, fact), (recorded, _) in DIFFERENT.items():
        if name == instance.name:
            assert expected[fact] != recorded, "moto agrees with the table now: take this off DIFFERENT"
            expected[fact] = recorded
    assert _recorded_facts(RECORDED[instance.name]) == expected


def test_exceptions_are_about_entries_of_the_table():
    names = {instance.name for instance in INSTANCES}
    assert {*ABSENT, *(name for name, _ in DIFFERENT)} <= names


GPU_FAMILIES = ["p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300", "g4dn", "g5", "g6", "g6e"]


@pytest.mark.parametrize("family", [*GPU_FAMILIES, "trn1", "trn1n", "trn2", "trn2u"])
def test_family_is_complete(family):
    known = {instance.name for instance in INSTANCES}
    assert {name for name in RECORDED if name.split(".")[0] == family} <= known


def test_gb200_follows_from_its_ultraserver():
    """AWS publishes an UltraServer of 18 instances: 72 GPUs, 2592 vCPUs, 17280 GiB, 405 TB, 28.8 Tbit/s."""
    one = hardware.instance("p6e-gb200.36xlarge")
    assert [18 * n for n in (one.accelerators, one.vcpus, one.memory_mib)] == [72, 2592, 17280 * 1024]
    assert [18 * n for n in (one.nvme_gb, one.network_gbps or 0)] == [405_000, 28_800]
    assert one.architecture == "arm64", "a Grace CPU cannot run an x86_64 image"
    assert (one.network_cards, one.efa_interfaces) == (17, 16)


@pytest.mark.parametrize("table", [ACCELERATORS, INSTANCES], ids=["accelerators", "instances"])
def test_names_are_unique_and_sources_given(table):
    names = [entry.name for entry in table]
    assert len(names) == len(set(names))
    assert [entry.name for entry in table if "https://" not in entry.source] == []


@pytest.mark.parametrize("instance", INSTANCES, ids=lambda instance: instance.name)
def test_instance_is_consistent(instance):
    assert (instance.accelerator is None) == (instance.accelerators == 0)
    assert instance.network_cards is None or instance.efa_interfaces <= instance.network_cards


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
    assert hardware.peak_flops(name, "fp16") == pytest.approx(multiprocessors * flop_per_clock * clock, rel=0.01)


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
    assert hardware.peak_flops(name, "bf16") == pytest.approx(SPARSE_BF16[name] * 1e12 / 2, rel=0.015)


def test_trainium2_peak_is_that_of_its_cores():
    """79 TFLOP/s a core by the NeuronCore-v3 page; the chip's page claims 5.5 % more. Sparse would be 2563."""
    chip = hardware.accelerator("Trainium2")
    assert chip.peak_flops["bf16"] == pytest.approx(chip.cores_per_accelerator * 79e12, rel=0.06)


def test_h100_and_h200_peak():
    """The trap that this table exists for: 1979 TFLOP/s is the sparse figure, and halves every MFU."""
    for name in ("H100 SXM", "H200 SXM"):
        assert hardware.peak_flops(name, "bf16") == pytest.approx(989.4e12, rel=0.01)


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
    peaks = [hardware.peak_flops(name, "fp4") for name in ("B200", "B300", "GB200")]
    assert peaks == [72e15 / 8, 108e15 / 8, 1440e15 / 2 / 72]


def test_ranks_of_trainium():
    """Neuron documentation: a trn1.32xlarge takes 32 ranks, a trn2.48xlarge 64 with its cores paired."""
    for name, ranks in (("trn1.32xlarge", 32), ("trn2.48xlarge", 64)):
        node = hardware.instance(name)
        assert node.accelerators * hardware.accelerator(node.accelerator or "").ranks_per_accelerator == ranks


@pytest.mark.parametrize(("instance_type", "links"), [("p4de.24xlarge", 12), ("p5.48xlarge", 18), ("g5.48xlarge", 0)])
def test_links(instance_type, links):
    assert hardware.accelerator(hardware.instance(instance_type).accelerator or "").links == links


def test_peaks_use_the_known_dtypes():
    assert {dtype for item in ACCELERATORS for dtype in item.peak_flops} == set(hardware.DTYPES)


def test_unknown_peak_is_none():
    assert hardware.peak_flops("T4", "bf16") is None
    assert hardware.peak_flops("A100 80GB", "fp8") is None
    assert hardware.peak_flops("B300", "int8") is None


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
    found = hardware.accelerator_of_device(device_name)
    assert (found and found.name) == expected


def test_every_gpu_is_recognised_by_its_own_device_name():
    for item in ACCELERATORS:
        assert [hardware.accelerator_of_device(name) for name in item.device_names] == [item] * len(item.device_names)
        assert item.device_names or item.vendor == "AWS"


def test_sagemaker_prefix():
    assert hardware.instance("ml.p5.48xlarge") is hardware.instance("p5.48xlarge")


@pytest.mark.parametrize(
    ("look_up", "name", "message", "remedy"),
    [
        (hardware.instance, "p5.48xlarg", "no instance type is called 'p5.48xlarg'", "p5.48xlarge"),
        (hardware.instance, "ml.p9.48xlarge", "no instance type is called 'ml.p9.48xlarge'", "did you mean"),
        (hardware.instance, "ml.ml.p5.48xlarge", "no instance type is called", "p5.48xlarge"),
        (hardware.instance, "", "no instance type is called ''", "choose from: c5.2xlarge"),
        (hardware.accelerator, "H100", "no accelerator is called 'H100'", "H100 SXM"),
        (lambda name: hardware.peak_flops(name, "bf16"), "A100", "no accelerator is called 'A100'", "A100 80GB"),
        (lambda name: hardware.peak_flops("B200", name), "bfloat16", "no dtype is called 'bfloat16'", "bf16"),
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
    assert json.loads(json.dumps(dataclasses.asdict(hardware.accelerator("B200"))))["peak_flops"]["fp8"] == 4500e12
    assert len({*ACCELERATORS, *INSTANCES}) == len(ACCELERATORS) + len(INSTANCES)


def test_a_known_gpus_peak_is_the_tables():
    flops, source = hardware.peak_of_device("NVIDIA H100 80GB HBM3", "bf16")
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
    assert hardware.peak_of_device(name, dtype) == (None, f"unknown: no {dtype} peak for {name} in the hardware table")


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
