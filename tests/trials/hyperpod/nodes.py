"""Instances of a HyperPod cluster: each a copy of the image with a host name, a network and processes of its own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.trials.hyperpod.image import root
from tests.trials.slurm.namespaced import SWITCH
from tests.trials.slurm.processes import kill, start, start_machine
from tests.waiting import poll

SOURCE = Path(__file__).parents[3] / "src"
NETWORK = "10.99.0."
BOOT = """\
set -eu
mount -t overlay -o lowerdir="$1",upperdir="$2/upper",workdir="$2/work" overlay "$2/root"
cd "$2/root"
mount -t proc proc proc
mount --rbind /dev dev
mount --rbind /sys sys
mount -t tmpfs tmpfs run
mount --bind "$3/hosts" etc/hosts
mount --bind "$3/shared" srv/shared
mount --bind "$3/aws" srv/aws
shift 3
for path in "$@"; do
    mkdir -p ".$path"
    mount --bind "$path" ".$path"
done
touch ../booted
exec sleep infinity
"""
QUIET = ("var/log", "tmp", "run", "var/cache/ldconfig")
"""What may change with no one having changed anything."""

Snapshot = dict[str, tuple[Any, ...]]


@dataclass
class Instance:
    """A running one."""

    name: str
    group: str
    folder: Path
    process: subprocess.Popen[bytes]

    def command(self, *argv: str) -> list[str]:
        """The command line by which this machine runs a command there."""
        child = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0]
        inside = (
            "nsenter",
            "--target",
            child,
            "--mount",
            "--uts",
            "--net",
            "--pid",
            "chroot",
            str(self.folder / "root"),
        )
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return [*inside, "env", "-i", path, "LC_ALL=C.UTF-8", *argv]

    def run(self, *argv: str, check: bool = True, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a command there."""
        done = subprocess.run(self.command(*argv), capture_output=True, text=True, timeout=timeout)
        assert not check or done.returncode == 0, f"{self.name} {argv}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def create(self, code: int = 0) -> str:
        """Run on_create.sh as SageMaker does, and return what it said."""
        done = self.run("bash", "/opt/ml/lifecycle/on_create.sh", check=False)
        assert done.returncode == code, f"{self.name}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.logs()}"
        return done.stdout + done.stderr

    def put(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file there, from inside."""
        script = 'mkdir -p "$(dirname "$1")"; cat >"$1"; chmod "$2" "$1"'
        subprocess.run(self.command("sh", "-c", script, "sh", path, f"{mode:o}"), input=text, text=True, check=True)

    def text(self, path: str) -> str:
        """A file's text."""
        return self.run("cat", path).stdout

    def logs(self) -> str:
        """What daemons said last."""
        return self.run("sh", "-c", "tail -n 20 /var/log/*.out", check=False).stdout

    def snapshot(self) -> Snapshot:
        """Every file that is otherwise than in the image: mode, owner, time, content."""
        return _snapshot(self.folder / "upper", QUIET)


@dataclass
class Nodes:
    """A cluster: an instance for each of `groups`, by the group's name, the controller first.

    A context manager: entering it starts them, leaving it ends every process of theirs.
    """

    folder: Path
    bundle: Mapping[str, str]
    places: Mapping[str, Any]
    groups: tuple[str, ...]
    instances: list[Instance] = field(default_factory=list)
    switch: subprocess.Popen[bytes] | None = None
    said: dict[str, str] = field(default_factory=dict)
    """Instance -> what its first run said."""

    @property
    def env(self) -> dict[str, str]:
        return {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    @property
    def controller(self) -> Instance:
        return self.instances[0]

    @property
    def login(self) -> Instance:
        return next(one for one in self.instances if one.group == "login")

    @property
    def workers(self) -> list[Instance]:
        return [one for one in self.instances if one.group not in ("controller", "login")]

    def shared(self) -> Snapshot:
        """/fsx and /home."""
        return _snapshot(self.folder / "shared", ())

    def _start(self) -> None:
        for name in ("log", "aws", "shared/fsx", "shared/home"):
            (self.folder / name).mkdir(parents=True)
        addresses = [f"{NETWORK}{10 + number}" for number in range(len(self.groups))]
        names = ["ip-" + address.replace(".", "-") for address in addresses]
        lines = [f"{address} {name}\n" for address, name in zip(addresses, names, strict=True)]
        (self.folder / "hosts").write_text("127.0.0.1 localhost\n" + "".join(lines))
        parameter = json.loads(self.bundle["seatrial.json"])["parameter"]
        (self.folder / f"aws{parameter}").parent.mkdir(parents=True)
        (self.folder / f"aws{parameter}").write_text(json.dumps(self.places))
        self.switch = start(SWITCH, self.folder / "log/switch.out", self.env, ("--net",))
        plug = ("nsenter", "--target", str(self.switch.pid), "--net", "ip", "link", "show", "switch")
        poll(lambda: subprocess.run(plug, env=self.env, capture_output=True).returncode == 0, 60, "the switch is there")
        key = os.urandom(1024).hex()
        for name, address, group in zip(names, addresses, self.groups, strict=True):
            instance = self._boot(name, address, group)
            instance.put("/opt/ml/config/resource_config.json", json.dumps(_resources(self.groups, addresses)))
            instance.put("/etc/munge/munge.key", key, 0o400)
            for path, text in self.bundle.items():
                instance.put(f"/opt/ml/lifecycle/{path}", text)
        self.controller.put("/opt/slurm/etc/slurm.conf", _slurm_conf(names, addresses, self.groups))
        self.controller.put("/opt/slurm/etc/cgroup.conf", "")

    def _boot(self, name: str, address: str, group: str) -> Instance:
        folder = self.folder / name
        for part in ("upper", "work", "root"):
            (folder / part).mkdir(parents=True)
        assert self.switch
        libraries = (str(SOURCE), *(path for path in sys.path if path.endswith("site-packages")))
        command = ("sh", "-c", BOOT, "sh", root(), folder, self.folder, *libraries)
        plug = (str(self.switch.pid), address)
        process = start_machine(name, *command, folder=self.folder, env=self.env, plug=plug)
        self.instances.append(Instance(name, group, folder, process))
        log = self.folder / f"log/{name}.out"
        poll(lambda: (folder / "booted").exists() or process.poll() is not None, 60, f"{name} is up")
        assert process.poll() is None, log.read_text()
        return self.instances[-1]

    def _stop(self) -> None:
        while self.instances:
            kill(self.instances.pop().process)
        if self.switch:
            kill(self.switch)


def _resources(groups: tuple[str, ...], addresses: list[str]) -> dict[str, Any]:
    """As SageMaker writes it."""
    found: dict[str, list[dict[str, str]]] = {}
    for number, (group, address) in enumerate(zip(groups, addresses, strict=True)):
        instance = {"InstanceName": f"{group}-{number}", "AgentIpAddress": f"169.254.0.{number}"}
        instance |= {"CustomerIpAddress": address, "InstanceId": f"i-{number:017x}"}
        found.setdefault(group, []).append(instance)
    return {
        "ClusterConfig": {"ClusterArn": "arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdefghijkl"},
        "InstanceGroups": [
            {"Name": name, "InstanceType": "ml.m5.2xlarge", "Instances": instances} for name, instances in found.items()
        ],
    }


def _slurm_conf(names: list[str], addresses: list[str], groups: tuple[str, ...]) -> str:
    """As HyperPod's agent writes it, with what a test bed without cgroups takes."""
    workers = [(n, a) for n, a, g in zip(names, addresses, groups, strict=True) if g not in ("controller", "login")]
    nodes = "".join(f"NodeName={n} NodeAddr={a} CPUs=2 RealMemory=1000 State=UNKNOWN\n" for n, a in workers)
    return f"""\
ClusterName=hyperpod
SlurmctldHost={names[0]}({addresses[0]})
SlurmUser=root
AuthType=auth/munge
SlurmctldParameters=enable_configless
SchedulerParameters=bf_interval=1,batch_sched_delay=0
StateSaveLocation=/run/slurmctld
SlurmdSpoolDir=/run/slurmd
SlurmctldLogFile=/var/log/slurmctld.log
SlurmdLogFile=/var/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
MpiDefault=none
{nodes}PartitionName=dev Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def _snapshot(folder: Path, without: tuple[str, ...]) -> Snapshot:
    found: Snapshot = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if not path.is_dir() and not name.startswith(without or ("\0",)):
            state = path.lstat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
            found[name] = (oct(state.st_mode), state.st_uid, state.st_gid, state.st_mtime_ns, content)
    return found
