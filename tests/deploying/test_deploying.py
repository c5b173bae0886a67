"""What moto's server cannot do: answers that are lost, stacks that are stuck, drift that cannot be told."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial import deploying
from seatrial.deploying.proposals import Change
from seatrial.errors import CutOff, Problem, UserError
from tests.deploying.recorded import ARN, SMALL, TEMPLATE, Recorded, absent, event, stack

READY = {"Status": "CREATE_COMPLETE", "Changes": []}
MADE = {"Id": f"{ARN}/set", "StackId": ARN}
REFUSED = UserError(Problem("ExecuteChangeSet: it is executed already"))


def agree(change: Change) -> bool:
    return True


def deploy() -> list[str]:
    events: list[deploying.Event] = []
    waited: list[float] = []
    assert deploying.deploy(SMALL, events.append, agree, wait=waited.append)
    return [one.status for one in events]


def begun(recorded: Recorded) -> Any:
    """Events of the operation that is asked for, whatever its token is."""

    def answer(_: Any) -> dict[str, Any]:
        token = recorded.calls("execute_change_set")[-1]["ClientRequestToken"]
        end = event(2, "seatrial-small", "CREATE_COMPLETE", ClientRequestToken=token)
        start = event(
            1, "seatrial-small", "CREATE_IN_PROGRESS", ResourceStatusReason="User Initiated", ClientRequestToken=token
        )
        return {"StackEvents": [end, start]}

    return answer


@pytest.mark.parametrize("lost", [CutOff(Problem("the connection broke")), REFUSED])
def test_an_execution_whose_answer_is_lost_has_begun_nevertheless(
    monkeypatch: pytest.MonkeyPatch, lost: UserError
) -> None:
    recorded = Recorded(
        monkeypatch,
        describe_stacks=[absent(), stack("CREATE_COMPLETE")],
        create_change_set=MADE,
        describe_change_set=READY,
        execute_change_set=lost,
    )
    recorded.answers["describe_stack_events"] = [begun(recorded)]
    assert deploy() == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    (executed,) = recorded.calls("execute_change_set")
    assert executed["RetainExceptOnCreate"] is True
    assert recorded.calls("delete_change_set") == []
    (created,) = recorded.calls("create_change_set")
    assert created["ClientToken"] == created["ChangeSetName"] == executed["ChangeSetName"]


def test_an_execution_that_did_not_begin_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    Recorded(
        monkeypatch,
        describe_stacks=[absent(), stack("REVIEW_IN_PROGRESS", Tags=[])],
        create_change_set=MADE,
        describe_change_set=READY,
        execute_change_set=REFUSED,
        describe_stack_events={
            "StackEvents": [event(1, "seatrial-small", "REVIEW_IN_PROGRESS", ClientRequestToken=None)]
        },
    )
    with pytest.raises(UserError, match="executed already"):
        deploy()


def test_a_change_set_is_waited_for_and_read_over_its_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    def row(name: str) -> dict[str, Any]:
        return {"ResourceChange": {"Action": "Add", "ResourceType": "AWS::SSM::Parameter", "LogicalResourceId": name}}

    recorded = Recorded(
        monkeypatch,
        describe_stacks=[absent(), stack("REVIEW_IN_PROGRESS", Tags=[])],
        create_change_set=MADE,
        describe_change_set=[
            {"Status": "CREATE_IN_PROGRESS"},
            READY | {"Changes": [row("A")], "NextToken": "1"},
            READY | {"Changes": [row("A")], "NextToken": "1"},
            READY | {"Changes": [row("B")]},
        ],
        delete_change_set={},
        list_change_sets={},
        delete_stack={},
    )
    change = deploying.changes(SMALL, wait=recorded.waited.append)
    assert [one.logical_id for one in change.rows] == ["A", "B"]
    assert recorded.waited == [1]
    assert [name for name, _ in recorded.asked][-3:] == ["delete_change_set", "list_change_sets", "delete_stack"]


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        "No updates are to be performed.",
    ],
)
def test_both_ways_to_say_that_nothing_changes(monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    Recorded(
        monkeypatch,
        describe_stacks=stack("CREATE_COMPLETE"),
        list_change_sets={},
        get_template={"TemplateBody": TEMPLATE},
        create_change_set=MADE,
        describe_change_set={"Status": "FAILED", "StatusReason": reason},
        delete_change_set={},
    )
    assert deploy() == [deploying.UNCHANGED]


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (
            "UPDATE_ROLLBACK_FAILED",
            "aws cloudformation continue-update-rollback --stack-name seatrial-small --region us-west-2",
        ),
        ("UPDATE_FAILED", "aws cloudformation rollback-stack --stack-name seatrial-small --region us-west-2"),
        ("DELETE_FAILED", "seatrial arch delete small"),
        ("CREATE_FAILED", "seatrial arch delete small; and: seatrial arch deploy small"),
        ("ROLLBACK_FAILED", "seatrial arch delete small; and: seatrial arch deploy small"),
    ],
)
def test_a_stack_that_is_stuck_is_left_alone(monkeypatch: pytest.MonkeyPatch, status: str, remedy: str) -> None:
    failure = event(1, "Note", "UPDATE_FAILED", ResourceStatusReason="you may not")
    recorded = Recorded(monkeypatch, describe_stacks=stack(status), describe_stack_events={"StackEvents": [failure]})
    with pytest.raises(UserError) as caught:
        deploy()
    (problem,) = caught.value.problems
    assert problem.what == f"the stack is {status}, since Note (AWS::SSM::Parameter): you may not"
    assert problem.remedy.endswith(remedy)
    assert {name for name, _ in recorded.asked} == {"describe_stacks", "describe_stack_events"}


def test_what_a_creation_left_behind_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    left = {"LogicalResourceId": "Shelf", "PhysicalResourceId": "books", "ResourceStatus": "DELETE_SKIPPED"}
    gone = {"LogicalResourceId": "Note", "PhysicalResourceId": "note", "ResourceStatus": "DELETE_COMPLETE"}
    recorded = Recorded(
        monkeypatch,
        describe_stacks=stack("ROLLBACK_COMPLETE"),
        list_stack_resources={"StackResourceSummaries": [left, gone]},
    )
    with pytest.raises(UserError, match=r"taken back, but Shelf \(books\) is left\n"):
        deploy()
    assert recorded.calls("delete_stack") == []


def test_an_empty_stack_with_a_change_set_of_others_is_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = {"Summaries": [{"ChangeSetName": "release-7"}]}
    Recorded(monkeypatch, describe_stacks=stack("REVIEW_IN_PROGRESS", Tags=[]), list_change_sets=theirs)
    with pytest.raises(UserError, match="the name is taken"):
        deploy()
    assert deploying.status(SMALL)[0].state == "foreign"


def test_a_stack_of_another_deployment_is_not_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = [{"Key": "seatrial:deployment", "Value": "other"}]
    Recorded(monkeypatch, describe_stacks=stack("CREATE_COMPLETE", Tags=tags))
    with pytest.raises(UserError, match="is of the deployment other"):
        deploy()


def test_change_sets_that_nobody_executed_are_swept_away(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [
        {"ChangeSetName": "seatrial-old"},
        {"ChangeSetName": "seatrial-new", "ExecutionStatus": "EXECUTE_IN_PROGRESS"},
    ]
    recorded = Recorded(
        monkeypatch,
        describe_stacks=stack("CREATE_COMPLETE"),
        list_change_sets={"Summaries": [*left, {"ChangeSetName": "theirs"}]},
        get_template={"TemplateBody": TEMPLATE},
        create_change_set=MADE,
        describe_change_set={"Status": "FAILED", "StatusReason": "No updates are to be performed."},
        delete_change_set={},
    )
    deploy()
    assert recorded.calls("delete_change_set")[0]["ChangeSetName"] == "seatrial-old"
    assert not {"seatrial-new", "theirs"} & {one["ChangeSetName"] for one in recorded.calls("delete_change_set")}


def test_nothing_is_asked_where_parameters_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    recorded = Recorded(monkeypatch)
    bad = replace(
        SMALL.architecture, check=lambda params, facts: [Problem("no", "region"), Problem("never", "profile")]
    )
    with pytest.raises(UserError) as caught:
        deploying.deploy(replace(SMALL, architecture=bad), lambda event: None, agree)
    assert [problem.where for problem in caught.value.problems] == [
        "architectures.small.region",
        "architectures.small.profile",
    ]
    assert recorded.asked == []


def test_drift_that_cannot_be_told_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = {"LogicalResourceId": "Note", "ResourceType": "AWS::SSM::Parameter", "PhysicalResourceId": "note"}
    recorded = Recorded(
        monkeypatch,
        describe_stacks=stack("CREATE_COMPLETE"),
        detect_stack_drift={"StackDriftDetectionId": "1"},
        describe_stack_drift_detection_status=[
            {"DetectionStatus": "DETECTION_IN_PROGRESS"},
            {
                "DetectionStatus": "DETECTION_FAILED",
                "StackDriftStatus": "IN_SYNC",
                "DetectionStatusReason": "you may not",
            },
        ],
        describe_stack_resource_drifts={"StackResourceDrifts": [resource | {"StackResourceDriftStatus": "IN_SYNC"}]},
        list_stack_resources={"StackResourceSummaries": [resource, resource | {"LogicalResourceId": "Other"}]},
    )
    (standing,) = deploying.status(SMALL, drift=True, wait=recorded.waited.append)
    assert standing.drift is not None
    assert (standing.drift.state, standing.drift.reason, recorded.waited) == ("UNKNOWN", "you may not", [1])
    assert [(one.logical_id, one.state) for one in standing.drift.resources] == [("Other", "UNKNOWN")]


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_IN_PROGRESS", "CREATE_FAILED"])
def test_a_stack_that_was_never_made_says_so(monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    Recorded(monkeypatch, describe_stacks=stack(status))
    with pytest.raises(UserError, match=rf"the stack seatrial-small is {status}, .*\n.*arch status small"):
        deploying.outputs(SMALL)


def test_a_stack_that_is_not_there_has_no_outputs_and_nothing_to_lose(monkeypatch: pytest.MonkeyPatch) -> None:
    Recorded(monkeypatch, describe_stacks=absent())
    with pytest.raises(UserError, match=r"there is no stack seatrial-small\n    seatrial arch deploy small"):
        deploying.outputs(SMALL)
    assert deploying.status(SMALL)[0].state == "absent"
    assert deploying.losses(SMALL) == []
