"""Shell scripts, here or on a host that OpenSSH reaches."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from seatrial.errors import CutOff, Problem, UserError

KEEP_SECONDS = 120
"""How long the connection to a host stays open for the next command."""
CONNECT_SECONDS = 15
SOCKETS = Path(f"/tmp/seatrial-ssh-{os.getuid()}")
"""Not $TMPDIR: a socket's path has 104 bytes at most on macOS, and 57 are ssh's own."""
SLURM = "/opt/slurm/bin"
"""Where ParallelCluster and HyperPod have Slurm. What puts it into PATH there is read by login shells alone."""
REACHED = b"seatrial-reached"
"""First line of every answer: the script has begun."""


def run(script: str, reach: str, ssh_options: Sequence[str] = ()) -> subprocess.CompletedProcess[bytes]:
    """Run a POSIX shell script where `reach` says: ``here``, or ``ssh:USER@HOST``.

    The script comes by standard input, so that nothing of it shows in a process list, and as one function, so that a
    connection that breaks before runs nothing. Raises UserError if the host cannot be reached, and CutOff if it was
    lost while the script ran.
    """
    path = f'export PATH="$PATH:{SLURM}"'
    text = b"seatrial() {\necho " + REACHED + f"\n{path}\n{script}\n}}\nseatrial </dev/null\n".encode()
    host = reach.removeprefix("ssh:")
    argv = ["sh"] if reach == "here" else [*_ssh(ssh_options), host, "sh"]
    done = subprocess.run(argv, input=text, capture_output=True, check=False)
    _, reached, done.stdout = done.stdout.partition(REACHED + b"\n")  # before it a login shell may have greeted
    if reach != "here" and done.returncode == 255:  # ssh's own failure, ssh(1)
        why = (done.stderr.decode(errors="replace").strip().splitlines() or ["ssh gave no reason"])[-1]
        if reached:
            raise CutOff(Problem(f"the connection to {host} broke: {why}", reach, "look again: seatrial status"))
        raise UserError(Problem(f"{host} cannot be reached: {why}", reach, _REMEDY))
    return done


_REMEDY = "try it by hand: ssh HOST true; keys and jump hosts belong into ~/.ssh/config or the option ssh_options"


def _ssh(options: Sequence[str]) -> list[str]:
    # One connection serves all commands; %C is a hash of host, port and user.
    SOCKETS.mkdir(mode=0o700, exist_ok=True)
    if SOCKETS.stat().st_uid != os.getuid():
        raise UserError(Problem("belongs to somebody else", str(SOCKETS), "remove it"))
    multiplexing = ["-oControlMaster=auto", f"-oControlPath={SOCKETS}/%C", f"-oControlPersist={KEEP_SECONDS}"]
    return ["ssh", "-T", "-oBatchMode=yes", f"-oConnectTimeout={CONNECT_SECONDS}", *multiplexing, *options]
