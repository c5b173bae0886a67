"""git_chart.sh, really executed with git and a repository; helm alone is a stand-in, which notes what it installs."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from seatrial.architectures._kubernetes.hyperpod import GIT_CHART

HELM = """#!/bin/sh
printf '%s\\n' "$*" >>"$CALLS"
cat "$3/Chart.yaml" >"$CALLS.installed"
exit "${UPGRADE_FAILS:-0}"
"""


def git(folder: Path, *argv: str) -> str:
    who = ("-c", "user.name=nobody", "-c", "user.email=nobody@invalid", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", folder, *who, *argv], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@dataclass
class Place:
    folder: Path
    commit: str

    def run(
        self, commit: str | None = None, chart: str = "charts/agent", **env: str
    ) -> subprocess.CompletedProcess[str]:
        repository = f"file://{self.folder}/repository"
        arguments = ("agent", repository, commit or self.commit, chart, "kube-system", "context")
        variables = {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "TMPDIR": f"{self.folder}/tmp"}
        variables |= {"CALLS": f"{self.folder}/calls", "HOME": str(self.folder), **env}
        return subprocess.run(
            ["/bin/sh", "git_chart.sh", *arguments], cwd=self.folder, env=variables, capture_output=True, text=True
        )

    def installed(self) -> str | None:
        """What helm was told to install."""
        path = self.folder / "calls.installed"
        return path.read_text() if path.exists() else None


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository whose branch has moved on since the commit that is named."""
    for name in ("bin", "tmp", "repository/charts/agent"):
        (tmp_path / name).mkdir(parents=True)
    repository = tmp_path / "repository"
    git(repository, "init", "--quiet")
    chart = repository / "charts/agent/Chart.yaml"
    commits = []
    for version in ("1", "2"):
        chart.write_text(f"version: {version}\n")
        git(repository, "add", "-A")
        git(repository, "commit", "--quiet", "-m", version)
        commits.append(git(repository, "rev-parse", "HEAD"))
    git(repository, "config", "uploadpack.allowAnySHA1InWant", "true")  # as GitHub does
    (tmp_path / "bin/helm").write_text(HELM)
    (tmp_path / "bin/helm").chmod(0o755)
    (tmp_path / "agent.yaml").write_text("{}\n")
    (tmp_path / "git_chart.sh").write_text(GIT_CHART.read_text())
    return Place(tmp_path, commits[0])


def test_the_chart_of_the_commit_is_installed_and_nothing_is_left(place: Place) -> None:
    for _ in range(2):  # and again, as often as one likes
        done = place.run()
        assert (done.returncode, done.stderr) == (0, "")
    assert place.installed() == "version: 1\n"
    call = (place.folder / "calls").read_text().splitlines()[0]
    assert call.startswith("upgrade agent ") and "/charts/agent --install --kube-context context" in call
    assert "--namespace kube-system --values agent.yaml --wait" in call
    assert os.listdir(place.folder / "tmp") == []


@pytest.mark.parametrize(
    ("commit", "chart", "said"),
    [
        ("0" * 40, "charts/agent", "could not be fetched"),
        ("HEAD", "charts/agent", "name a whole id"),
        (None, "charts/other", "there is no chart in charts/other of that commit"),
    ],
)
def test_anything_else_is_not_installed(place: Place, commit: str | None, chart: str, said: str) -> None:
    done = place.run(commit, chart)
    assert done.returncode == 1 and said in done.stderr
    assert place.installed() is None and os.listdir(place.folder / "tmp") == []


def test_an_installation_that_fails_is_told(place: Place) -> None:
    done = place.run(UPGRADE_FAILS="3")
    assert done.returncode == 1 and "get events" in done.stderr


def test_missing_values_are_named(place: Place) -> None:
    (place.folder / "agent.yaml").unlink()
    done = place.run()
    assert done.returncode == 1 and "agent.yaml" in done.stderr and place.installed() is None


def test_shellcheck_finds_nothing() -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([shellcheck, GIT_CHART], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
