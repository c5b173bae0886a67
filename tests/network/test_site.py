"""Versions as their tools print them, and what is known when something is not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.errors import UserError
from seatrial.hardware.instances import instance
from seatrial.network.site import (
    EFA_INSTALLERS,
    Context,
    Site,
    Versions,
    all_of,
    any_of,
    at_least,
    no,
    parse_version,
    parse_versions,
)

PRINTED = [
    ("1.13.2-aws", (1, 13, 2)),
    ("v1.7.3", (1, 7, 3)),
    ("2.18.5-1", (2, 18, 5)),
    ("2.19.3+cuda12.3", (2, 19, 3)),
    ("5.15.0-1050-aws", (5, 15, 0)),
    ("6.1.119-129.201.amzn2023.x86_64", (6, 1, 119)),
    ("libfabric 1.22.0amzn1.0", (1, 22, 0)),
    ("libfabric: 2.1.0amzn5.0", (2, 1, 0)),
    ("libnccl2 2.18.5-1+cuda12.2", (2, 18, 5)),
    ("1.18", (1, 18, 0)),
    ("1.2.3.4", (1, 2, 3)),
]


@pytest.mark.parametrize(("text", "version"), PRINTED)
def test_versions_are_read_as_their_tools_print_them(text, version):
    assert parse_version(text) == version


@settings(deadline=None)
@given(st.tuples(*[st.integers(0, 10**6)] * 3), st.sampled_from(("", "-aws", "amzn1.0", "-1", "rc1")))
def test_any_version_is_read_and_a_short_one_equals_its_long_form(version, ending):
    dotted = ".".join(map(str, version))
    assert parse_version(f"v{dotted}{ending}") == version
    assert parse_version(".".join(map(str, version[:2]))) == (*version[:2], 0)


def test_numbers_are_compared_as_numbers():
    assert at_least(parse_version("1.10.0"), 1, 9) is True
    assert at_least(parse_version("1.18"), 1, 18) is True
    assert at_least(parse_version("1.29.0"), 1, 29, 1) is False
    assert at_least(None, 1, 0) is None


def test_what_is_no_version_is_told_all_at_once():
    with pytest.raises(UserError) as caught:
        parse_versions({"efa_installer": "latest", "nccl": "22105", "kernel": "5.15.0", "libfabrik": "1.18.0"})
    assert sorted(problem.where for problem in caught.value.problems) == ["", "--efa-installer", "--nccl"]
    assert "did you mean libfabric?" in str(caught.value)
    assert "'22105' holds no version such as 1.22.0" in str(caught.value)


def test_an_installer_stands_for_what_it_brings_unless_another_version_is_given():
    assert parse_versions({"efa_installer": "1.43.2"}).aws_ofi_nccl == (1, 16, 3)
    built = parse_versions({"efa_installer": "1.43.2", "aws_ofi_nccl": "1.5.0"})
    assert built.aws_ofi_nccl == (1, 5, 0) and built.libfabric == (2, 1, 0)
    unlisted = parse_versions({"efa_installer": "1.28.0"})
    assert unlisted == Versions(efa_installer=(1, 28, 0))


def test_newer_installers_bring_nothing_older():
    rows = sorted(
        (parse_version(name), *map(parse_version, (one.libfabric, one.aws_ofi_nccl)))
        for name, one in EFA_INSTALLERS.items()
    )
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
    assert [row[2] for row in rows] == sorted(row[2] for row in rows)


FACTS = st.lists(st.sampled_from((True, False, None)), max_size=4)


@settings(deadline=None)
@given(FACTS)
def test_unknown_decides_only_where_the_known_leave_it_open(facts):
    """Whatever the unknown turn out to be: a known answer holds for all of them, an unknown one does not."""
    unknown = facts.count(None)
    outcomes = set()
    for bits in range(2**unknown):
        chosen = iter([bool(bits >> n & 1) for n in range(unknown)])
        outcomes.add(all(next(chosen) if fact is None else fact for fact in facts))
    assert all_of(*facts) == (outcomes.pop() if len(outcomes) == 1 else None)
    assert any_of(*facts) == no(all_of(*map(no, facts)))


def test_nothing_is_known_of_a_site_without_an_instance():
    site = Site()
    assert (site.efa, site.gpu, site.neuron, site.gpudirect, site.several_gpus) == (None,) * 5
    assert Site(context=Context(efa=True)).efa is True
    assert Site(versions=Versions(nccl=(2, 20, 0))).gpu is True


@pytest.mark.parametrize(
    ("name", "efa", "gpu", "neuron", "gpudirect", "several"),
    [
        ("p5.48xlarge", True, True, False, True, True),
        ("g5.xlarge", False, True, False, False, False),
        ("trn2.48xlarge", True, False, True, False, False),
        ("c5n.18xlarge", True, False, False, False, False),
    ],
)
def test_what_is_known_of_an_instance(name, efa, gpu, neuron, gpudirect, several):
    site = Site(instance=instance(name), context=Context(efa=True))
    assert (site.efa, site.gpu, site.neuron, site.gpudirect, site.several_gpus) == (
        efa,
        gpu,
        neuron,
        gpudirect,
        several,
    )
