"""The files that a Slurm of the test bed reads."""

from __future__ import annotations

import os
import random
import secrets
import socket
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

GPUS = 8
SHIM = Path(__file__).with_name("pyxis_shim.c")

SLURM_CONF = """\
ClusterName=test
SlurmctldHost=head({head})
SlurmctldPort={port}
# Ranks meet at a port that follows from the job's number: of another cluster on this machine it is another one.
FirstJobId={port}
SlurmUser=root
AuthType=auth/munge
# A requeued job starts only when its old credential has expired: by default after 120 s; 5 is the least it takes.
AuthInfo=socket={folder}/munge.sock,cred_expire=5
StateSaveLocation={folder}/state
SlurmctldPidFile=/run/slurmctld.pid
SlurmctldLogFile={folder}/log/slurmctld.log
# Each machine has a /run of its own. Elsewhere the sockets of steps, with a test's long folder, would be more than the
# 108 bytes that a socket's path may have.
SlurmdSpoolDir=/run/slurmd
SlurmdPidFile=/run/slurmd.pid
SlurmdLogFile={folder}/log/slurmd-%n.log
# Nodes may say that they are larger than this machine.
SlurmdParameters=config_overrides
# A node that does not answer is down after 13 s; with a MessageTimeout of 10 s, the default, after 26 s.
SlurmdTimeout=5
MessageTimeout=3
TCPTimeout=1
KillWait=2
MinJobAge=3600
ReturnToService=1
JobRequeue=1
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/log/jobcomp.txt
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
# A job that can start does so when it is submitted or when another ends, not at a round of the scheduler.
SchedulerParameters=bf_interval=1,batch_sched_delay=0,sched_interval=1
TopologyPlugin=topology/tree
GresTypes=gpu
{nodes}
PartitionName=dev Nodes=ALL Default=YES State=UP
PartitionName=small Nodes={last} MaxTime=60 State=UP
"""
# Nodes that are started when a job needs them, as ParallelCluster's are: here none ever is.
CLOUD = """\
NodeName=cloud-[1-{count}] {hardware} State=CLOUD
PartitionName=cloud Nodes=cloud-[1-{count}] State=UP
SuspendProgram=/bin/true
ResumeProgram=/bin/true
"""


def write(
    folder: Path,
    addresses: Mapping[str, str],
    hardware: str,
    head: str,
    *,
    prolog: str,
    conf: str,
    pyxis: bool,
    cloud: int,
) -> None:
    """Writes all files into the folder. `addresses`: node -> address; nodes that share one get ports of their own."""
    port = free_ports(len(addresses) + 1)
    nodes = "\n".join(
        f"NodeName={name} NodeAddr={address} Port={port + number} {hardware} State=UNKNOWN"
        for number, (name, address) in enumerate(addresses.items(), start=1)
    )
    text = SLURM_CONF.format(folder=folder, head=head, port=port, nodes=nodes, last=list(addresses)[-1])
    if prolog:
        (folder / "prolog.sh").write_text(prolog)
        (folder / "prolog.sh").chmod(0o755)
        text += f"Prolog={folder}/prolog.sh\n"
    if cloud:
        text = text.replace("Nodes=ALL", f"Nodes={','.join(addresses)}") + CLOUD.format(count=cloud, hardware=hardware)
    (folder / "slurm.conf").write_text(f"{text}{conf}\n")
    (folder / "cgroup.conf").touch()
    # The machines share /tmp, where the folder of a step would have the same name on all nodes.
    (folder / "mpi.conf").write_text("PMIxCliTmpDirBase=/run\n")
    (folder / "topology.conf").write_text(topology(list(addresses), cloud))
    hosts = {"localhost": "127.0.0.1", "head": head, "login": head, **addresses}
    (folder / "hosts").write_text("".join(f"{address} {name}\n" for name, address in hosts.items()))
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    if "gpu" in hardware:
        write_gpus(folder)
    if pyxis:
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", folder / "pyxis_shim.so", SHIM], check=True
        )
        (folder / "plugstack.conf").write_text(f"required {folder}/pyxis_shim.so\n")


def topology(names: list[str], cloud: int = 0) -> str:
    """Two nodes on a leaf, all leaves on one spine; those in the cloud on one leaf of their own."""
    leaves = [names[first : first + 2] for first in range(0, len(names), 2)]
    lines = [f"SwitchName=leaf{number} Nodes={','.join(leaf)}" for number, leaf in enumerate(leaves, start=1)]
    if cloud:
        lines.append(f"SwitchName=leaf{len(leaves) + 1} Nodes=cloud-[1-{cloud}]")
    return "\n".join([*lines, f"SwitchName=spine Switches=leaf[1-{len(lines)}]", ""])


def write_gpus(folder: Path) -> None:
    """Device files of GPUs that are not there: only with character devices does Slurm set CUDA_VISIBLE_DEVICES."""
    (folder / "dev").mkdir()
    for number in range(GPUS):
        os.mknod(folder / f"dev/nvidia{number}", 0o600 | stat.S_IFCHR, os.makedev(195, number))
    (folder / "gres.conf").write_text(f"Name=gpu Type=h100 File={folder}/dev/nvidia[0-{GPUS - 1}]\n")


def free_ports(count: int) -> int:
    """The first of `count` free ports in a row. Random, so that test processes side by side take different ones."""
    for _ in range(100):
        # Below the range that the kernel gives to outgoing connections, by default from 32768.
        first = random.randrange(15000, 32000)
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("", port))
        except OSError:
            continue
        return first
    raise RuntimeError(f"no {count} free ports in a row")
