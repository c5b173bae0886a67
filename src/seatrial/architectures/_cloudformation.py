"""What every template has in common: its text, its exports and what it imports, tags, and what outlives the stack.

Templates are written with troposphere, which knows the types of resources and refuses properties that they lack.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from troposphere import Export, ImportValue, Join, Output, Ref, Tags, Template, ecr
from troposphere.cloudformation import WaitConditionHandle

from seatrial.architectures._architecture import ArchitectureParams, Facts
from seatrial.plan import Command, Plan

TAG = "seatrial:deployment"
"""Tag of a stack, which its resources inherit: the deployment that it is."""


def template(description: str) -> Template:
    """An empty template."""
    made = Template(Description=description)
    made.set_version()
    return made


def export(made: Template, facts: Facts, values: Mapping[str, Any], meanings: Mapping[str, str]) -> None:
    """Outputs that other stacks import: name -> value, and what each is, by the architecture's OUTPUTS."""
    for name, value in values.items():
        export = Export(f"{facts.stack}-{name}")
        made.add_output(Output(name, Description=meanings[name], Value=value, Export=export))


def imported(facts: Facts, need: str, output: str) -> ImportValue:
    """What the deployment that the parameter `need` names exports as `output`."""
    return ImportValue(f"{facts.needs[need].stack}-{output}")


def tags(name: str) -> Tags:
    """The name that consoles show. All other tags come from the stack."""
    return Tags(Name=name)


def kept(resource: Any) -> Any:
    """A resource that outlives its stack, since it holds data."""
    resource.DeletionPolicy = resource.UpdateReplacePolicy = "Retain"
    return resource


def repository(facts: Facts) -> Any:
    """Images of jobs, each tag of which is the same image for ever. It outlives the stack: runs name its images."""
    made = ecr.Repository(
        "Repository",
        ImageTagMutability="IMMUTABLE",
        ImageScanningConfiguration=ecr.ImageScanningConfiguration(ScanOnPush=True),
        EncryptionConfiguration=ecr.EncryptionConfiguration(EncryptionType="KMS"),  # the account's own key for ECR
        Tags=tags(facts.stack),
    )
    return kept(made)


def placeholder(made: Template) -> None:
    """A resource that is nothing and costs nothing, for a stack that only says where things are: it must have one."""
    made.add_resource(WaitConditionHandle("Nothing"))


def statement(actions: Iterable[str], resources: Any, **more: Any) -> dict[str, Any]:
    """One statement of a policy that allows something."""
    return {"Effect": "Allow", "Action": sorted(actions), "Resource": resources, **more}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": [*statements]}


def session() -> dict[str, Any]:
    """What an instance needs for sessions of Session Manager, instead of ssh."""
    channels = (f"ssmmessages:{verb}{kind}Channel" for verb in ("Create", "Open") for kind in ("Control", "Data"))
    # The service knows no resources for these:
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsessionmanagermessagegatewayservice.html
    return statement(["ssm:UpdateInstanceInformation", *channels], "*")


def objects(bucket: Any) -> list[dict[str, Any]]:
    """What it takes to read and write a bucket's objects, by the ARN of the bucket."""
    verbs = ("GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload", "ListMultipartUploadParts")
    return [
        statement(["s3:ListBucket", "s3:GetBucketLocation"], bucket),
        statement((f"s3:{verb}" for verb in verbs), Join("", [bucket, "/*"])),
    ]


def assumed_by(*services: str) -> dict[str, Any]:
    """The trust policy of a role that AWS's services take on: ``ec2``."""
    principals = [f"{service}.amazonaws.com" for service in services]
    principal = {"Service": principals[0] if len(principals) == 1 else principals}
    return policy({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})


ACCOUNT = Ref("AWS::AccountId")


def plan(params: ArchitectureParams, facts: Facts, made: Template, files: Mapping[str, str] | None = None) -> Plan:
    """The plan of a deployment: its template, and the command of AWS's that does what `seatrial arch deploy` does."""
    path = f"{facts.stack}.yaml"
    argv = ["aws", "cloudformation", "deploy", "--stack-name", facts.stack, "--template-file", path]
    argv += ["--region", params.region, *(["--profile", params.profile] if params.profile else [])]
    argv += ["--tags", f"{TAG}={facts.deployment}"]
    if capabilities := needed_capabilities(made.to_dict()):
        argv += ["--capabilities", *capabilities]
    command = Command(argv=tuple(argv), title=f"deploy {facts.deployment}")
    return Plan(files={path: text(made), **(files or {})}, commands=(command,))


def text(made: Template) -> str:
    """The template as YAML: what is made before what is exported, of a resource its type first."""
    body = json.loads(made.to_json())
    body["Resources"] = {name: {"Type": one["Type"], **one} for name, one in body["Resources"].items()}
    order = ("AWSTemplateFormatVersion", "Description", "Mappings", "Conditions", "Resources", "Outputs")
    ordered = {part: body[part] for part in (*order, *sorted(body)) if part in body}
    return yaml.dump(ordered, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def needed_capabilities(body: Mapping[str, Any]) -> list[str]:
    """What its stack must be allowed: named IAM resources need a capability of their own."""
    found = [one for one in body.get("Resources", {}).values() if str(one["Type"]).startswith("AWS::IAM::")]
    names = ("RoleName", "PolicyName", "InstanceProfileName", "ManagedPolicyName", "UserName", "GroupName")
    named = any(
        name in one.get("Properties", {}) for one in found for name in names if one["Type"] != "AWS::IAM::Policy"
    )
    nested = any(str(one["Type"]) == "AWS::CloudFormation::Stack" for one in body.get("Resources", {}).values())
    # What a nested stack makes is not known here: AWS's provider of ParallelCluster names its policies.
    iam = ["CAPABILITY_NAMED_IAM" if named or nested else "CAPABILITY_IAM"] if found or nested else []
    return [*iam, *(["CAPABILITY_AUTO_EXPAND"] if nested else [])]


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc] # libyaml's, where it is
    """Texts of several lines as blocks, and no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _string)
