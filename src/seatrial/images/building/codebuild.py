"""Building in AWS CodeBuild, for those who have no builder: the context goes to S3, the image to ECR.

https://docs.aws.amazon.com/codebuild/latest/userguide/sample-docker.html
"""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from seatrial import aws
from seatrial.errors import Problem, UserError
from seatrial.images import records
from seatrial.images.building import registry
from seatrial.images.building.building import log_of, record_of
from seatrial.images.building.context import Context
from seatrial.images.building.failing import STEP, failure
from seatrial.images.following import Tell
from seatrial.images.records import Record
from seatrial.versions.aws import CODEBUILD

PROJECT = "seatrial-images"
PAUSE = 5.0
"""Seconds between two looks at a build."""
MINUTES = 240
"""After which CodeBuild ends a build."""
_FORMAT = 0.2
"""Of buildspecs: https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html"""
KINDS = {"x86_64": "LINUX_CONTAINER", "arm64": "ARM_CONTAINER"}
"""What CodeBuild calls its machines."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where it is built, and as whom."""

    access: aws.Access
    role: str
    """ARN of the IAM role that the build has: it reads the bucket, writes logs, and pushes to ECR."""
    bucket: str
    """S3 bucket that takes the context."""


def buildspec(context: Context, repository: str) -> str:
    """What CodeBuild does. JSON is YAML."""
    host, reference = repository.partition("/")[0], f"{repository}:{context.tag}"
    arguments = [f'--build-arg "{key}=${{{_variable(key)}}}"' for key in context.arguments]
    build = " ".join(
        ["docker build --progress=plain --platform", context.platform, *arguments, "--tag", reference, "."]
    )
    login = f"aws ecr get-login-password | docker login --username AWS --password-stdin {host}"
    phases = {"pre_build": [login], "build": [build], "post_build": []}
    phases["build"].append(f"docker push {reference}")
    steps = {name: {"on-failure": "ABORT", "commands": commands} for name, commands in phases.items() if commands}
    return json.dumps({"version": _FORMAT, "phases": steps}, indent=2) + "\n"


def _variable(name: str) -> str:
    """The build's variable that holds a build argument, whatever stands in it."""
    return f"BUILD_ARG_{name}"


def build(context: Context, place: Place, tell: Tell, wait: Callable[[float], None] = time.sleep) -> Record:
    """The record of the image in ECR, where it is built unless it is there. Raises UserError if it fails."""
    context.check()
    built = record_of(context, by="codebuild", digest=None)
    target = registry.ecr(place.access, built)
    if target.known is None:
        _run(context, place, target.repository, tell, wait)
        target = registry.ecr(place.access, built)
    reference = f"{target.repository}:{context.tag}"
    if target.known is None:
        problem = Problem("the build succeeded, but the image is not there", reference, f"its log: {log_of(context)}")
        raise UserError(problem)
    more = {"reference": reference, **({"region": target.region} if target.region else {})}
    return records.write(record_of(context, by="codebuild", kind="pushed", digest=target.known, **more))


def _run(context: Context, place: Place, repository: str, tell: Tell, wait: Callable[[float], None]) -> None:
    s3, service, logs = (aws.client(place.access, name) for name in ("s3", "codebuild", "logs"))
    key = f"seatrial/images/{context.container.name}/{context.tag}.zip"
    with aws.calls(place.access):
        tell("", f"s3://{place.bucket}/{key}")
        s3.put_object(Bucket=place.bucket, Key=key, Body=archive(context, buildspec(context, repository)))
        _project(service, context, place, key)
        variables = [{"name": _variable(k), "value": v, "type": "PLAINTEXT"} for k, v in context.arguments.items()]
        started = service.start_build(
            projectName=_name(context),
            sourceLocationOverride=f"{place.bucket}/{key}",
            environmentVariablesOverride=variables,
        )["build"]
        tell("", started["id"])
        status, lines = _follow(service, logs, started["id"], tell, wait)
    log = log_of(context)
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    log.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    os.chmod(log, 0o600)
    if status != "SUCCEEDED":
        raise UserError(failure(f"{context.container.name} was not built", lines, status, log))


def archive(context: Context, spec: str) -> bytes:
    """The context as CodeBuild takes it. The same content makes the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in [("buildspec.yml", spec), *context.plan.files.items()]:
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = (0o755 if name.endswith(".sh") else 0o644) << 16
            file.writestr(entry, text.encode(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _name(context: Context) -> str:
    return f"{PROJECT}-{context.choice.architecture.replace('_', '-')}"


def _project(service: Any, context: Context, place: Place, key: str) -> None:
    """One for each kind of processor, which is made, or changed to what is wanted now."""
    wanted: dict[str, Any] = {
        "name": _name(context),
        "description": "builds container images of Seatrial",
        "source": {"type": "S3", "location": f"{place.bucket}/{key}"},
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": {
            "type": KINDS[context.choice.architecture],
            "image": CODEBUILD[context.choice.architecture].version,
            "computeType": "BUILD_GENERAL1_LARGE",
            "privilegedMode": True,  # it runs a Docker daemon
        },
        "serviceRole": place.role,
        "timeoutInMinutes": MINUTES,
    }
    there = service.batch_get_projects(names=[wanted["name"]])["projects"]
    (service.update_project if there else service.create_project)(**wanted)


def _follow(service: Any, logs: Any, build: str, tell: Tell, wait: Callable[[float], None]) -> tuple[str, list[str]]:
    """How a build ended, and what it printed."""
    lines: list[str] = []
    printed = _Printed(logs)
    step = ""
    while True:
        found = service.batch_get_builds(ids=[build])["builds"][0]
        for line in printed.since(found.get("logs", {})):
            lines.append(line)
            step = line if STEP.match(line) else step
            tell(step, line)
        if found["buildStatus"] != "IN_PROGRESS":
            return str(found["buildStatus"]), lines
        wait(PAUSE)


@dataclass
class _Printed:
    """The lines of a build in CloudWatch Logs."""

    logs: Any
    token: str | None = None
    """From where the next look goes on."""

    def since(self, place: dict[str, Any]) -> Iterator[str]:
        """What was printed since the last look."""
        if not place.get("groupName") or not place.get("streamName"):
            return
        where = {"logGroupName": place["groupName"], "logStreamName": place["streamName"], "startFromHead": True}
        while True:
            more = {"nextToken": self.token} if self.token else {}
            try:
                page = self.logs.get_log_events(**where, **more)
            except self.logs.exceptions.ResourceNotFoundException:  # nothing was printed yet
                return
            self.token = page["nextForwardToken"]
            yield from (event["message"].rstrip("\n") for event in page["events"])
            if not page["events"]:
                return
