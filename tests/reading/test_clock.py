"""Times of lines, and what is said of steps that did not take as long."""

from __future__ import annotations

import pytest

from seatrial.reading import clock
from seatrial.reading.clock import Clock


def lines(count: int, apart: float, start: float = 86_000.0, *, fraction: bool = False) -> list[str]:
    """Stamps over midnight, with thousandths or whole seconds."""
    moments = [(start + at * apart) % clock.DAY for at in range(count)]
    parts = [f",{int(m % 1 * 1000):03}" if fraction else "" for m in moments]
    times = [f"{int(m // 3600):02}:{int(m % 3600 // 60):02}:{int(m % 60):02}" for m in moments]
    return [f"2025-06-01 {time}{part} step" for time, part in zip(times, parts, strict=True)]


def ratio(stamped: list[str], seconds: float) -> float | None:
    seen = Clock()
    for line in stamped:
        seen.step(line, seconds)
    return seen.ratio


@pytest.mark.parametrize(
    ("line", "moment"),
    [
        ("[titan] 2025-06-01 01:02:03,500 - root - INFO - step", 3723.5),
        (" [2025-11-22 15:18:33] iteration       29/      30", 55113.0),
        ("08/31/2024 14:37:31 [INFO|DP=0]: iteration: 1 / 15", 52651.0),
        ("03/11 00:00:11 [INFO|DP=0]: iteration: 1 / 15 | eta: 10:03:28", 11.0),
        ("LOG Thu Jan  2 10:11:12 2025 - (0, 10) step_loss : 11.7", 36672.0),
        ("2025-06-01T00:00:30.123456789Z [titan] 2025-06-01 00:00:31,000 - root", 31.0),
        ("Mar 02 10:00:11 gpu-1 titan.sh[8812]: step", 36011.0),
        (" 60/100 [06:04<04:03:11,  6.07s/it]", None),
        ("iteration 12 of 20: 2025-06-01", None),
    ],
)
def test_the_time_of_a_line(line: str, moment: float | None) -> None:
    assert clock.stamp(line) == moment


@pytest.mark.parametrize("apart", [0.3, 1.0, 7.0, 40.0])
def test_times_that_agree(apart: float) -> None:
    found = ratio(lines(600, apart), apart)
    assert found is not None and found == pytest.approx(1, abs=0.26)  # a second of four
    assert ratio(lines(600, apart, fraction=True), apart) == pytest.approx(1, abs=0.01)


def test_a_day_ends_between_two_lines() -> None:
    assert ratio(lines(1 + clock.LEAST, 20.0, clock.DAY - 10), 20.0) == pytest.approx(1)


@pytest.mark.parametrize("factor", [0.2, 20.0])
def test_steps_that_took_another_time_are_told(factor: float) -> None:
    seen = Clock()
    for line in lines(600, 2.0):
        seen.step(line, 2.0 / factor)
    finding = seen.finding()
    assert finding is not None and f"between its lines {factor:.3g} s pass for each second" in finding.observed


def test_rare_pauses_and_lines_that_wait_in_a_buffer_are_no_fault() -> None:
    paused = [*lines(100, 12.0), *lines(100, 12.0, 10_000.0), *lines(100, 12.0, 40_000.0)]
    assert ratio(paused, 12.0) == pytest.approx(1)
    buffered = [line for line in lines(20, 50.0) for _ in range(10)]
    assert ratio(buffered, 5.0) == pytest.approx(1)


@pytest.mark.parametrize("stamped", [lines(5, 20.0), ["step"] * 100, lines(80, 0.2), lines(40, 0.1, fraction=True)])
def test_too_little_is_no_evidence(stamped: list[str]) -> None:
    assert ratio(stamped, 1000.0) is None


def test_a_start_anew_and_a_time_that_is_not_known_begin_a_stretch() -> None:
    seen = Clock()
    for at, line in enumerate(lines(60, 20.0)):
        seen.step(line, 20.0 if at % 4 else 0.0)
    assert seen.ratio == pytest.approx(1)


def test_long_logs_are_told_with_few_stretches() -> None:
    seen = Clock()
    for line in lines(40 * clock.MOST, 11.0):
        seen.step(line, 22.0)
    assert seen.ratio == pytest.approx(0.5) and len(seen._stretches) <= clock.MOST
