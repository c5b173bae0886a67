"""Clocks that are held down explain a rank that lags, and are told by themselves where nobody lags."""

from __future__ import annotations

from tests.diagnose.large import WORK, Scene
from tests.diagnose.test_large import of_step


def test_a_straggler_whose_clocks_are_held_down() -> None:
    found = Scene(1, slow={5: 2.0}, throttled={5: 1.0}).diagnosed()
    assert (found.cause.check, found.cause.scope["rank"], found.slowed_by) == ("diagnose.throttled", [5], ())
    assert found.share is not None and abs(found.share - of_step(WORK)) < 0.05
    assert found.cause.observed.endswith("; clocks were held down")


def test_who_has_more_to_compute_does_not_lag_by_its_clocks() -> None:
    found = Scene(1, slow={5: 2.0}, more=True, throttled={5: 1.0}).diagnosed()
    assert (found.cause.check, found.cause.scope["rank"]) == ("diagnose.imbalance", [5])


def test_clocks_of_all_ranks() -> None:
    found = Scene(1, throttled=dict.fromkeys(range(64), 0.9)).diagnosed()
    assert found.cause.check == "diagnose.throttled" and found.share is None and len(found.cause.scope["rank"]) == 64


def test_another_rank_s_clocks_explain_nothing() -> None:
    found = Scene(1, slow={5: 2.0}, throttled={6: 1.0}).diagnosed()
    assert (found.cause.check, found.cause.scope["rank"], found.slowed_by) == ("diagnose.straggler", [5], ())


def test_where_work_is_not_told_clocks_are() -> None:
    found = Scene(1, throttled={5: 1.0}, tells_wait=False).diagnosed()
    assert found.cause.check == "diagnose.throttled" and found.cause.scope["rank"] == [5]


def test_now_and_then_is_no_cause() -> None:
    assert not Scene(1, throttled={5: 0.3}, tells_wait=False).diagnosed().named
