"""The bucket, in moto's server: deployed, changed, deleted."""

from __future__ import annotations

from seatrial import deploying
from tests.trials.architectures.account import Account
from tests.trials.architectures.deployments import Told, deployment


def test_a_bucket_is_deployed_and_then_there_is_nothing_to_do(aws: Account) -> None:
    told = Told()
    assert deploying.deploy(deployment("s3"), told.show, told.agree)
    assert [(row.action, row.type) for row in told.changes[0].rows] == [
        ("Add", "AWS::S3::Bucket"),
        ("Add", "AWS::S3::BucketPolicy"),
    ]
    assert told.statuses("Bucket") == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    assert told.events[-1].status == "CREATE_COMPLETE"
    (bucket,) = aws.client("s3").list_buckets()["Buckets"]
    assert bucket["Name"].startswith("seatrial-s3-bucket-")
    again = Told()
    assert deploying.deploy(deployment("s3"), again.show, again.agree)
    assert (again.changes, [event.status for event in again.events]) == ([], ["UNCHANGED"])
