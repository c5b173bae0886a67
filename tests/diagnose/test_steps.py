"""Shares weigh each logged step by the steps that it stands for."""

from __future__ import annotations

import pytest

from seatrial.attempts import Attempts
from seatrial.diagnose.steps import share
from seatrial.events import Step, Timed
from tests.stories import start


def test_a_line_that_stands_for_ten_steps_counts_ten_times() -> None:
    lines = [Step(step=number, loss=1.0, count=8, seconds=1.0) for number in (2, 12, 13)]
    events = [Timed(0.0, start()), *(Timed(float(line.step), line) for line in lines)]
    points = Attempts(events).steady_points()
    assert share(points, {12: 0.5}) == pytest.approx(5 / 11)
    assert share(points, {13: 0.5, 99: 1.0}) == pytest.approx(0.5 / 11)
    assert share(points, {13: 7.0}) == pytest.approx(1 / 11), "no step loses more than it takes"
