"""Who is different from the majority; and nothing is called equal that was not seen."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from seatrial.checks.environment.comparing import ALIKE, EQUAL, TOLD, compare, compare_nodes, own_devices
from seatrial.checks.environment.facts import ALWAYS, DIFFERENCES, Facts, difference
from seatrial.checks.observations import Unreadable
from seatrial.findings import Finding, Verdict, overall
from tests.checks.environment.recorded import CPU, TEXT, changed, gpus, without


def told(ranks: list[Facts], world_size: int | None = None) -> list[Finding]:
    """What is said beside what is equal, and that one node has no other."""
    findings = compare(ranks, len(ranks) if world_size is None else world_size)
    return [finding for finding in findings if finding.verdict not in (Verdict.PASS, Verdict.SKIP)]


def test_ranks_that_are_equal_pass():
    assert told(CPU) == told(gpus()) == []
    ranks, nodes = compare(gpus(), 32)
    assert ranks.observed.startswith("all 32 ranks equal in ") and ranks.check == EQUAL.id
    assert nodes.observed.startswith("all 4 nodes equal in ") and nodes.check == ALIKE.id
    assert nodes.scope == {"nodes": [f"ip-10-0-0-{node}" for node in range(4)]}


def test_the_one_rank_that_differs_is_named_with_both_values():
    [finding] = told(changed(gpus(), 13, torch__backends__cudnn__version="9.10.2"))
    assert finding.observed == "all 32 ranks equal except rank 13 on ip-10-0-0-1: cuDNN 9.10.2 instead of 9.13.1"
    assert (finding.verdict, finding.scope) == (Verdict.FAIL, {"rank": 13, "node": "ip-10-0-0-1"})


def test_a_fact_of_a_node_counts_once_for_each_node():
    ranks = changed(gpus(), 16, system__kernel="5.10.0")
    [finding] = told(ranks)
    assert "all 4 nodes equal except ip-10-0-0-2: system.kernel 5.10.0 instead of 6.18" in finding.observed
    assert (finding.check, finding.verdict, finding.scope) == (ALIKE.id, Verdict.WARN, {"node": "ip-10-0-0-2"})


@pytest.mark.parametrize(
    ("fact", "verdict", "said"),
    [
        ({"sysctl.kernel.numa_balancing": "1"}, Verdict.WARN, "kernel.numa_balancing 1 instead of 0"),
        ({"module.efa": "2.17.0"}, Verdict.WARN, "module efa 2.17.0 instead of none"),
        ({"software.driver": "570.1"}, Verdict.FAIL, "NVIDIA driver 570.1 instead of 580.95.05"),
        ({"mount./fsx": "lustre /abc"}, Verdict.FAIL, "what is mounted at /fsx lustre /abc instead of not there"),
        ({"mount-options./fsx": "ro"}, Verdict.WARN, "options of the mount /fsx ro instead of not there"),
    ],
)
def test_of_many_nodes_the_one_that_drifted_is_named(fact, verdict, said):
    nodes = [replace(facts, rank=number) for number, facts in enumerate(gpus(16)[::8])]
    nodes[7] = replace(nodes[7], values={**nodes[7].values, **fact})
    [finding] = [finding for finding in compare_nodes(nodes) if finding.verdict is not Verdict.PASS]
    assert finding.observed == f"all 16 nodes equal except ip-10-0-0-7: {said}"
    assert (finding.verdict, finding.scope) == (verdict, {"node": "ip-10-0-0-7"})


def test_nodes_that_are_two_and_two_are_all_named():
    ranks = gpus()
    for rank in (0, 8):
        ranks = changed(ranks, rank, sysctl__vm__swappiness="1")
    [finding] = told(ranks)
    assert finding.observed == (
        "vm.swappiness differs: 1 on 2 hosts (ip-10-0-0-0, ip-10-0-0-1); 60 on 2 hosts (ip-10-0-0-2, ip-10-0-0-3)"
    )
    assert finding.scope == {"nodes": [f"ip-10-0-0-{node}" for node in range(4)]}


def test_what_a_node_could_not_see_is_unknown_and_is_at_that_node():
    nodes = gpus()[::8]
    values = {name: value for name, value in nodes[2].values.items() if name != "mounts"}
    nodes[2] = replace(nodes[2], values=values, problems={"mounts": "Permission denied: /proc/self/mounts"})
    [finding] = [finding for finding in compare_nodes(nodes) if finding.verdict is not Verdict.PASS]
    assert (finding.verdict, finding.scope) == (Verdict.UNKNOWN, {"node": "ip-10-0-0-2"})
    assert "not seen by ip-10-0-0-2: Permission denied" in finding.observed
    assert [f.verdict for f in compare_nodes(nodes[:1])] == [Verdict.SKIP]
    assert overall(compare_nodes([])) is Verdict.UNKNOWN


def test_a_whole_node_that_differs_is_named_once():
    ranks = gpus()
    for rank in range(8, 16):
        ranks = changed(ranks, rank, nccl="2.27.3")
    [finding] = told(ranks)
    assert finding.observed == "all 32 ranks equal except ranks 8-15 on ip-10-0-0-1: NCCL 2.27.3 instead of 2.31.2"


def test_without_a_majority_nobody_is_odd():
    ranks = gpus()
    for rank in range(16):
        ranks = changed(ranks, rank, nccl="2.27.3")
    [finding] = told(ranks)
    assert finding.observed.startswith("NCCL differs: ") and "except" not in finding.observed
    assert "ranks 0-15 on 2 hosts (ip-10-0-0-0, ip-10-0-0-1)" in finding.observed
    [finding] = told(changed(CPU, 1, torch="2.12.0"))
    assert "torch differs: " in finding.observed


@pytest.mark.parametrize("rank", [0, 1, 8, 13])
def test_a_variable_that_one_rank_alone_has_or_lacks_is_told(rank):
    [finding] = told(changed(gpus(), rank, variable__NCCL_ALGO="Ring"))
    assert "NCCL_ALGO Ring instead of not set" in finding.observed and finding.verdict is Verdict.FAIL
    [finding] = told(without(gpus(), rank, "variable.OMP_NUM_THREADS"))
    assert "OMP_NUM_THREADS not set instead of 1" in finding.observed


@pytest.mark.parametrize("name", ["process__pid", "device__uuid", "disk__free", "variable__CUDA_VISIBLE_DEVICES"])
def test_what_is_each_ranks_own_may_differ(name):
    assert told(changed(gpus(), 8, **{name: "another"})) == []


def test_what_one_rank_could_not_see_is_unknown_and_named():
    ranks = gpus()
    for rank in (3, 13):
        ranks = [
            replace(f, problems={"cgroup.memory": "Permission denied"}) if f.rank == rank else f
            for f in without(ranks, rank, "cgroup.memory")
        ]
    [finding] = told(ranks)
    assert finding.verdict is Verdict.UNKNOWN
    assert "cgroup.memory: not seen by ranks 3, 13 on 2 hosts" in finding.observed
    assert "Permission denied" in finding.observed


def test_ranks_that_told_nothing_or_twice_are_unknown():
    [finding] = told(gpus()[:30], 32)
    assert (finding.verdict, finding.observed) == (Verdict.UNKNOWN, "nothing was heard of rank 30-31")
    assert overall(told([*gpus(), gpus()[3]], 32)) is Verdict.UNKNOWN
    assert overall(compare([], 4)) is Verdict.UNKNOWN
    assert overall(compare(CPU[:1], 2)) is Verdict.UNKNOWN
    assert {f.verdict for f in compare(CPU[:1], 1)} == {Verdict.SKIP}


def test_many_differences_are_counted():
    ranks = changed(gpus(), 8, **{f"package__p{number}": "1" for number in range(TOLD + 5)})
    findings = told(ranks)
    assert len(findings) == TOLD + 1 and findings[-1].observed == "5 more facts differ"
    assert findings[-1].verdict is Verdict.WARN


@pytest.mark.parametrize("name", ALWAYS)
def test_a_fact_that_no_rank_tells_is_unknown(name):
    ranks = [Facts.from_json(f.to_json()) for f in gpus()]
    for rank in range(32):
        ranks = without(ranks, rank, name)
    assert overall(compare(ranks, 32)) is Verdict.UNKNOWN


def test_no_fact_can_be_taken_from_one_rank_unnoticed():
    """Of the second node, so that facts of nodes are among them."""
    ranks, lost = gpus(), 0
    for name in ranks[8].values:
        if difference(name).verdict is Verdict.SKIP:
            continue
        lost += 1
        assert told(without(ranks, 8, name)), name
    assert lost > 80


def test_facts_survive_their_journey_and_half_of_them_does_not():
    for facts, line in zip(CPU, TEXT.splitlines(), strict=True):
        assert Facts.from_json(facts.to_json()) == facts
        for end in range(0, len(line), 7):
            with pytest.raises(Unreadable):
                Facts.from_json(line[:end])
        record = json.loads(line)
        for name in record:
            with pytest.raises(Unreadable):
                Facts.from_json(json.dumps({n: v for n, v in record.items() if n != name}))
            with pytest.raises(Unreadable):
                Facts.from_json(json.dumps({**record, name: None}))


def test_two_ranks_on_one_gpu_are_found():
    assert [f.verdict for f in own_devices(gpus(), "cuda")] == [Verdict.PASS]
    [finding] = own_devices(changed(gpus(), 9, device__uuid="GPU-0008"), "cuda")
    assert finding.observed == "ranks 8-9 on ip-10-0-0-1 share GPU-0008"
    assert [f.verdict for f in own_devices(without(gpus(), 9, "device.uuid"), "cuda")] == [Verdict.UNKNOWN]
    assert [f.verdict for f in own_devices(CPU, "cpu")] == [Verdict.SKIP]


def test_every_difference_says_why():
    assert all(item.why for item in DIFFERENCES) and DIFFERENCES[-1].pattern == "*"
