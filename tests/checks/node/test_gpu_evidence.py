"""No false PASS: whatever is missing of what was said about GPUs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from seatrial.checks.catalogue import find
from seatrial.findings import Verdict
from tests.checks.node.observing import ids, judged, passes_with_less, recorded_links, torn, verdict

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
    text = "".join(recorded_links(kind, name).replace("GPU 0:", f"GPU {gpu}:") for gpu in range(gpus))
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


def places(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a JSON document."""
    for key, value in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        yield (*path, key)
        yield from places(value, (*path, key))


NEUTRAL = (
    "metadata",
    "version",
    "Driver Version",
    "Driver Version Detected",
    "CUDA Runtime Version",
    "error_category",
    "entity_group_id",
    "torch",
)
"""Parts that are no evidence."""


@pytest.mark.parametrize("id", ["dcgm.diag", "gpu.copy-alike", "gpu.copy-speed", "gpu.matmul", "gpu.memory-copy"])
@pytest.mark.parametrize("other", [None, [], {}, [None], "garbage", True, -1, math.nan])
def test_a_value_of_another_kind_is_no_evidence(id, other):
    rule = find(id).rule
    lines = rule.good.splitlines() if id in ("gpu.matmul", "gpu.memory-copy") else [rule.good]
    for number, line in enumerate(lines):
        for *way, last in [*places(json.loads(line))][:: 3 if len(line) > 2000 else 1]:
            changed = json.loads(line)
            part = changed
            for key in way:
                part = part[key]
            if part[last] == other:
                continue
            part[last] = other
            text = "\n".join([*lines[:number], json.dumps(changed), *lines[number + 1 :], ""])
            assert verdict(id, text, rule.on) is not Verdict.PASS or last in NEUTRAL + ALLOWED[id], (way, last)


ALLOWED = {
    "dcgm.diag": ("test_summary", "category"),
    "gpu.copy-alike": (),
    "gpu.copy-speed": (),
    "gpu.matmul": ("name", "bytes_per_second"),
    "gpu.memory-copy": ("name", "flops", "finite"),
}


def test_a_number_that_is_none_is_not_known():
    for word in ("No", "nan", "1e5x"):
        text = find("gpu.row-remap").rule.good.replace(
            "Uncorrectable Error                            : 0", f"Uncorrectable Error : {word}"
        )
        assert verdict("gpu.row-remap", text, "p5.48xlarge") is Verdict.UNKNOWN
