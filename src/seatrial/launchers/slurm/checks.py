"""What can be seen of a Slurm cluster without starting anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seatrial import __version__
from seatrial.errors import UserError
from seatrial.findings import Finding, Verdict
from seatrial.launchers._rules import finding
from seatrial.launchers.slurm.commands import quote, run
from seatrial.spec import Cluster


def check(cluster: Cluster) -> list[Finding]:
    """What its commands, its nodes and its shared folder look like. Starts nothing."""
    options = cluster.options
    partition = f"--partition={quote(options.partition)}" if options.partition else ""
    environment = " ".join(quote(f"{name}={value}") for name, value in cluster.environment.items())
    script = f"""sinfo --version
echo '#nodes'; sinfo --noheader --Node {partition} --format='%N|%t|%c|%G' | sort -u
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
    version, _, text = text.partition("#nodes\n")
    nodes, _, text = text.partition("#folder\n")
    folder, _, python = text.partition("#python\n")
    if not version.startswith("slurm"):
        why = done.stderr.decode(errors="replace").strip().splitlines() or ["sinfo says nothing"]
        return [finding("reached", Verdict.FAIL, why[0], "sinfo --version answers", "is Slurm's bin folder in PATH?")]
    return [
        finding("reached", Verdict.PASS, version.strip(), "its commands answer"),
        *_check_nodes(nodes, cluster),
        _check_folder(folder, cluster),
        *_check_pythons(python.splitlines(), cluster),
    ]


def _check_nodes(text: str, cluster: Cluster) -> Iterable[Finding]:
    rows = [line.split("|") for line in text.splitlines() if line.count("|") == 3]
    states = [state.rstrip("*~#!%$@^-") for _, state, _, _ in rows]
    usable = sum(state in ("idle", "mix", "alloc", "comp", "plnd", "resv", "npc") for state in states)
    observed = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states))) or "no node"
    verdict = Verdict.PASS if usable >= cluster.nodes else Verdict.FAIL
    yield finding("nodes", verdict, observed, f"{cluster.nodes} nodes that can work", "sinfo --list-reasons")
    if cluster.accelerators_per_node and rows:
        has_gres = all("gpu" in gres for *_, gres in rows)
        asks = cluster.options.gpus != "none"
        there = "GRES gpu" if has_gres else "no GRES gpu"
        remedy = f'set options.gpus = "{"gpus-per-node" if has_gres else "none"}"'
        yield finding("gres", Verdict.PASS if has_gres == asks else Verdict.FAIL, there, "as options.gpus asks", remedy)


def _check_folder(text: str, cluster: Cluster) -> Finding:
    verdict = Verdict.PASS if text.strip() == "writable" else Verdict.FAIL
    observed = f"{cluster.shared} can{'' if verdict is Verdict.PASS else 'not'} be written to"
    return finding("shared", verdict, observed, "a folder that all nodes share", "is the file system mounted?")


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
        yield finding("python", verdict, version or "not installed", expected, f"pip install seatrial=={__version__}")
