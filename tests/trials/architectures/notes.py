"""A user's architecture: notes in the parameter store, and, where it is named, a bucket behind them."""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.architectures import Architecture, ArchitectureParams, Facts, Name
from seatrial.plan import Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Params(ArchitectureParams):
    """Notes."""

    base: Name | None = None
    """Notes that these go on from."""
    bucket_of: Name | None = None
    """Deployment of s3."""
    text: str = "first"
    """What the first note says."""
    bucket: str | None = None
    """Name of a new bucket."""
    more: int = 0
    """Notes beside."""
    unknown: bool = False
    """Whether there is a resource of a type that the trials do not know."""
    file: str = ""
    """Text that lies in the bucket under notes/file."""


def render(params: Params, facts: Facts) -> Plan:
    """Its plan."""
    from troposphere import GetAtt, Output, Ref, s3, ssm
    from troposphere.grafana import Workspace

    from seatrial.architectures._cloudformation import export, imported, kept, plan, template

    made = template("Notes")
    text = imported(facts, "base", "Note") if params.base else params.text
    made.add_resource(ssm.Parameter("Note", Type="String", Value=text))
    if params.bucket:
        made.add_resource(kept(s3.Bucket("Shelf", BucketName=params.bucket, DependsOn="Note")))
        made.add_resource(ssm.Parameter("OnShelf", Type="String", Value=Ref("Shelf")))
        made.add_output(Output("Shelf", Value=GetAtt("Shelf", "Arn")))
    for number in range(params.more):
        made.add_resource(ssm.Parameter(f"Side{number}", Type="String", Value="x" * 500, DependsOn="Note"))
    if params.unknown:
        made.add_resource(Workspace("Board", AccountAccessType="CURRENT_ACCOUNT", AuthenticationProviders=["SAML"],
                                    PermissionType="SERVICE_MANAGED"))  # fmt: skip
    export(made, facts, {"Note": GetAtt("Note", "Value")}, {"Note": "What the first note says"})
    return plan(params, facts, made, {"bucket/notes/file": params.file} if params.file else {})


ARCHITECTURE = Architecture(name="notes", title="Notes", Params=Params, render=render, needs={"base": "notes"})
