"""The variables of a job: every row of the published presets, and nothing besides."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.errors import UserError
from seatrial.hardware.instances import INSTANCES, instance
from seatrial.network import environment
from seatrial.network.floors import lint_stack
from seatrial.network.lint import lint_environment
from seatrial.versions import STACK

HUGE = {"FI_EFA_USE_HUGE_PAGE": "0"}
RDMA = {"FI_EFA_USE_DEVICE_RDMA": "1"}
EFA = {"FI_PROVIDER": "efa"}
SIMPLE = {"NCCL_PROTO": "simple"}
EN = {"NCCL_SOCKET_IFNAME": "en"}
COPY = {"NCCL_SHM_USE_CUDA_MEMCPY": "1"}
MEMOPS = {"FI_EFA_SET_CUDA_SYNC_MEMOPS": "0"}
FORK = {"FI_EFA_FORK_SAFE": "1"}

MODERN = {"libfabric": "1.18.0", "aws_ofi_nccl": "1.7.0"}
CASES = [
    # preset 3.1
    ("p5.48xlarge", MODERN, HUGE | EN),
    ("p4d.24xlarge", {"libfabric": "1.22.0amzn1.0", "aws_ofi_nccl": "v1.13.2-aws"}, HUGE | EN),
    ("p5en.48xlarge", {"efa_installer": "1.43.2"}, HUGE),
    # either one too old
    ("p4d.24xlarge", {"libfabric": "1.17.1", "aws_ofi_nccl": "1.7.0"}, HUGE | RDMA | EN),
    # preset 3.2
    ("p4de.24xlarge", {"libfabric": "1.18.0", "aws_ofi_nccl": "1.6.0"}, HUGE | RDMA | EN),
    ("g5.48xlarge", {"aws_ofi_nccl": "1.6.0", "nccl": "2.30.7"}, HUGE),
    # preset 3.3, and the gap above it
    ("p4d.24xlarge", {"libfabric": "1.16.1", "aws_ofi_nccl": "1.5.0-aws"}, HUGE | RDMA | EFA | SIMPLE | EN),
    ("p4d.24xlarge", {"libfabric": "1.18.0", "aws_ofi_nccl": "1.5.5"}, HUGE | RDMA | EFA | SIMPLE | EN),
    ("g5.8xlarge", {"aws_ofi_nccl": "1.5.0"}, HUGE | EFA | SIMPLE),
    # what is not known: harmless ones are set, the others are not
    ("p4d.24xlarge", {}, HUGE | RDMA | EFA | EN),
    ("p5.48xlarge", {"aws_ofi_nccl": "1.7.0"}, HUGE | RDMA | EN),
    ("g5.48xlarge", {}, HUGE | EFA | COPY),
    # the bug of old installers
    ("p5.48xlarge", {**MODERN, "efa_installer": "1.29.0", "nccl": "2.19.3-1"}, HUGE | EN | MEMOPS),
    ("p5.48xlarge", {**MODERN, "efa_installer": "1.29.1", "nccl": "2.19.3-1"}, HUGE | EN),
    ("p5.48xlarge", {**MODERN, "efa_installer": "1.29.0", "nccl": "2.18.5-1"}, HUGE | EN),
    (
        "p5.48xlarge",
        {"libfabric": "1.20.0", "aws_ofi_nccl": "1.7.0", "efa_installer": "1.29.0", "nccl": "2.19.3"},
        HUGE | EN,
    ),
    ("p4d.24xlarge", {"efa_installer": "1.28.0", "nccl": "2.19.3"}, HUGE | RDMA | EFA | EN | MEMOPS),
    # GPUs that talk through host memory
    ("g6.12xlarge", STACK, HUGE | COPY),
    ("g6.12xlarge", {**STACK, "nccl": "2.31.2"}, HUGE),
    ("g5.8xlarge", {**STACK, "nccl": "2.20.5"}, HUGE),
    ("g5.xlarge", {}, {}),
    ("g6e.48xlarge", {**STACK, "nccl": "2.20.5"}, HUGE),
    # the newest generations need no more than the others
    *((name, STACK, HUGE) for name in ("p5e.48xlarge", "p6-b200.48xlarge", "p6-b300.48xlarge", "p6e-gb200.36xlarge")),
    # Trainium
    *((name, {"kernel": "5.10.234-225.910.amzn2"}, EFA | RDMA | FORK) for name in ("trn1.32xlarge", "trn1n.32xlarge")),
    ("trn2.48xlarge", {"kernel": "5.15.0-1050-aws"}, EFA | RDMA),
    ("trn2.48xlarge", {}, EFA | RDMA | FORK),
    ("trn1.2xlarge", {}, {}),
    # CPUs, with EFA and without
    ("c5n.18xlarge", {}, {}),
    ("m5.8xlarge", {}, {}),
]


@pytest.mark.parametrize(("name", "versions", "expected"), CASES)
def test_a_job_gets_what_it_needs_and_no_more(name, versions, expected):
    assert {k: s.value for k, s in environment(instance(name), **versions).items()} == expected


def test_pods_have_other_interfaces():
    p5 = instance("p5.48xlarge")
    assert "NCCL_SOCKET_IFNAME" in environment(p5, **STACK)
    assert "NCCL_SOCKET_IFNAME" not in environment(p5, pod_network=True, **STACK)


def test_a_reason_says_that_a_version_is_unknown():
    p4d = instance("p4d.24xlarge")
    assert "A version is unknown" in environment(p4d)["FI_PROVIDER"].reason
    assert "unknown" not in environment(p4d, aws_ofi_nccl="1.5.0")["FI_PROVIDER"].reason


def test_what_is_no_version_is_the_users_to_repair():
    with pytest.raises(UserError, match="'latest' holds no version"):
        environment(instance("p5.48xlarge"), efa_installer="latest")


def some(*texts: str) -> st.SearchStrategy[str | None]:
    return st.sampled_from((None, *texts))


VERSIONS = st.fixed_dictionaries(
    {
        "efa_installer": some("1.18.0", "1.29.0", "1.29.1", "1.43.2", "1.50.0", "1.99.0"),
        "libfabric": some("1.16.1", "1.18.0", "1.19.0", "1.20.0", "2.6.0amzn1.0"),
        "aws_ofi_nccl": some("1.4.0", "1.5.0", "1.5.1", "1.6.0", "1.7.0", "1.7.3", "1.21.1"),
        "nccl": some("2.12.12", "2.18.5-1", "2.19.3", "2.30.3", "2.30.7", "2.31.2"),
        "kernel": some("5.10.0", "5.15.0-1050-aws", "6.8.0"),
    }
)


@settings(deadline=None)
@given(st.sampled_from(INSTANCES), VERSIONS, st.booleans())
def test_nothing_is_wrong_with_what_is_needed(kind, versions, pods):
    needed = environment(kind, pod_network=pods, **versions)
    values = {name: setting.value for name, setting in needed.items()}
    assert lint_environment(values, instance=kind, pod_network=pods, **versions) == []
    assert all(setting.reason and setting.source.startswith("https://") for setting in needed.values())


@settings(deadline=None)
@given(st.sampled_from(INSTANCES), VERSIONS)
def test_knowing_more_never_adds_what_is_harmless_if_unknown(kind, versions):
    """What is set where a version is unknown is a guess on the safe side: it may go once all is known."""
    blind = set(environment(kind)) | {"NCCL_PROTO", "FI_EFA_SET_CUDA_SYNC_MEMOPS"}
    assert set(environment(kind, **versions)) <= blind


FLOORS = [
    ({"nccl": "2.17.1"}, "FAIL"),
    ({"nccl": "2.18.3"}, "WARN"),
    ({"nccl": "2.18.5"}, None),
    ({"aws_ofi_nccl": "1.7.1"}, "FAIL"),
    ({"aws_ofi_nccl": "1.7.2"}, "WARN"),
    ({"aws_ofi_nccl": "1.7.3"}, None),
    ({"efa_installer": "1.28.0"}, "FAIL"),
    ({}, None),
    (STACK, None),
]


@pytest.mark.parametrize(("versions", "verdict"), FLOORS)
def test_p5_needs_software_that_is_new_enough(versions, verdict):
    found = lint_stack(instance("p5.48xlarge"), **versions)
    assert [finding.verdict for finding in found] == ([verdict] if verdict else [])
    assert lint_stack(instance("p4d.24xlarge"), **versions) == []
