"""Builds that fail for real: what is said, what is kept, and that nothing has a tag."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seatrial import catalog
from seatrial.errors import UserError
from seatrial.images import containers
from seatrial.images._image import Choice
from tests.trials.images.containers.conftest import Place
from tests.trials.images.containers.registry import Registry

pytestmark = pytest.mark.timeout(1200)  # base and image are built by the first test that looks at them


def failed(place: Place, name: str, *words: str) -> tuple[str, str]:
    """What the command said, and the text of the log that it names."""
    done = place.build(name, *words, check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    log = done.stderr.rpartition("its log: ")[2].strip()
    return done.stderr, Path(log).read_text()


def tags(place: Place, name: str) -> list[str]:
    return [
        line for line in place.engine.run("buildah", "images", "--format", "{{.Name}}").stdout.split() if name in line
    ]


def test_an_installer_with_another_checksum_is_not_started(place):
    said, log = failed(place, "node", "--build-arg", f"EFA_INSTALLER_SHA256={'0' * 64}")
    assert "node was not built: a file is not the one that was pinned at [" in said and "RUN curl" in said
    assert "computed checksum did NOT match" in log and "Extracting" not in log
    assert not tags(place, "seatrial/node")
    assert not list((place.state / "seatrial/images/node").glob("*")), "nothing is recorded"


def test_a_self_test_that_fails_leaves_no_tag(place: Place):
    """A module is asked for that is not there: the last step finds out, after all others succeeded."""
    place.image("cpu-ddp")
    plan = containers.render(containers.definition(catalog.case("cpu-ddp")), Choice())
    wanted = json.loads(plan.files["image.json"])
    wanted["modules"].append("no_such_module")
    with pytest.raises(UserError, match=r"cpu-ddp was not built at \[.*self_test.py") as refused:
        place.build_of("cpu-ddp", {**plan.files, "image.json": json.dumps(wanted)})
    log = Path(str(refused.value).rpartition("its log: ")[2].strip())
    assert "no_such_module" in log.read_text()
    tag = log.name.removeprefix("cpu-ddp-").removesuffix(".log")
    assert tag.startswith("cpu-") and not tags(place, tag)


def test_a_base_that_is_gone_says_so(place: Place, registry: Registry):
    base = f"{registry.host}/base@sha256:{'0' * 64}"
    done = place.seatrial(
        "image", "build", "cpu-ddp", "--builder", "buildah", "--build-arg", f"BASE={base}", "--", "--tls-verify=false",
        check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "a base is no longer what it was: its registry has no such image" in done.stderr
    assert "--set base.digest=sha256:" in done.stderr and "its log: " in done.stderr


def test_a_base_that_can_move_is_refused_before_anything_is_built(place):
    done = place.seatrial("image", "build", "cpu-ddp", "--build-arg", "BASE=ubuntu:latest", check=False)
    assert done.returncode == 2 and "has the tag latest: it may be another base tomorrow" in done.stderr
