"""Events are told once each and in their order, and a failure by its first cause."""

from __future__ import annotations

import pytest

from seatrial.deploying.cloud import COMPLETE, STACK, Cloud
from seatrial.deploying.events import Event, first_cause, follow
from tests.deploying.recorded import ARN, SMALL, Recorded, event, stack

BEGIN = event(10, "seatrial-small", "UPDATE_IN_PROGRESS", ResourceStatusReason="User Initiated")
END = event(19, "seatrial-small", "UPDATE_COMPLETE")
FORMER = event(9, "seatrial-small", "CREATE_COMPLETE", ClientRequestToken="theirs")


def told(token: str | None = None) -> tuple[list[str], list[float]]:
    events: list[Event] = []
    waited: list[float] = []
    follow(Cloud(SMALL, waited.append), ARN, events.append, token)
    return [f"{one.logical_id} {one.status}" for one in events], waited


def test_each_event_is_told_once_over_pages_and_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    made, pages = event(11, "Note", "CREATE_IN_PROGRESS"), {"1": [BEGIN, FORMER]}
    recorded = Recorded(
        monkeypatch,
        describe_stacks=[stack("UPDATE_IN_PROGRESS"), stack("UPDATE_COMPLETE")],
        describe_stack_events=[
            {"StackEvents": [made], "NextToken": "1"},
            {"StackEvents": pages["1"], "NextToken": "2"},
            {"StackEvents": [END, made], "NextToken": "1"},
        ],
    )
    assert told()[0] == [
        "seatrial-small UPDATE_IN_PROGRESS",
        "Note CREATE_IN_PROGRESS",
        "seatrial-small UPDATE_COMPLETE",
    ]
    assert len(recorded.calls("describe_stack_events")) == 3, "no page is turned behind what is known"


def test_what_it_was_before_is_not_taken_for_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """CloudFormation answers before it has begun."""
    Recorded(
        monkeypatch,
        describe_stacks=[stack("CREATE_COMPLETE"), stack("UPDATE_COMPLETE")],
        describe_stack_events=[{"StackEvents": [FORMER]}, {"StackEvents": [END, BEGIN, FORMER]}],
    )
    assert told("ours") == (["seatrial-small UPDATE_IN_PROGRESS", "seatrial-small UPDATE_COMPLETE"], [1.0])


def test_pauses_grow_from_one_second_to_five(monkeypatch: pytest.MonkeyPatch) -> None:
    Recorded(
        monkeypatch,
        describe_stacks=[stack("UPDATE_IN_PROGRESS")] * 12 + [stack("UPDATE_COMPLETE")],
        describe_stack_events={"StackEvents": [END, BEGIN]},
    )
    _, waited = told()
    assert waited[0] == 1 and waited == sorted(waited) and waited[-1] == 5 and len(waited) == 12


@pytest.mark.parametrize("status", COMPLETE)
def test_a_stack_that_nobody_touches_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    Recorded(monkeypatch, describe_stacks=stack(status), describe_stack_events={"StackEvents": [END]})
    assert told()[1] == []


def cause(monkeypatch: pytest.MonkeyPatch, *newest_first: dict[str, object], **inner: object) -> Event:
    recorded = Recorded(
        monkeypatch,
        describe_stacks=stack("ROLLBACK_COMPLETE", StackStatusReason="why not"),
        describe_stack_events=lambda what: {
            "StackEvents": inner.get("inner") if what["StackName"] != ARN else newest_first
        },
    )
    found = Cloud(SMALL, recorded.waited.append).find(ARN)
    assert found is not None
    return first_cause(Cloud(SMALL, recorded.waited.append), found)


def test_the_first_cause_is_not_what_was_cancelled_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = cause(
        monkeypatch,
        event(15, "Note", "DELETE_FAILED", ResourceStatusReason="and it cannot be deleted"),
        event(14, "seatrial-small", "ROLLBACK_IN_PROGRESS", ResourceStatusReason="failed to create: [Other, Shelf]. "),
        event(13, "Other", "CREATE_FAILED", ResourceStatusReason="Resource creation cancelled"),
        event(12, "Shelf", "CREATE_FAILED", ResourceStatusReason="the name is taken"),
        event(11, "Early", "CREATE_FAILED", ResourceStatusReason="Resource creation cancelled"),
        BEGIN,
        event(5, "Older", "CREATE_FAILED", ResourceStatusReason="of another day", ClientRequestToken="theirs"),
    )
    assert (found.logical_id, found.type, found.reason) == ("Shelf", "AWS::SSM::Parameter", "the name is taken")


def test_the_cause_of_a_stack_in_the_stack_is_in_that_one(monkeypatch: pytest.MonkeyPatch) -> None:
    nested = {"ResourceType": STACK, "PhysicalResourceId": f"{ARN}/inner"}
    reason = "Embedded stack was not successfully created: The following resource(s) failed to create: [Role]. "
    found = cause(
        monkeypatch,
        event(13, "Provider", "CREATE_FAILED", ResourceStatusReason=reason, **nested),
        event(11, "Provider", "CREATE_IN_PROGRESS", **nested),
        BEGIN,
        inner=[
            event(14, "inner", "DELETE_COMPLETE", PhysicalResourceId=f"{ARN}/inner"),
            event(12, "Role", "CREATE_FAILED", ResourceStatusReason="you may not"),
            event(2, "Role", "UPDATE_FAILED", ResourceStatusReason="years ago"),
        ],
    )
    assert (found.logical_id, found.reason) == ("Role", "you may not")


def test_without_any_failure_among_the_events_the_stack_itself_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = cause(monkeypatch, event(14, "seatrial-small", "ROLLBACK_IN_PROGRESS"), BEGIN)
    assert (found.logical_id, found.reason) == ("seatrial-small", "why not")
