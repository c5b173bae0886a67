"""Resources that moto cannot make, update or delete as CloudFormation does: each by moto's own services, so that what
they refuse fails here, too. Without any service behind it are only placement groups, links of file systems to buckets,
signals, and what AWS runs for ParallelCluster."""

from __future__ import annotations

import functools
import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from moto.cloudformation import parsing
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.core.common_models import CloudFormationModel
from moto.ec2.models.subnets import Subnet
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

Properties = dict[str, Any]
Made = tuple[str, dict[str, Any]]
"""Physical id of what was made, and its attributes."""
Make = Callable[[str, Properties], Made]

REGION = "us-west-2"
server = {"endpoint": ""}
"""Where moto's services are, which the server says when it starts."""


@functools.cache
def api(service: str) -> Any:
    """One of moto's services."""
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.Session(region_name=REGION, **keys).client(service, endpoint_url=server["endpoint"])


class Resource:
    """What was made of a type below."""

    physical_resource_id: str
    attributes: dict[str, Any]

    def get_cfn_attribute(self, name: str) -> Any:
        return self.attributes[name]

    def is_created(self) -> bool:
        return True


def model(kind: str, name_property: str = "") -> Callable[[Make], Make]:
    """Adds a type, or takes the place of moto's: the function makes one of its name and properties."""

    def add(make: Make) -> Make:
        def create(_: type, resource_name: str, cloudformation_json: Any, *__: Any, **___: Any) -> Any:
            one = made()
            one.physical_resource_id, one.attributes = make(resource_name, cloudformation_json.get("Properties", {}))
            return one

        made = type(f"Model{kind.replace(':', '')}", (Resource, CloudFormationModel), {
            "cloudformation_type": staticmethod(lambda: kind),
            "cloudformation_name_type": staticmethod(lambda: name_property),
            "create_from_cloudformation_json": classmethod(create),
        })  # fmt: skip
        MODELS.append(made)
        return make

    return add


MODELS: list[Any] = []


@model("AWS::CloudFormation::WaitConditionHandle")
def _handle(name: str, properties: Properties) -> Made:
    return f"https://cloudformation-waitcondition-{REGION}.s3.amazonaws.com/{name}", {}


@model("AWS::CloudFormation::WaitCondition")
def _signal(name: str, properties: Properties) -> Made:
    """Nothing runs on moto's instances that could give one: it is taken as given."""
    return f"{properties['Handle']}#{name}", {"Data": "{}"}


@model("AWS::S3::Bucket", "BucketName")
def _bucket(name: str, properties: Properties) -> Made:
    """moto's own has nothing of what protects it."""
    api("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return _secured(name, properties)


def _secured(name: str, properties: Properties) -> Made:
    if versioning := properties.get("VersioningConfiguration"):
        api("s3").put_bucket_versioning(Bucket=name, VersioningConfiguration=versioning)
    if block := properties.get("PublicAccessBlockConfiguration"):
        api("s3").put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)
    return name, {"Arn": f"arn:aws:s3:::{name}"}


@model("AWS::S3::BucketPolicy")
def _bucket_policy(name: str, properties: Properties) -> Made:
    api("s3").put_bucket_policy(Bucket=properties["Bucket"], Policy=json.dumps(properties["PolicyDocument"]))
    return properties["Bucket"], {}


@model("AWS::EC2::VPCCidrBlock")
def _cidr_block(name: str, properties: Properties) -> Made:
    made = api("ec2").associate_vpc_cidr_block(VpcId=properties["VpcId"], CidrBlock=properties["CidrBlock"])
    return made["CidrBlockAssociation"]["AssociationId"], {}


@model("AWS::EC2::PlacementGroup", "GroupName")
def _placement_group(name: str, properties: Properties) -> Made:
    return name, {"GroupName": name}


@model("AWS::EC2::VolumeAttachment")
def _volume_attachment(name: str, properties: Properties) -> Made:
    api("ec2").attach_volume(**properties)
    return f"{properties['VolumeId']}|{properties['InstanceId']}", {}


@model("AWS::EC2::SecurityGroup", "GroupName")
def _security_group(name: str, properties: Properties) -> Made:
    """moto's own knows no rules outwards, and none without ports."""
    ec2 = api("ec2")
    group = ec2.create_security_group(
        GroupName=name, Description=properties["GroupDescription"], VpcId=properties["VpcId"]
    )["GroupId"]
    if outwards := properties.get("SecurityGroupEgress"):
        everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[everything])
        ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[*map(permission, outwards)])
    if inwards := properties.get("SecurityGroupIngress"):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[*map(permission, inwards)])
    return group, {"GroupId": group, "VpcId": properties["VpcId"]}


@model("AWS::EC2::SubnetRouteTableAssociation")
def _association(name: str, properties: Properties) -> Made:
    """moto's own is none that route tables know of."""
    asked = {"RouteTableId": properties["RouteTableId"], "SubnetId": properties["SubnetId"]}
    return api("ec2").associate_route_table(**asked)["AssociationId"], {}


@model("AWS::EC2::VolumeAttachment")
def _volume_attachment(name: str, properties: Properties) -> Made:
    api("ec2").attach_volume(**{key: properties[key] for key in ("Device", "InstanceId", "VolumeId")})
    return f"{properties['VolumeId']}|{properties['InstanceId']}", {}


@model("AWS::EC2::SecurityGroupIngress")
def _ingress(name: str, properties: Properties) -> Made:
    made = api("ec2").authorize_security_group_ingress(
        GroupId=properties["GroupId"], IpPermissions=[permission(properties)]
    )
    return made["SecurityGroupRules"][0]["SecurityGroupRuleId"], {"GroupId": properties["GroupId"]}


@model("AWS::EC2::SecurityGroupEgress")
def _egress(name: str, properties: Properties) -> Made:
    made = api("ec2").authorize_security_group_egress(
        GroupId=properties["GroupId"], IpPermissions=[permission(properties)]
    )
    return made["SecurityGroupRules"][0]["SecurityGroupRuleId"], {"GroupId": properties["GroupId"]}


def permission(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule of a template as EC2 takes it."""
    made: dict[str, Any] = {"IpProtocol": rule["IpProtocol"]}
    made |= {key: int(rule[key]) for key in ("FromPort", "ToPort") if key in rule}
    group = rule.get("SourceSecurityGroupId") or rule.get("DestinationSecurityGroupId")
    if group:
        return made | {"UserIdGroupPairs": [{"GroupId": group}]}
    return made | {"IpRanges": [{"CidrIp": rule["CidrIp"]}]}


@model("AWS::EC2::VolumeAttachment")
def _attached(name: str, properties: Properties) -> Made:
    """moto's own has no physical id."""
    asked = {key: properties[key] for key in ("Device", "InstanceId", "VolumeId")}
    api("ec2").attach_volume(**asked)
    return f"{asked['VolumeId']}|{asked['InstanceId']}", {}


@model("AWS::FSx::FileSystem")
def _file_system(name: str, properties: Properties) -> Made:
    numbers = {"StorageCapacity": int(properties["StorageCapacity"])}
    made = api("fsx").create_file_system(**typed("fsx", "CreateFileSystem", properties) | numbers)["FileSystem"]
    one = made["FileSystemId"]
    volume, mount = f"fsvol-{one[-8:]}", one[-8:]
    attributes = {"DNSName": f"{one}.fsx.{REGION}.amazonaws.com", "ResourceARN": made["ResourceARN"]}
    return one, attributes | {"LustreMountName": mount, "RootVolumeId": volume}


@model("AWS::FSx::DataRepositoryAssociation")
def _repository(name: str, properties: Properties) -> Made:
    api("fsx").describe_file_systems(FileSystemIds=[properties["FileSystemId"]])
    api("s3").head_bucket(Bucket=properties["DataRepositoryPath"].split("/")[2])
    one = f"dra-{uuid.uuid4().hex[:17]}"
    return one, {"AssociationId": one}


@model("AWS::RDS::DBSubnetGroup", "DBSubnetGroupName")
def _db_subnets(name: str, properties: Properties) -> Made:
    asked = {"DBSubnetGroupDescription": properties["DBSubnetGroupDescription"], "SubnetIds": properties["SubnetIds"]}
    api("rds").create_db_subnet_group(DBSubnetGroupName=name.lower(), **asked)
    return name.lower(), {}


@model("AWS::RDS::DBClusterParameterGroup", "DBClusterParameterGroupName")
def _db_parameters(name: str, properties: Properties) -> Made:
    asked = {"DBParameterGroupFamily": properties["Family"], "Description": properties["Description"]}
    unique = f"{name.lower()}-{uuid.uuid4().hex[:8]}"  # a new one is there before the old one goes
    api("rds").create_db_cluster_parameter_group(DBClusterParameterGroupName=unique, **asked)
    return unique, {}


@model("AWS::RDS::DBCluster", "DBClusterIdentifier")
def _db_cluster(name: str, properties: Properties) -> Made:
    asked = typed("rds", "CreateDBCluster", resolved(properties)) | {"DBClusterIdentifier": name.lower()}
    made = api("rds").create_db_cluster(**asked)["DBCluster"]
    attributes = {"Endpoint.Address": made["Endpoint"], "Endpoint.Port": str(made["Port"])}
    return name.lower(), attributes | {"DBClusterArn": made["DBClusterArn"]}


@model("AWS::RDS::DBInstance", "DBInstanceIdentifier")
def _db_instance(name: str, properties: Properties) -> Made:
    asked = typed("rds", "CreateDBInstance", resolved(properties)) | {"DBInstanceIdentifier": name.lower()}
    api("rds").create_db_instance(**asked)
    return name.lower(), {}


@model("AWS::SecretsManager::Secret", "Name")
def _secret(name: str, properties: Properties) -> Made:
    text, generated = properties.get("SecretString"), dict(properties.get("GenerateSecretString", {}))
    if text is None:
        template, key = generated.pop("SecretStringTemplate", None), generated.pop("GenerateStringKey", None)
        text = api("secretsmanager").get_random_password(**numbered(generated))["RandomPassword"]
        text = json.dumps(json.loads(template) | {key: text}) if template else text
    return api("secretsmanager").create_secret(Name=name, SecretString=text)["ARN"], {}


@model("AWS::SecretsManager::SecretTargetAttachment")
def _attachment(name: str, properties: Properties) -> Made:
    api("secretsmanager").describe_secret(SecretId=properties["SecretId"])
    return properties["SecretId"], {}


@model("AWS::SSM::Parameter", "Name")
def _parameter(name: str, properties: Properties) -> Made:
    asked = {"Name": name, "Type": properties["Type"], "Value": properties["Value"], "Overwrite": True}
    api("ssm").put_parameter(**asked)
    return name, {"Value": properties["Value"], "Type": properties["Type"]}


@model("AWS::Batch::ComputeEnvironment", "ComputeEnvironmentName")
def _environment(name: str, properties: Properties) -> Made:
    """moto's own takes no service-linked role, and lets pass what Batch refuses."""
    asked = typed("batch", "CreateComputeEnvironment", lower(properties))
    asked.pop("replaceComputeEnvironment", None)
    resources = asked["computeResources"]
    launch = {"LaunchTemplateId": resources["launchTemplate"]["launchTemplateId"], "Versions": ["$Latest"]}
    (version,) = api("ec2").describe_launch_template_versions(**launch)["LaunchTemplateVersions"]
    groups = {one for card in version["LaunchTemplateData"].get("NetworkInterfaces", []) for one in card["Groups"]}
    if bool(groups) == bool(resources.get("securityGroupIds")):
        # Batch's own words: https://github.com/aws/aws-cdk/issues/21577
        what = "Either compute environment Security Groups or Network Interfaces in Launch template are exclusively"
        raise ValueError(f"{what} allowed")
    resources.setdefault("securityGroupIds", [*groups])
    api("batch").create_compute_environment(
        **asked, computeEnvironmentName=name, serviceRole=service_role("batch", "AWSServiceRoleForBatch")
    )
    arn = f"arn:aws:batch:{REGION}:{ACCOUNT}:compute-environment/{name}"
    return arn, {"ComputeEnvironmentArn": arn}


@model("AWS::Batch::SchedulingPolicy", "Name")
def _scheduling(name: str, properties: Properties) -> Made:
    asked = typed("batch", "CreateSchedulingPolicy", lower(properties))
    arn = api("batch").create_scheduling_policy(**asked, name=name)["arn"]
    return arn, {"Arn": arn}


@model("AWS::Batch::JobQueue", "JobQueueName")
def _job_queue(name: str, properties: Properties) -> Made:
    """moto's own has no scheduling policy."""
    asked = typed("batch", "CreateJobQueue", lower(properties))
    arn = api("batch").create_job_queue(**asked, jobQueueName=name)["jobQueueArn"]
    return arn, {"JobQueueArn": arn}


@model("AWS::ECR::Repository", "RepositoryName")
def _images(name: str, properties: Properties) -> Made:
    """CloudFormation makes names in small letters, moto does not."""
    asked = typed("ecr", "CreateRepository", lower(properties)) | {"tags": properties.get("Tags", [])}
    made = api("ecr").create_repository(**asked, repositoryName=name.lower())["repository"]
    return made["repositoryName"], {"Arn": made["repositoryArn"], "RepositoryUri": made["repositoryUri"]}


def service_role(service: str, name: str) -> str:
    """ARN of a service's own role, which is made where it is first needed."""
    iam = api("iam")
    for role in iam.list_roles(PathPrefix="/aws-service-role/")["Roles"]:
        if role["RoleName"] == name:
            return str(role["Arn"])
    return str(iam.create_service_linked_role(AWSServiceName=f"{service}.amazonaws.com")["Role"]["Arn"])


def lower(value: Any) -> Any:
    """With keys as the newer services spell them: a small letter first."""
    if isinstance(value, list):
        return [lower(one) for one in value]
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: lower(one) for key, one in value.items()}
    return value


@model("AWS::CloudFormation::Stack")
def _provider(name: str, properties: Properties) -> Made:
    """AWS's own template, which makes the function that makes clusters."""
    if "-aws-parallelcluster.s3." not in properties["TemplateURL"]:
        raise ValueError(f"a stack in a stack of another template: {properties['TemplateURL']}")
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:pcluster-cfn-{name}"
    return f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/{uuid.uuid4()}", {"Outputs.ServiceToken": function}


@model("Custom::PclusterCluster")
def _cluster(name: str, properties: Properties) -> Made:
    if not properties["ServiceToken"].startswith("arn:aws:lambda:") or not properties["ClusterConfiguration"]:
        raise ValueError("the provider gets no configuration")
    return properties["ClusterName"], {
        "headNode.instanceId": "i-0123456789abcdef0",
        "headNode.privateIpAddress": "10.0.0.9",
    }


def resolved(properties: Properties) -> Properties:
    """With the secrets that it names."""
    return {key: secret(value) if isinstance(value, str) else value for key, value in properties.items()}


def secret(value: str) -> str:
    found = re.fullmatch(r"{{resolve:secretsmanager:(arn:[^}]*?)(?::SecretString:(\w+)[^}]*)?}}", value)
    if found is None:
        return value
    text = api("secretsmanager").get_secret_value(SecretId=found[1])["SecretString"]
    return str(json.loads(text)[found[2]]) if found[2] else str(text)


def typed(service: str, operation: str, properties: Properties) -> Properties:
    """Properties as the service takes them: those that it knows, and numbers that are texts in a template."""
    shape = api(service).meta.service_model.operation_model(operation).input_shape
    known = {key: value for key, value in properties.items() if key in shape.members}
    return {key: converted(value, shape.members[key]) for key, value in known.items()}


def converted(value: Any, shape: Any) -> Any:
    if shape.type_name == "structure":
        return {key: converted(one, shape.members[key]) for key, one in value.items() if key in shape.members}
    if shape.type_name == "list":
        return [converted(one, shape.member) for one in value]
    convert = {"integer": int, "long": int, "double": float, "float": float, "string": str}.get(shape.type_name)
    return convert(value) if convert and value is not None else value


def numbered(properties: Properties) -> Properties:
    return typed("secretsmanager", "GetRandomPassword", properties)


def _detach(one: Any, properties: Properties) -> None:
    asked = {"InternetGatewayId": properties["InternetGatewayId"], "VpcId": properties["VpcId"]}
    api("ec2").detach_internet_gateway(**asked)


def _delete_environment(arn: str, properties: Properties) -> None:
    api("batch").update_compute_environment(computeEnvironment=arn, state="DISABLED")
    api("batch").delete_compute_environment(computeEnvironment=arn)


def _delete_queue(arn: str, properties: Properties) -> None:
    api("batch").update_job_queue(jobQueue=arn, state="DISABLED")
    api("batch").delete_job_queue(jobQueue=arn)


DELETERS: dict[str, Callable[[str, Properties], Any]] = {
    "AWS::Batch::ComputeEnvironment": _delete_environment,
    "AWS::Batch::JobQueue": _delete_queue,
    "AWS::Batch::SchedulingPolicy": lambda one, _: api("batch").delete_scheduling_policy(arn=one),
    "AWS::EC2::LaunchTemplate": lambda one, _: api("ec2").delete_launch_template(LaunchTemplateId=one),
    "AWS::ECR::Repository": lambda one, _: api("ecr").delete_repository(repositoryName=one),
    "AWS::EC2::EIP": lambda one, _: release(one),
    "AWS::EC2::FlowLog": lambda one, _: api("ec2").delete_flow_logs(FlowLogIds=[one]),
    "AWS::EC2::InternetGateway": lambda one, _: api("ec2").delete_internet_gateway(InternetGatewayId=one),
    "AWS::EC2::NatGateway": lambda one, _: api("ec2").delete_nat_gateway(NatGatewayId=one),
    "AWS::EC2::Route": lambda _, p: api("ec2").delete_route(
        RouteTableId=p["RouteTableId"], DestinationCidrBlock=p["DestinationCidrBlock"]
    ),
    "AWS::EC2::RouteTable": lambda one, _: api("ec2").delete_route_table(RouteTableId=one),
    "AWS::EC2::SecurityGroup": lambda one, _: api("ec2").delete_security_group(GroupId=one),
    "AWS::EC2::SecurityGroupEgress": lambda one, p: api("ec2").revoke_security_group_egress(
        GroupId=p["GroupId"], SecurityGroupRuleIds=[one]
    ),
    "AWS::EC2::SecurityGroupIngress": lambda one, p: api("ec2").revoke_security_group_ingress(
        GroupId=p["GroupId"], SecurityGroupRuleIds=[one]
    ),
    "AWS::EC2::SubnetRouteTableAssociation": lambda one, _: api("ec2").disassociate_route_table(AssociationId=one),
    "AWS::EC2::Volume": lambda one, _: api("ec2").delete_volume(VolumeId=one),
    "AWS::EC2::VPCCidrBlock": lambda one, _: api("ec2").disassociate_vpc_cidr_block(AssociationId=one),
    "AWS::EC2::VPCEndpoint": lambda one, _: api("ec2").delete_vpc_endpoints(VpcEndpointIds=[one]),
    "AWS::EC2::VPCGatewayAttachment": _detach,
    "AWS::EC2::VolumeAttachment": lambda _, p: api("ec2").detach_volume(
        Device=p["Device"], InstanceId=p["InstanceId"], VolumeId=p["VolumeId"]
    ),
    "AWS::FSx::FileSystem": lambda one, _: api("fsx").delete_file_system(FileSystemId=one),
    "AWS::IAM::ManagedPolicy": lambda one, _: api("iam").delete_policy(PolicyArn=one),
    "AWS::RDS::DBCluster": lambda one, _: api("rds").delete_db_cluster(DBClusterIdentifier=one, SkipFinalSnapshot=True),
    "AWS::RDS::DBClusterParameterGroup": lambda one, _: api("rds").delete_db_cluster_parameter_group(
        DBClusterParameterGroupName=one
    ),
    "AWS::RDS::DBInstance": lambda one, _: api("rds").delete_db_instance(
        DBInstanceIdentifier=one, SkipFinalSnapshot=True
    ),
    "AWS::RDS::DBSubnetGroup": lambda one, _: api("rds").delete_db_subnet_group(DBSubnetGroupName=one),
    "AWS::S3::Bucket": lambda one, _: api("s3").delete_bucket(Bucket=one),
    "AWS::S3::BucketPolicy": lambda one, _: api("s3").delete_bucket_policy(Bucket=one),
    "AWS::SSM::Parameter": lambda one, _: api("ssm").delete_parameter(Name=one),
    "AWS::SecretsManager::Secret": lambda one, _: api("secretsmanager").delete_secret(SecretId=one),
}
"""Types that moto's own models do not delete, and those above."""

NOTHING = ("AWS::CloudFormation::Stack", "AWS::CloudFormation::WaitCondition",
           "AWS::CloudFormation::WaitConditionHandle", "AWS::EC2::PlacementGroup",
           "AWS::FSx::DataRepositoryAssociation", "AWS::SecretsManager::SecretTargetAttachment",
           "Custom::PclusterCluster")  # fmt: skip
"""Types behind which nothing is that could be deleted."""


def release(address: str) -> None:
    found = api("ec2").describe_addresses(PublicIps=[address])["Addresses"]
    api("ec2").release_address(AllocationId=found[0]["AllocationId"])


def delete(one: Any, definition: dict[str, Any]) -> None:
    """Deletes what was made of a definition. A type of which nobody knows how fails."""
    kind, physical = definition["Type"], one.physical_resource_id
    if kind in DELETERS:
        DELETERS[kind](physical, definition.get("Properties", {}))
    elif kind not in NOTHING:
        model = KINDS[kind]
        if not hasattr(model.delete_from_cloudformation_json, "__isabstractmethod__"):
            model.delete_from_cloudformation_json(physical, definition, ACCOUNT, REGION)
        else:
            one.delete(ACCOUNT, REGION)


UPDATERS: dict[str, Make] = {"AWS::S3::Bucket": _secured, "AWS::SSM::Parameter": _parameter}
"""Of what was made by a function above, those that the tests change."""


def update(one: Any, definition: dict[str, Any]) -> None:
    """Changes what was made by a function above."""
    if change := UPDATERS.get(definition["Type"]):
        _, one.attributes = change(one.physical_resource_id, definition["Properties"])


REPLACED: dict[str, set[str]] = {
    "AWS::EC2::Subnet": {"AvailabilityZone", "CidrBlock", "VpcId"},
    "AWS::EC2::VPC": {"CidrBlock"},
    "AWS::FSx::FileSystem": {"FileSystemType", "SubnetIds"},
    "AWS::RDS::DBClusterParameterGroup": {"Family"},
    "AWS::S3::Bucket": {"BucketName"},
    "AWS::SSM::Parameter": {"Name"},
}
"""Type -> properties by whose change another takes its place, of those that the tests change."""


def replacement(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What a change set says about a resource that is changed."""
    before, after = one.get("Properties", {}), other.get("Properties", {})
    changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    again = set(changed) & REPLACED.get(other["Type"], set())
    details = [{"Target": {"Attribute": "Properties", "Name": key}} for key in changed]
    return {"Replacement": "True" if again or one["Type"] != other["Type"] else "False", "Details": details}


def drift(one: Any, definition: dict[str, Any]) -> tuple[str, list[str]] | None:
    """How a resource differs from its definition: CloudFormation, too, can tell of some types only."""
    if definition["Type"] != "AWS::S3::Bucket":
        return None
    name = one.physical_resource_id
    if name not in [bucket["Name"] for bucket in api("s3").list_buckets()["Buckets"]]:
        return "DELETED", []
    status = api("s3").get_bucket_versioning(Bucket=name).get("Status")
    return ("MODIFIED", ["VersioningConfiguration/Status"]) if status == "Suspended" else ("IN_SYNC", [])


def known(kind: str) -> bool:
    """Whether there is such a type."""
    return kind in KINDS


def clean(part: Any, names: Any) -> Any:
    """With all functions of the template done. One that moto passes over fails."""
    done = parsing.clean_json(part, names)
    if left := re.search(r'"(Fn::\w+|Ref)": [^}]*', json.dumps(done, default=str)):
        raise ValueError(f"not resolved: {left[0]}")
    return done


def pseudo_parameters(stack_id: str, name: str) -> dict[str, Any]:
    """What every template may name."""
    return {
        "AWS::AccountId": ACCOUNT,
        "AWS::NoValue": None,
        "AWS::Partition": "aws",
        "AWS::Region": REGION,
        "AWS::StackId": stack_id,
        "AWS::StackName": name,
        "AWS::URLSuffix": "amazonaws.com",
    }


FakeBucket.get_permission = lambda *_: PermissionResult.NEUTRAL
"""moto reads no conditions: a policy that denies what is not TLS would deny everything."""
Subnet.get_cfn_attribute = lambda subnet, name: {
    "AvailabilityZone": subnet.availability_zone, "SubnetId": subnet.id, "VpcId": subnet.vpc_id
}[name]  # fmt: skip
"""moto knows none of them."""

parsing.NULL_MODELS.clear()
KINDS: dict[str, Any] = {**parsing.get_model_map(), **{model.cloudformation_type(): model for model in MODELS}}
parsing.resource_class_from_type = KINDS.__getitem__
"""What is in NULL_MODELS, or begins with Custom::, moto would pass over or hand to a function of AWS Lambda."""
