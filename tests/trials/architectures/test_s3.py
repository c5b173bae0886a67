"""The bucket, in moto's server: deployed, read, changed, deleted."""

from __future__ import annotations

import pytest

from seatrial import deploying
from seatrial.errors import UserError
from tests.trials.architectures.account import Account
from tests.trials.architectures.deployments import Told, deployed, deployment, quick


def never(seconds: float) -> None:
    raise AssertionError("it was there already, and yet waited for")


def test_a_bucket_is_deployed_and_then_there_is_nothing_to_do(aws: Account) -> None:
    told = deployed(deployment("s3"))
    (change,) = told.changes
    assert (change.stack, change.new) == ("seatrial-s3", True)
    assert [(row.action, row.type) for row in change.rows] == [
        ("Add", "AWS::S3::Bucket"),
        ("Add", "AWS::S3::BucketPolicy"),
    ]
    assert told.statuses("Bucket") == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    assert told.events[-1].status == "CREATE_COMPLETE"
    again = deployed(deployment("s3"))
    assert (again.changes, [event.status for event in again.events]) == ([], [deploying.UNCHANGED])
    told = Told()
    assert deploying.deploy(deployment("s3", upload_days=3), told.show, told.agree, wait=never)
    (standing,) = deploying.status(deployment("s3"))
    assert (standing.state, standing.status, standing.protected) == ("complete", "UPDATE_COMPLETE", True)


def test_its_outputs_name_what_is_there(aws: Account) -> None:
    deployed(deployment("s3"))
    (bucket,) = aws.client("s3").list_buckets()["Buckets"]
    outputs = deploying.outputs(deployment("s3"))
    assert outputs == {"Bucket": bucket["Name"], "BucketArn": f"arn:aws:s3:::{bucket['Name']}"}
    (tag,) = aws.client("cloudformation").describe_stacks(StackName="seatrial-s3")["Stacks"][0]["Tags"]
    assert tag == {"Key": "seatrial:deployment", "Value": "s3"}


def test_a_change_is_shown_and_keeps_the_bucket(aws: Account) -> None:
    deployed(deployment("s3"))
    before, wanted = deploying.outputs(deployment("s3")), deployment("s3", checkpoint_days=60)
    change = deploying.changes(wanted, wait=quick)
    (row,) = change.rows
    assert (row.action, row.replacement, row.properties) == ("Modify", "False", ("LifecycleConfiguration",))
    assert row.holds_data and not change.endangered
    told = deployed(wanted)
    assert told.changes == [change]
    assert told.statuses("seatrial-s3")[0] == "UPDATE_IN_PROGRESS", "nothing of the creation is told again"
    assert told.statuses("seatrial-s3")[-1] == "UPDATE_COMPLETE"
    assert deploying.outputs(wanted) == before


def test_its_data_outlive_a_stack_that_is_deleted_on_purpose(aws: Account) -> None:
    deployed(deployment("s3"))
    bucket = deploying.outputs(deployment("s3"))["Bucket"]
    with pytest.raises(UserError, match=r"protected from deletion, since it holds data\n.* delete s3 --unprotect"):
        Told().delete(deployment("s3"))
    (loss,) = deploying.losses(deployment("s3"))
    assert (loss.lost, loss.protected) == ((), True)
    assert [(part.logical_id, part.physical_id) for part in loss.kept] == [("Bucket", bucket), ("TlsOnly", bucket)]
    told = Told()
    told.delete(deployment("s3"), unprotect=True)
    assert told.statuses("Bucket") == ["DELETE_SKIPPED"]
    assert [one["Name"] for one in aws.client("s3").list_buckets()["Buckets"]] == [bucket]
    assert aws.client("s3").get_bucket_policy(Bucket=bucket)["Policy"]
    assert deploying.losses(deployment("s3")) == []
    Told().delete(deployment("s3"))


def test_a_bucket_that_is_there_is_used(aws: Account) -> None:
    location = {"LocationConstraint": "us-west-2"}
    aws.client("s3").create_bucket(Bucket="our-data", CreateBucketConfiguration=location)
    deployed(deployment("s3", bucket="our-data"))
    assert deploying.outputs(deployment("s3"))["Bucket"] == "our-data"
    told = Told()
    told.delete(deployment("s3"))
    assert told.events[-1].status == "DELETE_COMPLETE"
    assert [one["Name"] for one in aws.client("s3").list_buckets()["Buckets"]] == ["our-data"]
