"""The second way for ParallelCluster: its own command, which has EC2 Image Builder install ParallelCluster and then us.

Image Builder takes from S3 what it runs. That is one script that holds all that it needs, as an archive at its end, so
that there is no second file to fetch and to trust.
"""

from __future__ import annotations

import base64
import gzip
import io
import tarfile
from collections.abc import Iterator, Mapping
from typing import Any

from seatrial.errors import Problem, UserError
from seatrial.images._image import Choice, Machine
from seatrial.images.machines.choices import Chosen, choose
from seatrial.images.machines.packer import filled, playbooks, self_test, tags
from seatrial.plan import Command, Plan

CONFIGURATION, SCRIPT = "build-image.yaml", "install.sh"
BUCKET = "bucket"
"""Setting: where the script is put, so that Image Builder may read it."""
READING = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
"""What the instance may do beside ParallelCluster's own: fetch the script. Only ARNs of policies can be named."""
NOT_TAKEN = ("iam_instance_profile", "ami_users", "ami_regions", "deprecate_days")
"""Variables of Packer's template that `pcluster build-image` has nothing for."""


def render(machine: Machine, choice: Choice) -> Plan:
    """The configuration, the script, and the command. Raises UserError with all that is wrong."""
    import yaml

    settings = dict(choice.settings)
    bucket = settings.pop(BUCKET, "")
    problems = [*_refused(machine, settings, bucket)]
    if problems:
        raise UserError(problems)
    chosen = choose(machine, Choice(settings=settings, architecture=choice.architecture, system=choice.system))
    name = image_name(machine, chosen)
    files = {
        CONFIGURATION: yaml.safe_dump(configuration(machine, chosen, bucket), sort_keys=False, width=120),
        SCRIPT: script(machine, chosen),
    }
    put = ("aws", "s3", "cp", SCRIPT, location(machine, chosen, bucket))
    region = ("--region", str(chosen.values["region"]))
    make = ("pcluster", "build-image", "--image-configuration", CONFIGURATION, "--image-id", name, *region)
    return Plan(
        files=files,
        commands=(
            Command(argv=(*put, *region), title="put the script where Image Builder finds it"),
            Command(argv=make, title="have the image made, which takes an hour"),
        ),
    )


def wrong_service(machine: Machine) -> Iterator[Problem]:
    """ParallelCluster's command makes images for ParallelCluster alone."""
    if machine.service != "parallelcluster":
        what = f"{machine.name} is for another service than ParallelCluster, whose command this is"
        yield Problem(what, "--builder", "leave it out: Packer makes it")


def _refused(machine: Machine, settings: Mapping[str, str], bucket: str) -> list[Problem]:
    if wrong := [*wrong_service(machine)]:
        return wrong
    missing = {
        "region": "give it: --set region=us-west-2",
        "parent_ami": "pcluster list-official-images tells the one of your region; or one of your own",
        BUCKET: "name one of that region: --set bucket=NAME",
    }
    given = {**settings, BUCKET: bucket}
    problems = [Problem("is missing", f"--set {key}", what) for key, what in missing.items() if not given.get(key)]
    problems += [
        Problem(
            "pcluster build-image has nothing for it", f"--set {key}", "leave it out, or have Packer make the image"
        )
        for key in NOT_TAKEN
        if key in settings
    ]
    return problems


def image_name(machine: Machine, chosen: Chosen) -> str:
    """What ParallelCluster calls the image."""
    return f"seatrial-{machine.name}-{chosen.system}-{chosen.architecture.replace('_', '-')}"


def location(machine: Machine, chosen: Chosen, bucket: str) -> str:
    """Where the script is."""
    return f"s3://{bucket}/seatrial/images/{image_name(machine, chosen)}/{SCRIPT}"


def configuration(machine: Machine, chosen: Chosen, bucket: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/parallelcluster/latest/ug/Build-v3.html"""
    values = chosen.values
    encryption = {"Encrypted": values.get("encrypted", True), "KmsKeyId": values.get("kms_key_id")}
    build = {
        "InstanceType": values["instance_type"],
        "ParentImage": values["parent_ami"],
        "SubnetId": values.get("subnet_id"),
        "Imds": {"ImdsSupport": "v2.0"},
        "Iam": {"AdditionalIamPolicies": [{"Policy": READING}]},
        "Components": [{"Type": "script", "Value": location(machine, chosen, bucket)}],
        # Its modules are built for the kernel that is there.
        "UpdateOsPackages": {"Enabled": False},
    }
    ours = {key: value for key, value in tags(machine, chosen).items() if key.startswith("seatrial:")}
    return {
        "Region": values["region"],
        "Image": {
            "Tags": [{"Key": key, "Value": value} for key, value in ours.items() if "{{" not in value],
            "RootVolume": {
                "Size": values.get("root_gib", 100),
                **{key: value for key, value in encryption.items() if value is not None},
            },
        },
        "Build": {key: value for key, value in build.items() if value is not None},
    }


def script(machine: Machine, chosen: Chosen) -> str:
    """What Image Builder runs as root: it unpacks its own end, and runs the playbooks here."""
    files = {
        **playbooks(machine, chosen),
        **self_test(machine, chosen),
        "self_test.sh": filled("self_test.sh", machine, chosen),
    }
    head = filled(SCRIPT, machine, chosen)
    return f"{head}{base64.encodebytes(archive(files)).decode()}"


def archive(files: Mapping[str, str]) -> bytes:
    """A compressed tar archive of texts, the same bytes for the same texts."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as file, tarfile.open(fileobj=file, mode="w") as tar:
        for name, text in sorted(files.items()):
            data = text.encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return packed.getvalue()
