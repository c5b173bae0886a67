"""What Slurm says its nodes and partitions are, against what will be asked for: recorded answers, and changed ones."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.cluster import Cluster
from seatrial.findings import Finding, Verdict
from seatrial.launchers import slurm
from seatrial.launchers.slurm.capacity import compare
from seatrial.launchers.slurm.show import parse_nodes, parse_partitions, seconds

SHOW = Path(__file__).with_name("recorded") / "show"
NODES, PARTITIONS = (SHOW / "nodes.txt").read_text(), (SHOW / "partitions.txt").read_text()
P5 = Cluster(
    name="p5",
    launcher="slurm",
    nodes=4,
    cpus_per_node=192,
    accelerators_per_node=8,
    processes_per_node=8,
    instance_type="p5.48xlarge",
    options=slurm.Options(partition="dev", time="4:00:00"),
)


def found(nodes: str = NODES, partitions: str = PARTITIONS, where: Any = None, **options: Any) -> dict[str, Finding]:
    cluster = replace(P5, options=replace(P5.options, **options), **(where or {}))
    return {finding.check.removeprefix("cluster."): finding for finding in compare(nodes, partitions, cluster)}


def test_what_the_real_one_answered_is_read() -> None:
    first, *others = parse_nodes(NODES)
    assert (first.cpus, first.memory_mib, first.gpus) == (192, 2_000_000, {"h100": 8})
    assert first.features == {"p5.48xlarge", "efa"} and first.partitions == {"dev"}
    assert [node.partitions for node in others] == [{"dev"}, {"dev"}, {"dev", "small"}]
    dev, small = parse_partitions(PARTITIONS)
    assert (dev.name, dev.default, dev.state, dev.seconds, dev.nodes) == ("dev", True, "UP", math.inf, math.inf)
    assert (small.name, small.default, small.seconds, small.memory_mib) == ("small", False, 3600, math.inf)


def test_all_is_right_where_it_is() -> None:
    looked_at = ["partition", "partition-nodes", "time-limit", "cpus-per-node", "gres", "memory", "features"]
    for options in ({"constraint": "p5.48xlarge&efa"}, {"constraint": "x|efa", "partition": None, "time": None}):
        answer = found(**options)
        assert list(answer) == looked_at
        assert {finding.verdict for finding in answer.values()} == {Verdict.PASS}


SMALL = PARTITIONS.replace("MaxNodes=UNLIMITED", "MaxNodes=2")
ONE_CPU_A_CORE = NODES.replace("CPUEfctv=192 CPUTot=192", "CPUEfctv=96 CPUTot=96")
BARE = NODES.replace("Gres=gpu:h100:8", "Gres=(null)")

WRONG: list[tuple[dict[str, Any], str, str, str, str]] = [
    ({"nodes": ONE_CPU_A_CORE}, "cpus-per-node", "4 x 96", "cpus_per_node", "cpus_per_node = 96"),
    (
        {"partitions": PARTITIONS.replace("MaxCPUsPerNode=UNLIMITED", "MaxCPUsPerNode=90")},
        "cpus-per-node",
        "4 x 90",
        "cpus_per_node",
        "cpus_per_node = 90",
    ),
    ({"partition": "p5"}, "partition", "there is no p5, only dev, small", "options.partition", "dev, small"),
    ({"partitions": PARTITIONS.replace("State=UP", "State=DOWN")}, "partition", "dev is DOWN", "options.partition", ""),
    (
        {"partition": None, "partitions": PARTITIONS.replace("Default=YES", "Default=NO")},
        "partition",
        "none is the default",
        "options.partition",
        "choose from: dev, small",
    ),
    ({"partitions": SMALL}, "partition-nodes", "dev takes jobs of 2 nodes", "nodes", "nodes = 2"),
    (
        {"partition": "small", "where": {"nodes": 1}},
        "time-limit",
        "4:00:00 asked for, small gives 01:00:00",
        "options.time",
        'time = "01:00:00"',
    ),
    ({"nodes": BARE}, "gres", "4 x no GRES gpu", "options.gpus", 'gpus = "none"'),
    ({"gpus": "none"}, "gres", "4 x 8 h100", "options.gpus", 'gpus = "gpus-per-node"'),
    ({"gpu_type": "a100"}, "gres", "4 x 8 h100", "options.gpu_type", "choose from: h100"),
    (
        {"nodes": NODES.replace("gpu:h100:8", "gpu:h100:4(S:0)")},
        "gres",
        "4 x 4 h100",
        "processes_per_node",
        "processes_per_node = 4",
    ),
    ({"memory": "2T"}, "memory", "4 x 2000000 MiB", "options.memory", 'memory = "2000000M"'),
    (
        {"memory": "1500G", "partitions": PARTITIONS.replace("MaxMemPerNode=UNLIMITED", "MaxMemPerNode=1000000")},
        "memory",
        "4 x 1000000 MiB",
        "options.memory",
        'memory = "1000000M"',
    ),
    ({"constraint": "p6"}, "features", "4 x efa,p5.48xlarge", "options.constraint", "choose from: efa, p5.48xlarge"),
]


@pytest.mark.parametrize(("changes", "check", "observed", "key", "remedy"), WRONG)
def test_what_would_be_refused_names_its_key(
    changes: dict[str, Any], check: str, observed: str, key: str, remedy: str
) -> None:
    finding = found(**changes)[check]
    assert finding.verdict is Verdict.FAIL
    assert observed in finding.observed
    assert finding.scope == {"key": key}
    assert remedy in finding.remedy


def test_as_many_nodes_as_the_cluster_has_must_be_right() -> None:
    lines = NODES.splitlines()
    mixed = "\n".join([lines[0].replace("CPUTot=192", "CPUTot=96").replace("CPUEfctv=192", "CPUEfctv=96"), *lines[1:]])
    assert found(mixed)["cpus-per-node"].verdict is Verdict.FAIL
    assert found(mixed)["cpus-per-node"].observed == "3 x 192, 1 x 96"
    assert found(mixed)["cpus-per-node"].remedy == "cpus_per_node = 96", "what four of them have"
    assert found(mixed, where={"nodes": 3})["cpus-per-node"].verdict is Verdict.PASS
    assert found(ONE_CPU_A_CORE, where={"cpus_per_node": 96})["cpus-per-node"].verdict is Verdict.PASS


def test_nodes_of_other_partitions_do_not_count() -> None:
    small = {"partition": "small", "time": None}
    assert found(where={"nodes": 1}, **small)["cpus-per-node"].observed == "1 x 192"
    assert found(ONE_CPU_A_CORE, where={"nodes": 1}, **small)["cpus-per-node"].observed == "1 x 96"


def test_what_cannot_be_seen_is_unknown() -> None:
    answer = found("scontrol: error\n", "")
    assert {finding.verdict for finding in answer.values()} == {Verdict.UNKNOWN}
    assert list(answer) == ["partition", "cpus-per-node", "gres", "memory"]
    assert found(constraint="[a|b]")["features"].verdict is Verdict.UNKNOWN


def test_trainium_is_no_gres() -> None:
    trn1 = {"instance_type": "trn1.32xlarge", "accelerators_per_node": 32, "processes_per_node": 32}
    assert "gres" not in found(BARE, where={**trn1, "cpus_per_node": 128})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30", 1800),
        ("30:15", 1815),
        ("2:30:00", 9000),
        ("1-12", 129_600),
        ("1-12:30", 131_400),
        ("7-00:00:00", 604_800),
        ("UNLIMITED", math.inf),
        ("", math.inf),
    ],
)
def test_times_are_read_as_slurm_does(text: str, expected: float) -> None:
    assert seconds(text) == expected
