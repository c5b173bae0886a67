"""The nine machine images, and what they are made from."""

from __future__ import annotations

import pytest

from seatrial.architectures.eks import Params
from seatrial.checks.software.layouts import TITLES
from seatrial.errors import UserError
from seatrial.hardware import instances
from seatrial.images import machines
from seatrial.images.machines import ansible, definitions, parents, software
from seatrial.images.machines.choices import BUILDERS, KUBERNETES
from seatrial.images.machines.packer import LAST, MODULES
from seatrial.versions import PARALLELCLUSTER, STACKS

ALL = [machines.find(name) for name in machines.names()]


def test_there_is_one_for_each_service_and_accelerator():
    services, accelerators = ("parallelcluster", "eks", "ec2"), ("gpu", "neuron", "cpu")
    assert machines.names() == tuple(f"ami-{one}-{other}" for one in services for other in accelerators)
    with pytest.raises(UserError, match="did you mean ami-eks-gpu"):
        machines.find("ami-eks-gpus")


@pytest.mark.parametrize("machine", ALL, ids=lambda machine: machine.name)
def test_its_parts_are_there(machine):
    assert {*machine.roles, *LAST} <= {*ansible.ROLES} and len({*machine.roles}) == len(machine.roles)
    assert {*machine.systems} <= {*ansible.DISTRIBUTIONS} and machine.stack in STACKS
    assert machine.roles[0] == "base" and machine.roles[-1] == "versions_report"
    for architecture in machine.architectures:
        builder = BUILDERS[machine.accelerator, architecture]
        known = {one.name: one for one in instances.INSTANCES}.get(builder)
        assert known is None or known.architecture == architecture
        for system in machine.systems:
            found = parents.parent(machine.service, machine.accelerator, system, architecture, "1.35")
            assert found.name.endswith(("*", architecture)) and "{" not in found.name and found.source
            assert ("arm64" in found.name) == (architecture == "arm64")


def test_what_is_built_against_another_comes_behind_it():
    before = {
        "efa": ("nvidia_driver",),
        "gdrcopy": ("nvidia_driver", "cuda"),
        "nccl": ("efa",),
        "dcgm": ("nvidia_driver",),
    }
    for machine in ALL:
        for role, others in before.items():
            if role in machine.roles:
                assert all(
                    machine.roles.index(one) < machine.roles.index(role) for one in others if one in machine.roles
                )


def test_eks_keeps_what_its_ami_brings():
    """AWS asks not to upgrade them: https://docs.aws.amazon.com/eks/latest/userguide/eks-ami-build-scripts.html"""
    for machine in ALL:
        if machine.service == "eks":
            assert machine.systems == ("alinux2023",)
            assert not {"nvidia_driver", "efa", "container_runtime", "neuron"} & {*machine.roles}


def test_of_every_system_of_parallelcluster_it_is_said_whether_there_are_images():
    assert {*parents.SYSTEMS, *parents.REFUSED} == {*PARALLELCLUSTER.systems}
    assert not {*parents.SYSTEMS} & {*parents.REFUSED}


def test_kubernetes_is_that_of_the_clusters():
    assert Params(region="us-west-2").version == KUBERNETES[0]


def test_tables_name_what_there_is():
    assert {*software.COMPONENTS} | MODULES <= {*ansible.ROLES}
    assert {name for names in software.COMPONENTS.values() for name in names} <= {*TITLES}
    assert {*definitions.STACK.values()} <= {*STACKS}
