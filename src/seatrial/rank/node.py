"""Starts the ranks of one node as torchrun does, with the same options and variables, where there is no torch.

    python -m seatrial.rank.node --nnodes=2 --nproc-per-node=8 --node-rank=0 --master-addr=HOST --master-port=PORT \\
        [-m] PROGRAM [ARGUMENTS]

Standard library only. Requests to stop are passed on. If a rank fails, the others are killed, since they would wait for
it without end; the exit code is then the failed rank's.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from types import FrameType

from seatrial.errors import ExitCode
from seatrial.rank.memory import OomKills

PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the ranks, and wait for the last one. Returns 0, or the exit code of the first that did not end with it."""
    options = _options(arguments)
    ranks: dict[int, subprocess.Popen[bytes]] = {}
    # Before the first rank: from now on a request finds those that are there.
    for number in PASSED_ON:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, partial(_pass_on, ranks))
    oom_kills = OomKills()
    command = [sys.executable, *(["-m"] if options.module else []), options.program, *options.arguments]
    for local in range(options.nproc_per_node):
        rank = subprocess.Popen(command, env=os.environ | _place(options, local))
        ranks[rank.pid] = rank
    return _wait(ranks, oom_kills)


def _pass_on(ranks: dict[int, subprocess.Popen[bytes]], number: int, _: FrameType | None) -> None:
    for rank in ranks.values():
        rank.send_signal(number)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m seatrial.rank.node", description=(__doc__ or "").splitlines()[0])
    for name in ("--nnodes", "--nproc-per-node", "--node-rank", "--master-port"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--master-addr", required=True)
    parser.add_argument("--max-restarts", type=int, choices=[0], default=0, help="the launcher starts jobs anew")
    parser.add_argument("-m", "--module", action="store_true", help="the program is a module, not a file")
    parser.add_argument("program")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    return parser.parse_args(arguments)


def _place(options: argparse.Namespace, local: int) -> dict[str, str]:
    """What a rank is told of its place, as by torchrun."""
    each = options.nproc_per_node
    return {
        "RANK": str(options.node_rank * each + local),
        "LOCAL_RANK": str(local),
        "WORLD_SIZE": str(options.nnodes * each),
        "LOCAL_WORLD_SIZE": str(each),
        "MASTER_ADDR": options.master_addr,
        "MASTER_PORT": str(options.master_port),
    }


def _wait(ranks: dict[int, subprocess.Popen[bytes]], oom_kills: OomKills) -> int:
    """Until all have ended. One that stopped with a checkpoint has not failed: the others are about to stop as well."""
    first = 0
    while ranks:
        pid, status = os.wait()
        if pid not in ranks:
            continue  # as process 1 of a container we also get orphans
        ended = ranks.pop(pid)
        ended.returncode = code = os.waitstatus_to_exitcode(status)
        if code and not first:
            first = code if code > 0 else 128 - code
            if code == -signal.SIGKILL and (told := oom_kills.said()):
                print(told, file=sys.stderr, flush=True)
            if code != ExitCode.STOPPED:
                for rank in ranks.values():
                    rank.kill()
    return first


if __name__ == "__main__":
    sys.exit(main())
