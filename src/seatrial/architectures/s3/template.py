"""The bucket's template."""

from __future__ import annotations

from typing import TYPE_CHECKING

from troposphere import GetAtt, Ref, Select, Split, Sub, s3

from seatrial.architectures._architecture import Facts
from seatrial.architectures._cloudformation import export, kept, placeholder, plan, template
from seatrial.architectures.s3 import OUTPUTS, Params
from seatrial.plan import Plan

if TYPE_CHECKING:
    from troposphere import Template

CHECKPOINTS = "checkpoints/"
STACK_ID = Select(2, Split("/", Ref("AWS::StackId")))
"""The stack's own, of 36 characters: a bucket that outlives its stack is not in the way of the next one."""


def render(params: Params, facts: Facts) -> Plan:
    """Its plan."""
    made = template("Seatrial: a private bucket for data sets, checkpoints and results")
    if params.bucket:
        placeholder(made)
        arn = Sub(f"arn:${{AWS::Partition}}:s3:::{params.bucket}")
        export(made, facts, {"Bucket": params.bucket, "BucketArn": arn}, OUTPUTS)
    else:
        _bucket(made, params)
        export(made, facts, {"Bucket": Ref("Bucket"), "BucketArn": GetAtt("Bucket", "Arn")}, OUTPUTS)
    return plan(params, facts, made)


def _bucket(made: Template, params: Params) -> None:
    """Its name begins as HyperPod wants it of buckets with lifecycle scripts:
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ClusterLifeCycleConfig.html, 2026-11"""
    encryption = s3.ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
    bucket = s3.Bucket(
        "Bucket",
        BucketName=Sub("sagemaker-seatrial-${Id}", Id=STACK_ID),
        BucketEncryption=s3.BucketEncryption(
            ServerSideEncryptionConfiguration=[
                s3.ServerSideEncryptionRule(ServerSideEncryptionByDefault=encryption),
            ]
        ),
        LifecycleConfiguration=s3.LifecycleConfiguration(Rules=_lifecycle(params)),
        # Without access control lists: whoever owns the bucket owns what is in it.
        OwnershipControls=s3.OwnershipControls(
            Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")],
        ),
        PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
            BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
        ),
        VersioningConfiguration=s3.VersioningConfiguration(Status="Enabled"),
    )
    made.add_resource(kept(bucket))
    refused = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",  # of a denial: nothing may be done without TLS
        "Resource": [GetAtt("Bucket", "Arn"), Sub("${Bucket.Arn}/*")],
        "Condition": {"Bool": {"aws:SecureTransport": False}},
    }
    document = {"Version": "2012-10-17", "Statement": [refused]}
    # Kept with its bucket, which would else be open to plain HTTP once the stack is gone.
    made.add_resource(kept(s3.BucketPolicy("TlsOnly", Bucket=Ref("Bucket"), PolicyDocument=document)))


def _lifecycle(params: Params) -> list[s3.LifecycleRule]:
    abort = s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=params.upload_days)
    old = s3.NoncurrentVersionExpiration(NoncurrentDays=params.checkpoint_days)
    return [
        s3.LifecycleRule(Id="IncompleteUploads", Status="Enabled", AbortIncompleteMultipartUpload=abort),
        s3.LifecycleRule(Id="OldCheckpoints", Status="Enabled", Prefix=CHECKPOINTS, NoncurrentVersionExpiration=old),
    ]
