"""Deployments to try, and what is told while they are made."""

from __future__ import annotations

from typing import Any

from seatrial import architectures
from seatrial.architectures import Deployment
from seatrial.deploying import Change, Event
from tests.trials.architectures.account import REGION


def deployment(
    name: str, architecture: str = "", needs: dict[str, Deployment] | None = None, **params: Any
) -> Deployment:
    """One of an architecture by its name, or by the path of a user's file."""
    found = architectures.find(architecture or name)
    return Deployment(name=name, architecture=found, params=found.Params(region=REGION, **params), needs=needs or {})


class Told:
    """Whoever watches, and agrees to everything unless told otherwise."""

    def __init__(self, agrees: bool = True) -> None:
        self.agrees, self.events, self.changes = agrees, list[Event](), list[Change]()

    def show(self, event: Event) -> None:
        self.events.append(event)

    def agree(self, change: Change) -> bool:
        self.changes.append(change)
        return self.agrees

    def statuses(self, logical_id: str) -> list[str]:
        return [event.status for event in self.events if event.logical_id == logical_id]
