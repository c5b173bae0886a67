"""Bills of materials: one line for each image, and a document that others can read."""

from __future__ import annotations

import json

from seatrial import versions
from seatrial.images.containers import bom
from seatrial.images.containers.bill import sbom
from tests.images.containers.everything import choice, containers, rendered

MAIN = (
    "torch", "torchtitan", "megatron-core", "mosaicml", "nemo-run", "transformers", "jax", "flax", "paxml",
    "nvidia-nccl-cu13", "nvidia-nccl-cu12", "nvidia-cuda-runtime", "nvidia-cuda-runtime-cu12",
)  # fmt: skip


def line(name: str) -> str:
    """An image in a line: its base, what is fetched for it, main packages, and how many there are."""
    container = containers()[name]
    items = bom(container, choice(container))
    python = [item for item in items if item["origin"].startswith("lock ")]
    named = [item for item in items if item not in python and item["name"] != "seatrial"]
    named += [item for item in python if item["name"] in MAIN]
    text = "; ".join(f"{item['name']} {item['version']}" for item in named)
    return f"{name} ({container.stack}, {' and '.join(container.architectures)}): {text}; {len(python)} of Python\n"


def test_the_bill_of_materials_of_every_image(golden):
    golden("images/containers.txt", "".join(line(name) for name in sorted(containers())))


def test_everything_says_where_it_came_from():
    for container in containers().values():
        for item in bom(container, choice(container)):
            assert set(item) == {"name", "version", "origin", "purl"} and all(item.values())
            assert item["purl"].startswith("pkg:")


def test_the_document_in_the_context_is_one_of_cyclonedx():
    for container, plan in rendered().values():
        document = json.loads(plan.files["image.json"])["sbom"]
        assert document == sbom(container, choice(container))
        assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.6", 1)
        references = [component["bom-ref"] for component in document["components"]]
        assert len(references) == len(set(references))
        assert all(component["type"] and component["name"] for component in document["components"])


def test_what_the_stack_says_is_in_the_bill():
    found = {item["name"]: item["version"] for item in bom(containers()["fsdp"], choice(containers()["fsdp"]))}
    pins = versions.STACKS["cuda13"].pins
    assert found["aws-efa-installer"] == pins["efa_installer"] and found["nvidia-nccl-cu13"] == pins["nccl"]
    assert found["libfabric"] == pins["libfabric"] and found["torch"] == pins["torch"]
