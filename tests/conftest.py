"""For all tests: the caller's environment does not count, golden files, and the command with its runs."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from seatrial.runs import Run
from tests.command import Command

pytest_plugins = ["tests.artifacts"]

# How long an example takes says something about the machine, and nothing about the code. Half as many as Hypothesis has
# by default: every run of the tests tries others.
hypothesis.settings.register_profile("any machine", deadline=None, max_examples=50)
hypothesis.settings.load_profile("any machine")

GOLDEN = Path(__file__).parent / "golden"
UPDATE_GOLDEN = "SEATRIAL_UPDATE_GOLDEN"

RANK_VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "NODE_RANK")
PREFIXES = ("MASTER_", "TORCHELASTIC_", "SLURM_", "SEATRIAL_", "HF_")


def pytest_configure() -> None:
    """A shell starts what runs in its background with the keyboard's signals ignored, and so would all tests."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """With --durations, the seconds of each folder, too: CONTRIBUTING.md has a budget for each."""
    if config.getoption("durations") is None:
        return
    seconds: Counter[Path] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[Path(report.nodeid.partition("::")[0]).parent] += report.duration
    terminalreporter.section("seconds of each folder")
    for folder, spent in sorted(seconds.items()):
        terminalreporter.write_line(f"{spent:7.1f} {folder}")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test may itself run inside a training job, or on the machine of someone with a token."""
    for name in list(os.environ):
        if name != UPDATE_GOLDEN and (name in RANK_VARIABLES or name.startswith(PREFIXES)):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compares a text with tests/golden/NAME, or writes it there: SEATRIAL_UPDATE_GOLDEN=1 pytest."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get(UPDATE_GOLDEN):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        expected = path.read_text(encoding="utf-8") if path.exists() else ""
        assert text == expected, f"{path} differs; if that is meant: make goldens"

    return compare


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """`seatrial` with the runs of a module."""
    return Command(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def undisturbed(command: Command) -> Run:
    """What every disturbed run of fsdp must equal."""
    return command.fsdp("undisturbed")
