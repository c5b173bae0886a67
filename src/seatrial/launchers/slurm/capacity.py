"""What Slurm says its nodes and partitions are, against what the largest job will ask for."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from seatrial.cluster import Cluster
from seatrial.findings import Finding, Verdict, judged
from seatrial.hardware import accelerators, instances
from seatrial.launchers._rules import finding
from seatrial.launchers.slurm.options import Options, mebibytes
from seatrial.launchers.slurm.show import Node, Partition, parse_nodes, parse_partitions, seconds


def compare(nodes: str, partitions: str, cluster: Cluster) -> Iterable[Finding]:
    """Findings about what both commands printed."""
    options: Options = cluster.options
    known = parse_partitions(partitions)
    chosen = next((p for p in known if (p.name == options.partition if options.partition else p.default)), None)
    yield _partition(chosen, known, options)
    if chosen is not None:
        yield from _limits(chosen, cluster)
    there = [node for node in parse_nodes(nodes) if chosen is None or chosen.name in node.partitions]
    yield _cpus(there, chosen, cluster)
    yield from _gpus(there, cluster)
    yield _memory(there, chosen, cluster)
    yield from _features(there, cluster)


def _partition(chosen: Partition | None, known: Sequence[Partition], options: Options) -> Finding:
    names = ", ".join(p.name for p in known)
    if chosen is not None:
        up = judged(chosen.state == "UP") if chosen.state else Verdict.UNKNOWN
        return finding("partition", up, f"{chosen.name} is {chosen.state or 'in no state'}", key="options.partition")
    if not known:
        return finding("partition", Verdict.UNKNOWN, "scontrol shows no partition", key="options.partition")
    what = f"there is no {options.partition}" if options.partition else "none is the default"
    remedy = f"choose from: {names}"
    return finding("partition", Verdict.FAIL, f"{what}, only {names}", remedy=remedy, key="options.partition")


def _limits(partition: Partition, cluster: Cluster) -> Iterable[Finding]:
    options: Options = cluster.options
    most = f"{partition.name} takes jobs of {_count(partition.nodes)} nodes"
    verdict = judged(cluster.nodes <= partition.nodes)
    yield finding("partition-nodes", verdict, most, remedy=f"nodes = {_count(partition.nodes)}", key="nodes")
    longest = partition.times["MaxTime"]
    if options.time is None:
        given = partition.times["DefaultTime"].replace("NONE", longest)
        what = f"a job that asks for no time gets {given}, at most {longest}"
        yield finding("time-limit", Verdict.PASS if given else Verdict.UNKNOWN, what, key="options.time")
    else:
        verdict = judged(seconds(options.time) <= partition.seconds) if longest else Verdict.UNKNOWN
        what = f"{options.time} asked for, {partition.name} gives {longest or 'nobody knows what'}"
        yield finding("time-limit", verdict, what, remedy=f'time = "{longest}"', key="options.time")


def _cpus(nodes: Sequence[Node], partition: Partition | None, cluster: Cluster) -> Finding:
    most = partition.cpus_per_node if partition else math.inf
    given = [min(node.cpus, most) for node in nodes]
    expected = f"{cluster.cpus_per_node} CPUs on a node"
    remedy = f"cpus_per_node = {_reached(given, cluster.nodes):.0f}" if given else ""
    enough, seen = [cpus >= cluster.cpus_per_node for cpus in given], [f"{cpus:.0f}" for cpus in given]
    return _of_nodes("cpus-per-node", enough, seen, cluster, expected, remedy, "cpus_per_node")


def _gpus(nodes: Sequence[Node], cluster: Cluster) -> Iterable[Finding]:
    """Trainium is no GRES: such a node is asked for as a whole."""
    options: Options = cluster.options
    name = instances.instance(cluster.instance_type).accelerator if cluster.instance_type else None
    if name is None or accelerators.accelerator(name).vendor != "NVIDIA":
        return
    observed = [", ".join(f"{n} {kind or 'GPUs'}" for kind, n in node.gpus.items()) or "no GRES gpu" for node in nodes]
    known = [bool(node.gpus) for node in nodes]
    if options.gpus == "none":
        remedy = 'gpus = "gpus-per-node"'
        yield _of_nodes("gres", [not has for has in known], observed, cluster, "no GRES gpu", remedy, "options.gpus")
        return
    if nodes and not any(known):
        yield _of_nodes("gres", known, observed, cluster, "GRES gpu", 'gpus = "none"', "options.gpus")
        return
    kinds = sorted({kind for node in nodes for kind in node.gpus if kind})
    if options.gpu_type is not None and nodes and options.gpu_type not in kinds:
        remedy = f"choose from: {', '.join(kinds)}" if kinds else "leave it out"
        has = [options.gpu_type in node.gpus for node in nodes]
        yield _of_nodes("gres", has, observed, cluster, options.gpu_type, remedy, "options.gpu_type")
        return
    counts = [node.gpus.get(options.gpu_type, 0) if options.gpu_type else sum(node.gpus.values()) for node in nodes]
    wanted = cluster.processes_per_node
    remedy = f"processes_per_node = {_reached(counts, cluster.nodes):.0f}, or another instance_type" if counts else ""
    enough, expected = [count >= wanted for count in counts], f"{wanted} GPUs on a node"
    yield _of_nodes("gres", enough, observed, cluster, expected, remedy, "processes_per_node")


def _memory(nodes: Sequence[Node], partition: Partition | None, cluster: Cluster) -> Finding:
    options: Options = cluster.options
    asked = mebibytes(options.memory or "0") or 0
    most = partition.memory_mib if partition else math.inf
    given = [min(node.memory_mib, most) for node in nodes]
    expected = f"{options.memory} on a node" if asked else "what a node has"
    remedy = f'memory = "{_reached(given, cluster.nodes):.0f}M"' if given else ""
    observed = [f"{mib:.0f} MiB" for mib in given]
    return _of_nodes("memory", [m >= asked for m in given], observed, cluster, expected, remedy, "options.memory")


def _features(nodes: Sequence[Node], cluster: Cluster) -> Iterable[Finding]:
    constraint = cluster.options.constraint
    if constraint is None:
        return
    key, observed = "options.constraint", [",".join(sorted(node.features)) or "none" for node in nodes]
    meets = [_meets(constraint, node.features) for node in nodes]
    if None in meets:
        what = f"{constraint!r} is more than names with & or |, and was not judged"
        yield finding("features", Verdict.UNKNOWN, what, remedy="sbatch --test-only tells", key=key)
        return
    names = sorted({name for node in nodes for name in node.features})
    remedy = f"choose from: {', '.join(names)}" if names else "leave it out: its nodes have none"
    yield _of_nodes("features", [bool(m) for m in meets], observed, cluster, constraint, remedy, key)


def _meets(constraint: str, features: frozenset[str]) -> bool | None:
    """Whether a node is one of those asked for; None for brackets, counts and parentheses."""
    for operator, met in (("&", all), ("|", any)):
        names = constraint.replace(",", "&").split(operator)
        if all(re.fullmatch(r"[\w.:-]+", name) for name in names):
            return met(name in features for name in names)
    return None


def _of_nodes(
    name: str, good: Sequence[bool], observed: Sequence[str], cluster: Cluster, expected: str, remedy: str, key: str
) -> Finding:
    """One finding about all nodes: as many must be good as the cluster has."""
    if not good:
        return finding(name, Verdict.UNKNOWN, "scontrol shows no node", expected, "scontrol show node", key=key)
    seen = ", ".join(f"{count} x {what}" for what, count in sorted(Counter(observed).items()))
    return finding(name, judged(sum(good) >= min(cluster.nodes, len(good))), seen, expected, remedy, key=key)


def _reached(values: Sequence[float], nodes: int) -> float:
    """What so many of the nodes have."""
    return sorted(values, reverse=True)[min(nodes, len(values)) - 1]


def _count(limit: float) -> str:
    return "any number of" if math.isinf(limit) else f"{limit:.0f}"
