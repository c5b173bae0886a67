"""Slurm's nodes, as a real Slurm printed them."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.checks.catalogue import sources
from seatrial.checks.judging import judge
from seatrial.checks.node.slurm_nodes import words
from seatrial.checks.observations import Observation
from seatrial.checks.profile import NOT_KNOWN
from seatrial.findings import Finding, Severity, Verdict, overall
from tests.checks.test_checks import CHECKS

RECORDED = Path(__file__).parents[1] / "recorded/slurm-nodes"
CHECK = CHECKS["slurm.node-state"]


def judged(text: str) -> list[Finding]:
    return judge([CHECK], [Observation(kind="slurm-nodes", origin="x", text=text, foreign=True)], NOT_KNOWN)


def test_it_is_read_and_no_node_is_asked():
    assert "slurm-nodes" not in sources()


@pytest.mark.parametrize("name", ["healthy", "healthy-oneliner", "healthy-sinfo"])
def test_healthy(name):
    findings = judged((RECORDED / f"{name}.txt").read_text())
    assert {finding.verdict for finding in findings} == {Verdict.PASS}


@pytest.mark.parametrize("name", ["", "-oneliner", "-sinfo", "-sinfo-N", "-sinfo-R", "-sinfo-R-long"])
def test_faults_are_told_with_their_reasons(name):
    findings = {f.scope["node"]: f for f in judged((RECORDED / f"faults{name}.txt").read_text())}
    assert [findings[node].verdict for node in ("p5-2", "p5-3", "p5-4")] == [Verdict.FAIL] * 3
    if "-R" not in name:
        assert findings["p5-1"].verdict is Verdict.PASS
    if name != "-sinfo":
        assert "gpu.xid: Xid 79, GPU" in findings["p5-2"].observed
        assert "root" not in findings["p5-2"].observed
        assert findings["p5-2"].severity is Severity.MONITOR
        assert findings["p5-3"].severity is Severity.ISOLATE, "HyperPod is asked to replace it"
        assert "Not responding" in findings["p5-4"].observed


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        ("IDLE", Verdict.PASS),
        ("MIXED+CLOUD", Verdict.PASS),
        ("ALLOCATED+COMPLETING", Verdict.PASS),
        ("IDLE+CLOUD+POWERED_DOWN", Verdict.SKIP),
        ("idle~", Verdict.SKIP),
        ("IDLE+MAINTENANCE", Verdict.WARN),
        ("alloc#", Verdict.WARN),
        ("idle@", Verdict.WARN),
        ("idle*", Verdict.FAIL),
        ("DOWN*+CLOUD", Verdict.FAIL),
        ("IDLE+DRAIN", Verdict.FAIL),
        ("IDLE+NOT_RESPONDING", Verdict.FAIL),
        ("down~", Verdict.FAIL),
        ("ERROR", Verdict.FAIL),
        ("IDLE+SLEEPY", Verdict.UNKNOWN),
        ("", Verdict.UNKNOWN),
    ],
)
def test_states(state, verdict):
    text = (RECORDED / "healthy-oneliner.txt").read_text().replace("State=IDLE", f"State={state}")
    assert {finding.verdict for finding in judged(text)} == {verdict}


def test_signs_behind_a_state_are_words():
    assert words("down*+DRAIN") == {"down", "not_responding", "drain"}
    assert words("idle~") == {"idle", "powered_down"}


def test_a_torn_record_is_no_pass():
    text = (RECORDED / "healthy.txt").read_text()
    begins = text.rindex("NodeName=")
    whole = text.index("AllocTRES=", begins)
    for end in range(begins + 1, whole):
        assert overall(judged(text[:end])) is not Verdict.PASS, text[begins:end]
    for line in [line for line in text.splitlines(keepends=True) if "State=" in line]:
        assert overall(judged(text.replace(line, ""))) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "PARTITION AVAIL  TIMELIMIT   NODES(A/I/O/T) NODELIST\ndev*         up   infinite          0/4/0/4 p5-[1-4]\n",
        "PARTITION AVAIL  TIMELIMIT  NODES  STATE NODELIST\ncloud        up   infinite      0    n/a \n",
        "PARTITION AVAIL  TIMELIMIT  NODES  STATE NODELIST\ndev*         up   infinite      4   idle\n",
        "slurm_load_node error: Unable to contact slurm controller (connect failure)\n",
    ],
)
def test_what_says_nothing_of_a_node_is_unknown(text):
    assert overall(judged(text)) is Verdict.UNKNOWN


def test_what_srun_and_kubectl_put_before_it_is_taken_off():
    text = (RECORDED / "faults-oneliner.txt").read_text()
    prefixed = "".join(f"0: {line}" for line in text.splitlines(keepends=True))
    assert judged(prefixed) == judged(text)
