"""What is taken from a healthy observation leaves no PASS: every prefix, every line. Swapped words do no harm."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from seatrial.checks.catalogue import Check
from seatrial.checks.judging import judge
from seatrial.checks.observations import Observation
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Verdict, overall
from tests.checks.test_checks import CHECKS

RECORDED = Path(__file__).parents[1] / "recorded"
# Rule -> what a line must match to be evidence of it. A line that matches none is of no concern to the rule.
EVIDENCE = {
    "efa.count": r"/sys/bus/pci/.*:PCI_ID=",
    "efa.driver": r"/sys/bus/pci/.*:(DRIVER|PCI_ID)=|/sys/class/.*/uevent:PCI_(ID|SLOT_NAME)=",
    "efa.port": r"/sys/class/.*/(uevent:PCI_ID|state:|phys_state:)",
    "efa.rate": r"/sys/class/.*/(uevent:PCI_ID|rate:)",
    "efa.uverbs": r"crw",
    "efa.libfabric": r" *(provider|fabric|domain|version|type|protocol):",
    "efa.verbs": r"hca_id|\s+(vendor_id|vendor_part_id|phys_port_cnt|port|state):",
    "efa.errors": r"@|.*(PCI_ID|rx_drops:)",
    "efa.memlock": r"Max ",
    "efa.huge-pages": r"Huge",
    "node.open-files": r"Max ",
    "node.cpus": r"CPU\(s\)|On-line|Thread|Socket|NUMA",
    "node.numa": r"CPU\(s\)|On-line|Thread|Socket|NUMA",
    "node.governor": r".",
    "node.memory-errors": r"/sys",
    "node.memory": r"MemTotal",
    "node.swap": r"SwapTotal",
    "node.disk-space": r".",
    "node.disk-files": r".",
    "node.shared-memory": r".",
    "node.mounts": r"/proc/self/mounts:.* / ",
    "node.read-only": r"/proc/self/mounts:.* / ",
    "node.nvme": r".",
    "node.smart": r"\{",
    "node.clock": r".",
    "node.clock-offset": r".",
    "node.uptime": r".",
    "node.cpu-share": r".*(Cpus_allowed|online)",
    "node.memory-share": r".*(Cpus_allowed|online)",
    "node.links": r"@|/proc|.*(flags|operstate|carrier_changes|mtu|_packets|_errors)",
    "node.link-errors": r"@|/proc|.*(flags|carrier_changes|mtu|_packets|_errors)",
    "node.modules": r".",
    "node.sysctl": r".*overcommit",
    "node.services": r"(Id|LoadState|UnitFileState|ActiveState|SubState)=",
    "neuron.count": r".",
    "neuron.links": r".",
    "neuron.errors": r".*/(mem|sram)_ecc_uncorrected",
    "neuron.monitor-ecc": r".",
    "neuron.job-errors": r".",
    "slurm.node-state": r"NODELIST",
    "kube.node-ready": r".",
    "kube.node-schedulable": r".",
    "kube.node-devices": r".",
    "kube.hyperpod": r".",
}


def found(check: Check, text: str) -> list[Finding]:
    """What the rule says of this text."""
    return judge([check], [Observation(kind=check.source.kind, origin="here", text=text)], Profile.of(check.rule.on))


def passes(check: Check, text: str) -> bool:
    """Whether the rule calls the node healthy by this text."""
    return overall(found(check, text)) is Verdict.PASS


@pytest.mark.parametrize("id", EVIDENCE)
def test_a_line_that_is_missing_leaves_no_pass(id):
    check = CHECKS[id]
    lines = check.rule.good.splitlines(keepends=True)
    evidence = [number for number, line in enumerate(lines) if re.match(EVIDENCE[id], line)]
    assert passes(check, check.rule.good) and evidence
    for number in evidence:
        assert not passes(check, "".join(lines[:number] + lines[number + 1 :])), lines[number]


@pytest.mark.parametrize("id", EVIDENCE)
def test_no_prefix_that_lacks_evidence_passes(id):
    check = CHECKS[id]
    good = check.rule.good
    lines = good.splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if re.match(EVIDENCE[id], line))
    needed = len("".join(lines[: last + 1])) - 1  # without the end of its line
    for length in range(needed):
        assert not passes(check, good[:length]), good[:length][-80:]


@pytest.mark.parametrize("id", EVIDENCE)
def test_words_that_change_places_leave_no_rule_without_an_answer(id):
    check = CHECKS[id]
    words = re.split(r"(\s+)", check.rule.good)
    counts = set()
    for at in range(0, len(words) - 2, 2):
        swapped = [*words[:at], words[at + 2], words[at + 1], words[at], *words[at + 3 :]]
        counts.add(len(found(check, "".join(swapped))))
    assert 0 not in counts, "each time there is an answer"
