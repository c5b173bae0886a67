"""The table of known messages: every rule's own example, and lines of healthy logs that look alike."""

from __future__ import annotations

import pytest

from seatrial.diagnose import rules, slow_rules
from seatrial.diagnose.signatures import ENGINE, SIGNATURES, meaning, of_engine
from seatrial.findings import Rule

BY_MESSAGE = sorted({one.rule.id for one in SIGNATURES} - {rules.HANG.id, rules.COLLECTIVE_MISSING.id})


RULES = (*rules.RULES, *slow_rules.RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_rules_say_what_they_must(rule: Rule) -> None:
    assert rule.id.startswith("diagnose.") and len({one.id for one in RULES}) == len(RULES)
    assert rule.expected and rule.why and rule.remedy and rule.source
    found = meaning(rule.bad)
    if rule.id in BY_MESSAGE and rule.id != rules.COLLECTIVE_MISMATCH.id:
        assert found is not None and found.rule is rule
    good = meaning(rule.good)
    assert good is None or good.rule is not rule


@pytest.mark.parametrize("rule", [rules.TIME_LIMIT, rules.NODE], ids=lambda rule: rule.id)
def test_engines_examples(rule: Rule) -> None:
    found = of_engine(rule.bad)
    assert found is not None and found.rule is rule
    assert {one.rule.id for one in ENGINE} == {"diagnose.host-memory", "diagnose.time-limit", "diagnose.node"}


@pytest.mark.parametrize(
    "line",
    [
        "step 10 loss 2.1 memory 40.2 GiB",
        "NCCL INFO NET/OFI Initializing aws-ofi-nccl 1.21.1",
        "NCCL INFO Connected all rings",
        "NCCL INFO Using network Libfabric",
        "Warning: TORCH_NCCL_TRACE_BUFFER_SIZE is deprecated; use TORCH_FR_BUFFER_SIZE instead",
        "saved checkpoint of 28 files to /fsx/a",
        "NCCL WARN NCCL_NET_PLUGIN is deprecated",
        "memory errors corrected: 0",
        "UserWarning: The given buffer is not writable",
    ],
)
def test_lines_of_healthy_logs_mean_nothing(line: str) -> None:
    assert meaning(line) is None


def test_an_error_that_is_followed_by_advice_in_its_line_is_an_error() -> None:
    found = meaning("Connection closed by peer [::1]:7. This is typically caused by a remote worker crashing.")
    assert found is not None and found.rule is rules.CONSEQUENCE
