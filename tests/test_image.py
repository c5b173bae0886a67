"""One rule for what pins an image, for launchers and for the linter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.image import mutable
from seatrial.launchers import batch, kubernetes
from seatrial.lint.rules_docker import mutable_tag
from tests.launchers.shapes import SHAPES

DIGEST = "@sha256:" + "0" * 64


@pytest.mark.parametrize("image", [f"a{DIGEST}", f"host:5000/a/b:latest{DIGEST}", "a:1", "host:5000/a/b:v1.2-rc.1"])
def test_pinned(image):
    assert mutable(image) == mutable_tag(image) == ""


@pytest.mark.parametrize("image", ["a", "a:latest", "host:5000/a", "a:cuda-latest", "a:nightly_latest"])
def test_not_pinned(image):
    assert mutable(image) and mutable_tag(image)


def test_a_digest_that_is_none():
    assert mutable("a@sha256:12") == "has the digest sha256:12, which is none"


@pytest.mark.parametrize("launcher", [kubernetes, batch])
@pytest.mark.parametrize("image", [None, "a", "a:cuda-latest"])
def test_launchers_refuse_it(launcher, image):
    shape = next(iter(SHAPES[launcher.LAUNCHER.name].values()))
    [problem] = launcher.check_job(shape.job, replace(shape.cluster, image=image, software={}))
    assert problem.where == f"clusters.{shape.cluster.name}.image" and problem.remedy
