"""Deploys notes on notes, and tells what happens, until somebody kills it."""

from __future__ import annotations

import signal
import sys

from seatrial import deploying
from tests.trials.architectures.deployments import notes


def show(event: deploying.Event) -> None:
    print(event.deployment, event.logical_id, event.status, flush=True)


def ask(change: deploying.Change) -> bool:
    print("asked", flush=True)
    if "hesitate" in sys.argv:
        signal.pause()
    return True


if __name__ == "__main__":
    deploying.deploy(notes(needs={"base": notes("base", more=4)}), show, ask, wait=lambda _: None)
