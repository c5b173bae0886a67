"""Services that are switched on."""

from __future__ import annotations

from seatrial.checks.node.services import SERVICES, SYSTEMD
from seatrial.findings import Verdict, overall
from tests.checks.node.trees import verdicts
from tests.checks.test_checks import CHECKS, judged


def test_services_that_are_switched_on():
    good = CHECKS["node.services"].rule.good
    for state, sub, verdict in (
        ("activating", "start-pre", Verdict.WARN),
        ("activating", "auto-restart", Verdict.FAIL),
        ("inactive", "dead", Verdict.FAIL),
        ("reloading", "reload", Verdict.PASS),
    ):
        text = good.replace("=active", f"={state}").replace("=running", f"={sub}")
        assert overall(judged(CHECKS["node.services"], text)) is verdict
    off = good.replace("UnitFileState=enabled", "UnitFileState=disabled")
    assert verdicts(judged(CHECKS["node.services"], off)) == [Verdict.SKIP]
    assert SYSTEMD.command[-len(SERVICES) :] == tuple(f"{name}.service" for name in SERVICES)
