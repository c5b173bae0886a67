"""seatrial image build"""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from seatrial.cli.image_building import say, telling
from seatrial.cli.image_options import (
    arguments_option,
    asking_aws,
    builder_arguments,
    choice_of,
    choosing,
    context_of,
    find,
    image_argument,
)
from seatrial.cli.options import as_json, print_json
from seatrial.errors import Problem, UserError, unknown
from seatrial.images._image import Architecture, Choice, Machine

if TYPE_CHECKING:
    from seatrial.images.building.context import Context
    from seatrial.images.records import Record


@click.command()
@image_argument
@builder_arguments
@choosing
@arguments_option
@click.option(
    "--builder",
    metavar="BUILDER",
    help="docker, buildah, podman, or codebuild, in AWS; of an AMI packer or pcluster.  [default: the first that can "
    "build here]",
)
@click.option("--role", metavar="ARN", help="For codebuild: IAM role that the build has.")
@click.option("--bucket", help="For codebuild: S3 bucket that takes the files.  [default: that of the deployment s3]")
@asking_aws
@as_json
def command(
    name: str,
    more: tuple[str, ...],
    settings: tuple[str, ...],
    architecture: Architecture,
    system: str | None,
    arguments: tuple[str, ...],
    builder: str | None,
    role: str | None,
    bucket: str | None,
    region: str | None,
    profile: str | None,
    as_json: bool,
) -> None:
    """Build an image, test it, and only then give it its tag, which tells its content.

    What stands behind -- goes to the builder: -- --secret id=pip,src=pip.conf
    """
    image, choice = find(name), choice_of(settings, architecture, system)
    if isinstance(image, Machine):
        _refuse_for_machines(arguments, role, bucket)
        if region:
            choice = replace(choice, settings={"region": region, **choice.settings})
        if profile:
            os.environ["AWS_PROFILE"] = profile  # of what makes it, and asks AWS itself
        record = _machine(image, choice, builder, more, quiet=as_json)
    else:
        context = context_of(image, choice, arguments)
        if builder == "codebuild":
            record = _in_aws(context, role, bucket, profile, region, quiet=as_json)
        else:
            record = _here(context, builder, more, quiet=as_json)
    if as_json:
        print_json(asdict(record))
    else:
        then = {"built": f"seatrial image push {name}", "pushed": f"seatrial image show {name}"}
        say(f"{record.kind} {record.reference}", then.get(record.kind, "seatrial image list"))


def _refuse_for_machines(arguments: tuple[str, ...], *others: str | None) -> None:
    given = dict(zip(("--build-arg", "--role", "--bucket"), (arguments, *others), strict=True))
    problems = [Problem("an AMI has none", option, "leave it out") for option, value in given.items() if value]
    if problems:
        raise UserError(problems)


def _machine(image: Machine, choice: Choice, builder: str | None, more: tuple[str, ...], *, quiet: bool) -> Record:
    from seatrial.images import machines

    known = (machines.PACKER, machines.PCLUSTER)
    if builder not in (None, *known):
        raise UserError(unknown("builder of AMIs", str(builder), known, "--builder"))
    with telling(quiet=quiet) as tell:
        return machines.build(image, choice, tell, more, builder or machines.PACKER)


def _here(context: Context, name: str | None, more: tuple[str, ...], *, quiet: bool) -> Record:
    from seatrial.images.building import builders
    from seatrial.images.building.building import build

    context.check()
    builder = builders.find(name) if name else builders.choose()
    with telling(quiet=quiet) as tell:
        return build(context, builder, tell, more)


def _in_aws(
    context: Context, role: str | None, bucket: str | None, profile: str | None, region: str | None, *, quiet: bool
) -> Record:
    from seatrial.images.building import codebuild, registry

    if role is None:
        remedy = "name one that CodeBuild may assume, and that may read the bucket, write logs, and push to ECR"
        raise UserError(Problem("CodeBuild needs a role", "--role", remedy))
    who = registry.access(profile, region, "image build")
    place = codebuild.Place(access=who, role=role, bucket=bucket or _bucket())
    with telling(quiet=quiet) as tell:
        return codebuild.build(context, place, tell)


def _bucket() -> str:
    """That of the deployment s3."""
    from seatrial import deploying
    from seatrial.config.deployments import deployment

    try:
        return deploying.outputs(deployment("s3"))["BucketName"]
    except UserError as error:
        remedy = "name one: --bucket NAME; or make one: seatrial arch deploy s3"
        raise UserError(Problem(f"no bucket is known: {error.problems[0].what}", "--bucket", remedy)) from None
