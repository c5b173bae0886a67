"""Versions across their bounds, and what is not there."""

from __future__ import annotations

import json

import pytest

from seatrial.checks.catalogue import of_kind
from seatrial.checks.compatibility import FIRST_CUDA
from seatrial.checks.judging import judge
from seatrial.checks.observations import Observation
from seatrial.checks.profile import NOT_KNOWN, Profile
from seatrial.checks.software.document import example
from seatrial.findings import Finding, Severity, Verdict, overall
from seatrial.hardware.accelerators import ACCELERATORS, COMPUTE_CAPABILITIES

P5 = Profile.of("p5.48xlarge")


def found(text: str, profile: Profile = P5, id: str = "") -> list[Finding]:
    findings = judge(of_kind("versions"), [Observation(kind="versions", origin="x", text=text)], profile)
    return [finding for finding in findings if not id or finding.check == id]


@pytest.mark.parametrize(
    ("id", "versions", "verdict"),
    [
        ("versions.cuda-driver", {"cuda": "12.8.1", "driver": "525.60.12"}, Verdict.FAIL),
        ("versions.cuda-driver", {"cuda": "12.8.1", "driver": "535.183.01"}, Verdict.WARN),
        ("versions.cuda-driver", {"cuda": "12.8.1", "driver": "570.26"}, Verdict.PASS),
        ("versions.cuda-driver", {"cuda": "12.7", "driver": "560.35.03"}, Verdict.PASS),
        ("versions.cuda-driver", {"cuda": "14.0"}, Verdict.UNKNOWN),
        ("versions.cuda-driver", {"cuda": "newest"}, Verdict.UNKNOWN),
        ("versions.cuda-driver", {"driver": ""}, Verdict.UNKNOWN),
        ("versions.cuda-device", {"cuda": "11.8"}, Verdict.PASS),
        ("versions.cuda-device", {"cuda": "11.7.1"}, Verdict.FAIL),
        ("versions.plugin", {"libfabric": "1.21.9"}, Verdict.FAIL),
        ("versions.plugin", {"libfabric": "1.22.0amzn1.0"}, Verdict.PASS),
        ("versions.plugin", {"aws_ofi_nccl": "1.12.1-aws", "libfabric": "1.18.0"}, Verdict.PASS),
        ("versions.plugin", {"nccl": "2.17.0"}, Verdict.FAIL),
        ("versions.plugin", {"libfabric": ""}, Verdict.UNKNOWN),
        ("versions.plugin", {"aws_ofi_nccl": "1.7.4"}, Verdict.UNKNOWN),
        ("versions.known-faults", {"efa_driver": "2.17.2g"}, Verdict.WARN),
        ("versions.known-faults", {"aws_ofi_nccl": "1.12.0"}, Verdict.WARN),
        ("versions.known-faults", {"efa_driver": ""}, Verdict.UNKNOWN),
        ("versions.efa-bundle", {"aws_ofi_nccl": "1.16.3"}, Verdict.WARN),
        ("versions.instance", {"nccl": "2.18.1"}, Verdict.WARN),
        ("versions.instance", {"cuda": "11.8"}, Verdict.FAIL),
        ("versions.copies", {"nccl": "2.31.2 2.31.2"}, Verdict.PASS),
        ("versions.torch-cuda", {"torch": "2.13.0", "cuda": "13.2"}, Verdict.PASS),
        ("versions.torch-cuda", {"torch": "2.13.0", "cuda": "12.9"}, Verdict.WARN),
        ("versions.torch-cuda", {"torch": "2.13.0", "cuda": "11.8"}, Verdict.FAIL),
        ("versions.torch-cuda", {"torch": "2.4.1"}, Verdict.UNKNOWN),
        ("versions.torch-cuda", {"torch": "2.13.0+cpu"}, Verdict.UNKNOWN),
        ("versions.torch-nccl", {"torch": "2.13.0", "nccl": "2.29.7"}, Verdict.PASS),
        ("versions.torch-nccl", {"torch": "2.13.0", "nccl": "2.29.6"}, Verdict.WARN),
        ("versions.torch-nccl", {"torch": "2.13.0", "nccl": "2.28.9"}, Verdict.FAIL),
        ("versions.torch-nccl", {"torch": "2.13.0", "cuda": "12.6", "nccl": "2.29.3"}, Verdict.PASS),
        ("versions.neuron-sdk", {"neuron_driver": "2.26.5.0"}, Verdict.PASS),
        ("versions.neuron-sdk", {"neuron_driver": "2.26.5.0", "neuron_tools": "2.20.1.0"}, Verdict.WARN),
        ("versions.neuron-sdk", {"neuron_driver": "2.20.1.0"}, Verdict.UNKNOWN),
        ("versions.driver-libraries", {"driver_libraries": "580.95.05 575.57.08"}, Verdict.FAIL),
    ],
)
def test_a_version_across_its_bound_changes_the_verdict(id, versions, verdict):
    assert overall(found(example(**versions), id=id)) is verdict


def test_what_is_not_there_is_skipped_only_where_nothing_needs_it():
    nothing = example(**dict.fromkeys(json.loads(example())["host"]["found"], ""))
    cpus = found(nothing, Profile.of("c5.2xlarge"))
    assert {f.verdict for f in cpus} == {Verdict.SKIP} and overall(cpus) is Verdict.UNKNOWN
    assert all(f.observed for f in cpus)
    assert Verdict.UNKNOWN in {f.verdict for f in found(nothing, P5)}
    assert Verdict.PASS not in {f.verdict for f in found(nothing, NOT_KNOWN)}


def test_where_something_could_not_be_looked_at_nothing_is_absent():
    record = json.loads(example(nccl=""))
    record["host"]["problems"] = {"/opt/secret": "Permission denied"}
    told = found(json.dumps(record), id="versions.copies")
    assert overall(told) is Verdict.UNKNOWN and "/opt/secret" in str(told)


def test_an_unknown_node_is_not_held_against_a_type():
    assert overall(found(example(), NOT_KNOWN, "versions.instance")) is Verdict.UNKNOWN
    assert overall(found(example(), NOT_KNOWN, "versions.cuda-device")) is Verdict.UNKNOWN
    [finding] = found(example(), Profile.of("p5en.48xlarge"), "versions.instance")
    assert finding.verdict is Verdict.SKIP


def test_a_driver_that_waits_for_a_reboot_asks_for_one():
    [finding] = found(example(driver_libraries="580.105.08"), id="versions.driver-libraries")
    assert finding.severity is Severity.REBOOT


def test_no_component_can_be_dropped_in_silence():
    whole = found(example())
    assert {finding.check for finding in whole if finding.verdict is not Verdict.PASS} == {"versions.neuron-sdk"}
    for name in ("torch", "cuda", "driver", "nccl", "libfabric", "aws_ofi_nccl", "efa_installer", "efa_driver"):
        told = found(example(**{name: ""}))
        assert len([f for f in told if f.verdict is Verdict.PASS]) < len(whole), name


def test_every_gpu_has_a_capability_that_a_cuda_knows():
    names = {item.name for item in ACCELERATORS if item.vendor == "NVIDIA"}
    assert set(COMPUTE_CAPABILITIES) == names and set(COMPUTE_CAPABILITIES.values()) <= set(FIRST_CUDA)
