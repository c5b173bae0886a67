"""Users, the same on all nodes, and keys by which nodes reach each other."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .files import folder, with_lines, write
from .node import Node
from .steps import Failure, log, run

SSH_CONFIG = Path("/etc/ssh/ssh_config.d/seatrial.conf")
SSH_TEXT = """\
# Nodes of the cluster, whose keys change whenever HyperPod replaces one: their addresses are the VPC's own.
Host ip-*-*-*-*
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
    LogLevel ERROR
"""


def create(node: Node) -> None:
    """The users of the settings, each with a home directory, keys that may log in, and a key for the other nodes."""
    settings = node.settings
    for user in settings["users"]:
        _user(user)
    # A home directory that is shared hides what the AMI has of its default user's.
    everyone = [{"name": settings["default_user"], "ssh_keys": settings["ssh_keys"]}, *settings["users"]]
    for user in everyone:
        _home(user["name"])
        _keys(user["name"], user["ssh_keys"])
    write(SSH_CONFIG, SSH_TEXT)


def _user(user: Mapping[str, Any]) -> None:
    name, uid = user["name"], user["uid"]
    remedy = f"give {name} another name or number in the users of the architecture"
    for entry in pwd.getpwall():
        if (entry.pw_name == name) != (entry.pw_uid == uid):
            raise Failure(f"user {name} is to be {uid}, but {entry.pw_name} is {entry.pw_uid} here", remedy)
    if not _known(name):
        run("groupadd", "--force", "--gid", str(uid), name, remedy=remedy)
        command = ("useradd", "--uid", str(uid), "--gid", str(uid), "--shell", "/bin/bash", "--no-create-home")
        run(*command, "--home-dir", f"/home/{name}", name, remedy=remedy)
        log(f"    made user {name}")


def _home(name: str) -> None:
    entry = _entry(name)
    home = Path(entry.pw_dir)
    if not home.exists():
        # Whole or not at all: another node may do the same in the same folder.
        made = Path(tempfile.mkdtemp(dir=home.parent, prefix=f".{name}."))
        shutil.copytree("/etc/skel", made, dirs_exist_ok=True)
        for path in (made, *made.rglob("*")):
            os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)
        made.chmod(0o750)
        _into_place(made, home)


def _keys(name: str, public: Iterable[str]) -> None:
    """One key for a user on all nodes, since they share /home: the node that comes first makes it."""
    entry = _entry(name)
    owner = (entry.pw_uid, entry.pw_gid)
    ssh = Path(entry.pw_dir) / ".ssh"
    folder(ssh, 0o700, owner)
    key = ssh / "id_ed25519"
    remedy = f"see who may write in {ssh}"
    if not key.exists():
        made = Path(tempfile.mkdtemp(dir=ssh))
        command = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{name}@cluster", "-f", str(made / "key"))
        run(*command, remedy=remedy)
        os.chown(made / "key", *owner)
        try:
            os.link(made / "key", key)  # fails where another node was first
            log(f"    made {key}")
        except FileExistsError:
            pass
        shutil.rmtree(made)
    own = run("ssh-keygen", "-y", "-f", str(key), remedy=remedy).strip()
    write(key.with_suffix(".pub"), f"{own}\n", 0o644, owner)
    allowed = ssh / "authorized_keys"
    text = allowed.read_text() if allowed.exists() else ""
    write(allowed, with_lines(text, [own, *public]), 0o600, owner)


def _into_place(made: Path, home: Path) -> None:
    try:
        made.rename(home)
        log(f"    made {home}")
    except OSError:
        shutil.rmtree(made)
        if not home.is_dir():
            raise


def _known(name: str) -> bool:
    return any(entry.pw_name == name for entry in pwd.getpwall())


def _entry(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise Failure(f"there is no user {name}", "use HyperPod's AMI, which has it") from None
