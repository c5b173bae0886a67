"""What can be chosen of a machine image, and everything that is wrong with a choice at once."""

from __future__ import annotations

import pytest

from seatrial.errors import UserError
from seatrial.images import machines
from seatrial.images._image import Choice
from seatrial.images.machines.choices import VARIABLES, choose
from tests.images.machines.choices import AMI, choice

GPU = machines.find("ami-ec2-gpu")
KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def wrong(machine, chosen: Choice) -> list[str]:
    with pytest.raises(UserError) as caught:
        choose(machine, chosen)
    return [str(problem) for problem in caught.value.problems]


def test_values_are_those_of_their_kinds_and_versions_are_left():
    found = choose(
        GPU,
        choice(
            subnet_id="subnet-0123456789abcdef0",
            root_gib="200",
            encrypted="false",
            ami_regions='["us-east-1", "eu-west-1"]',
            nccl="2.30.7",
        ),
    )
    assert found.values == {
        "region": "us-west-2",
        "instance_type": "g5.8xlarge",
        "subnet_id": "subnet-0123456789abcdef0",
        "root_gib": 200,
        "encrypted": False,
        "ami_regions": ["us-east-1", "eu-west-1"],
    }
    assert found.versions.settings == {"nccl": "2.30.7"} and found.system == found.versions.system == "ubuntu2404"


def test_nothing_need_be_chosen():
    assert choose(GPU, Choice()).values == {"instance_type": "g5.8xlarge"}


BAD = {
    "region": ("uswest2", "us-west-2; echo", ""),
    "instance_type": ("g5", "g5.8xlarge extra"),
    "subnet_id": ("subnet-xyz", "vpc-0123456789abcdef0"),
    "iam_instance_profile": ("a b", "arn:aws:iam::123456789012:instance-profile/x"),
    "parent_ami": ("ami-eks-gpu", "0123456789abcdef0"),
    "root_gib": ("0", "1.5", "many", "-5"),
    "encrypted": ("yes", "True"),
    "kms_key_id": ("my key", "arn:aws:s3:::bucket"),
    "ami_users": ("12345", '["123456789012", "me"]'),
    "ami_regions": ("everywhere",),
    "deprecate_days": ("0", "forever"),
}


def test_each_variable_has_bad_values():
    assert BAD.keys() == VARIABLES.keys()


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BAD.items() for text in texts])
def test_a_bad_value_is_refused_with_its_place(name, text):
    (found,) = wrong(GPU, choice(**{name: text}))
    assert found.startswith(f"--set {name}: {text!r} is not {VARIABLES[name].shape}")


def test_all_is_told_at_once():
    found = wrong(GPU, choice("rhel9", "arm64", root_gib="x", instance_type="g5.8xlarge"))
    assert [one.split(":")[0] for one in found] == ["--set root_gib", "--system", "--set instance_type"]
    assert "Red Hat's AMIs lack the agent of Session Manager" in found[1]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"kms_key_id": KEY, "encrypted": "false"}, "names a key, but encrypted is false"),
        ({"ami_users": "123456789012"}, "other accounts cannot use an image"),
        ({"ami_users": "123456789012", "kms_key_id": KEY, "ami_regions": "us-east-1"}, "copies in other regions"),
        ({"instance_type": "trn1.2xlarge"}, "has accelerators of AWS"),
        ({"instance_type": "p6e-gb200.36xlarge"}, "is arm64, but the image is for x86_64"),
    ],
)
def test_what_does_not_go_together_is_refused(settings, told):
    (found,) = wrong(GPU, choice(**settings))
    assert told in found


@pytest.mark.parametrize(
    "settings",
    [
        {"ami_users": "123456789012", "encrypted": "false", "ami_regions": "us-east-1"},
        {"ami_users": "123456789012", "kms_key_id": "alias/images"},
        {"instance_type": "x9.nobody-knows", "parent_ami": AMI},
    ],
)
def test_what_goes_together_is_taken(settings):
    values = choose(GPU, choice(**settings)).values
    assert {name: _text(values[name]) for name in settings} == settings


def _text(value):
    """As it was given."""
    return ",".join(value) if isinstance(value, list) else str(value).lower() if isinstance(value, bool) else value


def test_kubernetes_is_for_eks_alone():
    eks = machines.find("ami-eks-gpu")
    assert choose(eks, choice(kubernetes="1.34")).kubernetes == "1.34"
    assert "no AMI is made for Kubernetes 1.20" in wrong(eks, choice(kubernetes="1.20"))[0]
    assert wrong(machines.find("ami-eks-neuron"), choice(architecture="arm64")) == [
        "--architecture: ami-eks-neuron is not made for arm64\n    choose from: x86_64"
    ]
