"""What goes wrong: named by its first cause, with what to do, and nothing is left behind."""

from __future__ import annotations

import pytest

from seatrial import deploying
from seatrial.errors import UserError
from tests.trials.architectures.account import Account
from tests.trials.architectures.deployments import Told, deployed, deployment, notes, quick

TAKEN = {"Bucket": "taken-by-another", "CreateBucketConfiguration": {"LocationConstraint": "us-west-2"}}


def parameters(aws: Account) -> list[str]:
    return [one["Name"] for one in aws.client("ssm").describe_parameters()["Parameters"]]


def test_a_creation_that_fails_is_taken_back_and_its_first_cause_is_told(aws: Account) -> None:
    aws.client("s3").create_bucket(**TAKEN)
    told = Told()
    with pytest.raises(UserError) as caught:
        told.deploy(notes(bucket="taken-by-another", more=2))
    (problem,) = caught.value.problems
    assert problem.what.startswith("Shelf (AWS::S3::Bucket): ") and "bucket" in problem.what
    assert problem.remedy == "all of it was taken back; repair the cause, then: seatrial arch deploy notes"
    assert "CREATE_FAILED" in told.statuses("Side0") or "CREATE_FAILED" in told.statuses("Side1"), "the cascade"
    assert told.events[-1].status == "ROLLBACK_COMPLETE"
    assert parameters(aws) == []
    (standing,) = deploying.status(notes())
    assert (standing.state, standing.reason.partition(":")[0]) == ("failed", "Shelf (AWS")
    with pytest.raises(UserError, match="the stack is ROLLBACK_COMPLETE, since Shelf"):
        deploying.changes(notes(), wait=quick)
    again = deployed(notes(bucket="free"))
    assert again.statuses("seatrial-notes")[0] == "DELETE_IN_PROGRESS", "the empty one is cleared away"
    assert len(parameters(aws)) == 2


def test_a_change_that_fails_leaves_it_as_it_was(aws: Account) -> None:
    deployed(notes(text="before"))
    aws.client("s3").create_bucket(**TAKEN)
    with pytest.raises(UserError, match=r"Shelf \(AWS::S3::Bucket\).*\n.*as it was before; repair the cause, then"):
        Told().deploy(notes(text="after", bucket="taken-by-another"))
    assert deploying.outputs(notes())["Note"] == "before"
    (standing,) = deploying.status(notes())
    assert (standing.state, standing.status) == ("complete", "UPDATE_ROLLBACK_COMPLETE")
    assert "Shelf" in standing.reason
    deployed(notes(text="after", bucket="free"))
    assert deploying.outputs(notes())["Note"] == "after"


def test_what_is_not_empty_is_not_deleted(aws: Account) -> None:
    """The bucket is no longer kept: somebody edited the stack by hand."""
    deployed(notes(bucket="shelf"))
    aws.client("s3").put_object(Bucket="shelf", Key="book", Body=b"read me")
    aws.faults(unkept=True)
    with pytest.raises(UserError, match=r"Shelf \(AWS::S3::Bucket\).*not empty.*\n.*seatrial arch delete notes"):
        Told().delete(notes(), unprotect=True)
    aws.client("s3").delete_object(Bucket="shelf", Key="book")
    Told().delete(notes())
    assert aws.client("s3").list_buckets()["Buckets"] == []


def test_a_name_that_another_has_is_refused(aws: Account) -> None:
    aws.foreign_stack("seatrial-notes")
    for call in (Told().deploy, Told().delete, deploying.changes, deploying.outputs, deploying.losses):
        with pytest.raises(
            UserError, match="the name is taken: the stack seatrial-notes is there, and is not one of Seat"
        ):
            call(notes())
    (standing,) = deploying.status(notes())
    assert (standing.state, standing.status) == ("foreign", "CREATE_COMPLETE")


@pytest.mark.parametrize("answer", [False, KeyboardInterrupt])
def test_what_nobody_agreed_to_leaves_nothing(aws: Account, answer: object) -> None:
    told = Told(agrees=False)
    if answer is KeyboardInterrupt:
        told.agree = interrupted  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            told.deploy(notes())
    else:
        assert not told.deploy(notes())
    assert aws.client("cloudformation").describe_stacks()["Stacks"] == []
    deployed(notes())
    with pytest.raises(KeyboardInterrupt):
        deploying.deploy(notes(text="after"), told.show, interrupted, wait=quick)
    assert aws.client("cloudformation").list_change_sets(StackName="seatrial-notes")["Summaries"] == []
    assert deploying.outputs(notes())["Note"] == "first"


def interrupted(change: deploying.Change) -> bool:
    raise KeyboardInterrupt


def test_data_that_would_be_lost_is_pointed_out(aws: Account) -> None:
    deployed(notes(bucket="shelf"))
    removed, replaced = deploying.changes(notes(), wait=quick), deploying.changes(notes(bucket="other"), wait=quick)
    assert [(row.logical_id, row.action) for row in removed.endangered] == [("Shelf", "Remove")]
    assert [(row.logical_id, row.replacement) for row in replaced.endangered] == [("Shelf", "True")]


def test_a_type_that_these_trials_do_not_know_fails(aws: Account) -> None:
    with pytest.raises(UserError, match=r"Unrecognized resource types: \['AWS::Grafana::Workspace'\]"):
        Told().deploy(notes(unknown=True))


def test_throttling_is_waited_for(aws: Account) -> None:
    aws.faults(throttle=2)
    deployed(notes())
    aws.faults(throttle=100)
    with pytest.raises(UserError, match="AWS takes no more requests for the moment"):
        Told().deploy(notes(text="after"))


def test_expired_credentials_in_the_middle(aws: Account) -> None:
    told = Told()
    told.agree = lambda change: aws.faults(expired=True) or True  # type: ignore[method-assign, func-returns-value]
    with pytest.raises(UserError, match="AWS does not accept the credentials"):
        told.deploy(notes())
    aws.faults(expired=False)
    deployed(notes())
    assert len(parameters(aws)) == 1


def test_drift_is_told_and_what_cannot_be_told_too(aws: Account) -> None:
    bucket = deployment("s3")
    deployed(bucket)
    (standing,) = deploying.status(bucket, drift=True, wait=quick)
    assert standing.drift is not None and standing.drift.state == "IN_SYNC"
    assert [(one.logical_id, one.state) for one in standing.drift.resources] == [("TlsOnly", "UNKNOWN")]
    name = deploying.outputs(bucket)["Bucket"]
    aws.client("s3").put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
    (standing,) = deploying.status(bucket, drift=True, wait=quick)
    assert standing.drift is not None and standing.drift.state == "DRIFTED"
    drifted = standing.drift.resources[0]
    assert (drifted.logical_id, drifted.state, drifted.properties) == (
        "Bucket",
        "MODIFIED",
        ("/VersioningConfiguration/Status",),
    )
    aws.client("s3").delete_bucket(Bucket=name)
    (standing,) = deploying.status(bucket, drift=True, wait=quick)
    assert standing.drift is not None and standing.drift.resources[0].state == "DELETED"
    deployed(notes())
    (standing,) = deploying.status(notes(), drift=True, wait=quick)
    assert standing.drift is not None and standing.drift.state == "UNKNOWN"
