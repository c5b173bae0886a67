"""Pictures: what is rendered is in them, nothing overlaps, and every line has two ends."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import combinations, pairwise

import pytest
import yaml

from seatrial import architectures
from seatrial.architectures import Deployment
from seatrial.diagram import diagram
from seatrial.diagram.scene import SHOWN, scene
from tests.architectures.deployments import deployment, shapes, template

EVERY = [(name, shape) for name in architectures.names() for shape in shapes(name)]
SVG = "{http://www.w3.org/2000/svg}"

Box = tuple[float, float, float, float]


def drawn(one: Deployment) -> ET.Element:
    return ET.fromstring(diagram(one))


def boxes(root: ET.Element, class_: str) -> list[Box]:
    found = [element for element in root.iter(f"{SVG}rect") if element.get("class") == class_]
    return [(*(float(element.get(key, "0")) for key in ("x", "y", "width", "height")),) for element in found]  # type: ignore[misc]


def overlap(one: Box, other: Box) -> bool:
    return all(one[i] < other[i] + other[i + 2] and other[i] < one[i] + one[i + 2] for i in (0, 1))


def inside(one: Box, frame: Box) -> bool:
    return all(frame[i] <= one[i] and one[i] + one[i + 2] <= frame[i] + frame[i + 2] for i in (0, 1))


@pytest.mark.parametrize(("name", "shape"), EVERY)
def test_everything_is_drawn_once_and_apart(name: str, shape: str) -> None:
    one = deployment(name, shapes(name)[shape])
    root = drawn(one)
    resources = [
        resource["Type"]
        for each in one.order()
        for resource in yaml.safe_load(template(each))["Resources"].values()
        if resource["Type"] in SHOWN
    ]
    found = boxes(root, "box")
    assert len(found) == len(scene(one).parts) >= len(resources)
    assert not [pair for pair in combinations(found, 2) if overlap(*pair)]
    _, _, width, height = map(float, root.get("viewBox", "").split())
    assert all(inside(box, (0, 0, width, height)) for box in found)
    for frame in (*boxes(root, "public"), *boxes(root, "private")):
        assert all(inside(box, frame) or not overlap(box, frame) for box in found)
    assert not [pair for pair in combinations(boxes(root, "public") + boxes(root, "private"), 2) if overlap(*pair)]


def test_zones_stand_side_by_side_with_their_subnets():
    root = drawn(deployment("vpc", {"zones": ("us-west-2a", "us-west-2b", "us-west-2c")}))
    zones = boxes(root, "zone")
    assert len(zones) == 3 and all(a[0] + a[2] < b[0] for a, b in pairwise(zones))
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert {"us-west-2a", "us-west-2b", "us-west-2c"} <= set(texts)
    assert sum(str(text).startswith("private subnet 10.") for text in texts) == 3


def test_a_file_system_stands_in_its_subnet_and_is_linked_with_its_bucket():
    found = scene(deployment("storage"))
    lustre = next(part for part in found.parts if part.title == "FSx for Lustre")
    bucket = next(part for part in found.parts if part.title == "S3 bucket")
    assert (lustre.public, lustre.zone, bucket.public) == (False, 0, None)
    assert found.links == ((lustre.id, bucket.id, "data repository"),)
    assert [path.get("class") for path in drawn(deployment("storage")).iter(f"{SVG}path")] == ["link"]


def test_a_bucket_alone_needs_no_network():
    root = drawn(deployment("s3"))
    assert boxes(root, "vpc") == [] and len(boxes(root, "box")) == 1
