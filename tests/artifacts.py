"""``--keep-artifacts``: whether what tests rendered, built and logged is still there after them. A plugin of pytest."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = "artifacts"
"""In the root folder of pytest; git ignores it. A session that keeps something begins with an empty one."""
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
        help=f"t: images, rendered files and logs, all that tests write, stay in {FOLDER}/; f: they are removed. "
        "Without it images are removed, and pytest keeps the folders of its last three sessions",
    )


def _kept(config: pytest.Config) -> Path:
    return config.rootpath / FOLDER


@pytest.hookimpl(tryfirst=True)  # before pytest chooses the folder that tests get theirs in
def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--keep-artifacts") and not hasattr(config, "workerinput"):
        config.option.basetemp = _kept(config)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    factory = getattr(config, "_tmp_path_factory", None)
    if config.getoption("--keep-artifacts") is False and factory is not None and not hasattr(config, "workerinput"):
        shutil.rmtree(factory.getbasetemp(), ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("--keep-artifacts") and _kept(config).is_dir():
        terminalreporter.write_line(f"kept: {_kept(config)}")


@pytest.fixture(scope="session")
def artifacts(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where tests of images put what they make. It goes with them, unless it is asked for."""
    folder = tmp_path_factory.mktemp("images", numbered=False)
    yield folder
    if not pytestconfig.getoption("--keep-artifacts"):
        shutil.rmtree(folder)
