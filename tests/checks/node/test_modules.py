"""Modules that a node's parts need."""

from __future__ import annotations

from seatrial.checks.profile import NOT_KNOWN, Profile
from seatrial.findings import Verdict
from tests.checks.node.trees import C5, seen, verdicts, write


def test_modules_of_each_part(tmp_path):
    write(tmp_path, **{"proc/sys/kernel/osrelease": "6.1\n"})
    assert verdicts(seen("node.modules", tmp_path, Profile.of("p5.48xlarge"))) == [Verdict.UNKNOWN] * 2
    write(tmp_path, **{"proc/modules": "neuron 1 0 - Live 0x0 (OE)\nefa 1 0 - Loading 0x0\n"})
    write(tmp_path, **{"proc/modules": "neuron 311296 0 - Live 0xffffffffc0a00000 (OE)\nefa 1 0 - Loading 0x0\n"})
    assert verdicts(seen("node.modules", tmp_path, Profile.of("trn1.2xlarge"))) == [Verdict.PASS]
    [finding] = seen("node.modules", tmp_path, Profile.of("c5n.18xlarge"))
    assert finding.observed == "ib_uverbs is not loaded, ib_core is not loaded, efa is Loading"
    assert verdicts(seen("node.modules", tmp_path, C5)) == [Verdict.SKIP]
    assert verdicts(seen("node.modules", tmp_path, NOT_KNOWN)) == [Verdict.UNKNOWN]
