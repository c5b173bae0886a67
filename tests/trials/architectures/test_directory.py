"""The directory's set-up on this machine, with the real slapd: who may read, who may write, and what a second run does.

Fakes stand for what would change the machine: packages, disks, systemd; and for AWS.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from seatrial.architectures.directory.template import SETUP
from tests.trials.architectures.test_pages import ON_THE_INSTANCE, commands
from tests.waiting import poll

pytestmark = pytest.mark.skipif(
    shutil.which("slapd", path="/usr/sbin") is None or os.geteuid() != 0, reason="needs slapd, ldap-utils, and root"
)

HOST = socket.gethostname()  # not localhost, of which LDAP's tools make this name
BASE = "dc=cluster,dc=internal"
ADMIN, READER = f"cn=admin,{BASE}", f"cn=readonly,{BASE}"
NOTHING = ["apt-get", "debconf-set-selections", "blkid", "mount", "mountpoint"]
FAKES = {
    **dict.fromkeys(NOTHING, "exit 0"),
    "lsblk": """case "$*" in *PKNAME*) echo /dev/root0 ;; *) echo /dev/root0 disk; echo /dev/data0 disk ;; esac""",
    "findmnt": "echo /dev/root0p1",
    "systemctl": """
        [ "$1" = restart ] || exit 0
        . "$ROOT/etc/default/slapd"
        mkdir -p "$ROOT/run/slapd"
        if [ -s "$ROOT/run/slapd/slapd.pid" ]; then
            pid=$(cat "$ROOT/run/slapd/slapd.pid")
            kill "$pid"
            while kill -0 "$pid" 2>/dev/null; do :; done
        fi
        exec /usr/sbin/slapd -h "$SLAPD_SERVICES" -f "$SLAPD_CONF" -u "$SLAPD_USER"
    """,
    "aws": """
        while [ $# -gt 1 ]; do
            case $1 in
            --secret-id) exec cat "$ROOT/secrets/$2" ;;
            --value) exec cp "${2#file://}" "$ROOT/published" ;;
            esac
            shift
        done
        exit 1
    """,
    "curl": """while [ $# -gt 1 ]; do [ "$1" != --data-binary ] || echo "$2" >>"$ROOT/signals"; shift; done""",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """A folder that stands for a machine with a directory."""

    root: Path
    port: int

    def setup(self, host: str = HOST) -> subprocess.CompletedProcess[str]:
        """Run the set-up, to its end."""
        env = {
            "PATH": f"{self.root}/fakes:/usr/sbin:/usr/bin:/bin",
            "ROOT": str(self.root),
            "LISTEN": socket.gethostbyname(HOST),
            "PORT": str(self.port),
            "OWNER": "root",
            "HOST": host,
            "DOMAIN": "cluster.internal",
            "READER": "readonly",
            "ADMIN_SECRET": "admin",
            "READER_SECRET": "reader",
            "CERTIFICATE_PARAMETER": "/seatrial-directory/certificate",
            "AWS_DEFAULT_REGION": "us-west-2",
            "SIGNAL_URL": "https://cloudformation.example",
        }
        return subprocess.run(["bash", str(SETUP)], env=env, text=True, capture_output=True, timeout=60)

    def signals(self) -> list[str]:
        """What CloudFormation was told."""
        return (self.root / "signals").read_text().splitlines()

    def secret(self, name: str, value: str) -> None:
        """Set a password in Secrets Manager."""
        (self.root / "secrets" / name).write_text(value + "\n")

    def ldap(self, tool: str, *arguments: str, who: str = READER, password: str, stdin: str = "") -> tuple[int, str]:
        """One of LDAP's tools, as a node uses it: exit status and output."""
        server = ["-x", "-H", f"ldaps://{HOST}:{self.port}", "-D", who, "-w", password]
        env = {"LDAPTLS_CACERT": f"{self.root}/published", "LDAPTLS_REQCERT": "hard", "PATH": "/usr/bin"}
        ran = subprocess.run(
            [tool, *server, *arguments], env=env, text=True, capture_output=True, input=stdin, timeout=30
        )
        return ran.returncode, ran.stdout + ran.stderr

    def search(self, found: str, password: str = "reader-1", who: str = READER) -> tuple[int, str]:
        """Search for something in the whole directory."""
        return self.ldap("ldapsearch", "-LLL", "-b", BASE, found, who=who, password=password)


@pytest.fixture
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    root = tmp_path_factory.mktemp("d")  # short: the path of a socket has 107 characters at most
    (root / "fakes").mkdir()
    for name, text in FAKES.items():
        (root / "fakes" / name).write_text(f"#!/bin/bash\n{text}\n")
        (root / "fakes" / name).chmod(0o755)
    for folder in ("etc", "secrets"):
        (root / folder).mkdir()
    (root / "etc" / "fstab").touch()
    with socket.create_server((socket.gethostbyname(HOST), 0)) as free:
        made = Machine(root=root, port=free.getsockname()[1])
    made.secret("admin", "admin-1")
    made.secret("reader", "reader-1")
    yield made
    pid = root / "run" / "slapd" / "slapd.pid"
    if pid.is_file():
        os.kill(int(pid.read_text()), signal.SIGTERM)


USER = f"""dn: uid=ada,ou=people,{BASE}
objectClass: inetOrgPerson
objectClass: posixAccount
cn: Ada Lovelace
sn: Lovelace
uid: ada
uidNumber: 10001
gidNumber: 10001
homeDirectory: /home/ada
userPassword: ada-1
"""


def test_nodes_read_by_tls_and_the_administrator_adds_users(machine: Machine) -> None:
    ran = machine.setup()
    assert ran.returncode == 0, ran.stderr
    (told,) = machine.signals()
    assert '"Status": "SUCCESS"' in told
    assert machine.search("(uid=ada)") == (0, "")

    assert machine.search("(uid=ada)", password="wrong")[0] == 49  # invalid credentials
    assert machine.ldap("ldapadd", password="reader-1", stdin=USER)[0] == 50  # not allowed
    assert machine.ldap("ldapadd", who=ADMIN, password="admin-1", stdin=USER)[0] == 0

    status, found = machine.search("(uid=ada)")
    assert status == 0 and "homeDirectory: /home/ada" in found and "userPassword" not in found
    ada = f"uid=ada,ou=people,{BASE}"
    assert machine.ldap("ldapwhoami", who=ada, password="ada-1") == (0, f"dn:{ada}\n")
    assert machine.ldap("ldapsearch", "-LLL", "-b", ada, who=ada, password="ada-1")[0] == 0  # herself
    assert machine.search("(cn=readonly)", who=ada, password="ada-1")[0] == 32  # and nobody else
    assert machine.ldap("ldapwhoami", who="", password="")[0] != 0


def test_the_page_adds_a_user_who_can_log_in(machine: Machine) -> None:
    assert machine.setup().returncode == 0
    found = [one for one in commands(SETUP.with_name("README.md")) if one.startswith(ON_THE_INSTANCE)]
    assert len(found) == 2
    socket_uri = f"ldapi://{str(machine.root / 'run/slapd/ldapi').replace('/', '%2F')}"
    for command in found:
        typed = command.removeprefix("sudo ").replace("ldapi:///", socket_uri)
        # Without a terminal the new password, and the same again, are read from standard input.
        subprocess.run(["setsid", "bash", "-c", typed], input="ada-2\nada-2\n", text=True, check=True, timeout=30)
    ada = f"uid=ada,ou=people,{BASE}"
    assert machine.ldap("ldapwhoami", who=ada, password="ada-2") == (0, f"dn:{ada}\n")


def test_it_is_reached_by_nothing_but_tls_and_its_certificate_is_checked(machine: Machine) -> None:
    assert machine.setup().returncode == 0
    settings = machine.root / "etc/default/slapd"
    assert "ldap://" not in settings.read_text()
    (machine.root / "published").unlink()
    assert machine.search("(uid=ada)")[0] == 255  # the server is not trusted

    settings.write_text(settings.read_text().replace("ldaps://", "ldap://"))
    subprocess.run([machine.root / "fakes/systemctl", "restart"], env={"ROOT": str(machine.root)}, check=True)
    plain = ["ldapsearch", "-x", "-H", f"ldap://{HOST}:{machine.port}", "-b", BASE, "-D", READER, "-w", "reader-1"]
    poll(lambda: _answers(plain), 10, "slapd without TLS")
    assert subprocess.run(plain, capture_output=True).returncode == 13  # confidentiality required


def _answers(search: list[str]) -> bool:
    return subprocess.run(search, capture_output=True).returncode != 255


def test_a_second_run_keeps_what_is_there_and_sets_new_passwords(machine: Machine) -> None:
    assert machine.setup().returncode == 0
    assert machine.ldap("ldapadd", who=ADMIN, password="admin-1", stdin=USER)[0] == 0
    trusted = (machine.root / "published").read_text()
    certificate = machine.root / "var/lib/ldap/tls/server.crt"
    first = certificate.read_text()

    machine.secret("reader", "reader-2")
    machine.secret("admin", "admin-2")
    ran = machine.setup()
    assert ran.returncode == 0, ran.stderr
    assert (machine.root / "published").read_text() == trusted and certificate.read_text() == first
    assert (machine.root / "etc/fstab").read_text().count("directory") == 1
    assert machine.search("(uid=ada)")[0] == 49
    assert "uid: ada" in machine.search("(uid=ada)", password="reader-2")[1]
    assert machine.ldap("ldapwhoami", who=ADMIN, password="admin-2")[0] == 0


def test_on_another_machine_the_volume_gets_a_certificate_of_the_same_authority(machine: Machine) -> None:
    assert machine.setup(host="another.machine").returncode != 0  # it is not there, but has its certificate
    certificate = machine.root / "var/lib/ldap/tls/server.crt"
    first, authority = certificate.read_text(), (machine.root / "var/lib/ldap/tls/ca.crt").read_text()
    assert machine.setup().returncode == 0
    assert certificate.read_text() != first
    assert (machine.root / "published").read_text() == authority


def test_a_failure_names_its_step_and_no_password(machine: Machine) -> None:
    (machine.root / "secrets" / "reader").unlink()
    ran = machine.setup()
    assert ran.returncode != 0
    (told,) = machine.signals()
    assert '"Status": "FAILURE"' in told and "step passwords failed" in told
    assert not [one for one in (machine.root / "var/lib/ldap").iterdir() if one.name.startswith("tmp")]
    assert "admin-1" not in ran.stdout + ran.stderr


def test_no_password_is_left_or_printed(machine: Machine) -> None:
    ran = machine.setup()
    assert ran.returncode == 0
    files = [path for path in machine.root.rglob("*") if path.is_file() and "secrets" not in path.parts]
    for path in files:
        assert b"admin-1" not in path.read_bytes() and b"reader-1" not in path.read_bytes(), path
    assert "admin-1" not in ran.stdout + ran.stderr and "reader-1" not in ran.stdout + ran.stderr


def test_of_two_disks_none_is_taken(machine: Machine) -> None:
    fake = machine.root / "fakes" / "lsblk"
    fake.write_text(fake.read_text().replace("echo /dev/data0 disk", "printf '/dev/data0 disk\\n/dev/data1 disk\\n'"))
    assert machine.setup().returncode != 0
    assert "step disk failed" in machine.signals()[0]
