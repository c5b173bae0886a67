"""The file systems' template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from troposphere import GetAtt, Ref, Select, Split, Sub, fsx

from seatrial.architectures._architecture import Facts
from seatrial.architectures._cloudformation import export, imported, kept, placeholder, plan, tags, template
from seatrial.architectures.storage import OUTPUTS, Params
from seatrial.plan import Plan
from seatrial.versions import LUSTRE

if TYPE_CHECKING:
    from troposphere import Template

EVENTS = ("NEW", "CHANGED", "DELETED")


def render(params: Params, facts: Facts) -> Plan:
    """Its plan."""
    made = template("Seatrial: FSx for Lustre and FSx for OpenZFS")
    values = _named_lustre(params) if params.lustre_id else _new_lustre(made, params, facts)
    values |= _named_home(params) if params.home_id else _new_home(made, params, facts)
    if not made.resources:
        placeholder(made)
    export(made, facts, values, OUTPUTS)
    return plan(params, facts, made)


def _named_lustre(params: Params) -> dict[str, Any]:
    dns = _dns_name(params.lustre_id)
    return {"LustreId": params.lustre_id, "LustreDnsName": dns, "LustreMountName": params.lustre_mount_name}


def _named_home(params: Params) -> dict[str, Any]:
    return {"HomeVolumeId": params.home_volume_id, "HomeDnsName": _dns_name(params.home_id)}


def _dns_name(file_system: str | None) -> Sub:
    """https://docs.aws.amazon.com/fsx/latest/LustreGuide/mounting-ec2-instance.html; OpenZFS has the same."""
    return Sub(f"{file_system}.fsx.${{AWS::Region}}.${{AWS::URLSuffix}}")


def _first_subnet(facts: Facts) -> Select:
    """That of the zone which hosts compute: a file system answers by EFA in its own zone alone."""
    return Select(0, Split(",", imported(facts, "network", "PrivateSubnets")))


def _new_lustre(made: Template, params: Params, facts: Facts) -> dict[str, Any]:
    groups = [imported(facts, "network", "FileSystemSecurityGroup")]
    if params.lustre_efa:
        # EFA needs all traffic from and to a group that clients and servers share.
        groups.append(imported(facts, "network", "SecurityGroup"))
    lustre = fsx.FileSystem(
        "Lustre",
        FileSystemType="LUSTRE",
        FileSystemTypeVersion=LUSTRE,
        StorageType="SSD",
        StorageCapacity=params.lustre_gib,
        SubnetIds=[_first_subnet(facts)],
        SecurityGroupIds=groups,
        # At rest it is always encrypted, with the account's key for FSx; in transit between instances that can.
        LustreConfiguration=fsx.LustreConfiguration(
            DeploymentType="PERSISTENT_2",
            PerUnitStorageThroughput=params.lustre_throughput,
            DataCompressionType="LZ4",
            EfaEnabled=params.lustre_efa,
            # EFA is refused without it. It follows the size, and cannot be added later.
            MetadataConfiguration=fsx.MetadataConfiguration(Mode="AUTOMATIC"),
        ),
        Tags=tags(f"{facts.stack}-lustre"),
    )
    made.add_resource(kept(lustre))
    if "bucket" in facts.needs:
        _link(made, params, facts)
    return {
        "LustreId": Ref("Lustre"),
        "LustreDnsName": GetAtt("Lustre", "DNSName"),
        "LustreMountName": GetAtt("Lustre", "LustreMountName"),
    }


def _link(made: Template, params: Params, facts: Facts) -> None:
    """The bucket as a folder of the file system. FSx reads and writes it by its own service-linked role."""
    policies: dict[str, Any] = {}
    if params.bucket_sync in ("both", "import"):
        policies["AutoImportPolicy"] = fsx.AutoImportPolicy(Events=[*EVENTS])
    if params.bucket_sync in ("both", "export"):
        policies["AutoExportPolicy"] = fsx.AutoExportPolicy(Events=[*EVENTS])
    path = f"s3://${{Bucket}}/{params.bucket_prefix}/"
    association = fsx.DataRepositoryAssociation(
        "BucketLink",
        FileSystemId=Ref("Lustre"),
        FileSystemPath=params.bucket_folder,
        DataRepositoryPath=Sub(path, Bucket=imported(facts, "bucket", "Bucket")),
        BatchImportMetaDataOnCreate=True,
        S3=fsx.S3(**policies),
        Tags=tags(f"{facts.stack}-bucket"),
    )
    # Kept with its file system, of which else the changes would no longer reach the bucket.
    made.add_resource(kept(association))


def _new_home(made: Template, params: Params, facts: Facts) -> dict[str, Any]:
    # A head node makes home directories as root. What is written is acknowledged when it is on disk: no async.
    clients = fsx.ClientConfigurations(
        Clients=imported(facts, "network", "Cidr"), Options=["rw", "crossmnt", "no_root_squash"]
    )
    home = fsx.FileSystem(
        "Home",
        FileSystemType="OPENZFS",
        StorageType="SSD",
        StorageCapacity=params.home_gib,
        SubnetIds=[_first_subnet(facts)],
        SecurityGroupIds=[imported(facts, "network", "FileSystemSecurityGroup")],
        OpenZFSConfiguration=fsx.OpenZFSConfiguration(
            DeploymentType=params.home_deployment,
            ThroughputCapacity=params.home_throughput,
            AutomaticBackupRetentionDays=params.home_backup_days,
            CopyTagsToBackups=True,
            CopyTagsToVolumes=True,
            RootVolumeConfiguration=fsx.RootVolumeConfiguration(
                DataCompressionType="LZ4",
                CopyTagsToSnapshots=True,
                NfsExports=[fsx.NfsExports(ClientConfigurations=[clients])],
            ),
        ),
        Tags=tags(f"{facts.stack}-home"),
    )
    made.add_resource(kept(home))
    return {"HomeVolumeId": GetAtt("Home", "RootVolumeId"), "HomeDnsName": GetAtt("Home", "DNSName")}
