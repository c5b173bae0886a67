"""Every shape of every architecture, with all that it needs: deployed, and there is nothing left to do; deleted."""

from __future__ import annotations

import importlib

import pytest

from seatrial import architectures, deploying
from seatrial.deploying.cloud import Cloud
from tests.architectures.deployments import deployment, shapes
from tests.trials.architectures.account import REGION, Account
from tests.trials.architectures.deployments import Told, deployed, quick

SHAPES = [
    (name, shape)
    for name in architectures.names()
    for shape in shapes(name)
    # They name ids that moto cannot give to anything.
    if (name, shape) not in (("directory", "existing"), ("vpc", "existing"))
]


@pytest.mark.parametrize(("name", "shape"), SHAPES, ids=["-".join(one) for one in SHAPES])
def test_a_shape_is_deployed_and_deleted(aws: Account, name: str, shape: str) -> None:
    wanted = deployment(name, shapes(name)[shape], REGION)
    told = deployed(wanted)
    assert [change.deployment for change in told.changes] == [one.name for one in wanted.order()]
    assert not any(event.failed for event in told.events)
    for one in wanted.order():
        cloud = Cloud(one, quick)
        stack = cloud.owned()
        assert stack is not None
        assert all(each.get("PhysicalResourceId") for each in cloud.resources(stack))
        meanings = importlib.import_module(one.architecture.render.__module__).OUTPUTS
        assert set(deploying.outputs(one)) <= set(meanings) and all(deploying.outputs(one).values())
    again = deployed(wanted)
    done = [event for event in again.events if event.type != deploying.STEP]
    assert {event.status for event in done} == {deploying.UNCHANGED}
    kept = {part.physical_id for loss in deploying.losses(wanted, everything=True) for part in loss.kept}
    Told().delete(wanted, everything=True, unprotect=True)
    assert aws.client("cloudformation").describe_stacks()["Stacks"] == []
    known = {bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"]}
    known |= {one["FileSystemId"] for one in aws.client("fsx").describe_file_systems()["FileSystems"]}
    assert known <= kept
