"""In CI a trial that could not run fails."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

SKIPS = """
import pytest

def test_skips():
    pytest.skip("no munged")

@pytest.mark.skipif(True, reason="no root")
def test_is_skipped():
    pass

@pytest.mark.external
@pytest.mark.skipif(True, reason="KUBECONFIG is not set")
def test_is_excused():
    pass
"""


@pytest.mark.parametrize(("ci", "outcomes"), [("true", {"failed": 1, "errors": 1, "skipped": 1}), ("", {"skipped": 3})])
def test_what_is_skipped_elsewhere_fails_in_ci(pytester: pytest.Pytester, monkeypatch, ci, outcomes):
    monkeypatch.setenv("CI", ci)
    pytester.makeconftest((Path(__file__).parent / "trials/conftest.py").read_text())
    pytester.makepyfile(SKIPS)
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-W", "ignore::pytest.PytestUnknownMarkWarning")
    done.assert_outcomes(**outcomes)
    if ci:
        done.stdout.fnmatch_lines(["*CI must be able to run every trial: *no munged*"])
