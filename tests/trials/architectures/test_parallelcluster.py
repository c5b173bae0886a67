"""ParallelCluster's own package takes every configuration, and refuses what our rules refuse before it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial import environments, versions
from seatrial.architectures import Deployment
from seatrial.architectures._literal import literal
from seatrial.architectures.parallelcluster import Queue, rules
from seatrial.architectures.parallelcluster.configuration import configuration
from tests.architectures.deployments import combinations, deployment, shapes
from tests.trials.architectures.parallelcluster_world import MOTO_CANNOT, REGION, World, world

PROGRAM = Path(__file__).with_name("parallelcluster_package.py")
NAME = "parallelcluster"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("account")) as found:
        yield found


@pytest.fixture(scope="module")
def package() -> str:
    """Path of the Python that has the package."""
    with pytest.MonkeyPatch.context() as patch:
        # As for the commands that tests start: see clean_environment.
        patch.delenv("SEATRIAL_ENVIRONMENTS", raising=False)
        return str(environments.python(environments.ensure("parallelcluster")))


def ask(package: str, account: World, verb: str, **what: Any) -> dict[str, Any]:
    """What the package says, in one process for many configurations: it takes seconds to import."""
    asked = json.dumps({"verb": verb, "answers": account.answers, **what})
    command = [package, "-W", "ignore", str(PROGRAM)]
    run = subprocess.run(command, input=asked, env=account.environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


def given(one: Deployment, account: World) -> dict[str, Any]:
    """The configuration as AWS's provider gets it: each output filled in, each value a text, as CloudFormation does."""
    known = {f"{need.stack}-{output}": value for need in one.needs.values() for output, value in account.values.items()}
    known |= account.values  # what its own stack makes
    found = literal(configuration(one.params, one.facts), one.params.region, known)
    assert "<" not in json.dumps(found), "an output that nothing exports"
    texts: dict[str, Any] = as_texts(found)
    return texts


def as_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: as_texts(one) for key, one in value.items()}
    if isinstance(value, list):
        return [as_texts(one) for one in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def dryrun(package: str, account: World, configurations: Mapping[str, Any]) -> dict[str, Any]:
    return ask(package, account, "dryrun", name=NAME, configurations=configurations, moto_cannot=MOTO_CANNOT)


def test_its_lists_are_those_that_we_have(package: str, account: World) -> None:
    theirs = ask(package, account, "lists")
    ours = versions.PARALLELCLUSTER
    assert (theirs["version"], theirs["systems"]) == (ours.version, ours.systems)
    assert (theirs["without_ami"], theirs["regions"]) == ([*ours.without_ami], [*ours.regions])
    assert {*theirs["taken"]["Global"]} == rules.TAKEN
    assert {*theirs["taken"]["Global"], *theirs["taken"]["Accounting"]} == rules.TAKEN_WITH_ACCOUNTING
    assert theirs["most_queues"] == rules.MOST_QUEUES


def test_the_schema_takes_every_shape_and_combination(package: str, account: World) -> None:
    every = {name: deployment(NAME, shape) for name, shape in shapes(NAME).items()}
    every |= {str(choice): one for choice, one in combinations(NAME)}
    configurations = {name: given(one, account) for name, one in every.items()}
    assert ask(package, account, "load", name=NAME, configurations=configurations) == {}


def test_a_dry_run_of_every_shape_succeeds(package: str, account: World) -> None:
    more = {
        "spot": {"queues": (Queue(name="spot", instance_type="g5.12xlarge", at_most=2, capacity="spot"),)},
        "key pair": {"key_pair": "ours", "os": "ubuntu2404", "slurm": {"KillOnBadExit": "1"}},
    }
    configurations = {name: given(deployment(NAME, one), account) for name, one in {**shapes(NAME), **more}.items()}
    configurations["the file"] = from_the_plan(deployment(NAME), account)
    for name, told in dryrun(package, account, configurations).items():
        assert told["message"] == "Request would have succeeded, but DryRun flag is set.", (name, told)


def from_the_plan(one: Deployment, account: World) -> dict[str, Any]:
    """The file for people, with what they find in the account in place of each <NAME>."""
    text = one.render().files["cluster.yaml"]
    wanted = {*re.findall(r"<([^>]+)>", text.partition("\nRegion:")[2])}
    assert len(wanted) > 5
    for name in wanted:
        value = account.values[name.rpartition("-")[2]]
        text = text.replace(f"<{name}>", value.split(",")[0] if name.startswith("first of ") else value)
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def queue(**params: Any) -> dict[str, Any]:
    return {"queues": (Queue(**{"name": "gpu", "instance_type": "p5en.48xlarge", "at_most": 2} | params),)}


CPU = Queue(name="cpu", instance_type="m5.8xlarge", at_most=2)

WRONG: Mapping[str, tuple[dict[str, Any], str, str]] = {
    "system": ({"os": "ubuntu2004"}, "os", "Must be one of: alinux2023"),
    "no AMI": ({"os": "rocky9"}, "os", "Cannot find official ParallelCluster AMI"),
    "AMI": ({"custom_ami": "123456789012"}, "custom_ami", "CustomAmi"),
    "queue's AMI": (queue(custom_ami="ami-1"), "queues[0].custom_ami", "CustomAmi"),
    "head": ({"head_instance_type": "m5.3xlarge"}, "head_instance_type", "do not exist: [m5.3xlarge]"),
    "head's memory": (
        {"head_instance_type": "t3a.small", "queues": (Queue(name="cpu", instance_type="m5.8xlarge", at_most=100),)},
        "head_instance_type",
        "HeadNodeMemorySizeValidator",
    ),
    "login": (
        {"login_nodes": 1, "login_instance_type": "m5.3xlarge"},
        "login_instance_type",
        "InstanceTypeValidator",
    ),
    "name": (queue(name="GPU"), "queues[0].name", "NameValidator"),
    "long name": (queue(name=26 * "a"), "queues[0].name", "NameValidator"),
    "forbidden name": (queue(name="default"), "queues[0].name", "NameValidator"),
    "one name twice": ({"queues": (CPU, CPU)}, "queues", "DuplicateNameValidator"),
    "too many queues": (
        {"queues": tuple(Queue(name=f"q{n}", instance_type="m5.8xlarge", at_most=1) for n in range(51))},
        "queues",
        "MaxCountValidator",
    ),
    "sizes": (queue(at_least=3), "queues[0].at_most", "ComputeResourceSizeValidator"),
    "block that is not full": (
        queue(
            instance_type="p6-b200.48xlarge", at_least=1, capacity="capacity-block", reservation="cr-0123456789abcdef2"
        ),
        "queues[0].at_least",
        "ComputeResourceSizeValidator",
    ),
    "block without id": (
        queue(instance_type="p6-b200.48xlarge", at_least=2, capacity="capacity-block"),
        "queues[0].reservation",
        "CapacityTypeValidator",
    ),
    "setting": ({"slurm": {"SlurmctldHost": "head"}}, "slurm.SlurmctldHost", "CustomSlurmSettingsValidator"),
    "setting of accounting": (
        {"slurm": {"JobAcctGatherType": "jobacct_gather/linux"}, "accounting": "accounting-db"},
        "slurm.JobAcctGatherType",
        "CustomSlurmSettingsValidator",
    ),
}
"""What is wrong -> parameters, where we say so, and what the package says it by."""


def test_what_the_package_refuses_our_rules_find_first(package: str, account: World) -> None:
    wrong = {name: deployment(NAME, params) for name, (params, _, _) in WRONG.items()}
    ours = {name: [problem.where for problem in one.problems()] for name, one in wrong.items()}
    assert ours == {name: [f"architectures.{NAME}.{where}"] for name, (_, where, _) in WRONG.items()}
    theirs = dryrun(package, account, {name: given(one, account) for name, one in wrong.items()})
    for name, (_, _, by) in WRONG.items():
        assert finds(theirs[name], by), (name, theirs[name])


def finds(told: Mapping[str, Any], what: str) -> bool:
    """Whether it is among the errors, by its validator or in words."""
    listed = told.get("configuration_validation_errors") or ()
    errors = [f"{one['type']}: {one['message']}" for one in listed if one["level"] == "ERROR"]
    return any(what in error for error in (*errors, told["message"]))


def test_a_region_that_it_does_not_serve_is_found(account: World) -> None:
    (problem,) = deployment(NAME, {"storage.home_deployment": "SINGLE_AZ_HA_2"}, "ap-northeast-3").problems()
    assert problem.where == f"architectures.{NAME}.region"


CHANGED: Mapping[str, tuple[str, Any, str]] = {
    "no placement group": ("Scheduling.SlurmQueues.0.Networking.PlacementGroup", None, "EfaPlacementGroupValidator"),
    "EFA without": ("Scheduling.SlurmQueues.0.ComputeResources.0.InstanceType", "g5.xlarge", "EfaValidator"),
    "one folder twice": ("SharedStorage.1.MountDir", "/fsx", "DuplicateMountDirValidator"),
    "folder of the system": ("SharedStorage.0.MountDir", "/opt", "SharedStorageMountDirValidator"),
    "policy that is not there": (
        "HeadNode.Iam.AdditionalIamPolicies.0.Policy",
        "arn:aws:iam::aws:policy/NoSuchPolicy",
        "AdditionalIamPolicyValidator",
    ),
    "too small a root volume": ("HeadNode.LocalStorage.RootVolume.Size", "5", "RootVolumeSizeValidator"),
}
"""What no parameters can give -> a place of the configuration, what stands there instead, what the package finds."""


def test_what_cannot_be_said_in_parameters_is_what_the_package_would_find(package: str, account: World) -> None:
    changed = {}
    for name, (place, value, _) in CHANGED.items():
        changed[name] = given(deployment(NAME), account)
        *path, last = (int(part) if part.isdigit() else part for part in place.split("."))
        at: Any = changed[name]
        for part in path:
            at = at[part]
        at.pop(last) if value is None else at.__setitem__(last, value)
    theirs = dryrun(package, account, changed)
    found = {name: finds(theirs[name], by) for name, (_, _, by) in CHANGED.items()}
    assert all(found.values()), (found, theirs)
    assert REGION in {one["Region"] for one in changed.values()}
