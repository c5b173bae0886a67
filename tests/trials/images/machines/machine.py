"""A machine that Packer reaches by ssh: this one's files under an overlay, with its own processes, which can reboot.

Its programs are this machine's. What would change it, or is not there, is a stand-in that notes what it was asked.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from tests.waiting import poll

ORDER = "/var/log/order"
"""On the machine: what was done, in its order."""
START = """\
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/merged"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/merged"
# From within: a link of this machine, such as /usr/sbin/shutdown to /bin/systemctl, must lead to a file of the overlay.
mkdir "$1/merged/given"
mount --bind "$2" "$1/merged/given"
chroot "$1/merged" cp -R --remove-destination /given/. /
umount "$1/merged/given"
chmod 755 "$1/merged" "$1/merged/usr" "$1/merged/usr/local" "$1/merged/usr/local/bin"
chroot "$1/merged" sh -c "chmod 700 ~root ~root/.ssh"
mkdir -p "$1/merged/run/sshd" "$1/merged/tmp"
chmod 1777 "$1/merged/tmp"
mount --rbind /dev "$1/merged/dev"
while :; do # it starts again when it was rebooted
    unshare --pid --fork --mount --kill-child sh -c '
        mount -t proc proc "$1/merged/proc"
        cat /proc/sys/kernel/random/uuid >"$1/boot_id"
        mount --bind "$1/boot_id" "$1/merged/proc/sys/kernel/random/boot_id"
        echo started >>"$1/merged/var/log/order"
        exec chroot "$1/merged" /usr/sbin/sshd -D -e -f /etc/ssh/sshd_trial' sh "$1" || :
done
"""
SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey /etc/ssh/trial_key
PidFile none
UsePAM no
PasswordAuthentication no
StrictModes no
SetEnv PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
Subsystem sftp internal-sftp
"""
STAND_INS = {
    # What Ansible has done as root is noted by its roles.
    "usr/local/bin/sudo": """\
        while [ "${1#-}" != "$1" ]; do
            case $1 in -u | -p) shift 2 ;; *) shift ;; esac
        done
        case $* in *images.machines.self_test*) echo "self test" >>/var/log/order ;; esac
        exec "$@"
        """,
    "usr/local/bin/cloud-init": """\
        echo "cloud-init $*" >>/var/log/order
        """,
    # The init of these processes ends, and all others with it.
    "usr/local/bin/systemctl": """\
        echo "systemctl $*" >>/var/log/order
        [ "$1" != reboot ] || kill -TERM 1
        """,
    # What Ansible reboots with: it has returned when the machine goes down.
    "usr/sbin/shutdown": """\
        echo "shutdown $1" >>/var/log/order
        (sleep 1; kill -TERM 1) >/dev/null 2>&1 &
        """,
    "usr/local/sbin/ami_cleanup.sh": """\
        echo ami_cleanup.sh >>/var/log/order
        """,
    "root/.bashrc": "",  # what this machine's root has there is none of the machine's
    "opt/slurm/sbin/slurmd": "",
    "opt/parallelcluster/.bootstrapped": "",
}


class Machine:
    """It is up until it is left; `folder` has its keys, and what it said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = folder / "key"
        self.log = folder / "machine.log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def __enter__(self) -> Machine:
        files = self._files()
        (self.folder / "mount").mkdir()
        (self.folder / "start.sh").write_text(START)
        words = ["unshare", "--mount", "sh", str(self.folder / "start.sh"), str(self.folder / "mount"), str(files)]
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        poll(self._listens, 60, "sshd of the machine")
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)  # of what runs on it the kernel takes care: its init is killed
        self._process.wait()

    def order(self) -> list[str]:
        """What was done on it."""
        words = ["nsenter", f"--target={self._process.pid}", "--mount", "cat", f"{self.folder}/mount/merged{ORDER}"]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()

    def _files(self) -> Path:
        files = self.folder / "files"
        for name, text in STAND_INS.items():
            (files / name).parent.mkdir(parents=True, exist_ok=True)
            lines = [line.removeprefix(" " * 8) for line in text.splitlines()]
            (files / name).write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
            (files / name).chmod(0o755)
        for path in (self.key, files / "etc/ssh/trial_key"):
            path.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        (files / "etc/ssh/sshd_trial").write_text(SSHD.format(port=self.port))
        (files / "root/.ssh").mkdir(parents=True)
        shutil.copy(self.key.with_suffix(".pub"), files / "root/.ssh/authorized_keys")
        return files

    def _listens(self) -> bool:
        assert self._process.poll() is None, self.log.read_text()
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0
