"""Architecture `accounting-db`: who reaches the database and how, its password, its zones, and what is kept."""

from __future__ import annotations

import json
from typing import Any

import yaml

from tests.architectures.deployments import deployment, template


def made(**params: Any) -> dict[str, Any]:
    """The template that parameters give, with which nothing is wrong."""
    one = deployment("accounting-db", params)
    assert one.problems() == []
    body: dict[str, Any] = yaml.safe_load(template(one))
    return body


def properties(name: str, **params: Any) -> dict[str, Any]:
    found: dict[str, Any] = made(**params)["Resources"][name]["Properties"]
    return found


def test_the_password_is_plain_text_that_slurm_and_aurora_take() -> None:
    """A template would make JSON of it; Slurm takes no #, Aurora no /, @, quotes or spaces, and 41 characters."""
    generated = properties("Password")["GenerateSecretString"]
    assert set(generated) == {"ExcludePunctuation", "PasswordLength"}
    assert generated["ExcludePunctuation"] is True and 8 <= generated["PasswordLength"] <= 41
    cluster = properties("Cluster")
    assert cluster["MasterUserPassword"] == {"Fn::Sub": "{{resolve:secretsmanager:${Password}}}"}
    assert "ManageMasterUserPassword" not in cluster


def test_the_password_is_in_no_output() -> None:
    outputs = {name: json.dumps(one["Value"]) for name, one in made()["Outputs"].items()}
    assert not [
        name for name, value in outputs.items() if "resolve" in value or ("GetAtt" in value and "Secret" in value)
    ]
    assert json.loads(outputs["DatabaseSecretArn"]) == {"Ref": "Password"}


def test_only_clients_reach_the_database_on_its_port_and_it_reaches_nobody() -> None:
    resources = made()["Resources"]
    database, client = (
        {"Fn::GetAtt": ["ServerSecurityGroup", "GroupId"]},
        {"Fn::GetAtt": ["ClientSecurityGroup", "GroupId"]},
    )
    rule = resources["FromClient"]["Properties"]
    assert (rule["GroupId"], rule["SourceSecurityGroupId"]) == (database, client)
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 3306, 3306)
    (out,) = resources["ClientSecurityGroup"]["Properties"]["SecurityGroupEgress"]
    assert (out["DestinationSecurityGroupId"], out["FromPort"], out["ToPort"]) == (database, 3306, 3306)
    group = resources["ServerSecurityGroup"]["Properties"]
    assert "SecurityGroupIngress" not in group
    assert [one["CidrIp"] for one in group["SecurityGroupEgress"]] == ["127.0.0.1/32"]
    assert properties("Cluster")["VpcSecurityGroupIds"] == [database]
    assert [name for name, one in resources.items() if one["Type"] == "AWS::EC2::SecurityGroupIngress"] == [
        "FromClient"
    ]


def test_it_is_encrypted_private_and_reached_by_tls_alone() -> None:
    assert properties("Cluster")["StorageEncrypted"] is True
    assert properties("Cluster")["DBClusterParameterGroupName"] == {"Ref": "Settings"}
    assert properties("Settings")["Parameters"] == {"require_secure_transport": "ON"}
    assert properties("Instance")["PubliclyAccessible"] is False
    assert "PrivateSubnets" in json.dumps(properties("Subnets")["SubnetIds"])


def test_settings_are_of_the_engine_that_runs_them() -> None:
    version = properties("Cluster")["EngineVersion"]
    assert properties("Settings")["Family"] == "aurora-mysql" + ".".join(version.split(".")[:2])
    assert properties("Instance")["Engine"] == properties("Cluster")["Engine"]


def test_deletion_protection_and_what_happens_on_delete_agree() -> None:
    """A stack cannot delete a protected database, nor the groups, subnets and settings that one leans on."""
    resources = made()["Resources"]
    assert properties("Cluster")["DeletionProtection"] is True
    assert {one["DeletionPolicy"] for one in resources.values()} == {"Retain"}
    assert {one["UpdateReplacePolicy"] for one in resources.values()} == {"Retain"}


def problems(**params: Any) -> list[tuple[str, str]]:
    """Where something is wrong, and what with the remedy."""
    found = deployment("accounting-db", params).problems()
    return [(one.where.removeprefix("architectures.accounting-db."), f"{one.what}; {one.remedy}") for one in found]


def test_a_network_in_one_zone_is_too_small() -> None:
    ((where, told),) = problems(**{"network.zones": ("us-west-2a",)})
    assert where == "network" and "zones of vpc names us-west-2a alone" in told
    assert problems(**{"network.zones": ("us-west-2a", "us-west-2b")}) == []


def test_problems_are_told_at_once_and_both_that_contradict_are_named() -> None:
    wrong = {"network.zones": ("us-west-2a",), "min_acu": 8, "max_acu": 4}
    (capacity, told), (network, _) = problems(**wrong)
    assert (capacity, network) == ("min_acu", "network") and "max_acu" in told


def test_what_it_costs_at_least() -> None:
    one = deployment("accounting-db", {"min_acu": 2})
    costs = {usage.item: usage.quantity for usage in one.architecture.usage(one.params, one.facts)}
    assert costs == {"aurora-acu": 2, "aurora-storage": 10, "secret": 1}
