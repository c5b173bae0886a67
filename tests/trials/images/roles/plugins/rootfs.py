"""Ansible's connection to a root file system: commands run in it by chroot. SEATRIAL_ROOT says where it is."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from ansible.plugins.connection import ConnectionBase  # type: ignore[import-not-found]

DOCUMENTATION = """
name: rootfs
short_description: run tasks in a root file system
description: [Commands run in the folder that SEATRIAL_ROOT names.]
options: {}
"""


class Connection(ConnectionBase):
    transport = "rootfs"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def close(self) -> None:
        self._connected = False

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        command = ["chroot", os.environ["SEATRIAL_ROOT"], "/bin/sh", "-c", cmd]
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
        done = subprocess.run(command, input=in_data or b"", capture_output=True, env=env)
        return done.returncode, done.stdout, done.stderr

    def put_file(self, in_path: str, out_path: str) -> None:
        shutil.copy(in_path, self._there(out_path))

    def fetch_file(self, in_path: str, out_path: str) -> None:
        shutil.copy(self._there(in_path), out_path)

    def _there(self, path: str) -> Path:
        return Path(os.environ["SEATRIAL_ROOT"]) / path.lstrip("/")
