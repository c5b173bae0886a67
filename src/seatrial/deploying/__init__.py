"""Deployments in AWS's CloudFormation: what would change, deploy, where they stand, what would be lost, delete."""

from seatrial.deploying.cloud import Wait
from seatrial.deploying.comparing import compare
from seatrial.deploying.creating import Ask, changes, deploy
from seatrial.deploying.deleting import Loss, Part, delete, losses
from seatrial.deploying.events import UNCHANGED, Event, Show
from seatrial.deploying.installing import INSTALLED, STEP
from seatrial.deploying.proposals import Change, Row
from seatrial.deploying.standing import Drift, Drifted, Standing, outputs, status

__all__ = [
    "INSTALLED",
    "STEP",
    "UNCHANGED",
    "Ask",
    "Change",
    "Drift",
    "Drifted",
    "Event",
    "Loss",
    "Part",
    "Row",
    "Show",
    "Standing",
    "Wait",
    "changes",
    "compare",
    "delete",
    "deploy",
    "losses",
    "outputs",
    "status",
]
