"""Every case has an image, and it is what the case and the version table say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial import catalog, environments, versions
from seatrial.images.containers import definition, locks
from seatrial.images.containers.definitions import DIFFERENCES, FURTHER, ONLY_X86
from tests.images.containers.everything import containers, rendered


def test_what_differs_are_cases_and_says_why():
    assert DIFFERENCES.keys() - FURTHER.keys() <= set(catalog.case_names())
    assert not FURTHER.keys() & set(catalog.case_names()) and set(FURTHER.values()) <= set(catalog.case_names())
    assert all(difference.why for difference in DIFFERENCES.values())
    assert ONLY_X86.keys() <= versions.ENVIRONMENTS.keys()


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


def test_engines_that_need_another_image_have_one_of_their_own():
    """For jobs of the same environment: what a cluster is told as `software.ENVIRONMENT.image`."""
    for name, engine in (("bionemo1", "bionemo1"), ("nemo", "nemo")):
        container, case = containers()[name], catalog.case(FURTHER[name])
        assert (container.name, container.base, container.environment) == (name, name, case.environment)
        assert any(recipe.args.engine == engine for recipe in case.recipes)


def test_a_case_of_a_user_has_an_image_that_follows_from_it():
    case = replace(catalog.case("fsdp"), name="mine", environment="nemo-run", requires=("torch", "nemo_run"))
    container = definition(case)
    assert (container.stack, container.lock, container.requires) == ("cuda13", "nemo-run", ("torch", "nemo_run"))
