"""Images that Buildah really builds of the rendered Dockerfiles, over Debian; and jobs that really run in them.

Stand-ins, each by a build argument or as its docstring says: Debian for Ubuntu, a small archive for EFA's installer, a
small repository for nccl-tests (compiled by NVIDIA's own nvcc against NVIDIA's own NCCL), torch for CPUs.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial import catalog
from seatrial.images import containers
from seatrial.images._image import Choice
from seatrial.versions import EFA_INSTALLERS, STACKS, TORCH
from tests.trials.images.containers.conftest import Place

pytestmark = pytest.mark.timeout(1200)  # base and image are built by the first test that looks at them

PINS = STACKS["cuda13"].pins
BUILT = ("cpu-ddp", "fsdp", "nccl-tests")


def configuration(place: Place, name: str) -> dict[str, Any]:
    said = place.engine.run("buildah", "inspect", "--type", "image", place.image(name).reference)
    return dict(json.loads(said.stdout)["OCIv1"]["config"])


def versions(place: Place, root: Path) -> tuple[int, dict[str, Any]]:
    """What `seatrial check versions` says of a root file system."""
    done = place.seatrial("check", "versions", "--path", str(root), "--instance", "p5.48xlarge", "--json", check=False)
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("name", BUILT)
def test_the_image_has_its_labels_its_bill_and_nobodys_passwords(place, name):
    config = configuration(place, name)
    assert config["Labels"]["org.opencontainers.image.title"] == name
    assert config["Labels"]["org.opencontainers.image.base.name"] == place.engine.base
    assert config["Labels"]["seatrial.stack"] == place.image(name).stack
    assert config.get("User", "") == "" and "Entrypoint" not in config and config["WorkingDir"] == "/tmp"
    assert not [line for line in config["Env"] if line.startswith(("PIP_", "DEBIAN_FRONTEND"))]
    with place.engine.root(place.image(name).reference) as root:
        bill = json.loads((root / "opt/seatrial/sbom.cdx.json").read_text())
        # pip's settings of this machine were seen by the build alone: of the places empty files are left
        seen = [path for path in [root / "etc/pip.conf", *(root / "srv").rglob("*")] if path.is_file()]
        assert not [path for path in seen if path.stat().st_size]
    assert bill["bomFormat"] == "CycloneDX"
    assert [one["name"] for one in bill["components"] if one["type"] == "container"] == [place.engine.base]
    found = {(one["name"], one.get("version")) for one in bill["components"]}
    definition = containers.bom(containers.definition(catalog.case(name)), Choice())
    cuda = {item["name"] for item in definition if item["origin"] == "lock cuda"} - {"nvidia-nccl-cu13"}
    locked = {(item["name"], item["version"]) for item in definition if item["origin"].startswith("lock ")}
    assert {pair for pair in locked if pair[0] not in cuda} <= found
    assert ("torch", f"{TORCH}+cpu") in found and any(name == "libc6" for name, _ in found)


def test_list_says_that_it_is_here_and_then_that_it_is_gone(place):
    record = place.image("cpu-ddp")
    rows = {row["image"]: row for row in json.loads(place.seatrial("image", "list", "--json").stdout)}
    (made,) = rows["cpu-ddp"]["made"]
    assert (made["tag"], made["by"], made["state"]) == (record.tag, "buildah", "here")
    place.engine.run("buildah", "tag", record.reference, "localhost/kept:1")
    place.engine.run("buildah", "rmi", record.reference)
    assert f"built {record.tag} by buildah, gone" in place.seatrial("image", "list").stdout
    place.engine.run("buildah", "tag", "localhost/kept:1", record.reference)
    place.engine.run("buildah", "rmi", "localhost/kept:1")


@pytest.mark.parametrize(("recipe", "more"), [("cpu-ddp", ()), ("fsdp", ("--set", "steps=20"))])
def test_its_case_runs_in_it(place, recipe, more):
    with place.engine.container(place.image(recipe).reference) as container:
        words = ["python", "-m", "seatrial", "run", recipe, *more]
        done = place.engine.run("buildah", "run", container, "--", *words, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "completed: PASS" in done.stdout + done.stderr


def test_nccl_tests_are_compiled_and_find_the_nccl_of_the_image(place):
    """The program is a stand-in's; compiler, headers and libraries are the locked wheels. There is no GPU."""
    with place.engine.container(place.image("nccl-tests").reference) as container:
        done = place.engine.run("buildah", "run", container, "--", "all_reduce_perf")
    major, minor, patch = map(int, PINS["nccl"].split("."))
    code = major * 10000 + minor * 100 + patch
    assert f"nccl-headers={code} nccl-library={code} devices=0" in done.stdout


@pytest.mark.parametrize("name", ["fsdp", "nccl-tests"])
def test_versions_are_those_of_the_stack_and_go_together(place, name):
    with place.engine.root(place.image(name).reference) as root:
        code, said = versions(place, root)
    assert code in (0, 3), said["findings"]
    assert not [one for one in said["findings"] if one["verdict"] == "FAIL"]
    found = {component: copies[0]["version"] for component, copies in said["image"]["found"].items() if copies}
    known = EFA_INSTALLERS[PINS["efa_installer"]]
    expected = {"nccl": PINS["nccl"], "efa_installer": PINS["efa_installer"]}
    expected |= {"libfabric": known.libfabric, "aws_ofi_nccl": known.aws_ofi_nccl}
    assert {name: found.get(name) for name in expected} == expected


def an_older_nccl(root: Path) -> None:
    """In a folder that the loader looks through, beside the framework's."""
    library = root / "usr/lib/x86_64-linux-gnu/libnccl.so.2"
    library.write_bytes(b"\x7fELF NCCL version 2.18.3+cuda12.2\0")
    (root / "usr/lib/x86_64-linux-gnu/libnccl.so.2.18.3").write_bytes(library.read_bytes())


def an_older_plugin(root: Path) -> None:
    library = root / "opt/amazon/ofi-nccl/lib/libnccl-net-ofi.so"
    text = library.read_bytes()
    now = EFA_INSTALLERS[PINS["efa_installer"]].aws_ofi_nccl.encode()
    assert now in text
    library.write_bytes(text.replace(now, b"1.7.4".ljust(len(now), b"\0")))


@pytest.mark.parametrize("mix", [an_older_nccl, an_older_plugin])
def test_what_is_mixed_on_purpose_is_found(place, tmp_path, mix: Callable[[Path], None]):
    """In a container of the image, which is thrown away."""
    with place.engine.root(place.image("fsdp").reference) as root:
        _, before = versions(place, root)
        mix(root)
        code, after = versions(place, root)
    verdicts = {one["check"]: one["verdict"] for one in before["findings"]}
    worse = [one for one in after["findings"] if one["verdict"] in ("FAIL", "WARN")]
    assert [one for one in worse if verdicts.get(one["check"]) not in ("FAIL", "WARN")], after["findings"]
    assert shutil.which("buildah") and code in (0, 1, 3)
