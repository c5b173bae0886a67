"""Deployments in AWS's CloudFormation: what would change, deploy, where they stand, what would be lost, delete."""

from seatrial.deploying.creating import Ask, changes, deploy
from seatrial.deploying.events import UNCHANGED, Event, Show
from seatrial.deploying.proposals import Change, Row

__all__ = ["UNCHANGED", "Ask", "Change", "Event", "Row", "Show", "changes", "deploy"]
