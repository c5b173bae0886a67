"""Every case has an image, and it is what the case and the version table say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial import catalog, environments, versions
from seatrial.images.containers import definition, locks
from seatrial.images.containers.definitions import DIFFERENCES
from tests.images.containers.everything import containers, rendered


def test_what_differs_are_cases_and_says_why():
    assert DIFFERENCES.keys() <= set(catalog.case_names())
    assert all(difference.why for difference in DIFFERENCES.values())


def test_all_names_are_in_the_version_table():
    for container in containers().values():
        assert container.stack in versions.STACKS and container.base in versions.BASES
        assert set(container.checkouts) <= versions.CHECKOUTS.keys()
        assert container.lock is None or locks.path(container.lock).is_file()


def test_an_image_has_what_the_environment_of_its_case_has_here():
    seen = set()
    for container, plan in rendered().values():
        if container.environment is None or container.lock is None:
            continue
        lock = environments.lock(container.environment).read_text(encoding="utf-8")
        assert plan.files[f"locks/{container.environment}.txt"] == lock, container.name
        assert f"--requirement /opt/seatrial/locks/{container.environment}.txt" in plan.files["Dockerfile"]
        seen.add(container.environment)
    assert seen == {case.environment for case in catalog.cases()} - {None}


@pytest.mark.parametrize(("name", "stack", "lock"), [
    ("fsdp", "cuda13", "command"),
    ("torchtitan", "cuda13", "pytorch"),
    ("cpu-ddp", "cpu", "command"),
    ("datasets", "cpu", "pytorch"),
    ("picotron", "cuda13", "pytorch"),
    ("jax", "cuda13", "jax"),
    ("jax-paxml", "cuda12", "paxml"),
    ("bionemo", "vendor", None),
    ("neuronx-distributed", "neuron", None),
])  # fmt: skip
def test_what_some_of_them_are(name, stack, lock):
    assert (containers()[name].stack, containers()[name].lock) == (stack, lock)


def test_a_case_of_a_user_has_an_image_that_follows_from_it():
    case = replace(catalog.case("fsdp"), name="mine", environment="nemo-run", requires=("torch", "nemo_run"))
    container = definition(case)
    assert (container.stack, container.lock, container.requires) == ("cuda13", "nemo-run", ("torch", "nemo_run"))
