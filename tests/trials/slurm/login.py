"""The login node: a real sshd on loopback, whose sessions find the cluster's commands and configuration."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.trials.slurm.configuration import free_ports
from tests.trials.slurm.harness import Slurm
from tests.trials.slurm.processes import kill
from tests.waiting import poll

SSHD_CONFIG = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PasswordAuthentication no
UsePAM no
# The keys are in a folder of tests, which others may be able to write.
StrictModes no
PidFile none
SetEnv {env}
"""

SSH_CONFIG = """\
Host login
    HostName 127.0.0.1
    Port {port}
    User root
    IdentityFile {folder}/user_key
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
    BatchMode yes
"""


class Login:
    """The host `login` for ssh, where root may enter with a key of this folder and `sinfo` or `sbatch` just work.

    A context manager. It is a machine of its own (machine.sh), with this machine's files and network; leaving it ends
    all sessions. `config` is the file for `ssh -F`; `options` are ssh's arguments up to and with the host; `port` is
    the one on loopback.
    """

    def __init__(self, folder: Path, slurm: Slurm) -> None:
        self.config = folder / "ssh_config"
        self.host = "login"
        self.options = ("-F", str(self.config), self.host)
        self._folder, self._slurm = folder, slurm

    def __enter__(self) -> Self:
        self._folder.mkdir()
        self.port = port = free_ports(1)
        variables = {**self._slurm.env, "HOME": self._folder}  # so that no ~/.bashrc has a say
        env = " ".join(f'"{name}={value}"' for name, value in variables.items())
        (self._folder / "sshd_config").write_text(SSHD_CONFIG.format(folder=self._folder, port=port, env=env))
        self.config.write_text(SSH_CONFIG.format(folder=self._folder, port=port))
        for name in ("host_key", "user_key"):
            key = str(self._folder / name)
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
        public = (self._folder / "host_key.pub").read_text()
        (self._folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}")
        self._process = self._slurm.machine("login", "/usr/sbin/sshd", "-D", "-e", "-f", self._folder / "sshd_config")
        try:
            poll(lambda: self.run("true", check=False).returncode == 0, 60, "sshd lets root in")
        except BaseException:
            kill(self._process)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        kill(self._process)

    def run(self, command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs a shell command there."""
        return self._slurm.run("ssh", *self.options, command, check=check)
