"""Versions that were chosen: every rule tells good from bad, and looks at no version that is not its own."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.checks.catalogue import find
from seatrial.checks.fitting import OF_INSTANCE, RULES, chosen, misfits
from seatrial.checks.software.layouts import TITLES
from seatrial.errors import UserError
from seatrial.findings import Finding, Severity, Verdict, overall
from seatrial.hardware import instances
from seatrial.versions import EFA_INSTALLERS, STACKS, Stack
from seatrial.versions.nodes import NEURON_COMPONENTS

CUDA, P5 = STACKS["cuda13"], instances.instance("p5.48xlarge")
READS: Mapping[str, set[str]] = {
    "versions.cuda-driver": {"cuda", "driver"},
    "versions.plugin": {"aws_ofi_nccl", "libfabric", "nccl"},
    "versions.known-faults": {"nccl", "efa_installer", "aws_ofi_nccl", "driver", "efa_driver"},
    "versions.efa-bundle": {"efa_installer", "libfabric", "aws_ofi_nccl"},
    "versions.torch-cuda": {"torch", "cuda"},
    "versions.torch-nccl": {"torch", "cuda", "nccl"},
    "versions.neuron-sdk": set(NEURON_COMPONENTS),
    "versions.cuda-device": {"cuda"},
    "versions.instance": {"cuda", "nccl", "aws_ofi_nccl", "efa_installer"},
}
BREAKS: Mapping[str, Mapping[str, str]] = {
    "versions.cuda-driver": {"driver": "535.54.03"},
    "versions.plugin": {"libfabric": "1.18.0"},
    "versions.known-faults": {"efa_driver": "2.17.2"},
    "versions.efa-bundle": {"libfabric": "2.1.0amzn5.0"},
    "versions.torch-cuda": {"cuda": "11.8.0"},
    "versions.torch-nccl": {"nccl": "2.18.0"},
    "versions.neuron-sdk": {"neuron_runtime": "2.20.11.0"},
    "versions.cuda-device": {"cuda": "11.7.1"},
    "versions.instance": {"nccl": "2.17.1"},
}
"""Rule -> a change with which it no longer passes."""
WARNS = {"versions.known-faults", "versions.efa-bundle", "versions.neuron-sdk"}
"""Rules that only warn: what they look at may work."""
VERSIONS = st.builds("{}.{}.{}".format, *[st.integers(0, 600)] * 3)


def of(findings: list[Finding], id: str) -> list[Finding]:
    return [finding for finding in findings if finding.check == id]


@pytest.mark.parametrize("name", STACKS)
def test_every_stack_goes_together(name):
    found = misfits(STACKS[name].pins)
    assert overall(found) is Verdict.PASS, [one for one in found if one.verdict not in (Verdict.PASS, Verdict.SKIP)]
    assert set(STACKS[name].pins) <= set(TITLES)


@pytest.mark.parametrize("id", [*RULES, *OF_INSTANCE])
def test_every_rule_tells_good_from_bad_and_names_both_sides(id):
    stack = STACKS["neuron"] if id == "versions.neuron-sdk" else CUDA
    assert overall(of(misfits(stack.pins, P5), id)) is Verdict.PASS
    broken = of(misfits(chosen(stack, BREAKS[id]), P5), id)
    expected = Verdict.WARN if id in WARNS else Verdict.FAIL
    bad = [one for one in broken if one.verdict is expected]
    assert overall(broken) is expected and bad
    ((_, version),) = BREAKS[id].items()
    assert all(version in one.observed and one.expected and one.remedy and one.source for one in bad)
    assert all(one.severity is Severity.NONE for one in broken)  # there is no node to look at again


def test_every_rule_about_versions_has_its_place():
    assert set(READS) == set(BREAKS) == {*RULES, *OF_INSTANCE}
    about_nodes = {"versions.copies", "versions.driver-libraries"}
    assert all(find(id) for id in {*READS, *about_nodes})


@given(st.sampled_from(sorted(CUDA.pins)), VERSIONS)
def test_a_version_changes_nothing_for_rules_that_do_not_read_it(component, version):
    before, after = misfits(CUDA.pins, P5), misfits({**CUDA.pins, component: version}, P5)
    for id, reads in READS.items():
        if component not in reads:
            assert of(before, id) == of(after, id)


@given(st.dictionaries(st.sampled_from(sorted(TITLES)), VERSIONS | st.text(max_size=8)))
def test_whatever_is_chosen_every_rule_says_something(pins):
    found = misfits(pins, P5)
    assert {one.check for one in found} == {*RULES, *OF_INSTANCE}
    if not any(any(sign.isdigit() for sign in version) for version in pins.values()):
        assert Verdict.PASS not in {one.verdict for one in found}  # what cannot be read is good for nothing


def test_what_the_installer_brings_changes_with_it():
    pins = chosen(CUDA, {"efa_installer": "1.43.2"})
    bundle = EFA_INSTALLERS["1.43.2"]
    assert (pins["libfabric"], pins["aws_ofi_nccl"]) == (bundle.libfabric, bundle.aws_ofi_nccl)
    assert "efa_driver" not in pins  # which it brings is unknown
    assert chosen(CUDA, {"efa_installer": "1.43.2", "libfabric": "2.6.0"})["libfabric"] == "2.6.0"
    assert chosen(CUDA, {}) == CUDA.pins


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"nkcl": "2.29.7"}, "did you mean nccl"),
        ({"neuron_driver": "2.26.5.0"}, "no component of this stack is called 'neuron_driver'"),
        ({"nccl": "latest"}, "'latest' holds no version"),
        ({"nccl": ""}, "holds no version"),
        ({"efa_installer": "9.0.0"}, "--set libfabric=VERSION --set aws_ofi_nccl=VERSION; or take 1.40.0"),
    ],
)
def test_what_cannot_be_chosen_is_told_with_what_can(settings, said):
    with pytest.raises(UserError, match="(?s)" + said.replace("(", r"\(")):
        chosen(CUDA, settings)


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(UserError) as error:
        chosen(CUDA, {"nkcl": "2.29.7", "cuda": "newest", "efa_installer": "9.0.0"})
    assert len(error.value.problems) == 3


def test_an_installer_that_nobody_knows_can_be_chosen_with_what_it_brings():
    pins = chosen(CUDA, {"efa_installer": "9.0.0", "libfabric": "3.0.0", "aws_ofi_nccl": "2.0.0"})
    assert pins["efa_installer"] == "9.0.0"
    assert chosen(Stack(title="", pins={"efa_installer": "1.50.0"}, source=""), {"efa_installer": "9.0.0"})
