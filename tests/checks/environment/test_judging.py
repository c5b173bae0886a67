"""Every rule about a rank's environment, on its examples, on recorded ranks, and on what is missing of them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from seatrial.checks.environment.facts import Facts
from seatrial.checks.environment.judging import Judgement, judge, judge_one, judgements
from seatrial.checks.environment.stack import runs, translates
from seatrial.findings import Finding, Verdict, overall
from tests.checks.environment.recorded import CPU, ON_CPU, ON_GPUS, changed, gpus, without

RULES = {item.rule.id: item for item in judgements()}


def facts(text: str) -> Facts:
    """Of an example: lines ``name = value as JSON``."""
    pairs = (line.split(" = ", 1) for line in text.splitlines())
    return Facts(rank=0, local_rank=0, host="here", values={name: json.loads(value) for name, value in pairs})


def verdicts(item: Judgement, seen: Facts) -> set[Verdict]:
    return {finding.verdict for finding in judge_one(item, seen, item.example)}


def of(id: str, findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.check == id]


@pytest.mark.parametrize("id", RULES)
def test_a_rule_passes_its_good_example_and_finds_the_fault_of_its_bad_one(id):
    item = RULES[id]
    assert verdicts(item, facts(item.rule.good)) <= {Verdict.PASS, Verdict.SKIP}
    assert Verdict.PASS in verdicts(item, facts(item.rule.good))
    bad = judge_one(item, facts(item.rule.bad), item.example)
    assert {finding.verdict for finding in bad} & {Verdict.FAIL, Verdict.WARN}
    assert all(finding.remedy and finding.source for finding in bad if finding.verdict in (Verdict.FAIL, Verdict.WARN))


@pytest.mark.parametrize("id", [id for id in RULES if id not in ("env.pins", "env.variables", "env.software")])
def test_a_rule_never_passes_without_one_of_its_facts(id):
    item, seen = RULES[id], facts(RULES[id].rule.good)
    for name in seen.values:
        less = replace(seen, values={n: v for n, v in seen.values.items() if n != name})
        assert overall(judge_one(item, less, item.example)) is Verdict.UNKNOWN, name
    assert overall(judge_one(item, Facts(rank=0, local_rank=0, host="x"), item.example)) is Verdict.UNKNOWN


def test_software_that_was_not_seen_is_not_called_compatible():
    item = RULES["env.software"]
    seen = facts(item.rule.good)
    for name in seen.values:
        less = replace(seen, values={n: v for n, v in seen.values.items() if n != name})
        judged = judge_one(item, less, item.example)
        counted = [f for f in judged if f.verdict is Verdict.PASS]
        whole = [f for f in judge_one(item, seen, item.example) if f.verdict is Verdict.PASS]
        assert len(counted) < len(whole) or name == "host.instance", name
        blind = replace(less, problems={name: "Permission denied"})
        assert overall(judge_one(item, blind, item.example)) is Verdict.UNKNOWN, name


def test_recorded_ranks_on_a_cpu_pass():
    findings = judge(CPU, ON_CPU)
    assert overall(findings) is Verdict.PASS
    assert {f.verdict for f in findings} == {Verdict.PASS, Verdict.SKIP}
    assert all(f.observed for f in findings if f.verdict is Verdict.SKIP)


def test_recorded_ranks_on_gpus_pass():
    findings = judge(gpus(), ON_GPUS)
    wrong = [f for f in findings if f.verdict not in (Verdict.PASS, Verdict.SKIP)]
    assert wrong == [], wrong


def test_ranks_with_the_same_fault_are_told_in_one_finding():
    ranks = gpus()
    for rank in range(8, 16):
        ranks = changed(ranks, rank, limit__memlock=8388608)
    [bad] = [f for f in of("env.memlock", judge(ranks, ON_GPUS)) if f.verdict is Verdict.FAIL]
    assert (bad.observed, bad.scope) == ("8 MiB", {"ranks": "8-15", "node": "ip-10-0-0-1"})


def test_a_fault_of_all_is_a_fault_of_the_job():
    ranks = [changed([f], f.rank, limit__memlock=2**35)[0] for f in gpus()]
    [bad] = of("env.memlock", judge(ranks, ON_GPUS))
    assert (bad.verdict, bad.scope) == (Verdict.WARN, {}), "16 GiB are what others ask for"


@pytest.mark.parametrize(
    ("id", "change", "verdict"),
    [
        ("env.open-files", {"limit__nofile": 639}, Verdict.FAIL),
        ("env.open-files", {"limit__nofile": 640}, Verdict.PASS),
        ("env.open-files", {"limit__nofile": "unlimited"}, Verdict.PASS),
        ("env.open-files", {"limit__nofile": "many"}, Verdict.UNKNOWN),
        ("env.shared-memory", {"shm__free": 2**30}, Verdict.PASS),
        ("env.shared-memory", {"shm__free": 2**30 - 1}, Verdict.WARN),
        ("env.shared-memory", {"shm__free": 2**26}, Verdict.FAIL),
        ("env.huge-pages", {"hugepages__total": 0}, Verdict.WARN),
        ("env.huge-pages", {"software__efa_driver": None}, Verdict.SKIP),
        ("env.cpus", {"threads__torch": 25}, Verdict.WARN),
        ("env.cpus", {"cgroup__cpus": 191.5}, Verdict.WARN),
        ("env.disk", {"disk__free": 0, "disk__inodes": 5}, Verdict.PASS),
        ("env.disk", {"disk__inodes": 0}, Verdict.FAIL),
        ("env.disk", {"disk__inodes": None}, Verdict.PASS),
        ("env.collectives", {"collective__all-to-all__nccl": 1}, Verdict.FAIL),
        ("env.versions", {"torch": "2.10.1"}, Verdict.FAIL),
        ("env.versions", {"torch": "latest"}, Verdict.UNKNOWN),
        ("env.versions", {"python__version": "3.10.9"}, Verdict.FAIL),
        ("env.backend", {"torch__cuda__is_available": False}, Verdict.FAIL),
        ("env.backend", {"torch__cuda__is_available": "True"}, Verdict.FAIL),
        ("env.architectures", {"torch__architectures": "sm_80 compute_80"}, Verdict.WARN),
        ("env.architectures", {"torch__architectures": ""}, Verdict.FAIL),
        ("env.architectures", {"device__capability": "H100"}, Verdict.UNKNOWN),
        ("versions.cuda-driver", {"software__driver": "525.60.12"}, Verdict.FAIL),
        ("network.obsolete", {"variable__NCCL_TREE_THRESHOLD": "0"}, Verdict.WARN),
    ],
)
def test_a_value_across_its_bound_changes_the_verdict(id, change, verdict):
    found = of(id, judge(changed(gpus(), 8, **change), ON_GPUS))
    worst = overall(found) if verdict is not Verdict.SKIP else {f.verdict for f in found} & {verdict} and verdict
    assert worst is verdict, found


def test_no_rank_can_lose_a_rules_fact_in_silence():
    for name in ("limit.memlock", "cpu.usable", "collective.all-reduce.nccl", "torch.architectures", "torch"):
        assert overall(judge(without(gpus(), 9, name), ON_GPUS)) in (Verdict.UNKNOWN, Verdict.FAIL), name


def test_packages_are_held_against_pins():
    expected = replace(ON_CPU, pins={"numpy": "2.4.6", "torch": "2.13.0", "jax": "0.10.2", "click": "8.4.0"})
    found = {f.observed: f.verdict for f in of("env.pins", judge(CPU, expected))}
    assert found == {
        "numpy 2.4.6": Verdict.PASS,
        "torch 2.13.0+cpu": Verdict.PASS,
        "jax is not installed": Verdict.WARN,
        "click 8.5.1": Verdict.WARN,
    }


@pytest.mark.parametrize(
    ("architecture", "capability", "expected"),
    [
        ("sm_80", (8, 0), True),
        ("sm_80", (8, 6), True),
        ("sm_86", (8, 0), False),
        ("sm_80", (9, 0), False),
        ("sm_90a", (9, 0), True),
        ("sm_100", (10, 3), True),
        ("sm_100a", (10, 3), False),
        ("sm_100f", (10, 3), True),
        ("sm_120", (12, 0), True),
        ("compute_90", (9, 0), False),
        ("sm_", (9, 0), False),
    ],
)
def test_binary_code_runs_on_its_major_and_newer_minors(architecture, capability, expected):
    assert runs(architecture, capability) is expected


def test_code_is_translated_for_newer_devices():
    assert translates("compute_80", (9, 0)) and translates("compute_90", (9, 0))
    assert not translates("compute_90", (8, 9)) and not translates("compute_90a", (10, 0))


def test_what_is_around_a_rank_is_its_nodes_too():
    """A rank that is not the first on its node has no facts of it, and is not told as if it had another kernel."""
    assert overall(of("env.cpus", judge(gpus(), ON_GPUS))) is Verdict.PASS
    lonely = [f for f in gpus() if f.local_rank or f.host != "ip-10-0-0-1"]
    assert overall(of("env.cpus", judge(lonely, ON_GPUS))) is Verdict.UNKNOWN


def test_a_rule_that_is_not_about_this_device_says_so():
    skipped = {f.check for f in judge(CPU, ON_CPU) if f.verdict is Verdict.SKIP}
    assert {"env.memlock", "env.architectures", "env.own-device", "env.software", "env.huge-pages"} <= skipped
