"""``--keep-artifacts``: whether what tests rendered, built and logged is still there after them. A plugin of pytest."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = "artifacts"
"""In pytest's root folder; git ignores it. Each process of pytest-xdist has a folder of its own in it."""
MEANINGS = {
    **dict.fromkeys(("t", "true", "1", "y", "yes", "on"), True),
    **dict.fromkeys(("f", "false", "0", "n", "no", "off"), False),
}


def _truth(text: str) -> bool:
    """Not any text: the name of a folder of tests, which somebody wrote behind the option, is no answer."""
    try:
        return MEANINGS[text.lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither t nor f: write --keep-artifacts=t") from None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--keep-artifacts",
        metavar="t|f",
        type=_truth,
        default=False,
        help=f"t: keep images, rendered files and logs in {FOLDER}/; f, the default: remove them",
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    folder = config.rootpath / FOLDER
    if config.getoption("--keep-artifacts") and folder.is_dir():
        terminalreporter.write_line(f"kept: {folder}")


@pytest.fixture(scope="session")
def artifacts(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where tests of images put what they make. It is empty at first: what an earlier session kept there is gone."""
    if pytestconfig.getoption("--keep-artifacts"):
        worker = getattr(pytestconfig, "workerinput", {"workerid": "main"})["workerid"]
        folder = pytestconfig.rootpath / FOLDER / str(worker)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        yield folder
        return
    folder = tmp_path_factory.mktemp(FOLDER)
    yield folder
    shutil.rmtree(folder)  # pytest itself would keep the folders of three sessions
