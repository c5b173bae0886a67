"""No false PASS: whatever is missing of what was said about GPUs."""

from __future__ import annotations

import pytest

from seatrial.checks.catalogue import find
from seatrial.findings import Verdict
from tests.checks.node.observing import ids, judged, passes_with_less, recorded, torn, verdict

KINDS = ("nvidia-smi", "nvidia-smi-q", "nvlink", "nvlink-errors", "dcgm", "dcgm-4", "nvbandwidth", "gpu-speed")
CHECKS = [id for kind in KINDS for id in ids(kind)]
RECORDED = [
    ("nvidia-smi", "h100_590", "p5.4xlarge", 1),
    ("nvidia-smi-q", "h100_590", "p5.4xlarge", 1),
    ("nvidia-smi-q", "a100_535", "p4d.24xlarge", 1),
    ("nvlink", "a100", "p4d.24xlarge", 8),
    ("nvlink-errors", "a100", "p4d.24xlarge", 8),
    ("nvlink-errors", "b300", "p6-b300.48xlarge", 8),
    ("dcgm", "gpus8_3_level2", "p5.48xlarge", 1),
]
"""Kind, name, type of instance, and how many GPUs like the recorded one there are."""
TIMES = 12
"""How often each text is torn, in three ways each."""


@pytest.mark.parametrize("id", CHECKS)
def test_what_is_torn_does_not_pass(id):
    rule = find(id).rule
    assert verdict(id, rule.good, rule.on) is Verdict.PASS
    wrong = [part for part in torn(rule.good, TIMES) if passes_with_less(id, rule.good, part, rule.on)]
    assert not wrong, wrong[0]


@pytest.mark.parametrize(("kind", "name", "instance", "gpus"), RECORDED, ids=lambda value: str(value))
def test_what_healthy_gpus_said_passes_and_torn_it_does_not(kind, name, instance, gpus):
    text = "".join(recorded(kind, name).replace("GPU 0:", f"GPU {gpu}:") for gpu in range(gpus))
    for id in ids(kind):
        verdicts = {finding.verdict for finding in judged(id, text, instance)}
        assert verdicts <= {Verdict.PASS, Verdict.SKIP}, id
        wrong = [part for part in torn(text, TIMES) if passes_with_less(id, text, part, instance)]
        assert not wrong, (id, wrong[0])


PREFIXES = ("0: ", " 3: ", "[pod/check-x7/main] ", "2026-11-28T12:00:00.123Z ")
"""What srun --label and kubectl logs put before each line."""


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("id", CHECKS)
def test_what_was_taken_through_an_engine_is_read(id, prefix):
    rule = find(id).rule
    for text in (rule.good, rule.bad):
        through = "".join(f"{prefix}{line}" for line in text.splitlines(keepends=True))
        plain = [(f.verdict, f.observed, f.scope) for f in judged(id, text, rule.on)]
        assert [(f.verdict, f.observed, f.scope) for f in judged(id, through, rule.on, foreign=True)] == plain
