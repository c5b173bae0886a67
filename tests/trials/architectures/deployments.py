"""Deployments to try, and what is told while they are made."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from seatrial import architectures, deploying
from seatrial.architectures import Deployment
from seatrial.deploying import Change, Event
from tests.trials.architectures.account import REGION

NOTES = str(Path(__file__).with_name("notes.py"))


def deployment(
    name: str, architecture: str = "", needs: dict[str, Deployment] | None = None, **params: Any
) -> Deployment:
    """One of an architecture by its name, or by the path of a user's file."""
    found = architectures.find(architecture or name)
    params |= {parameter: needed.name for parameter, needed in (needs or {}).items()}
    return Deployment(name=name, architecture=found, params=found.Params(region=REGION, **params), needs=needs or {})


def notes(name: str = "notes", needs: dict[str, Deployment] | None = None, **params: Any) -> Deployment:
    """The user's architecture."""
    return deployment(name, NOTES, needs, **params)


def quick(seconds: float) -> None:
    """Lets less time pass than between two looks at AWS."""
    time.sleep(seconds / 50)


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

    def deploy(self, wanted: Deployment) -> bool:
        return deploying.deploy(wanted, self.show, self.agree, wait=quick)

    def delete(self, wanted: Deployment, **how: bool) -> None:
        deploying.delete(wanted, self.show, wait=quick, **how)


def deployed(wanted: Deployment) -> Told:
    """What was told while it was deployed."""
    told = Told()
    assert told.deploy(wanted)
    return told
