"""Processes of the test bed that never outlive the test process, however it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

MACHINE = Path(__file__).with_name("machine.sh")


def start(
    argv: tuple[str | Path, ...], log: Path, env: Mapping[str, str], namespaces: tuple[str, ...] = ()
) -> subprocess.Popen[bytes]:
    """Starts argv in new namespaces (options of unshare). It dies with the thread that calls this."""
    with log.open("ab") as out:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", *namespaces, *argv],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )


def start_machine(
    name: str, *command: str | Path, folder: Path, env: Mapping[str, str], plug: tuple[str, str] = ("", "")
) -> subprocess.Popen[bytes]:
    """Starts a machine (machine.sh) that runs the command. Expects `folder` to hold `hosts` and `log`.

    `plug` is the process of a switch and the machine's address there; without, it has the network of this machine.
    """
    namespaces = ("--mount", "--uts", "--net") if plug[0] else ("--mount", "--uts")
    argv = (MACHINE, name, folder / "hosts", *plug, *command)
    return start(argv, folder / f"log/{name}.out", env, namespaces)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kills a process and, if it is a machine, everything on it; returns when they are gone."""
    # A machine's first process goes before the one that waits for it, so that the wait includes all of the machine.
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, subprocess.TimeoutExpired):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        if children:
            process.wait(timeout=2)
    process.kill()
    process.wait()
