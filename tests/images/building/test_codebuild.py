"""AWS CodeBuild, against moto's: what is uploaded, asked for, followed and recorded."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from seatrial.aws import clients
from seatrial.errors import UserError
from seatrial.images import records
from seatrial.images._image import Choice
from seatrial.images.building import codebuild, registry
from seatrial.images.building.codebuild import Place
from seatrial.versions.aws import CODEBUILD

ROLE = "arn:aws:iam::123456789012:role/build"
REGISTRY = "123456789012.dkr.ecr.us-west-2.amazonaws.com"
MANIFEST = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    clear = clients._client.cache_clear
    with mock_aws():
        clear()

        def client(service: str) -> Any:
            return boto3.client(service, region_name="us-west-2")

        client("s3").create_bucket(Bucket="data", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        yield client
    clear()


PLACE = Place(access=registry.access(None, "us-west-2", "image build"), role=ROLE, bucket="data")


class Build:
    """Stands for what runs on CodeBuild's machine: moto ends each build at once, and runs nothing."""

    def __init__(self, client: Any, monkeypatch: pytest.MonkeyPatch, tag: str, *, status: str, says: list[str]) -> None:
        self.client, self.tag, self.status, self.says, self.looks = client, tag, status, says, 0
        real = clients._client

        def made(*args: Any) -> Any:
            found = real(*args)
            if found.meta.service_model.service_name == "codebuild":
                monkeypatch.setattr(found, "batch_get_builds", self.look)
            return found

        monkeypatch.setattr(clients, "_client", made)

    def look(self, ids: list[str]) -> dict[str, Any]:
        self.looks += 1
        logs = self.client("logs")
        place = {"groupName": "/aws/codebuild/seatrial-images", "streamName": "one"}
        if self.looks == 1:
            return {"builds": [{"buildStatus": "IN_PROGRESS", "logs": place}]}  # its stream is not there yet
        if self.looks == 2:
            logs.create_log_group(logGroupName=place["groupName"])
            logs.create_log_stream(logGroupName=place["groupName"], logStreamName="one")
        line = self.says[self.looks - 2]
        logs.put_log_events(
            logGroupName=place["groupName"],
            logStreamName="one",
            logEvents=[{"timestamp": round(time.time() * 1000), "message": f"{line}\n"}],
        )
        over = self.looks - 1 == len(self.says)
        if over and self.status == "SUCCEEDED":
            self.client("ecr").put_image(
                repositoryName="seatrial/fsdp", imageManifest=json.dumps(MANIFEST), imageTag=self.tag
            )
        return {"builds": [{"buildStatus": self.status if over else "IN_PROGRESS", "logs": place}]}


def test_the_context_is_built_in_aws_and_recorded_as_pushed(aws, context, told, monkeypatch, state):
    context = replace(context, arguments={"BASE": "a b:1"})
    waited: list[float] = []
    Build(aws, monkeypatch, context.tag, status="SUCCEEDED", says=["#7 [base 1/2] FROM base", "pushed"])
    record = codebuild.build(context, PLACE, told, waited.append)

    key = f"seatrial/images/fsdp/{context.tag}.zip"
    packed = aws("s3").get_object(Bucket="data", Key=key)["Body"].read()
    with zipfile.ZipFile(io.BytesIO(packed)) as file:
        assert set(file.namelist()) == {"buildspec.yml", "Dockerfile", "locks/command.txt", "seatrial/__init__.py"}
        spec = json.loads(file.read("buildspec.yml"))
    commands = [line for phase in spec["phases"].values() for line in phase["commands"]]
    assert commands == [
        f"aws ecr get-login-password | docker login --username AWS --password-stdin {REGISTRY}",
        'docker build --progress=plain --platform linux/amd64 --build-arg "BASE=${BUILD_ARG_BASE}" '
        f"--tag {REGISTRY}/seatrial/fsdp:{context.tag} .",
        f"docker push {REGISTRY}/seatrial/fsdp:{context.tag}",
    ]
    (project,) = aws("codebuild").batch_get_projects(names=["seatrial-images-x86-64"])["projects"]
    assert project["serviceRole"] == ROLE and project["environment"]["privilegedMode"]
    assert project["environment"]["image"] == CODEBUILD["x86_64"].version
    assert record.kind == "pushed" and record.by == "codebuild" and record.digest is not None
    assert record.reference == f"{REGISTRY}/seatrial/fsdp:{context.tag}" and records.read() == [record]
    assert ("#7 [base 1/2] FROM base", "pushed") in told and waited == [codebuild.PAUSE] * 2
    assert (state / f"logs/fsdp-{context.tag}.log").read_text() == "#7 [base 1/2] FROM base\npushed\n"


def test_what_is_in_the_registry_is_not_built_again(aws, context, told, monkeypatch):
    build = Build(aws, monkeypatch, context.tag, status="SUCCEEDED", says=["x"])
    first = codebuild.build(context, PLACE, told, lambda _: None)
    again = codebuild.build(context, PLACE, told, lambda _: None)
    assert build.looks == 2 and again.digest == first.digest


def test_a_failed_build_says_its_step_and_records_nothing(aws, context, told, monkeypatch, state):
    says = ["#7 [base 2/3] RUN false", "#7 ERROR: exit code: 1", "ERROR: failed to solve"]
    Build(aws, monkeypatch, context.tag, status="FAILED", says=says)
    with pytest.raises(UserError, match=r"fsdp was not built at #7 \[base 2/3\] RUN false\n") as caught:
        codebuild.build(context, PLACE, told, lambda _: None)
    assert f"its log: {state}/logs/fsdp-{context.tag}.log" in str(caught.value)
    assert records.read() == []


def test_success_without_an_image_is_no_success(aws, context, told, monkeypatch):
    Build(aws, monkeypatch, "another", status="SUCCEEDED", says=["x"])
    with pytest.raises(UserError, match="succeeded, but the image is not there"):
        codebuild.build(context, PLACE, told, lambda _: None)
    assert records.read() == []


def test_arm_is_built_on_arm(aws, context, told, monkeypatch):
    arm = replace(context, choice=Choice(architecture="arm64"))
    Build(aws, monkeypatch, arm.tag, status="SUCCEEDED", says=["x"])
    codebuild.build(arm, PLACE, told, lambda _: None)
    (project,) = aws("codebuild").batch_get_projects(names=["seatrial-images-arm64"])["projects"]
    assert project["environment"]["type"] == "ARM_CONTAINER"


def test_a_bucket_that_is_not_there_is_the_users_to_repair(aws, context, told):
    with pytest.raises(UserError, match="bucket does not exist"):
        codebuild.build(context, replace(PLACE, bucket="none"), told, lambda _: None)


def test_the_same_content_makes_the_same_archive(context):
    assert codebuild.archive(context, "x") == codebuild.archive(context, "x")
