"""What a process runs on and with."""

from __future__ import annotations

import sys

import pytest

from seatrial.findings import Verdict
from seatrial.rank import machine


def test_versions_are_those_of_this_process() -> None:
    found = machine.versions(["pytest", "no-such-package"])
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["pytest"] == pytest.__version__
    assert "no-such-package" not in found


def test_other_versions_than_the_pins_are_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"torch": "2.13.0+cpu", "numpy": "2.1"}
    monkeypatch.setattr(machine, "_version", installed.get)
    found = list(machine.other_versions({"torch": "2.13.0", "numpy": "0.1", "no-such-package": "1.0"}))
    assert [(f.check, f.verdict, f.observed, f.expected) for f in found] == [
        ("run.versions", Verdict.WARN, "numpy 2.1", "numpy 0.1, which this case was made with"),
        (
            "run.versions",
            Verdict.WARN,
            "no-such-package is not installed as a package",
            "no-such-package 1.0, which this case was made with",
        ),
    ]


def test_memory_and_processor_are_of_this_machine() -> None:
    assert 5e6 < machine.peak_resident() < 1e12, "an interpreter has 10 MB: a unit of KiB or pages would show"
    assert machine.processor()
