"""Every alert, evaluated by Prometheus' own promtool on its examples: it fires, resolves, and stays quiet."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from seatrial.observe.rules import FILE, TOPICS, Alert, Rules, dump
from tests.observe.rules.promtool import write

pytestmark = pytest.mark.skipif(not shutil.which("promtool"), reason="not installed: promtool")
RULES = Rules(jobs=("seatrial", "dcgm"))
ALERTS = [alert for topic in TOPICS for alert in RULES.alerts(topic)]


def promtool(*words: str | Path) -> str:
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_fires_resolves_and_stays_quiet(alert: Alert, tmp_path: Path) -> None:
    promtool("test", "rules", write(RULES, alert, tmp_path))


def test_prometheus_takes_all_of_them(tmp_path: Path) -> None:
    [groups] = RULES.files().values()
    (tmp_path / FILE).write_text(dump({"groups": groups}))
    assert f"{sum(len(group['rules']) for group in groups)} rules found" in promtool("check", "rules", tmp_path / FILE)
