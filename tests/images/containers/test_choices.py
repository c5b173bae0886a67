"""What a user chooses is taken, or refused with everything that is wrong at once, and how to find what is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial import versions
from seatrial.errors import UserError
from seatrial.images._image import Choice
from seatrial.images.containers.choices import choose
from tests.images.containers.everything import COMMIT, DIGEST, containers

SHA256 = "b" * 64


def refused(name: str, architecture="x86_64", system=None, **settings: str) -> list[str]:
    return refused_all(name, settings, architecture, system)


def refused_all(name, settings, architecture="x86_64", system=None) -> list[str]:
    with pytest.raises(UserError) as caught:
        choose(containers()[name], Choice(settings=settings, architecture=architecture, system=system))
    return [str(problem) for problem in caught.value.problems]


def test_without_a_choice_it_is_the_stack():
    chosen = choose(containers()["fsdp"], Choice())
    assert chosen.pins == versions.STACKS["cuda13"].pins
    assert chosen.efa is not None and chosen.efa.sha256 == versions.EFA.sha256
    assert chosen.reference == versions.BASES["ubuntu"].reference


def test_another_installer_brings_its_own_libfabric_and_plugin():
    settings = {"efa_installer": "1.51.0", "efa_installer.sha256": SHA256}
    chosen = choose(containers()["fsdp"], Choice(settings=settings))
    brought = versions.EFA_INSTALLERS["1.51.0"]
    assert chosen.efa is not None
    assert (chosen.efa.version, chosen.efa.sha256, chosen.efa.libfabric) == ("1.51.0", SHA256, brought.libfabric)
    assert chosen.pins["aws_ofi_nccl"] == brought.aws_ofi_nccl


def test_an_installer_without_a_known_checksum_needs_one():
    (problem,) = refused("fsdp", efa_installer="1.51.0")
    assert problem.startswith("--set efa_installer.sha256: the checksum of EFA installer 1.51.0 is unknown here")
    assert "aws-efa-installer-1.51.0.tar.gz" in problem and "sha256sum" in problem


def test_what_a_new_installer_brings_is_unknown_and_not_guessed():
    settings = {"efa_installer": "1.60.0", "efa_installer.sha256": SHA256}
    chosen = choose(containers()["fsdp"], Choice(settings=settings))
    assert chosen.efa is not None and chosen.efa.libfabric is None
    assert "libfabric" not in chosen.pins and "aws_ofi_nccl" not in chosen.pins


def test_a_base_whose_digest_nobody_wrote_down_needs_one():
    (problem,) = refused("neuronx-distributed")
    assert problem.startswith("--set base.digest: the digest of public.ecr.aws/neuron/") and "imagetools" in problem
    chosen = choose(containers()["neuronx-distributed"], Choice(settings={"base.digest": DIGEST}))
    assert chosen.reference.endswith(f"@{DIGEST}")


def test_a_checkout_whose_commit_nobody_wrote_down_needs_one():
    (problem,) = refused("megatron-lm")
    assert problem.startswith("--set megatron-lm.commit: ") and "git ls-remote https://github.com/NVIDIA/" in problem
    chosen = choose(containers()["megatron-lm"], Choice(settings={"megatron-lm.commit": COMMIT}))
    assert chosen.sources["megatron-lm"].commit == COMMIT


def test_everything_that_is_wrong_is_said_at_once():
    settings = {"efa_installer": "newest", "base.digest": "latest", "nccl-tests.commit": "main", "cudnn": "9"}
    problems = refused_all("nccl-tests", settings, architecture="arm64", system="ubuntu2404")
    wheres = [problem.partition(":")[0] for problem in problems]
    assert wheres == ["--set cudnn", "--system", "--set efa_installer", "--set base.digest", "--set nccl-tests.commit"]


@pytest.mark.parametrize(("name", "key", "value", "said"), [
    ("fsdp", "nccl", "2.4.2", "--set nccl: 2.4.2: the image has 2.29.7, as the stack cuda13 says"),
    ("fsdp", "torch", "2.12.0", "--set torch: 2.12.0: the image has 2.13.0"),
    ("fsdp", "driver", "570.1", "the host has the driver"),
    ("fsdp", "libfabric", "1.0", "it comes with the EFA installer"),
    ("fsdp", "megatron-lm.commit", COMMIT, "no setting of this image is called 'megatron-lm.commit'"),
    ("cpu-ddp", "efa_installer", "1.50.0", "no setting of this image is called 'efa_installer'"),
    ("fsdp", "efa_installer.sha256", "ABC", "'ABC' is not 64 hexadecimal digits"),
])  # fmt: skip
def test_a_setting_that_cannot_be_is_refused(name, key, value, said):
    (problem,) = refused_all(name, {key: value})
    assert said in problem


def test_versions_that_do_not_go_together_are_refused_with_both_sides(monkeypatch):
    stack = versions.STACKS["cuda13"]
    old = replace(stack, pins={**stack.pins, "driver": "535.54.3"})
    monkeypatch.setattr(versions, "STACKS", {**versions.STACKS, "cuda13": old})
    (problem,) = refused("fsdp")
    assert "535.54.3" in problem and "CUDA 13" in problem and "580" in problem


def test_an_image_is_refused_for_a_processor_that_it_is_not_for():
    (problem,) = refused("bionemo", architecture="arm64")
    assert "bionemo has no image for arm64" in problem and "build it for x86_64" in problem


def test_an_installer_in_a_container_of_nvidia_is_told_so_if_it_listens():
    def told(name: str, version: str) -> bool:
        settings = {"efa_installer": version, "efa_installer.sha256": SHA256}
        efa = choose(containers()[name], Choice(settings=settings)).efa
        assert efa is not None
        return efa.no_ngc

    assert told("bionemo", "1.50.0") and not told("bionemo", "1.43.2") and not told("fsdp", "1.50.0")
