"""Architecture `storage`: sizes that FSx takes, what is kept, what is linked, and where the file systems stand."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from seatrial.architectures.storage.steps import EFA_STEP_GIB, lustre_sizes
from tests.architectures.deployments import deployment, template
from tests.architectures.shapes.storage import HOME, LUSTRE


def made(**params: Any) -> dict[str, Any]:
    """The template that parameters give, with which nothing is wrong."""
    one = deployment("storage", params)
    assert one.problems() == []
    body: dict[str, Any] = yaml.safe_load(template(one))
    return body


def problems(**params: Any) -> dict[str, str]:
    """Parameter -> what is wrong and the remedy, of one problem each."""
    found = deployment("storage", params).problems()
    places = {one.where.removeprefix("architectures.storage."): f"{one.what}; {one.remedy}" for one in found}
    assert len(places) == len(found)
    return places


@pytest.mark.parametrize(
    ("gib", "throughput", "efa", "expected"),
    [
        (1, 250, False, [1200]),
        (1200, 250, False, [1200]),
        (1300, 250, False, [1200, 2400]),
        (3600, 250, False, [2400, 4800]),
        (4800, 250, False, [4800]),
        (1200, 1000, True, [4800]),
        (4800, 1000, True, [4800]),
        (10000, 1000, True, [9600, 14400]),
        (38400, 125, True, [38400]),
        (40000, 125, True, [38400, 76800]),
    ],
)
def test_sizes_of_lustre_next_to_a_wish(gib: int, throughput: int, efa: bool, expected: list[int]) -> None:
    assert lustre_sizes(gib, throughput, efa) == expected


@pytest.mark.parametrize("throughput", EFA_STEP_GIB)
def test_a_size_that_takes_efa_is_valid_without_it(throughput: int) -> None:
    assert lustre_sizes(EFA_STEP_GIB[throughput], throughput, False) == [EFA_STEP_GIB[throughput]]


def test_a_remedy_names_the_nearest_sizes() -> None:
    assert "set it to 2400 or 4800" in problems(lustre_gib=3600)["lustre_gib"]
    assert "set it to 250 or 500" in problems(lustre_throughput=300)["lustre_throughput"]
    assert "set it to 320 or 640" in problems(home_throughput=512)["home_throughput"]
    assert "set it to 256 or 512" in problems(home_throughput=320, home_deployment="SINGLE_AZ_HA_1")["home_throughput"]


def test_with_efa_size_and_throughput_contradict_and_both_are_named() -> None:
    told = problems(lustre_gib=4800, lustre_throughput=250, lustre_efa=True)
    assert list(told) == ["lustre_gib"]
    for part in ("lustre_efa", "lustre_throughput 250", "19200", "lustre_throughput to 1000"):
        assert part in told["lustre_gib"]


def test_all_problems_are_told_at_once() -> None:
    wrong = {"lustre_gib": 5, "home_throughput": 5, "lustre_mount_name": "abc"}
    assert set(problems(**wrong)) == {"lustre_gib", "home_throughput", "lustre_id"}


@pytest.mark.parametrize("given", [*LUSTRE, *HOME])
def test_half_a_file_system_that_is_there_is_refused(given: str) -> None:
    ids = {**LUSTRE, **HOME}
    (missing,) = problems(**{given: ids[given]})
    assert missing.split("_")[0] == given.split("_")[0] and missing != given


def test_what_would_be_given_in_vain_is_refused_with_both_names() -> None:
    told = problems(**LUSTRE, **HOME, lustre_efa=True, lustre_gib=4800, lustre_throughput=1000, home_backup_days=0)
    assert set(told) == {"lustre_efa", "lustre_gib", "lustre_throughput", "home_backup_days"}
    assert "lustre_id" in told["lustre_gib"] and "home_id" in told["home_backup_days"]
    assert "bucket is None" in problems(bucket=None, bucket_prefix="text")["bucket_prefix"]
    assert "lustre_id" in problems(**LUSTRE, bucket_sync="import")["bucket_sync"]


def test_what_nodes_run_as_root_is_no_users_file() -> None:
    assert "as root" in problems(bucket_prefix="seatrial/mine")["bucket_prefix"]
    assert problems(bucket_prefix="seatrials") == {}


def test_all_that_holds_data_outlives_its_stack() -> None:
    resources = made()["Resources"]
    assert set(resources) == {"Lustre", "Home", "BucketLink"}
    for resource in resources.values():
        assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"


def test_both_file_systems_stand_in_the_zone_that_hosts_compute() -> None:
    resources = made()["Resources"]
    first = {"Fn::Select": [0, {"Fn::Split": [",", {"Fn::ImportValue": "seatrial-vpc-PrivateSubnets"}]}]}
    assert [resources[name]["Properties"]["SubnetIds"] for name in ("Lustre", "Home")] == [[first], [first]]


@pytest.mark.parametrize("efa", [False, True])
def test_with_efa_lustre_shares_a_group_with_its_clients(efa: bool) -> None:
    lustre = made(lustre_gib=4800, lustre_throughput=1000, lustre_efa=efa)["Resources"]["Lustre"]["Properties"]
    groups = [group["Fn::ImportValue"] for group in lustre["SecurityGroupIds"]]
    assert groups == ["seatrial-vpc-FileSystemSecurityGroup", *(["seatrial-vpc-SecurityGroup"] if efa else [])]
    configuration = lustre["LustreConfiguration"]
    assert configuration["EfaEnabled"] is efa and configuration["MetadataConfiguration"] == {"Mode": "AUTOMATIC"}


@pytest.mark.parametrize("sync", ["both", "import", "export"])
def test_the_bucket_appears_in_its_folder_and_what_changes_follows(sync: str) -> None:
    link = made(bucket_prefix="datasets/text", bucket_folder="/data", bucket_sync=sync)["Resources"]["BucketLink"]
    properties = link["Properties"]
    path, values = properties["DataRepositoryPath"]["Fn::Sub"]
    assert path == "s3://${Bucket}/datasets/text/" and values["Bucket"]["Fn::ImportValue"] == "seatrial-s3-Bucket"
    assert properties["FileSystemPath"] == "/data"
    directions = {"both": {"AutoImportPolicy", "AutoExportPolicy"}, "import": {"AutoImportPolicy"}}
    assert set(properties["S3"]) == directions.get(sync, {"AutoExportPolicy"})


def test_without_a_bucket_nothing_is_linked() -> None:
    assert set(made(bucket=None)["Resources"]) == {"Lustre", "Home"}


def test_home_is_exported_to_the_network_alone_and_its_root_stays_root() -> None:
    home = made()["Resources"]["Home"]["Properties"]["OpenZFSConfiguration"]
    (clients,) = home["RootVolumeConfiguration"]["NfsExports"][0]["ClientConfigurations"]
    assert clients["Clients"] == {"Fn::ImportValue": "seatrial-vpc-Cidr"}
    assert "no_root_squash" in clients["Options"] and "async" not in clients["Options"]


def test_what_is_there_already_is_exported_and_nothing_is_made() -> None:
    body = made(**LUSTRE, **HOME)
    assert [one["Type"] for one in body["Resources"].values()] == ["AWS::CloudFormation::WaitConditionHandle"]
    outputs = {name: one["Value"] for name, one in body["Outputs"].items()}
    assert outputs["LustreId"] == LUSTRE["lustre_id"] and outputs["HomeVolumeId"] == HOME["home_volume_id"]
    dns = outputs["LustreDnsName"]["Fn::Sub"]
    assert dns == LUSTRE["lustre_id"] + ".fsx.${AWS::Region}.${AWS::URLSuffix}"
    assert set(outputs) == set(made()["Outputs"])


def test_one_of_two_may_be_there_already() -> None:
    assert set(made(**HOME)["Resources"]) == {"Lustre", "BucketLink"}
    assert set(made(**LUSTRE)["Resources"]) == {"Home"}


def test_what_it_costs_is_what_is_new() -> None:
    def quantities(**params: Any) -> dict[str, float]:
        one = deployment("storage", params)
        return {usage.item: usage.quantity for usage in one.architecture.usage(one.params, one.facts)}

    home = {"fsx-openzfs": 256, "fsx-openzfs/throughput": 320}
    assert quantities(lustre_gib=2400, lustre_throughput=500) == {"fsx-lustre/500": 2400, **home}
    assert quantities(**LUSTRE) == home
    assert quantities(**LUSTRE, **HOME) == {}
