"""slurmdbd on the controller, with the database of the accounting-db deployment."""

from __future__ import annotations

import pwd
from collections.abc import Mapping
from pathlib import Path

from . import slurm_conf
from .files import write
from .node import Node, secret
from .steps import Failure, log, retry, run, succeeds

SLURM_CONF = {
    "AccountingStorageType": "accounting_storage/slurmdbd",
    "AccountingStorageTRES": "gres/gpu",
    "JobAcctGatherType": "jobacct_gather/linux",
}
"""What slurm.conf says where there is accounting."""
ETC = Path("/opt/slurm/etc")
UNIT_FILE = Path("/etc/systemd/system/slurmdbd.service")
UNIT = """\
# Written by seatrial.
[Unit]
Description=Slurm's accounting
Wants=network-online.target
After=network-online.target munge.service

[Service]
ExecStart=/opt/slurm/sbin/slurmdbd -D
Restart=on-failure
RestartSec=10

[Install]
WantedBy=multi-user.target
"""
PAUSES = (1, 2, 4, 8, 16, 32)
"""Seconds between questions to slurmdbd, which makes its tables the first time."""
REMEDY = "see why: journalctl --unit slurmdbd; its security group must let it reach the database"


def start(node: Node) -> None:
    """Its configuration, which only its user may read since it has the password, and the daemon."""
    database = node.places["accounting"]
    user = slurm_conf.value((ETC / "slurm.conf").read_text(), "SlurmUser") or "root"
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise Failure(f"SlurmUser {user} of slurm.conf is no user", "use HyperPod's AMI, which has it") from None
    text = conf(node.name, user, database, secret(database["secret_arn"], node.settings["region"]))
    changed = write(ETC / "slurmdbd.conf", text, 0o600, (entry.pw_uid, entry.pw_gid))
    if write(UNIT_FILE, UNIT):
        run("systemctl", "daemon-reload", remedy=REMEDY)
    if changed or not succeeds("systemctl", "is-active", "--quiet", "slurmdbd"):
        run("systemctl", "enable", "slurmdbd", remedy=REMEDY)
        run("systemctl", "restart", "slurmdbd", remedy=REMEDY)
        log("    started slurmdbd")
    # slurmctld does not start the first time without it.
    retry("slurmdbd", PAUSES, lambda: run("/opt/slurm/bin/sacctmgr", "--noheader", "show", "cluster", remedy=REMEDY))


def conf(name: str, user: str, database: Mapping[str, str], credential: str) -> str:
    """slurmdbd.conf. Raises Failure for a password that would be cut."""
    if set(credential) & set('"#\\') or not credential.isprintable() or " " in credential:
        what = "the password of the database has characters that slurmdbd.conf cannot carry"
        raise Failure(what, "give it another one, without blanks, quotes, # and \\")
    values = {
        "DbdHost": name,
        "SlurmUser": user,
        "AuthType": "auth/munge",
        "LogFile": "/var/log/slurmdbd.log",
        "PidFile": "/run/slurmdbd.pid",
        "StorageType": "accounting_storage/mysql",
        "StorageHost": database["host"],
        "StoragePort": database["port"],
        "StorageUser": database["user"],
        "StoragePass": credential,
    }
    return "# Written by seatrial.\n" + "".join(f"{key}={value}\n" for key, value in values.items())
