"""What becomes of the things that tests make."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEST = """
from pathlib import Path

def test_makes_something(artifacts, tmp_path):
    (artifacts / "Dockerfile").write_text("FROM scratch\\n")
    (tmp_path / "log").write_text("built\\n")
    Path("made.txt").write_text(f"{artifacts}\\n{tmp_path}\\n")
"""


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """pytest on one test in that folder."""
    (folder / "test_one.py").write_text(TEST)
    argv = [sys.executable, "-m", "pytest", "-p", "tests.artifacts", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run([*argv, *options], cwd=folder, env=env, capture_output=True, text=True)


@pytest.mark.parametrize("option", ["--keep-artifacts=t", "--keep-artifacts=yes", "--keep-artifacts=TRUE"])
def test_they_are_kept_and_the_last_lines_say_where(tmp_path: Path, option: str) -> None:
    done = run(tmp_path, "-s", option)
    assert done.returncode == 0 and f"kept: {tmp_path}/artifacts" in done.stdout
    assert (tmp_path / "artifacts/images/Dockerfile").read_text() == "FROM scratch\n"
    assert (tmp_path / "artifacts/test_makes_something0/log").read_text() == "built\n"


@pytest.mark.parametrize("option", ["--keep-artifacts=f", "--keep-artifacts=0"])
def test_or_really_removed(tmp_path: Path, option: str) -> None:
    done = run(tmp_path, option)
    assert done.returncode == 0 and "kept:" not in done.stdout
    made = [Path(line) for line in (tmp_path / "made.txt").read_text().splitlines()]
    assert not any(path.exists() for path in made) and not made[1].parent.exists()
    assert not (tmp_path / "artifacts").exists()


def test_by_default_images_go_and_the_rest_is_as_with_pytest(tmp_path: Path) -> None:
    run(tmp_path)
    images, own = (Path(line) for line in (tmp_path / "made.txt").read_text().splitlines())
    assert not images.exists() and (own / "log").exists() and not (tmp_path / "artifacts").exists()


def test_a_later_session_begins_with_an_empty_folder(tmp_path: Path) -> None:
    run(tmp_path, "--keep-artifacts=t")
    (tmp_path / "artifacts/older").touch()
    run(tmp_path, "--keep-artifacts=t")
    assert not (tmp_path / "artifacts/older").exists()


def test_any_other_answer_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path, "--keep-artifacts", "tests/")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "'tests/' is neither t nor f: write --keep-artifacts=t" in done.stderr
