"""Collectors side by side: one that fails, hangs or is slow holds up no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from seatrial.observe.exporter.collecting import Collected, Exporter
from tests.observe.exporter.reading import samples, value
from tests.waiting import poll


class Scripted:
    """A collector that does what it is told, one thing a pass."""

    def __init__(self, *passes: Callable[[], Collected]) -> None:
        self._passes = iter(passes)

    def collect(self) -> Collected:
        return next(self._passes)()


def gives(loss: int, *problems: str) -> Callable[[], Collected]:
    return lambda: Collected({"train_loss": f"train_loss {loss}\n"}, problems)


def breaks() -> Collected:
    raise RuntimeError("a bug")


def test_what_collectors_give_is_put_together() -> None:
    found = samples(Exporter({"a": Scripted(gives(1)), "b": Scripted(lambda: Collected())}).scrape())
    assert value(found, "train_loss") == 1
    assert value(found, "seatrial_collector_success", collector="a") == 1
    assert value(found, "seatrial_collector_success", collector="b") == 1
    assert value(found, "seatrial_collector_timestamp_seconds", collector="a") == pytest.approx(time.time(), abs=60)
    assert value(found, "seatrial_exporter_info") == 1


def test_two_collectors_may_tell_the_same_metric() -> None:
    a = lambda: Collected({"train_loss": 'train_loss{run_id="a"} 1\n'})  # noqa: E731
    b = lambda: Collected({"train_loss": 'train_loss{run_id="b"} 2\n'})  # noqa: E731
    served = Exporter({"a": Scripted(a), "b": Scripted(b)}).scrape()
    assert served.count(b"# TYPE train_loss") == 1 and value(samples(served), "train_loss", run_id="b") == 2


def test_what_a_collector_lacks_is_said_once_and_counted() -> None:
    told: list[str] = []
    exporter = Exporter({"a": Scripted(gives(1, "x", "y"), gives(2, "x", "y"), gives(3))}, tell=told.append)
    for loss, problems in ((1, 2), (2, 2), (3, 0)):
        found = samples(exporter.scrape())
        assert value(found, "train_loss") == loss
        assert value(found, "seatrial_collector_problems") == problems
        assert value(found, "seatrial_collector_success") == (problems == 0)
    assert told == ["a: x", "a: y"]


def test_a_collector_that_breaks_is_served_as_it_was() -> None:
    told: list[str] = []
    exporter = Exporter({"a": Scripted(gives(1), breaks, gives(3))}, tell=told.append)
    assert value(samples(exporter.scrape()), "train_loss") == 1
    found = samples(exporter.scrape())
    assert value(found, "train_loss") == 1 and value(found, "seatrial_collector_success", collector="a") == 0
    assert "a: RuntimeError: a bug" in told
    assert value(samples(exporter.scrape()), "train_loss") == 3


def test_a_collector_that_hangs_blocks_no_scrape_longer_than_the_budget() -> None:
    go_on = threading.Event()

    def hangs() -> Collected:
        go_on.wait()
        return gives(2)()

    before = threading.active_count()
    exporter = Exporter({"a": Scripted(gives(1), hangs, gives(3))}, budget=0.05)
    assert value(samples(exporter.scrape()), "seatrial_collector_success") == 1
    for _ in range(3):  # the pass that hangs is waited for; no second one begins
        begin = time.monotonic()
        found = samples(exporter.scrape())
        assert time.monotonic() - begin < 2
        assert value(found, "train_loss") == 1 and value(found, "seatrial_collector_success") == 0
    assert threading.active_count() < before + 3
    go_on.set()
    poll(lambda: value(samples(exporter.scrape()), "train_loss") == 3, 10, "the pass after the one that hung")


def test_what_takes_several_passes_goes_on_by_itself_and_blocks_no_scrape() -> None:
    first, more = threading.Event(), threading.Event()

    def part() -> Collected:
        assert first.wait(30)
        return Collected({"train_loss": "train_loss 1\n"}, ("not all",), unfinished=True)

    def rest() -> Collected:
        assert more.wait(30)
        return Collected({"train_loss": "train_loss 2\n"})

    exporter = Exporter({"a": Scripted(part, rest, gives(3))}, budget=30)
    first.set()
    for _ in range(2):  # the second pass hangs, and nobody waits for it
        found = samples(exporter.scrape())
        assert value(found, "train_loss") == 1 and value(found, "seatrial_collector_success") == 0
    more.set()
    # It needs no scrape to go on; when it is done, one begins the next pass.
    poll(lambda: value(samples(exporter.scrape()), "train_loss") == 3, 10, "a pass after the last of them")


def test_before_its_first_pass_is_over_a_collector_has_no_success() -> None:
    go_on = threading.Event()

    def late() -> Collected:
        go_on.wait()
        return Collected()

    found = samples(Exporter({"a": Scripted(late)}, budget=0.01).scrape())
    assert value(found, "seatrial_collector_success") == 0
    assert value(found, "seatrial_collector_timestamp_seconds") is None
    go_on.set()
