"""A run of this machine that goes on without its terminal."""

from __future__ import annotations

import os
import sys

from seatrial.runs import Run

LOG = "command.log"
"""What the command would have shown, in the folder of the run."""


def in_background(run: Run) -> bool:
    """Fork: True in the parent, as soon as the child has the run; False in the child, which is to follow it.

    The child has a session of its own, so that no terminal ends it, and its words go into the run's folder.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    told, tell = os.pipe()
    run.release()
    if os.fork() != 0:
        os.close(tell)
        os.read(told, 1)  # ends when the child closes its end
        os.close(told)
        return True
    os.setsid()
    log = os.open(run.path / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for stream, number in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(stream, number)
    run.claim()
    os.close(tell)
    return False
