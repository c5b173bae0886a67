"""A stack that was made with older pins, changed to those of today: what is replaced is what `arch diff` said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from seatrial import deploying
from seatrial.architectures import Deployment
from seatrial.deploying.cloud import Cloud
from seatrial.versions import PARALLELCLUSTER
from tests.architectures.deployments import deployment
from tests.trials.architectures.account import REGION, Account
from tests.trials.architectures.deployments import Told, deployed, quick


@dataclass(frozen=True)
class Pin:
    """A pin as it once was."""

    architecture: str
    read: str
    """Where it is read."""
    value: Any
    becomes: set[tuple[str, str]]
    """Resource, and whether another takes its place."""

    @contextmanager
    def older(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(f"seatrial.architectures.{self.read}", self.value)
            yield


AURORA = "accounting_db.template.AURORA_MYSQL"
PINS = {
    "aurora": Pin("accounting-db", AURORA, "8.0.mysql_aurora.3.08.0", {("Cluster", "False")}),
    "aurora-family": Pin(
        "accounting-db", AURORA, "5.7.mysql_aurora.2.12.4", {("Cluster", "False"), ("Settings", "True")}
    ),
    "parallelcluster": Pin(
        "parallelcluster",
        "parallelcluster.template.PARALLELCLUSTER",
        replace(PARALLELCLUSTER, version="3.15.0"),
        {("Provider", "False")},
    ),
}


def physical_ids(wanted: Deployment) -> dict[str, str]:
    cloud = Cloud(wanted, quick)
    stack = cloud.owned()
    assert stack is not None
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in cloud.resources(stack)}


@pytest.mark.parametrize("pin", PINS.values(), ids=PINS)
def test_newer_pins_replace_and_update_what_diff_said(aws: Account, pin: Pin) -> None:
    wanted = deployment(pin.architecture, {}, REGION)
    with pin.older():
        deployed(wanted)
        old = wanted.template()
    before = physical_ids(wanted)
    change = deploying.changes(wanted, wait=quick)
    rows = {(row.logical_id, row.replacement) for row in change.rows}
    assert rows == {(row.logical_id, row.replacement) for row in deploying.compare(old, wanted.template())}
    assert rows == pin.becomes
    told = Told()
    assert told.deploy(wanted)
    assert [one for one in told.changes if one.anything] == [change]
    after = physical_ids(wanted)
    assert {key for key in before if after[key] != before[key]} == {key for key, how in rows if how == "True"}
    assert {event.status for event in deployed(wanted).events} == {deploying.UNCHANGED}
