"""Security groups: of nodes with EFA, and of file systems. Nothing comes in from outside the VPC."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from troposphere import Ref, Template, ec2

from seatrial.architectures._architecture import Facts
from seatrial.architectures._cloudformation import tags

LUSTRE = (("tcp", 988, 988), ("tcp", 1018, 1023))
"""https://docs.aws.amazon.com/fsx/latest/LustreGuide/limit-access-security-groups.html"""

NFS = tuple((protocol, *ports) for ports in ((111, 111), (2049, 2049), (20001, 20003)) for protocol in ("tcp", "udp"))
"""OpenZFS: https://docs.aws.amazon.com/fsx/latest/OpenZFSGuide/limit-access-security-groups.html"""


def node_group(made: Template, facts: Facts, vpc: Any) -> Any:
    """The group of nodes. EFA's own traffic is let through by rules that name the group alone, never by addresses:
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-start.html#efa-start-security"""
    # Out to anywhere: packages, images, data sets and AWS's services have addresses that nobody knows beforehand.
    out = ec2.SecurityGroupRule(IpProtocol="-1", CidrIp="0.0.0.0/0", Description="packages, images, data, services")
    group = ec2.SecurityGroup(
        "SecurityGroup",
        GroupDescription="Nodes: EFA among themselves, and out",
        VpcId=vpc,
        SecurityGroupEgress=[out],
        Tags=tags(f"{facts.stack} nodes"),
    )
    this = Ref(made.add_resource(group))
    both = {"GroupId": this, "IpProtocol": "-1"}
    into = ec2.SecurityGroupIngress("EfaIn", SourceSecurityGroupId=this, Description="EFA of the others", **both)
    onto = ec2.SecurityGroupEgress("EfaOut", DestinationSecurityGroupId=this, Description="EFA to the others", **both)
    made.add_resource(into)
    made.add_resource(onto)
    return this


def file_system_group(made: Template, facts: Facts, vpc: Any, nodes: Any) -> Any:
    """The group of file systems: nodes get in, servers of Lustre talk among themselves and to the nodes."""
    group = ec2.SecurityGroup(
        "FileSystemSecurityGroup",
        GroupDescription="File systems: nodes get in",
        VpcId=vpc,
        SecurityGroupIngress=[
            *_rules(LUSTRE, "Lustre from nodes", SourceSecurityGroupId=nodes),
            *_rules(NFS, "NFS from nodes", SourceSecurityGroupId=nodes),
        ],
        SecurityGroupEgress=[*_rules(LUSTRE, "Lustre to nodes", DestinationSecurityGroupId=nodes)],
        Tags=tags(f"{facts.stack} file systems"),
    )
    this = Ref(made.add_resource(group))
    # Rules that name the group itself, or that the group of the nodes has of it, cannot be part of either group.
    for number, (protocol, first, last) in enumerate(LUSTRE, start=1):
        ports = {"IpProtocol": protocol, "FromPort": first, "ToPort": last}
        within = ports | {"GroupId": this, "Description": "Lustre among its servers"}
        of_nodes = ports | {"GroupId": nodes, "Description": "Lustre from its servers"}
        made.add_resource(ec2.SecurityGroupIngress(f"LustreIn{number}", SourceSecurityGroupId=this, **within))
        made.add_resource(ec2.SecurityGroupEgress(f"LustreOut{number}", DestinationSecurityGroupId=this, **within))
        made.add_resource(ec2.SecurityGroupIngress(f"LustreBack{number}", SourceSecurityGroupId=this, **of_nodes))
    return this


def _rules(ports: tuple[tuple[str, int, int], ...], what: str, **other: Any) -> Iterator[ec2.SecurityGroupRule]:
    for protocol, first, last in ports:
        yield ec2.SecurityGroupRule(IpProtocol=protocol, FromPort=first, ToPort=last, Description=what, **other)
