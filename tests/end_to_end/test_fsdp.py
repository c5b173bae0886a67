"""fsdp/tiny as a user runs it, undisturbed; tests/trials/local/test_fsdp.py has what may happen to it."""

from __future__ import annotations

import pytest

from seatrial.events import CheckpointSaved, RunStart, Step, StepContent
from seatrial.runs import State
from tests.command import checkpoints, is_gone, losses

pytestmark = [pytest.mark.torch, pytest.mark.slow]


def test_an_undisturbed_run_passes_and_tells_everything(undisturbed):
    log = undisturbed.events()
    assert log.unreadable == 0
    assert undisturbed.state() is State.COMPLETED
    assert {f.verdict for f in undisturbed.findings()} == {"PASS"}
    assert list(losses(undisturbed)) == list(range(1, 25))
    assert checkpoints(undisturbed) == ["step-00000018", "step-00000024"]  # the two newest of four
    assert [saved.step for saved in log.of(CheckpointSaved)] == [6, 12, 18, 24]
    assert undisturbed.report_path.read_text().startswith("<!doctype html>")
    for step in log.of(Step):
        assert sum(step.phases.values()) == pytest.approx(step.seconds, rel=1e-6)
        assert step.count == 8 * 128
        assert all(len(values) == 2 for values in step.ranks.values())
    start = log.last(RunStart)
    assert start.peak_flops is None and start.peak_source.startswith("not stated")
    assert start.versions["torch"].startswith("2.")
    [content] = log.of(StepContent)
    needed, carried = sum(start.collective_bytes.values()), sum(content.bytes.values())
    assert (start.dtype, content.products) == ("fp32", "float32")
    assert needed / 2 < carried < 1.01 * needed, "a unit that is alone is not gathered again for its backward pass"
    assert is_gone(undisturbed)
