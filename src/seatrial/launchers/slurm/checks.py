"""What can be seen of a Slurm cluster without starting anything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from seatrial import __version__
from seatrial.cluster import Cluster
from seatrial.errors import UserError
from seatrial.findings import Finding, Verdict
from seatrial.launchers._rules import finding
from seatrial.launchers.slurm import quota
from seatrial.launchers.slurm.capacity import compare
from seatrial.launchers.slurm.commands import quote, run
from seatrial.launchers.slurm.show import SHOW

_PARTS = re.compile("^#(?:states|nodes|partitions|quota|folder|python)\n", re.MULTILINE)


def check(cluster: Cluster) -> list[Finding]:
    """What its commands, its nodes and its shared folder look like. Starts nothing."""
    options = cluster.options
    partition = f"--partition={quote(options.partition)}" if options.partition else ""
    environment = " ".join(quote(f"{name}={value}") for name, value in cluster.environment.items())
    script = f"""sinfo --version
echo '#states'; sinfo --noheader --Node {partition} --format='%N|%t' | sort -u
echo '#nodes'; {SHOW} node
echo '#partitions'; {SHOW} partition
echo '#quota'; {quota.SCRIPT}
echo '#folder'; mkdir -p {quote(cluster.shared or "/")} && test -w {quote(cluster.shared or "/")} && echo writable
echo '#python'
"""
    version_of = "-c 'import seatrial; print(seatrial.__version__)' || echo"
    script += "\n".join(f"env {environment} {quote(python)} {version_of}" for python in _pythons(cluster))
    try:
        done = run(cluster, script)
    except UserError as error:
        [problem] = error.problems
        return [finding("reached", Verdict.FAIL, problem.what, "its commands answer", problem.remedy)]
    text = done.stdout.decode(errors="replace")
    version, states, nodes, partitions, limits, folder, python = [*_PARTS.split(text, maxsplit=6), *[""] * 6][:7]
    if not version.startswith("slurm"):
        why = done.stderr.decode(errors="replace").strip().splitlines() or ["sinfo says nothing"]
        return [finding("reached", Verdict.FAIL, why[0], "sinfo --version answers", "is Slurm's bin folder in PATH?")]
    return [
        finding("reached", Verdict.PASS, version.strip(), "its commands answer"),
        _check_states(states, cluster),
        *compare(nodes, partitions, cluster),
        *quota.judge(limits, cluster),
        _check_folder(folder, cluster),
        *_check_pythons(python.splitlines(), cluster),
    ]


def _check_states(text: str, cluster: Cluster) -> Finding:
    states = [line.partition("|")[2].rstrip("*~#!%$@^-") for line in text.splitlines() if "|" in line]
    usable = sum(state in ("idle", "mix", "alloc", "comp", "plnd", "resv", "npc") for state in states)
    observed = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states))) or "no node"
    verdict = Verdict.PASS if usable >= cluster.nodes else Verdict.FAIL
    expected = f"{cluster.nodes} nodes that can work"
    remedy = "sinfo --list-reasons" + (f", or nodes = {usable}" if usable else "")
    return finding("nodes", verdict, observed, expected, remedy, key="nodes")


def _check_folder(text: str, cluster: Cluster) -> Finding:
    verdict = Verdict.PASS if text.strip() == "writable" else Verdict.FAIL
    observed = f"{cluster.shared} can{'' if verdict is Verdict.PASS else 'not'} be written to"
    remedy = "is the file system mounted?"
    return finding("shared", verdict, observed, "a folder that all nodes share", remedy, key="shared")


def _pythons(cluster: Cluster) -> list[str]:
    """Every Python that a job may be started with."""
    return list(dict.fromkeys([cluster.python, *(software.python for software in cluster.software.values())]))


def _check_pythons(found: Sequence[str], cluster: Cluster) -> Iterable[Finding]:
    if cluster.container != "none":
        yield finding("python", Verdict.SKIP, "it is in the image", f"seatrial {__version__}")
        return
    pythons = _pythons(cluster)
    for python, version in zip(pythons, [*found, *[""] * len(pythons)], strict=False):
        expected = f"{python} imports seatrial {__version__}"
        verdict = Verdict.PASS if version == __version__ else Verdict.FAIL
        remedy = f"pip install seatrial=={__version__}"
        yield finding("python", verdict, version or "not installed", expected, remedy, key="python")
