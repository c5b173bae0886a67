"""Changes of slurm.conf as a text, each of which changes nothing where it was made before."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Mapping

LISTS = {"schedulerparameters", "slurmctldparameters", "prologflags", "grestypes", "accountingstoragetres"}
"""Parameters whose values are words with commas between them: ours are added to those that are there."""
BEGIN, END = "# Partitions by seatrial begin", "# Partitions by seatrial end"


def value(text: str, key: str) -> str | None:
    """Value of a parameter; the last line counts."""
    found = [_value(line) for line in text.splitlines() if _key(line) == key.lower()]
    return found[-1] if found else None


def with_values(text: str, values: Mapping[str, str]) -> str:
    """Each parameter once, with its value; that of a list has its words beside those that are there."""
    for key, wanted in values.items():
        there = [line for line in text.splitlines() if _key(line) == key.lower()]
        if key.lower() in LISTS:
            words = [word for line in there for word in _value(line).split(",") if word]
            wanted = ",".join(dict.fromkeys([*words, *wanted.split(",")]))
        if [_value(line) for line in there] != [wanted]:
            lines = [line for line in text.splitlines() if _key(line) != key.lower()]
            place = next((n for n, line in enumerate(text.splitlines()) if _key(line) == key.lower()), len(lines))
            lines.insert(place, f"{key}={wanted}")
            text = "".join(f"{line}\n" for line in lines)
    return text


def with_partitions(text: str, nodes: Mapping[str, Collection[str]], default: str) -> str:
    """Partitions with their nodes, in a block of their own at the end.

    One that HyperPod has written stays, and follows its nodes as they are replaced. One that alone is missing has all
    nodes, for the same reason. The default is ours.
    """
    lines = _without_block(text.splitlines())
    theirs = {_value(line).split()[0] for line in lines if _key(line) == "partitionname"}
    if default in theirs or nodes.get(default):
        lines = [_default(line, default) for line in lines]
    ours = []
    for name, found in nodes.items():
        if name not in theirs and found:
            members = ",".join(sorted(found)) if len(nodes) > 1 else "ALL"
            ours.append(_default(f"PartitionName={name} Nodes={members} MaxTime=INFINITE State=UP", default))
    return "".join(f"{line}\n" for line in (*lines, *((BEGIN, *ours, END) if ours else ())))


def with_gpus(text: str, gpus: Mapping[str, int]) -> str:
    """Nodes say how many GPUs they have, where HyperPod has not said it. `gpus`: node -> how many."""

    def changed(line: str) -> str:
        name = _value(line).split()[0] if _key(line) == "nodename" else ""
        if not gpus.get(name) or re.search(r"\bGres=", line, re.IGNORECASE):
            return line
        return f"{line.rstrip()} Gres=gpu:{gpus[name]}"

    return "".join(f"{changed(line)}\n" for line in text.splitlines())


def node_names(text: str) -> set[str]:
    """The nodes that it has, each on a line of its own, as HyperPod writes them."""
    return {_value(line).split()[0] for line in text.splitlines() if _key(line) == "nodename"} - {"DEFAULT"}


def gres(gpus: Mapping[str, int]) -> str:
    """gres.conf. The devices of NVIDIA's driver are named, since not every build of Slurm can look for them."""
    lines = [f"NodeName={node} Name=gpu File=/dev/nvidia[0-{n - 1}]" for node, n in sorted(gpus.items()) if n > 1]
    lines += [f"NodeName={node} Name=gpu File=/dev/nvidia0" for node, n in sorted(gpus.items()) if n == 1]
    return "".join(f"{line}\n" for line in lines)


def tree(paths: Mapping[str, list[str]]) -> str:
    """topology.conf of node -> network nodes above it, the highest first: leaves with their nodes, then what joins
    them."""
    leaves: dict[str, list[str]] = {}
    above: dict[str, set[str]] = {}
    for node, path in sorted(paths.items()):
        leaves.setdefault(path[-1], []).append(node)
        for upper, lower in itertools.pairwise(path):
            above.setdefault(upper, set()).add(lower)
    lines = [f"SwitchName={leaf} Nodes={','.join(nodes)}" for leaf, nodes in sorted(leaves.items())]
    lines += [f"SwitchName={upper} Switches={','.join(sorted(lower))}" for upper, lower in sorted(above.items())]
    return "".join(f"{line}\n" for line in lines)


def parameters(lines: Iterable[str]) -> dict[str, str]:
    """Parameters of lines such as those that come with the hooks."""
    return {line.partition("=")[0].strip(): _value(line) for line in lines if _key(line)}


def _key(line: str) -> str:
    """Its parameter in small letters, as Slurm compares them; empty for comments and for what is none."""
    name, equals, _ = line.partition("#")[0].partition("=")
    return name.strip().lower() if equals else ""


def _value(line: str) -> str:
    return line.partition("#")[0].partition("=")[2].strip()


def _without_block(lines: list[str]) -> list[str]:
    if BEGIN not in lines or END not in lines:
        return lines
    return lines[: lines.index(BEGIN)] + lines[lines.index(END) + 1 :]


def _default(line: str, default: str) -> str:
    """The line of a partition with its Default; that of anything else as it is."""
    if _key(line) != "partitionname":
        return line
    name, *words = line.partition("=")[2].split()
    kept = [word for word in words if not word.lower().startswith("default=")]
    return " ".join([f"PartitionName={name}", *kept, f"Default={'YES' if name == default else 'NO'}"])
