"""Slow runs, and checks of their nodes, made for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seatrial import diagnose, related
from seatrial.checks.catalogue import of_kind
from seatrial.checks.judging import judge
from seatrial.checks.observations import Observation
from seatrial.checks.profile import Profile
from seatrial.diagnose import Diagnosis
from seatrial.diagnose.left import Left
from seatrial.events import RunEnd
from seatrial.expected import Expected, Range
from seatrial.findings import Finding, Verdict
from seatrial.runs import Run
from tests.diagnose.large import Scene
from tests.diagnose.test_expected import TOKENS, events
from tests.stories import Events, start, write_run

RECORDED = Path(__file__).parents[1] / "checks" / "recorded"
HOSTS = ("ip-0", "ip-1")
"""Of `Scene`'s first sixteen ranks."""
NEAR = Range(low=340e3, expected=400e3, high=460e3, evidence=("llama3.1-8b on 128 H100 SXM, nemo 2025-04",))
PROFILED = Path(__file__).parents[1] / "profiles" / "recorded"


def slow_links() -> list[Finding]:
    """What the rule of NVLinks finds in a capture of an H200 whose links are slow."""
    seen = Observation(
        kind="nvlink", origin="nvidia-smi nvlink -s", text=(RECORDED / "nvlink/h200_slow.txt").read_text()
    )
    return judge(
        [check for check in of_kind("nvlink") if check.rule.id == "nvlink.links"], [seen], Profile.of("p5en.48xlarge")
    )


def fine(host: str) -> Finding:
    """The same rule, of a node whose links are as they should be."""
    [rule] = [check.rule for check in of_kind("nvlink") if check.rule.id == "nvlink.links"]
    return rule.finding(Verdict.PASS, "18 links at 26.562 GB/s", scope={"nodes": [host]})


def straggling(root: Path, name: str = "slow", **changes: Any) -> Run:
    """A run of 16 ranks on two hosts, of which rank 5 is slow."""
    told = [*Scene(1, ranks=16, slow={5: 2.0}).events(), (99.0, RunEnd(outcome="completed", step=40))]
    return write_run(
        root, told, name, **{"nodes": 2, "processes_per_node": 8, "device": "cuda", "cluster": "p5"} | changes
    )


def below(root: Path, rate: float = 200e3, name: str = "below", **changes: Any) -> Run:
    """A run whose steps are even, at so many tokens a second, of 340,000 that are expected at least."""
    known = Expected(rate=NEAR, step_tokens=TOKENS)
    about = {"nodes": 16, "processes_per_node": 8, "device": "cuda", "cluster": "p5", "expected": known}
    return write_run(root, events(1, rate, hosts=["ip-0"] * 64 + ["ip-1"] * 64), name, **about | changes)


def check(
    root: Path, findings: Sequence[Finding], *, at: float = -60.0, name: str = "node-1", node: str = "ip-1",
    hosts: Sequence[str] = HOSTS, outcome: str = "completed", **changes: Any,
) -> Run:  # fmt: skip
    """A run of the case node, which ended so many seconds after the others began, and what it found on one node."""
    placed = [Finding.of({**_record(f), "scope": {"node": node, **f.scope}}) if node else f for f in findings]
    told: Events = [(at - 9, start(hosts=[*hosts])), *((at - 1, one) for one in placed)]
    told.append((at, RunEnd(outcome=outcome, step=1)))
    return write_run(root, told, name, **{"case": "node", "purpose": "check", "cluster": "p5"} | changes)


def _record(finding: Finding) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(finding)


def why(run: Run) -> tuple[Left, Diagnosis, Diagnosis]:
    """What a run left, its diagnosis from that alone, and with what else was found."""
    left = diagnose.read(run)
    found = diagnose.judge(left)
    return left, found, related.explain(run, left, found)
