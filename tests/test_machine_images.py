"""custom_ami = "ami-...-...": the AMI that was made under that name, for the region and the nodes of the deployment."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.config.deployments import deployment
from seatrial.errors import UserError
from seatrial.images import machines, records
from seatrial.images.records import Record
from seatrial.versions import PARALLELCLUSTER

AMI = "ami-0123456789abcdef0"
TABLES = """
[architectures.parallelcluster]
region = "us-west-2"
os = "ubuntu2404"
custom_ami = "ami-parallelcluster-gpu"

[architectures.eks]
region = "us-west-2"
version = "1.34"
[[architectures.eks.groups]]
name = "gpu"
instance_type = "p5.48xlarge"
at_most = 2
custom_ami = "ami-eks-gpu"
[[architectures.eks.groups]]
name = "own"
instance_type = "p5.48xlarge"
at_most = 2
custom_ami = "ami-0fedcba9876543210"

[architectures.batch]
region = "us-west-2"
custom_ami = "ami-ec2-gpu"

[architectures.hyperpod-eks]
region = "us-west-2"
[[architectures.hyperpod-eks.groups]]
name = "gpu"
instance_type = "p5.48xlarge"
count = 2
custom_ami = "ami-eks-gpu"
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    (tmp_path / "seatrial.toml").write_text(TABLES)
    return tmp_path


def made(name: str, ami: str = AMI, *, region: str = "us-west-2", system: str | None = None, **more: str) -> None:
    machine = machines.find(name)
    release = more.pop("release", {"parallelcluster": PARALLELCLUSTER.version, "eks": "1.34"}.get(machine.service))
    records.write(
        Record(
            kind="ami",
            name=name,
            tag=f"{machine.stack}-{ami}",
            stack=machine.stack,
            architecture=more.get("architecture", "x86_64"),
            arguments={machine.service: release} if release else {},
            system=system or machine.systems[0],
            reference=ami,
            by="packer",
            region=region,
        )
    )


def problem(name: str, **settings: str) -> str:
    with pytest.raises(UserError) as caught:
        deployment(name, settings)
    (found,) = caught.value.problems
    return str(found)


def test_the_name_stands_for_what_was_made():
    made("ami-parallelcluster-gpu")
    found = deployment("parallelcluster")
    assert found.params.custom_ami == AMI
    assert AMI in found.template() and "ami-parallelcluster-gpu" not in found.template()


def test_each_group_has_its_own():
    made("ami-eks-gpu")
    assert [one.custom_ami for one in deployment("eks").params.groups] == [AMI, "ami-0fedcba9876543210"]


def test_the_newest_that_fits_is_taken(monkeypatch):
    for number, more in enumerate(({}, {}, {"region": "us-east-1"}, {"system": "ubuntu2204"}, {"release": "3.15.0"})):
        with monkeypatch.context() as patch:
            patch.setattr("seatrial.images.records.datetime", Clock(number))
            made("ami-parallelcluster-gpu", f"ami-{number:017x}", **more)
    assert deployment("parallelcluster").params.custom_ami == "ami-00000000000000001"
    assert deployment("parallelcluster", {"os": "ubuntu2204"}).params.custom_ami == "ami-00000000000000003"


class Clock:
    """Records are made a second after one another."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds

    def now(self, zone: object) -> Clock:
        return self

    def isoformat(self, timespec: str) -> str:
        return f"2026-11-29T20:00:{self.seconds:02}+00:00"


def test_what_was_not_made_is_told_with_the_command_that_makes_it():
    assert problem("parallelcluster") == (
        "seatrial.toml:5: architectures.parallelcluster.custom_ami: no ami-parallelcluster-gpu of ubuntu2404 for "
        f"x86_64 and parallelcluster {PARALLELCLUSTER.version} was made in us-west-2\n"
        "    seatrial image build ami-parallelcluster-gpu --set region=us-west-2 --system ubuntu2404 "
        "--architecture x86_64"
    )
    made("ami-eks-gpu", region="us-east-1", release="1.35")
    told = problem("eks")
    assert "architectures.eks.groups[0].custom_ami: no ami-eks-gpu of alinux2023" in told
    assert "there is us-east-1: alinux2023, eks 1.35" in told and "--set kubernetes=1.34" in told


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("parallelcluster", {"custom_ami": "ami-eks-gpu"}, "ami-eks-gpu is made for eks, not parallelcluster"),
        ("parallelcluster", {"custom_ami": "ami-parallelcluster-gpus"}, "no machine image is called"),
        ("parallelcluster", {"os": "rhel9"}, "ami-parallelcluster-gpu is not made of rhel9"),
        ("batch", {}, "no image of ours is made for batch"),
        ("hyperpod-eks", {}, "no image of ours is made for hyperpod-eks"),
    ],
)
def test_what_cannot_fit_is_refused_whatever_was_made(name, settings, told):
    for machine in machines.names():
        made(machine)
    assert told in problem(name, **settings)


def test_accelerators_without_a_driver_are_refused(home):
    for name in machines.names():
        made(name)
    home.joinpath("seatrial.toml").write_text(TABLES.replace('"p5.48xlarge"', '"trn1.32xlarge"'))
    assert "ami-eks-gpu has no driver for the accelerators of trn1.32xlarge\n    name ami-eks-neuron" in problem("eks")
    queue = '[{name = "trn", instance_type = "trn1.32xlarge", at_most = 2, custom_ami = "ami-parallelcluster-cpu"}]'
    told = problem("parallelcluster", queues=queue)
    assert "ami-parallelcluster-cpu has no driver for the accelerators of trn1.32xlarge" in told
    queue = queue.replace("trn1.32xlarge", "p5.48xlarge")
    assert deployment("parallelcluster", {"queues": queue}).params.queues[0].custom_ami == AMI


def test_a_record_that_cannot_be_read_is_told(home):
    made("ami-parallelcluster-gpu")
    (path,) = records.folder().rglob("*.json")
    path.write_text("{}")
    assert "is no record of an image" in problem("parallelcluster")
