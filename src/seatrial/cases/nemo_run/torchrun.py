"""``torchrun`` as NeMo-Run finds it on the PATH: torch's own, with its ranks' exit code, and leaving none behind.

NeMo-Run starts whatever is called torchrun, in a session of its own. torch's answers a request to stop with a failure
that hides what its ranks ended with, and outlives whoever started it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

import psutil

from seatrial.errors import ExitCode

OUTCOME = "SEATRIAL_TORCHRUN_OUTCOME"
"""Names the file that gets the code, and torchrun's own words on the lines after it: NeMo-Run itself only tells a
failure from a success, and puts a prefix before each line."""
FORWARDED = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""Requests to write a checkpoint and stop, and one to write stacks; the ranks know what to do."""


def main() -> None:
    """Run torchrun, and exit with the code of the rank that ended first of those that failed."""
    adopt_orphans()
    threading.Thread(target=end_without, args=(os.getppid(),), daemon=True).start()
    forward_signals()
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    code, words = int(ExitCode.PASSED), ""
    try:
        run.main()
    except ChildFailedError as failed:
        code, words = failed.get_first_failure()[1].exitcode, str(failed)
    finally:
        end_descendants()
    if code < 0 and code != -signal.SIGTERM:  # a rank that was asked to stop before it could save ends by that
        code = ExitCode.FAILED
    Path(os.environ[OUTCOME]).write_text(f"{code}\n{words}")
    sys.exit(code if code >= 0 else ExitCode.FAILED)


def end_without(parent: int) -> None:
    """End at once when the process that started this one is gone."""
    while os.getppid() == parent:
        time.sleep(0.2)
    end_descendants()
    os.kill(os.getpid(), signal.SIGKILL)


def adopt_orphans() -> None:
    """Helpers of a rank that is killed become children of this process, so that they can be found."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER, prctl(2)


def end_descendants() -> None:
    """Kill whatever the ranks left, and ranks that are still there."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def forward_signals() -> None:
    """Hand requests on to the processes that this one starts, and outlive them."""
    for number in FORWARDED:
        signal.signal(number, _forward)


def _forward(number: int, _: FrameType | None) -> None:
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
            child.send_signal(number)


if __name__ == "__main__":
    main()
