"""Trials: with real engines and frameworks. CI must be able to run them: there, what is skipped elsewhere fails."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    must_run = os.environ.get("CI") == "true" and not item.get_closest_marker("external")
    if must_run and report.skipped and not hasattr(report, "wasxfail"):
        why = call.excinfo.value if call.excinfo else "skipped"
        report.outcome, report.longrepr = "failed", f"CI must be able to run every trial: {why}"
    return report
