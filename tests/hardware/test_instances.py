"""Instance types against EC2's own data and against arithmetic."""

import gzip
import json
import re
from importlib import resources

import pytest

from seatrial.errors import UserError
from seatrial.hardware import MIB
from seatrial.hardware.accelerators import accelerator as accelerator_of
from seatrial.hardware.instances import INSTANCES, instance


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
    accelerator = accelerator_of(instance.accelerator) if instance.accelerator else None
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
    one = instance("p6e-gb200.36xlarge")
    assert [18 * n for n in (one.accelerators, one.vcpus, one.memory_mib)] == [72, 2592, 17280 * 1024]
    assert [18 * n for n in (one.nvme_gb, one.network_gbps or 0)] == [405_000, 28_800]
    assert one.architecture == "arm64", "a Grace CPU cannot run an x86_64 image"
    assert (one.network_cards, one.efa_interfaces) == (17, 16)


@pytest.mark.parametrize("instance", INSTANCES, ids=lambda instance: instance.name)
def test_instance_is_consistent(instance):
    assert (instance.accelerator is None) == (instance.accelerators == 0)
    assert instance.network_cards is None or instance.efa_interfaces <= instance.network_cards


def test_ranks_of_trainium():
    """Neuron documentation: a trn1.32xlarge takes 32 ranks, a trn2.48xlarge 64 with its cores paired."""
    for name, ranks in (("trn1.32xlarge", 32), ("trn2.48xlarge", 64)):
        node = instance(name)
        assert node.accelerators * accelerator_of(node.accelerator or "").ranks_per_accelerator == ranks


@pytest.mark.parametrize(("instance_type", "links"), [("p4de.24xlarge", 12), ("p5.48xlarge", 18), ("g5.48xlarge", 0)])
def test_links(instance_type, links):
    assert accelerator_of(instance(instance_type).accelerator or "").links == links


def test_sagemaker_prefix():
    assert instance("ml.p5.48xlarge") is instance("p5.48xlarge")


def test_names_are_unique_and_sources_given():
    names = [entry.name for entry in INSTANCES]
    assert len(names) == len(set(names))
    assert [entry.name for entry in INSTANCES if "https://" not in entry.source] == []


@pytest.mark.parametrize(
    ("name", "message", "remedy"),
    [
        ("p5.48xlarg", "no instance type is called 'p5.48xlarg'", "p5.48xlarge"),
        ("ml.p9.48xlarge", "no instance type is called 'ml.p9.48xlarge'", "did you mean"),
        ("ml.ml.p5.48xlarge", "no instance type is called", "p5.48xlarge"),
        ("", "no instance type is called ''", "choose from: c5.2xlarge"),
    ],
)
def test_unknown_names_tell_the_nearest(name, message, remedy):
    with pytest.raises(UserError) as caught:
        instance(name)
    [problem] = caught.value.problems
    assert message in problem.what
    assert remedy in problem.remedy


def test_entries_can_be_in_a_set():
    assert len({*INSTANCES}) == len(INSTANCES)
