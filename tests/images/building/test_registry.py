"""Pushing: ECR is moto's, the builder a stand-in. The password is read from standard input and written nowhere."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from seatrial.aws import clients
from seatrial.errors import UserError
from seatrial.images import records
from seatrial.images.building import builders, registry
from seatrial.images.building.building import build
from seatrial.images.records import Record
from tests.images.building.program import DIGEST

REGISTRY = "123456789012.dkr.ecr.us-west-2.amazonaws.com"


@pytest.fixture
def ecr(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        clients._client.cache_clear()
        yield boto3.client("ecr", region_name="us-west-2")
    clients._client.cache_clear()


@pytest.fixture(params=["docker", "buildah", "podman"])
def built(request: pytest.FixtureRequest, programs, context, told) -> Record:
    programs.install(request.param)
    return build(context, builders.find(request.param), told)


def access() -> Any:
    return registry.access(None, "us-west-2", "image push")


def test_the_repository_is_made_with_tags_that_stay_and_the_digest_is_recorded(ecr, built, programs, told, state):
    pushed = registry.push(built, builders.find(built.by), registry.ecr(access(), built), told)
    (made,) = ecr.describe_repositories()["repositories"]
    assert made["repositoryName"] == "seatrial/fsdp" and made["imageTagMutability"] == "IMMUTABLE"
    assert made["imageScanningConfiguration"] == {"scanOnPush": True}
    assert made["encryptionConfiguration"]["encryptionType"] == "AES256"
    assert pushed.reference == f"{REGISTRY}/seatrial/fsdp:{built.tag}"
    assert pushed.pinned == f"{REGISTRY}/seatrial/fsdp@{DIGEST}" and pushed.region == "us-west-2"
    assert records.newest(records.read("fsdp"), "pushed") == pushed

    password = (
        base64.b64decode(ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"])
        .decode()
        .partition(":")[2]
    )
    assert programs.called(built.by, "login") == [
        [built.by, "login", "--username", "AWS", "--password-stdin", REGISTRY]
    ]
    assert (programs.state / "login").read_text() == password  # the push was logged in
    everything = [path.read_text() for path in state.rglob("*") if path.is_file()]
    assert not any(password in text for text in (*everything, json.dumps(programs.calls)))


def test_a_tag_that_is_there_is_not_pushed_again(ecr, built, programs, told):
    target = registry.ecr(access(), built)
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []}
    ecr.put_image(repositoryName="seatrial/fsdp", imageManifest=json.dumps(manifest), imageTag=built.tag)
    target = registry.ecr(access(), built)
    pushed = registry.push(built, builders.find(built.by), target, told)
    assert pushed.digest == target.known and not programs.called(built.by, "push")


def test_a_repository_whose_tags_can_be_moved_is_refused(ecr, built):
    ecr.create_repository(repositoryName="seatrial/fsdp")
    with pytest.raises(UserError) as caught:
        registry.ecr(access(), built)
    (problem,) = caught.value.problems
    assert problem.where == "seatrial/fsdp" and "can be moved" in problem.what
    words = problem.remedy.split()
    assert words[:3] == ["aws", "ecr", "put-image-tag-mutability"]
    asked = dict(zip(words[3::2], words[4::2], strict=True))
    ecr.put_image_tag_mutability(
        repositoryName=asked["--repository-name"], imageTagMutability=asked["--image-tag-mutability"]
    )
    assert registry.ecr(access(), built).repository == f"{REGISTRY}/seatrial/fsdp"


def test_without_credentials_there_is_one_message(built, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    clients._client.cache_clear()
    with pytest.raises(UserError) as caught:
        registry.ecr(access(), built)
    (problem,) = caught.value.problems
    assert problem.where == "image push" and "Unable to locate credentials" in problem.what
    assert "aws sso login, or aws configure" in problem.remedy


def test_another_registry_takes_the_users_own_login(built, programs, told):
    target = registry.other("https://registry.example/team/", "fsdp")
    pushed = registry.push(built, builders.find(built.by), target, told, ["--tls-verify=false"])
    assert pushed.pinned == f"registry.example/team/fsdp@{DIGEST}"
    assert not programs.called(built.by, "login")
    (call,) = programs.called(built.by, "push")
    assert call[-2:] == ["--tls-verify=false", f"registry.example/team/fsdp:{built.tag}"]


def test_a_push_that_fails_records_nothing_and_keeps_its_log(built, programs, told, state):
    programs.fail(built.by, "push", "denied: requested access to the resource is denied\n")
    target = registry.other("registry.example", "fsdp")
    with pytest.raises(UserError) as caught:
        registry.push(built, builders.find(built.by), target, told)
    said = str(caught.value)
    assert "was not pushed: a registry asks who you are" in said and "log in" in said
    log = Path(said.rpartition("its log: ")[2])
    assert log.is_relative_to(state) and "denied" in log.read_text()
    assert [record.kind for record in records.read()] == ["built"]


def test_what_is_gone_cannot_be_pushed(built, programs, told):
    programs.forget()
    with pytest.raises(UserError, match=f"is no longer here, says {built.by}\n.*seatrial image build fsdp"):
        registry.push(built, builders.find(built.by), registry.other("r", "fsdp"), told)


def test_a_builder_that_tells_no_digest_is_not_believed(programs, context, told, monkeypatch):
    programs.install("podman")
    record = build(context, builders.find("podman"), told)
    monkeypatch.setattr(registry, "DIGEST", registry.re.compile("never"))
    with pytest.raises(UserError, match="tells no digest"):
        registry.push(record, builders.find("podman"), registry.other("r", "fsdp"), told)
    assert [one.kind for one in records.read()] == ["built"]
    assert replace(record, digest=None).pinned == record.reference
