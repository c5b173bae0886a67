"""chart.sh, really executed: helm alone is a stand-in, which does as it is told and writes down how it was called."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from seatrial.architectures._kubernetes.installation import CHART

ARCHIVE = b"the chart"
DIGEST = hashlib.sha256(ARCHIVE).hexdigest()
HELM = """#!/bin/sh
printf '%s\\n' "$*" >>"$CALLS"
case $1 in
pull)
    [ -z "${PULL_FAILS:-}" ] || { echo "unauthorized" >&2; exit 1; }
    while [ "$1" != --destination ]; do shift; done
    printf %s "$CONTENT" >"$2/kueue-0.17.8.tgz" ;;
upgrade)
    cat "$3" >"$CALLS.installed"
    exit "${UPGRADE_FAILS:-0}" ;;
esac
"""
PROGRAMS = ("sh", "mktemp", "rm", "find", "sha256sum", "cut", "cat", "printf")


@dataclass
class Place:
    folder: Path

    def run(self, expected: str = DIGEST, **env: str) -> subprocess.CompletedProcess[str]:
        arguments = ("kueue", "oci://registry/kueue", "0.17.8", expected, "kueue-system", "context")
        variables = {"PATH": str(self.folder / "bin"), "TMPDIR": str(self.folder / "tmp")}
        variables |= {"CALLS": str(self.folder / "calls"), "CONTENT": ARCHIVE.decode(), **env}
        return subprocess.run(
            ["/bin/sh", "chart.sh", *arguments], cwd=self.folder, env=variables, capture_output=True, text=True
        )

    @property
    def calls(self) -> list[str]:
        """How helm was called."""
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def installed(self) -> bytes | None:
        """What helm was told to install."""
        path = self.folder / "calls.installed"
        return path.read_bytes() if path.exists() else None


@pytest.fixture
def place(tmp_path: Path) -> Place:
    for name in ("bin", "tmp"):
        (tmp_path / name).mkdir()
    for program in PROGRAMS:
        found = shutil.which(program)
        assert found, program
        (tmp_path / "bin" / program).symlink_to(found)
    helm = tmp_path / "bin" / "helm"
    helm.write_text(HELM)
    helm.chmod(0o755)
    (tmp_path / "kueue.yaml").write_text("{}\n")
    shutil.copy(CHART, tmp_path / "chart.sh")
    return Place(tmp_path)


def test_the_expected_archive_is_installed_and_nothing_is_left(place):
    for _ in range(2):  # and again, as often as one likes
        done = place.run()
        assert (done.returncode, done.stderr) == (0, "")
        assert place.installed == ARCHIVE
    pull, upgrade = place.calls[:2]
    assert pull.startswith("pull oci://registry/kueue --version 0.17.8 --destination ")
    assert upgrade.startswith("upgrade kueue ") and "--install --kube-context context" in upgrade
    assert "--namespace kueue-system --create-namespace --values kueue.yaml --wait" in upgrade
    assert os.listdir(place.folder / "tmp") == []


def test_another_archive_is_not_installed(place):
    done = place.run(CONTENT="another chart")
    assert done.returncode == 1 and DIGEST in done.stderr and "nothing was installed" in done.stderr
    assert place.installed is None and os.listdir(place.folder / "tmp") == []


def test_where_no_digest_is_pinned_it_is_told(place):
    done = place.run("unknown")
    assert done.returncode == 0 and f"its sha256 is {DIGEST}, which is compared with nothing" in done.stderr
    assert place.installed == ARCHIVE


def test_an_empty_digest_is_no_unknown_one(place):
    assert place.run("").returncode == 1 and place.installed is None


def test_a_pull_that_fails_installs_nothing(place):
    done = place.run(PULL_FAILS="1")
    assert done.returncode == 1 and "unauthorized" in done.stderr and "nothing was changed" in done.stderr
    assert [call.split()[0] for call in place.calls] == ["pull"]


def test_an_installation_that_fails_is_told(place):
    done = place.run(UPGRADE_FAILS="3")
    assert done.returncode == 1 and "get events" in done.stderr and os.listdir(place.folder / "tmp") == []


@pytest.mark.parametrize("program", ["helm", "sha256sum"])
def test_a_missing_program_is_named(place, program):
    (place.folder / "bin" / program).unlink()
    done = place.run()
    assert done.returncode == 1 and f"there is no {program}" in done.stderr and place.installed is None


def test_missing_values_are_named(place):
    (place.folder / "kueue.yaml").unlink()
    done = place.run()
    assert done.returncode == 1 and "kueue.yaml" in done.stderr and place.calls == []


def test_shellcheck_finds_nothing():
    shellcheck = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([shellcheck, CHART], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
