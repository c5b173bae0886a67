"""Pushing an image to a registry, and recording the digest that it has there."""

from __future__ import annotations

import base64
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seatrial import aws
from seatrial.errors import Problem, UserError
from seatrial.images import records
from seatrial.images.building.builders import Builder, ask, run
from seatrial.images.building.building import follow
from seatrial.images.following import Tell
from seatrial.images.records import Record
from seatrial.plan import Command

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A place in a registry."""

    repository: str
    """``REGISTRY/seatrial/fsdp``"""
    known: str | None = None
    """Digest that the tag has there already; None: it is not there, or nobody asked."""
    login: tuple[str, str] | None = None
    """User and password; None: the user's own login counts."""
    region: str | None = None


def other(registry: str, name: str) -> Target:
    """A repository of a registry that the user has logged into."""
    return Target(repository=f"{registry.removeprefix('https://').rstrip('/')}/{name}")


def access(profile: str | None, region: str | None, verb: str) -> aws.Access:
    """As whom ECR is asked."""
    return aws.Access(profile=profile, region=region, where=verb, settings=verb, look="aws ecr describe-repositories")


def ecr(who: aws.Access, built: Record) -> Target:
    """The repository of an image in ECR, which is made if need be. Raises UserError."""
    client = aws.client(who, "ecr")
    with aws.calls(who):
        uri = _repository(client, f"seatrial/{built.name}")
        known = _digest(client, f"seatrial/{built.name}", built.tag)
        token = client.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    return Target(repository=uri, known=known, login=(user, password), region=client.meta.region_name)


def _repository(client: Any, name: str) -> str:
    """Its address. Tags that cannot be moved, scanned at each push."""
    try:
        found = client.describe_repositories(repositoryNames=[name])["repositories"][0]
    except client.exceptions.RepositoryNotFoundException:
        made = client.create_repository(
            repositoryName=name,
            imageTagMutability="IMMUTABLE",
            imageScanningConfiguration={"scanOnPush": True},
        )
        found = made["repository"]
    if found["imageTagMutability"] != "IMMUTABLE":
        remedy = f"aws ecr put-image-tag-mutability --repository-name {name} --image-tag-mutability IMMUTABLE"
        raise UserError(Problem("its tags can be moved: one would not tell what is in an image", name, remedy))
    return str(found["repositoryUri"])


def _digest(client: Any, repository: str, tag: str) -> str | None:
    try:
        details = client.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])["imageDetails"]
    except client.exceptions.ImageNotFoundException:
        return None
    return str(details[0]["imageDigest"])


def push(built: Record, builder: Builder, target: Target, tell: Tell, more: Sequence[str] = ()) -> Record:
    """The record of a built image in a registry. Raises UserError if it cannot be pushed."""
    image = builder.find(built.reference)
    if image is None:
        remedy = f"seatrial image build {built.name}"
        raise UserError(Problem(f"{built.reference} is no longer here, says {builder.name}", built.name, remedy))
    reference = f"{target.repository}:{built.tag}"
    digest = target.known or _pushed(builder, image, reference, target, tell, more)
    noted = replace(built, kind="pushed", reference=reference, digest=digest, region=target.region)
    return records.write(noted)


def _pushed(builder: Builder, image: str, reference: str, target: Target, tell: Tell, more: Sequence[str]) -> str:
    """The digest of what was pushed."""
    builder.tag(image, reference)
    with _logged_in(builder, target) as env, tempfile.TemporaryDirectory(prefix="seatrial-push-") as work:
        file = Path(work, "digest")
        told = ("--digestfile", str(file)) if builder.writes_digest else ()
        log = records.folder() / "logs" / f"push-{reference.rpartition('/')[2].replace(':', '-')}.log"
        follow(
            Command(argv=(builder.name, "push", *told, *more, reference), env=env),
            log,
            tell,
            f"{reference} was not pushed",
        )
        found = file.read_text().strip() if builder.writes_digest else _repo_digest(reference)
    if not DIGEST.fullmatch(found):
        raise UserError(Problem(f"{builder.name} tells no digest of what it pushed", reference, f"its log: {log}"))
    return found


def _repo_digest(reference: str) -> str:
    """As Docker knows it, after a push."""
    said = ask(("docker", "image", "inspect", "--format", "{{json .RepoDigests}}", reference)) or "[]"
    repository = reference.rpartition(":")[0]
    digests: list[str] = json.loads(said) or []
    return next((one.partition("@")[2] for one in digests if one.startswith(f"{repository}@")), "")


@contextmanager
def _logged_in(builder: Builder, target: Target) -> Iterator[Mapping[str, str]]:
    """Variables with which the builder is logged in. The password goes in by standard input, and is kept for as long
    as the push takes in a folder of its own, so that the user's own logins stay as they are."""
    if target.login is None:
        yield {}
        return
    user, password = target.login
    with tempfile.TemporaryDirectory(prefix="seatrial-login-") as folder:
        env = {"DOCKER_CONFIG": folder, "REGISTRY_AUTH_FILE": str(Path(folder, "config.json"))}
        if builder.name == "docker" and (host := ask(("docker", "context", "inspect", "--format", _HOST))):
            env["DOCKER_HOST"] = os.environ.get("DOCKER_HOST", host)  # the context stands in the user's own folder
        command = (builder.name, "login", "--username", user, "--password-stdin", target.repository.partition("/")[0])
        run(command, given=password, env={**os.environ, **env})
        yield env


_HOST = "{{.Endpoints.docker.Host}}"
