"""Security groups of a server and of its clients: who has the clients' group reaches one port of the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from troposphere import GetAtt, ec2

from seatrial.architectures._architecture import Facts
from seatrial.architectures._cloudformation import imported, tags

SERVER = GetAtt("ServerSecurityGroup", "GroupId")
CLIENT = GetAtt("ClientSecurityGroup", "GroupId")

_NOBODY = ec2.SecurityGroupRule(
    IpProtocol="tcp", FromPort=1, ToPort=1, CidrIp="127.0.0.1/32", Description="Nobody: without a rule it is all"
)


def server_and_client(facts: Facts, what: str, port: int, reaches: Sequence[ec2.SecurityGroupRule] = ()) -> list[Any]:
    """Both groups and the rule between them. `reaches`: where the server itself connects to."""
    vpc = imported(facts, "network", "VpcId")
    rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "Description": what}
    server = ec2.SecurityGroup(
        "ServerSecurityGroup",
        GroupDescription=what,
        VpcId=vpc,
        SecurityGroupEgress=[*reaches] or [_NOBODY],
        Tags=tags(f"{facts.stack}-server"),
    )
    client = ec2.SecurityGroup(
        "ClientSecurityGroup",
        GroupDescription=f"Clients of: {what}",
        VpcId=vpc,
        SecurityGroupEgress=[ec2.SecurityGroupRule(DestinationSecurityGroupId=SERVER, **rule)],
        Tags=tags(f"{facts.stack}-client"),
    )
    between = ec2.SecurityGroupIngress("FromClient", GroupId=SERVER, SourceSecurityGroupId=CLIENT, **rule)
    return [server, client, between]
