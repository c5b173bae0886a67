"""What a user chooses of a machine image, checked: values of the template's variables, and other versions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from seatrial.errors import Problem, UserError, unknown
from seatrial.hardware import accelerators, instances
from seatrial.images._image import Architecture, Choice, Machine
from seatrial.images.machines.parents import REFUSED, SYSTEMS
from seatrial.versions.eks import RELEASES

KUBERNETES = tuple(RELEASES)[::-1]
"""Versions that nodes of EKS are made for, the newest, which is the default, first."""

Kind = Literal["text", "number", "truth", "list"]
Value = str | int | list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """A variable of the template."""

    meaning: str
    kind: Kind = "text"
    pattern: str = r"\S+"
    """What a text, a number's digits, or each of a list matches as a whole: RE2 of Packer, and Python's, alike."""
    shape: str
    """What that is, for people."""
    default: str | None = None
    """As `--set` spells it; None: it has none, so that a text is null."""
    required: bool = False
    """Whether Packer asks for it."""


_AMI = r"ami-[0-9a-f]{8,17}"
_REGION = r"[a-z]{2,3}(-[a-z]+)+-[0-9]+"

VARIABLES: Mapping[str, Variable] = {
    "region": Variable(
        meaning="Region in which the image is made.",
        pattern=_REGION,
        shape="a region, such as us-west-2",
        required=True,
    ),
    "instance_type": Variable(
        meaning="Instance type that it is made on.",
        pattern=r"[a-z][a-z0-9-]*[.][a-z0-9-]+",
        shape="an instance type, such as g5.8xlarge",
    ),
    "subnet_id": Variable(
        meaning="Subnet that it is made in, with a way to the internet. Default: one of the default VPC.",
        pattern=r"subnet-[0-9a-f]{8,17}",
        shape="the id of a subnet, such as subnet-0123456789abcdef0",
    ),
    "iam_instance_profile": Variable(
        meaning="Instance profile that lets in Session Manager. Default: one that Packer makes and removes.",
        pattern=r"[A-Za-z0-9_+=,.@-]{1,128}",
        shape="the name of an instance profile",
    ),
    "parent_ami": Variable(
        meaning="AMI that it is made from. Default: the newest that is published.",
        pattern=_AMI,
        shape="the id of an AMI, such as ami-0123456789abcdef0",
    ),
    "root_gib": Variable(
        meaning="Size of the root volume in GiB.",
        kind="number",
        pattern=r"[1-9][0-9]{1,4}",
        shape="a whole number of GiB",
        default="100",
    ),
    "encrypted": Variable(
        meaning="Whether its snapshot is encrypted.",
        kind="truth",
        pattern="true|false",
        shape="true or false",
        default="true",
    ),
    "kms_key_id": Variable(
        meaning="Key that it is encrypted with: id, ARN or alias. Default: the account's own for EBS.",
        pattern=r"(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/|alias/)?[A-Za-z0-9/_-]+",
        shape="a key's id, ARN or alias",
    ),
    "ami_users": Variable(
        meaning="Accounts that may use it, too.",
        kind="list",
        pattern=r"[0-9]{12}",
        shape='a list of accounts, such as ["123456789012"]',
        default="[]",
    ),
    "ami_regions": Variable(
        meaning="Regions that it is copied to.",
        kind="list",
        pattern=_REGION,
        shape='a list of regions, such as ["us-east-1"]',
        default="[]",
    ),
    "deprecate_days": Variable(
        meaning="Days after which EC2 says that it is deprecated.",
        kind="number",
        pattern=r"[1-9][0-9]{0,3}",
        shape="a whole number of days",
        default="730",
    ),
}
"""Name -> variable. Limits of ids: EC2's API Reference."""

BUILDERS: Mapping[tuple[str, Architecture], str] = {
    ("gpu", "x86_64"): "g5.8xlarge",
    ("gpu", "arm64"): "m7g.4xlarge",
    ("neuron", "x86_64"): "trn1.2xlarge",
    ("cpu", "x86_64"): "m5.2xlarge",
    ("cpu", "arm64"): "m7g.4xlarge",
}
"""Accelerator and processor -> instance type. A g5.8xlarge is the smallest G5 with EFA, so that both drivers are really
loaded. GB200 is not to be had for an hour: what is made for it is made without a GPU."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """A machine image with nothing left to choose."""

    system: str
    architecture: Architecture
    kubernetes: str
    """For EKS."""
    values: Mapping[str, Value]
    """Variable -> value, where it is not its default."""
    versions: Choice
    """What is left of the choice: other versions, which the roles read."""


def choose(machine: Machine, choice: Choice) -> Chosen:
    """What is chosen. Raises UserError with everything that is wrong, but for versions."""
    settings = dict(choice.settings)
    kubernetes = settings.pop("kubernetes", KUBERNETES[0]) if machine.service == "eks" else KUBERNETES[0]
    texts = {name: settings.pop(name) for name in VARIABLES if name in settings}
    if builder := BUILDERS.get((machine.accelerator, choice.architecture)):
        texts.setdefault("instance_type", builder)
    values, problems = _values(texts)
    problems += [*_system(machine, choice), *_kubernetes(kubernetes)]
    problems += [*_together(values), *_builder(machine, choice, texts.get("instance_type", ""))]
    if problems:
        raise UserError(problems)
    return Chosen(
        system=choice.system or machine.systems[0],
        architecture=choice.architecture,
        kubernetes=kubernetes,
        values=values,
        versions=replace(choice, settings=settings, system=choice.system or machine.systems[0]),
    )


def _system(machine: Machine, choice: Choice) -> Iterator[Problem]:
    system = choice.system or machine.systems[0]
    if system not in machine.systems:
        why = f": {REFUSED[system]}" if system in REFUSED else ""
        what = f"{machine.name} is not made of {system}{why}"
        yield Problem(what, "--system", f"choose from: {', '.join(machine.systems)}")
    elif system not in SYSTEMS:
        yield unknown("operating system", system, SYSTEMS, "--system")
    if choice.architecture not in machine.architectures:
        what = f"{machine.name} is not made for {choice.architecture}"
        yield Problem(what, "--architecture", f"choose from: {', '.join(machine.architectures)}")


def _kubernetes(version: str) -> Iterator[Problem]:
    if version not in KUBERNETES:
        yield Problem(
            f"no AMI is made for Kubernetes {version}", "--set kubernetes", f"one of: {', '.join(KUBERNETES)}"
        )


def _values(texts: Mapping[str, str]) -> tuple[dict[str, Value], list[Problem]]:
    values: dict[str, Value] = {}
    problems = []
    for name, variable in VARIABLES.items():
        text = texts.get(name)
        if text is None:
            continue  # Packer asks for what is required
        value = _value(variable, text)
        if value is None:
            problems.append(Problem(f"{text!r} is not {variable.shape}", f"--set {name}", variable.meaning))
        else:
            values[name] = value
    return values, problems


def _value(variable: Variable, text: str) -> Value | None:
    """The value that a text is; None: it is none."""
    if variable.kind == "list":
        parts = [part.strip(" \"'") for part in text.strip(" []").split(",")]
        parts = [part for part in parts if part]
        return parts if all(re.fullmatch(variable.pattern, part) for part in parts) else None
    if not re.fullmatch(variable.pattern, text):
        return None
    if variable.kind == "truth":
        return text == "true"
    return int(text) if variable.kind == "number" else text


def _together(values: Mapping[str, object]) -> Iterator[Problem]:
    """What EC2 would refuse after an hour."""
    encrypted = values.get("encrypted", True)
    if values.get("kms_key_id") and not encrypted:
        yield Problem("names a key, but encrypted is false", "--set kms_key_id", "leave one of them out")
    if not (values.get("ami_users") and encrypted):
        return
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/sharingamis-explicit.html
    if not values.get("kms_key_id"):
        what = "other accounts cannot use an image that the account's own key for EBS encrypts"
        yield Problem(what, "--set ami_users", "set kms_key_id to a key that they may use, or encrypted to false")
    elif values.get("ami_regions"):
        what = (
            "copies in other regions are encrypted with the account's own key there, so that ami_users cannot use them"
        )
        yield Problem(what, "--set ami_regions", "make the image in each of these regions, or set encrypted to false")


def _builder(machine: Machine, choice: Choice, name: str) -> Iterator[Problem]:
    """An image of arm64 is not made on x86_64. Of an instance type that is not in our table nothing is known."""
    try:
        found = instances.instance(name)
    except UserError:
        return
    if found.architecture != choice.architecture:
        what = f"{name} is {found.architecture}, but the image is for {choice.architecture}"
        yield Problem(what, "--set instance_type", "choose another, or another --architecture")
    vendor = accelerators.accelerator(found.accelerator).vendor if found.accelerator else None
    if (machine.accelerator, vendor) in {("neuron", "NVIDIA"), ("gpu", "AWS")}:
        what = f"{name} has accelerators of {vendor}, which {machine.name} has no driver for"
        yield Problem(what, "--set instance_type", f"choose another, such as {BUILDERS[machine.accelerator, 'x86_64']}")
