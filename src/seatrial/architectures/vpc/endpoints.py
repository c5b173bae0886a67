"""Ways to AWS's services that do not leave AWS's network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from troposphere import Ref, Sub, Template, ec2

from seatrial.architectures._architecture import Facts
from seatrial.architectures._cloudformation import ACCOUNT, policy, statement, tags

READ_S3 = (
    "GetBucketLocation",
    "GetObject",
    "GetObjectAttributes",
    "GetObjectTagging",
    "GetObjectVersion",
    "ListBucket",
)
WRITE_S3 = (
    "AbortMultipartUpload",
    "DeleteObject",
    "DeleteObjectTagging",
    "DeleteObjectVersion",
    "GetBucketAcl",
    "GetBucketPolicy",
    "GetBucketVersioning",
    "GetEncryptionConfiguration",
    "GetLifecycleConfiguration",
    "GetObjectAcl",
    "GetObjectVersionTagging",
    "ListBucketMultipartUploads",
    "ListBucketVersions",
    "ListMultipartUploadParts",
    "PutObject",
    "PutObjectTagging",
)
DYNAMODB = (
    "BatchGetItem",
    "BatchWriteItem",
    "ConditionCheckItem",
    "DeleteItem",
    "DescribeTable",
    "GetItem",
    "PutItem",
    "Query",
    "Scan",
    "UpdateItem",
)


def gateway_endpoints(made: Template, facts: Facts, vpc: Any, tables: Sequence[Any]) -> None:
    """Those of S3 and DynamoDB, which cost nothing, in all route tables."""
    for service, name, document in (("s3", "S3Endpoint", _s3()), ("dynamodb", "DynamoDbEndpoint", _dynamodb())):
        endpoint = ec2.VPCEndpoint(
            name,
            VpcEndpointType="Gateway",
            ServiceName=Sub(f"com.amazonaws.${{AWS::Region}}.{service}"),
            VpcId=vpc,
            RouteTableIds=[*tables],
            PolicyDocument=document,
            Tags=tags(f"{facts.stack} {service}"),
        )
        made.add_resource(endpoint)


def interface_endpoints(
    made: Template, facts: Facts, services: Sequence[str], vpc: Any, subnets: Sequence[Any], cidr: str
) -> None:
    """Those that are asked for, in each subnet, under the services' own names."""
    if not services:
        return
    # The whole VPC may use them: their names hide the services' public addresses from everything in it.
    inward = ec2.SecurityGroupRule(
        IpProtocol="tcp", FromPort=443, ToPort=443, CidrIp=cidr, Description="HTTPS from the VPC"
    )
    # A rule that lets nothing out: without any, all would be let out.
    nothing = ec2.SecurityGroupRule(IpProtocol="-1", CidrIp="127.0.0.1/32", Description="nothing")
    group = ec2.SecurityGroup(
        "EndpointSecurityGroup",
        GroupDescription="Interface endpoints: HTTPS from the VPC",
        VpcId=vpc,
        SecurityGroupIngress=[inward],
        SecurityGroupEgress=[nothing],
        Tags=tags(f"{facts.stack} endpoints"),
    )
    made.add_resource(group)
    for service in services:
        endpoint = ec2.VPCEndpoint(
            "".join(part.capitalize() for part in service.replace("-", ".").split(".")) + "Endpoint",
            VpcEndpointType="Interface",
            ServiceName=Sub(f"com.amazonaws.${{AWS::Region}}.{service}"),
            VpcId=vpc,
            SubnetIds=[*subnets],
            SecurityGroupIds=[Ref(group)],
            PrivateDnsEnabled=True,
            Tags=tags(f"{facts.stack} {service}"),
        )
        made.add_resource(endpoint)


def _s3() -> dict[str, Any]:
    """Read from any bucket, write to the account's own: nobody carries data out to a bucket of his own."""
    anywhere = Sub("arn:${AWS::Partition}:s3:::*")
    # Packages of Linux, layers of ECR, ParallelCluster and Neuron lie in buckets of AWS, whose names nobody lists.
    read = statement((f"s3:{verb}" for verb in READ_S3), anywhere, Principal="*")
    own = {"StringEquals": {"aws:ResourceAccount": ACCOUNT}}
    write = statement((f"s3:{verb}" for verb in WRITE_S3), anywhere, Principal="*", Condition=own)
    # Where nodes tell CloudFormation that they are ready:
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/vpc-interface-endpoints.html
    signals = [
        Sub(f"arn:${{AWS::Partition}}:s3:::cloudformation-{name}-${{AWS::Region}}/*")
        for name in ("waitcondition", "custom-resource-response")
    ]
    return policy(read, write, statement(["s3:PutObject"], signals, Principal="*"))


def _dynamodb() -> dict[str, Any]:
    """The account's own tables of this region."""
    tables = Sub("arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/*")
    return policy(statement((f"dynamodb:{verb}" for verb in DYNAMODB), tables, Principal="*"))
