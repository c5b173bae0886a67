"""What whoever makes a stack must be allowed: type of a resource -> actions that CloudFormation calls as its caller.

By the actions of each service, https://docs.aws.amazon.com/service-authorization/latest/reference/, and the permissions
that each type's schema names for its creation and deletion, without those of options that no template of ours takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

ALWAYS = (
    "cloudformation:CreateChangeSet",
    "cloudformation:DeleteStack",
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStacks",
    "cloudformation:ExecuteChangeSet",
)
"""Of every deployment."""

_EC2_TAGS = "ec2:CreateTags"


def _ec2(*actions: str) -> tuple[str, ...]:
    return (*(f"ec2:{action}" for action in actions), _EC2_TAGS)


ACTIONS: Mapping[str, tuple[str, ...]] = {
    "AWS::Batch::ComputeEnvironment": (
        "batch:CreateComputeEnvironment",
        "batch:DeleteComputeEnvironment",
        "batch:UpdateComputeEnvironment",
        "batch:TagResource",
        "iam:CreateServiceLinkedRole",
        "iam:PassRole",
    ),
    "AWS::Batch::JobQueue": (
        "batch:CreateJobQueue",
        "batch:DeleteJobQueue",
        "batch:UpdateJobQueue",
        "batch:TagResource",
    ),
    "AWS::Batch::SchedulingPolicy": (
        "batch:CreateSchedulingPolicy",
        "batch:DeleteSchedulingPolicy",
        "batch:TagResource",
    ),
    "AWS::CloudFormation::CustomResource": (),
    "AWS::CloudFormation::WaitCondition": (),
    "AWS::CloudFormation::WaitConditionHandle": (),
    "AWS::CloudFormation::Stack": ("cloudformation:CreateStack", "cloudformation:UpdateStack"),
    "AWS::CloudWatch::Alarm": ("cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"),
    "AWS::CloudWatch::Dashboard": ("cloudwatch:PutDashboard", "cloudwatch:DeleteDashboards"),
    "AWS::EC2::EIP": _ec2("AllocateAddress", "ReleaseAddress"),
    "AWS::EC2::FlowLog": (*_ec2("CreateFlowLogs", "DeleteFlowLogs"), "iam:PassRole"),
    "AWS::EC2::Instance": (*_ec2("RunInstances", "TerminateInstances"), "iam:PassRole"),
    "AWS::EC2::InternetGateway": _ec2("CreateInternetGateway", "DeleteInternetGateway"),
    "AWS::EC2::LaunchTemplate": _ec2("CreateLaunchTemplate", "DeleteLaunchTemplate"),
    "AWS::EC2::NatGateway": _ec2("CreateNatGateway", "DeleteNatGateway"),
    "AWS::EC2::PlacementGroup": _ec2("CreatePlacementGroup", "DeletePlacementGroup"),
    "AWS::EC2::Route": ("ec2:CreateRoute", "ec2:DeleteRoute"),
    "AWS::EC2::RouteTable": _ec2("CreateRouteTable", "DeleteRouteTable"),
    "AWS::EC2::SecurityGroup": _ec2(
        "CreateSecurityGroup",
        "DeleteSecurityGroup",
        "AuthorizeSecurityGroupEgress",
        "AuthorizeSecurityGroupIngress",
        "RevokeSecurityGroupEgress",
    ),
    "AWS::EC2::SecurityGroupEgress": ("ec2:AuthorizeSecurityGroupEgress", "ec2:RevokeSecurityGroupEgress"),
    "AWS::EC2::SecurityGroupIngress": ("ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"),
    "AWS::EC2::Subnet": _ec2("CreateSubnet", "DeleteSubnet", "ModifySubnetAttribute"),
    "AWS::EC2::SubnetRouteTableAssociation": ("ec2:AssociateRouteTable", "ec2:DisassociateRouteTable"),
    "AWS::EC2::VPC": _ec2("CreateVpc", "DeleteVpc", "ModifyVpcAttribute"),
    "AWS::EC2::VPCEndpoint": _ec2("CreateVpcEndpoint", "DeleteVpcEndpoints"),
    "AWS::EC2::VPCGatewayAttachment": ("ec2:AttachInternetGateway", "ec2:DetachInternetGateway"),
    "AWS::EC2::Volume": _ec2("CreateVolume", "DeleteVolume"),
    "AWS::EC2::VolumeAttachment": ("ec2:AttachVolume", "ec2:DetachVolume"),
    "AWS::ECR::Repository": (
        "ecr:CreateRepository",
        "ecr:DeleteRepository",
        "ecr:TagResource",
        "kms:CreateGrant",
        "kms:DescribeKey",
    ),
    "AWS::EKS::AccessEntry": (
        "eks:AssociateAccessPolicy",
        "eks:CreateAccessEntry",
        "eks:DeleteAccessEntry",
        "eks:DescribeAccessEntry",
        "eks:ListAssociatedAccessPolicies",
        "eks:TagResource",
    ),
    "AWS::EKS::Addon": (
        "eks:CreateAddon",
        "eks:CreatePodIdentityAssociation",
        "eks:DeleteAddon",
        "eks:DeletePodIdentityAssociation",
        "eks:DescribeAddon",
        "eks:TagResource",
        "iam:GetRole",
        "iam:PassRole",
    ),
    "AWS::EKS::Cluster": (
        "eks:CreateCluster",
        "eks:DeleteCluster",
        "eks:DescribeCluster",
        "eks:TagResource",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
        "iam:CreateServiceLinkedRole",
        "iam:GetRole",
        "iam:ListAttachedRolePolicies",
        "iam:PassRole",
    ),
    "AWS::EKS::Nodegroup": (
        "eks:CreateNodegroup",
        "eks:DeleteNodegroup",
        "eks:DescribeNodegroup",
        "eks:TagResource",
        "ec2:CreateTags",
        "ec2:DescribeLaunchTemplateVersions",
        "ec2:DescribeLaunchTemplates",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
        "ec2:RunInstances",
        "iam:CreateServiceLinkedRole",
        "iam:GetRole",
        "iam:ListAttachedRolePolicies",
        "iam:PassRole",
    ),
    "AWS::EKS::PodIdentityAssociation": (
        "eks:CreatePodIdentityAssociation",
        "eks:DeletePodIdentityAssociation",
        "eks:DescribePodIdentityAssociation",
        "eks:TagResource",
        "iam:GetRole",
        "iam:PassRole",
    ),
    "AWS::FSx::DataRepositoryAssociation": (
        "fsx:CreateDataRepositoryAssociation",
        "fsx:DeleteDataRepositoryAssociation",
        "fsx:TagResource",
        "iam:AttachRolePolicy",
        "iam:CreateServiceLinkedRole",
        "iam:PutRolePolicy",
        "s3:GetBucketPolicy",
    ),
    "AWS::FSx::FileSystem": ("fsx:CreateFileSystem", "fsx:DeleteFileSystem", "fsx:TagResource"),
    "AWS::FSx::Volume": ("fsx:CreateVolume", "fsx:DeleteVolume", "fsx:TagResource"),
    "AWS::IAM::InstanceProfile": (
        "iam:CreateInstanceProfile",
        "iam:DeleteInstanceProfile",
        "iam:AddRoleToInstanceProfile",
        "iam:RemoveRoleFromInstanceProfile",
        "iam:PassRole",
    ),
    "AWS::IAM::ManagedPolicy": ("iam:CreatePolicy", "iam:DeletePolicy", "iam:AttachRolePolicy"),
    "AWS::IAM::Policy": ("iam:PutRolePolicy", "iam:DeleteRolePolicy"),
    "AWS::IAM::Role": (
        "iam:CreateRole",
        "iam:DeleteRole",
        "iam:PutRolePolicy",
        "iam:DeleteRolePolicy",
        "iam:AttachRolePolicy",
        "iam:DetachRolePolicy",
        "iam:TagRole",
    ),
    "AWS::Lambda::Function": ("lambda:CreateFunction", "lambda:DeleteFunction", "iam:PassRole"),
    "AWS::Lambda::Permission": ("lambda:AddPermission", "lambda:RemovePermission"),
    "AWS::Logs::LogGroup": (
        "logs:CreateLogGroup",
        "logs:DeleteLogGroup",
        "logs:PutRetentionPolicy",
        "logs:TagResource",
    ),
    "AWS::RDS::DBCluster": ("rds:CreateDBCluster", "rds:DeleteDBCluster", "rds:AddTagsToResource"),
    "AWS::RDS::DBClusterParameterGroup": (
        "rds:CreateDBClusterParameterGroup",
        "rds:DeleteDBClusterParameterGroup",
        "rds:ModifyDBClusterParameterGroup",
    ),
    "AWS::RDS::DBInstance": ("rds:CreateDBInstance", "rds:DeleteDBInstance", "rds:AddTagsToResource"),
    "AWS::RDS::DBSubnetGroup": ("rds:CreateDBSubnetGroup", "rds:DeleteDBSubnetGroup"),
    "AWS::S3::Bucket": (
        "s3:CreateBucket",
        "s3:PutBucketOwnershipControls",
        "s3:PutBucketPublicAccessBlock",
        "s3:PutBucketTagging",
        "s3:PutBucketVersioning",
        "s3:PutEncryptionConfiguration",
        "s3:PutLifecycleConfiguration",
    ),
    "AWS::S3::BucketPolicy": ("s3:PutBucketPolicy", "s3:DeleteBucketPolicy"),
    "AWS::SNS::Topic": ("sns:CreateTopic", "sns:DeleteTopic", "sns:SetTopicAttributes"),
    "AWS::SSM::Document": ("ssm:CreateDocument", "ssm:DeleteDocument"),
    "AWS::SSM::Parameter": ("ssm:PutParameter", "ssm:DeleteParameter", "ssm:AddTagsToResource"),
    "AWS::SageMaker::Cluster": (
        "sagemaker:AddTags",
        "sagemaker:CreateCluster",
        "sagemaker:DeleteCluster",
        "sagemaker:DescribeCluster",
        "sagemaker:ListTags",
        "sagemaker:UpdateCluster",
        "iam:CreateServiceLinkedRole",
        "iam:PassRole",
    ),
    "AWS::SageMaker::Cluster.Orchestrator": (
        "eks:AssociateAccessPolicy",
        "eks:CreateAccessEntry",
        "eks:DeleteAccessEntry",
        "eks:DescribeAccessEntry",
        "eks:DescribeCluster",
    ),
    "AWS::SecretsManager::Secret": (
        "secretsmanager:CreateSecret",
        "secretsmanager:DeleteSecret",
        "secretsmanager:GetRandomPassword",
        "secretsmanager:TagResource",
    ),
}


def types(templates: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The types of all resources, and of their properties those that take more than their type: ``TYPE.PROPERTY``."""
    for resource in (one for template in templates for one in template.get("Resources", {}).values()):
        kind = resource["Type"]
        yield kind
        yield from {f"{kind}.{name}" for name in resource.get("Properties", {})} & {*ACTIONS}


def actions(kinds: Iterable[str]) -> tuple[list[str], list[str]]:
    """The actions for resources of these types, each once, and the types that are not known here."""
    wanted, unknown = set(ALWAYS), []
    for kind in sorted(set(kinds)):
        if kind.startswith("Custom::"):  # a function makes it, with its own role
            continue
        if kind in ACTIONS:
            wanted.update(ACTIONS[kind])
        else:
            unknown.append(kind)
    return sorted(wanted), unknown
