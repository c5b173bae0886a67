"""What is not what it should be is refused, and nothing is left of it."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from tests.trials.images.roles.conftest import Make
from tests.trials.images.roles.playing import Play

pytestmark = pytest.mark.timeout(900)  # the first test that looks at one makes the root file system


def left(play: Play) -> list[str]:
    """What was made, but for what Ansible itself and apt keep."""
    keeps = ("var/lib/apt", "var/cache", "var/log", "root/.ansible", "var/lib/dpkg")
    return [path for path in play.root.changed() if not path.startswith(keeps)]


@pytest.mark.parametrize("role, pin", (("efa", "efa_installer"), ("observability", "node_exporter")))
def test_archive_of_another_checksum(make: Make, role: str, pin: str) -> None:
    """A byte of it is another."""
    play = make("neuron", role)
    archive = play.vendor.folder / f"{pin}.tar.gz"
    whole = archive.read_bytes()
    broken = Path(play.root.folder / "upper/srv/broken.tar.gz")
    broken.parent.mkdir(parents=True)
    broken.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    code, _, said = play.run({f"{pin}.url": "file:///srv/broken.tar.gz"})
    assert code != 0 and "did not match" in said
    assert left(play) == ["srv/broken.tar.gz"]
    code, _, said = play.run()
    assert code == 0, said


def test_key_of_somebody_else(make: Make) -> None:
    play = make("gpu", "cuda")
    code, _, said = play.run(cuda_repository={**REPOSITORY, "fingerprint": "A" * 40})
    assert code != 0 and "not AAAA" in said
    assert left(play) == []


def test_list_of_packages_that_the_key_did_not_sign(make: Make) -> None:
    """Everything fits, but for the signature: the list was changed, and what holds its checksum."""
    play = make("gpu", "cuda")
    changed = play.root.folder / "upper/srv/changed"
    shutil.copytree(play.vendor.folder / "cuda", changed)
    packages, release = changed / "Packages", changed / "InRelease"
    before = hashlib.sha256(packages.read_bytes()).hexdigest()
    packages.write_text(packages.read_text().replace("stand-in", "stand-by"))
    release.write_text(release.read_text().replace(before, hashlib.sha256(packages.read_bytes()).hexdigest()))
    settings = {**REPOSITORY, "fingerprint": play.vendor.fingerprint, "url": "file:/srv/changed"}
    code, _, said = play.run(cuda_repository=settings)
    assert code != 0 and "BADSIG" in said, said


REPOSITORY = {"url": "file:/srv/vendor/cuda", "suite": "/", "key": "file:///srv/vendor/key.asc"}


def test_version_that_the_repository_lacks(make: Make) -> None:
    play = make("gpu", "cuda")
    code, _, said = play.run({"cuda": "13.0.1"})
    assert code != 0 and "13.0.1" in said
    assert not play.root.has("/etc/profile.d/seatrial-cuda.sh")


def test_nccl_without_efas_plugin(make: Make) -> None:
    code, _, said = make("gpu", "nccl").run()
    assert code != 0 and "put the role efa before nccl" in said


def test_pin_that_is_missing(make: Make) -> None:
    """No role has a version of its own that would be taken instead."""
    play = make("neuron", "efa")
    code, _, said = play.run(pins={})
    assert code != 0 and "efa_installer" in said and left(play) == []


def test_installer_that_fails_is_run_again(make: Make) -> None:
    play = make("neuron", "efa")
    flags = ["--yes"]
    broken = play.root.folder / "upper/opt/amazon"
    broken.parent.mkdir(parents=True)
    broken.write_text("a file where a folder must be\n")
    code, _, said = play.run(efa_flags=flags)
    assert code != 0 and left(play) == ["opt/amazon"], said
    broken.unlink()
    code, _, said = play.run(efa_flags=flags)
    assert code == 0, said


def test_another_installer_replaces_the_first(make: Make) -> None:
    play = make("neuron", "efa")
    assert play.run()[0] == 0
    own = play.vendor.settings
    settings = {"efa_installer": "1.51.0"}
    settings |= {f"efa_installer.{field}": own[f"efa_next.{field}"] for field in ("url", "sha256")}
    code, _, said = play.run(settings)
    assert code == 0, said
    assert [line.split()[0] for line in play.root.text("/opt/amazon/log").splitlines()] == ["1.50.0", "1.51.0"]


def test_enroot_without_slurm_has_no_pyxis(make: Make) -> None:
    play = make("cpu", "enroot_pyxis")
    assert play.run()[0] == 0
    assert play.root.has("/usr/local/bin/enroot") and not play.root.has("/usr/local/lib/slurm")
