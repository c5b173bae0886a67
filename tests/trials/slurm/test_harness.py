"""The test bed itself: what other tests take for granted when they run a job on it."""

from __future__ import annotations

import random
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trials.slurm.harness import Slurm
from tests.trials.slurm.login import Login
from tests.trials.slurm.namespaced import NamespacedSlurm
from tests.waiting import poll

FOREVER = """\
#!/bin/sh
srun --nodes=2 sh -c 'TASK={mark}-$SLURMD_NODENAME exec sleep {mark}'
"""


def count(file: str, pattern: str) -> int:
    """How many processes on this machine have the pattern in a file of /proc/PID, words ended by a blank."""
    found = 0
    for path in Path("/proc").glob(f"[0-9]*/{file}"):
        try:
            found += re.search(pattern, path.read_text(errors="replace").replace("\0", " ")) is not None
        except OSError:  # it has ended, or is not for us
            continue
    return found


def sleepers(mark: str) -> int:
    return count("cmdline", rf"^\S*sleep {mark} $")


def processes(folder: Path) -> int:
    """Those of a cluster: its daemons and its jobs."""
    return count("environ", f"SLURM_CONF={folder}/slurm.conf ")


def interfaces() -> set[str]:
    return {name for _, name in socket.if_nameindex()}


@pytest.fixture
def mark() -> str:
    """For how many seconds the job of this test, and no other on this machine, sleeps."""
    return str(random.randrange(10**6, 10**9))


def test_four_idle_nodes_in_two_partitions_and_more_in_the_cloud(slurm: Slurm) -> None:
    assert slurm.nodes() == {"p5-1": "IDLE", "p5-2": "IDLE", "p5-3": "IDLE", "p5-4": "IDLE"}
    partitions = slurm.run("sinfo", "--noheader", "--format=%P %D %l %c %G").stdout.splitlines()
    assert partitions == [
        "dev* 4 infinite 192 gpu:h100:8",
        "small 1 1:00:00 192 gpu:h100:8",
        "cloud 0 infinite 0 (null)",
    ]


@pytest.mark.parametrize(
    "options",
    [
        "-N2 --gres=gpu:8",
        "-N4 --ntasks-per-node=8 --cpus-per-task=24",
        "-C p5.48xlarge&efa",
        "-p small",
        "--mem=2000000",
    ],
)
def test_a_job_that_fits_is_accepted(slurm: Slurm, options: str) -> None:
    slurm.run("sbatch", "--test-only", *options.split(), stdin="#!/bin/sh\n")


@pytest.mark.parametrize(
    "options",
    ["--gres=gpu:9", "-N5", "-C p4d.24xlarge", "-p small -N2", "--mem=2100000", "-n1 --cpus-per-task=193", "-p other"],
)
def test_a_job_that_does_not_fit_is_refused(slurm: Slurm, options: str) -> None:
    done = slurm.run("sbatch", "--test-only", *options.split(), stdin="#!/bin/sh\n", check=False)
    assert done.returncode == 1
    assert "allocation failure" in done.stderr


def test_a_job_runs_on_two_nodes_and_sees_its_gpus(slurm: Slurm) -> None:
    show = "echo $(hostname) $SLURM_PROCID $SLURM_NNODES $SLURM_GPUS_ON_NODE $CUDA_VISIBLE_DEVICES $SLURM_TOPOLOGY_ADDR"
    job = slurm.sbatch(f"#!/bin/sh\nsrun sh -c '{show}'\n", "-N2", "--gres=gpu:8")
    found = slurm.wait(job)
    assert found["NodeList"] == "p5-[1-2]"
    assert sorted(slurm.output(job).splitlines()) == [
        "p5-1 0 2 8 0,1,2,3,4,5,6,7 spine.leaf1.p5-1",
        "p5-2 1 2 8 0,1,2,3,4,5,6,7 spine.leaf1.p5-2",
    ]


def test_nodes_find_each_other_by_name(slurm: Slurm) -> None:
    assert slurm.run("srun", "getent", "ahostsv4", "p5-4").stdout.startswith("127.0.0.1 ")


def test_waiting_for_a_job_that_failed_ends_at_once_with_its_output(slurm: Slurm) -> None:
    job = slurm.sbatch("#!/bin/sh\necho so it goes\nexit 7\n")
    with pytest.raises(AssertionError, match=r"(?s)'ExitCode': '7:0'.*so it goes"):
        slurm.wait(job)


def test_a_killed_node_loses_its_processes(slurm: Slurm, mark: str) -> None:
    slurm.sbatch(FOREVER.format(mark=mark), "-N2", "--requeue")
    poll(lambda: sleepers(mark) == 2, 60, "both tasks run")
    assert count("environ", f"TASK={mark}-p5-2 ") == 1
    slurm.kill_node("p5-2")
    assert count("environ", f"TASK={mark}-p5-2 ") == 0  # srun may have ended the other one by now


def test_a_node_taken_down_requeues_its_job(slurm: Slurm, mark: str) -> None:
    job = slurm.sbatch(FOREVER.format(mark=mark), "-N2", "--requeue")
    slurm.wait(job, "RUNNING")
    slurm.down("p5-1", "xid79")
    assert slurm.wait(job, "PENDING", timeout=10)["Restarts"] == "1"
    assert slurm.nodes()["p5-1"] == "DOWN"
    slurm.resume()
    poll(lambda: slurm.nodes()["p5-1"] == "IDLE", 60, "p5-1 is idle")


def test_reset_cancels_jobs_and_brings_back_every_node(slurm: Slurm, mark: str) -> None:
    jobs = [slurm.sbatch(FOREVER.format(mark=mark), "-N2") for _ in range(3)]
    slurm.wait(jobs[0], "RUNNING")
    slurm.kill_node("p5-1")
    slurm.down("p5-2", "xid79")
    slurm.run("scontrol", "update", "nodename=p5-3", "state=drain", "reason=test")
    slurm.sbatch("#!/bin/sh\npkill slurmd", "--nodelist=p5-4")
    poll(lambda: slurm.processes["p5-4"].poll() is not None, 60, "the last node has crashed")
    slurm.reset()
    assert set(slurm.nodes().values()) == {"IDLE"}
    assert {slurm.job(job)["JobState"] for job in jobs} == {"CANCELLED"}
    assert sleepers(mark) == 0
    assert sorted(slurm.run("srun", "--nodes=4", "hostname").stdout.split()) == list(slurm.names)


def test_options_of_pyxis_arrive_in_the_tasks(slurm: Slurm) -> None:
    options = ["--container-image=/fsx/a b.sqsh", "--container-mounts=/a:/b,/c:/d:ro", "--no-container-mount-home"]
    show = "env | grep SHIM_ | sort"
    shown = slurm.run("srun", *options, "--auto-resume=1", "sh", "-c", show).stdout.splitlines()
    assert shown == [
        "PYXIS_SHIM_IMAGE=/fsx/a b.sqsh",
        "PYXIS_SHIM_MOUNTS=/a:/b,/c:/d:ro",
        "PYXIS_SHIM_NO_MOUNT_HOME=1",
        "SHIM_AUTO_RESUME=1",
    ]
    job = slurm.sbatch(f"#!/bin/sh\n#SBATCH --container-image=nvidia/cuda --container-writable\n{show}\n")
    slurm.wait(job)
    assert slurm.output(job).splitlines() == ["PYXIS_SHIM_IMAGE=nvidia/cuda", "PYXIS_SHIM_WRITABLE=1"]


def test_sbatch_knows_no_auto_resume(slurm: Slurm) -> None:
    assert slurm.run("sbatch", "--auto-resume=1", stdin="#!/bin/sh\n", check=False).returncode != 0


def test_a_cluster_of_its_own_has_its_prolog_and_settings_and_leaves_nothing(
    requirements: None, tmp_path: Path
) -> None:
    folder = tmp_path / "cluster"
    with Slurm(folder, nodes=1, prolog="#!/bin/sh\nexit 1\n", conf="MaxJobCount=7") as slurm:
        assert re.search(r"MaxJobCount += 7\b", slurm.run("scontrol", "show", "config").stdout)
        slurm.sbatch("#!/bin/sh\n")
        poll(lambda: "DRAIN" in slurm.nodes()["p5-1"], 60, "the prolog's error drains the node")
        assert slurm.run("sbatch", "--container-image=x", stdin="#!/bin/sh\n", check=False).returncode != 0
        assert processes(folder) > 0
    assert processes(folder) == 0


def test_a_cluster_that_cannot_start_says_why_and_leaves_nothing(requirements: None, tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    with pytest.raises(AssertionError, match="head has ended") as error, Slurm(folder, conf="Nonsense=1"):
        pass
    assert "Nonsense" in error.value.__notes__[0]
    assert processes(folder) == 0


def test_a_cluster_with_networks_leaves_nothing(requirements: None, tmp_path: Path) -> None:
    """Nor does it mind a long path: sockets may have one of 108 bytes, and pytest's workers make it longer."""
    folder = tmp_path / "cluster".ljust(90 - len(f"{tmp_path}/"), "-")
    with NamespacedSlurm(folder, nodes=1) as slurm:
        assert slurm.uplink in interfaces()
        assert processes(folder) > 0
        assert slurm.run("srun", "hostname").stdout == "cpu-1\n"
    assert slurm.uplink not in interfaces()
    assert processes(folder) == 0


OUTLIVE = """\
import sys, time
from pathlib import Path
from tests.trials.slurm.namespaced import NamespacedSlurm
with NamespacedSlurm(Path(sys.argv[1]), nodes=1) as slurm:
    slurm.sbatch(f"#!/bin/sh\\nexec sleep {sys.argv[2]}")
    print(slurm.uplink, flush=True)
    time.sleep(600)
"""


def test_nothing_outlives_a_killed_test_process(requirements: None, tmp_path: Path, mark: str) -> None:
    argv = [sys.executable, "-c", OUTLIVE, str(tmp_path / "cluster"), mark]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as process:
        try:
            assert process.stdout
            uplink = process.stdout.readline().strip()
            assert uplink in interfaces()
            poll(lambda: sleepers(mark) == 1, 60, "the job runs")
        finally:
            process.kill()
    poll(lambda: sleepers(mark) + processes(tmp_path / "cluster") == 0, 60, "all processes are gone")
    poll(lambda: uplink not in interfaces(), 60, "its network is gone")


CONNECT = """\
import os, socket, time
if os.environ["SLURM_PROCID"] == "0":
    server = socket.create_server(("", 29500))
    peer, address = server.accept()
    print(socket.gethostname(), "hears", peer.recv(99).decode(), "from", address[0])
else:
    while True:
        try:
            socket.create_connection((os.environ["HEAD"], 29500)).sendall(socket.gethostname().encode())
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
"""


def test_nodes_with_networks_talk_over_their_own_addresses(namespaced_slurm: NamespacedSlurm) -> None:
    names = namespaced_slurm.run("srun", "--nodes=2", "--label", "hostname", "--fqdn").stdout.splitlines()
    assert sorted(names) == ["0: cpu-1", "1: cpu-2"]
    job = namespaced_slurm.sbatch(f"#!/bin/sh\nHEAD=cpu-1 srun {sys.executable} -c '{CONNECT}'", "-N2")
    namespaced_slurm.wait(job)
    assert namespaced_slurm.output(job) == f"cpu-1 hears cpu-2 from {namespaced_slurm.addresses['cpu-2']}\n"
    assert re.fullmatch(r"10\.99\.\d+\.12", namespaced_slurm.addresses["cpu-2"])


LISTEN = 'import socket; socket.create_server(("", 29501)).accept()[0].recv(1)'


def test_a_killed_node_with_a_network_goes_without_a_goodbye(namespaced_slurm: NamespacedSlurm) -> None:
    namespaced_slurm.sbatch(f"#!/bin/sh\nexec {sys.executable} -c '{LISTEN}'", "--nodelist=cpu-1")
    connection = socket.socket()
    address = (namespaced_slurm.addresses["cpu-1"], 29501)
    poll(lambda: connection.connect_ex(address) == 0, 60, "the job listens")
    namespaced_slurm.kill_node("cpu-1")
    connection.settimeout(0.5)
    with connection, pytest.raises(TimeoutError):
        connection.recv(1)


def test_a_killed_node_with_a_network_comes_back(namespaced_slurm: NamespacedSlurm) -> None:
    namespaced_slurm.kill_node("cpu-1")
    namespaced_slurm.reset()
    address = namespaced_slurm.run("srun", "--nodelist=cpu-1", "hostname", "--ip-address").stdout
    assert address.strip() == namespaced_slurm.addresses["cpu-1"]


def test_the_login_node_knows_the_cluster(slurm: Slurm, sshd: Login) -> None:
    assert sshd.run("hostname; sinfo --noheader --format=%N --partition=dev").stdout == "login\np5-[1-4]\n"
    job = sshd.run(f"cd {slurm.folder}/work && sbatch --parsable --wrap hostname").stdout.strip()
    slurm.wait(job)
    assert slurm.output(job) == "p5-1\n"


def test_the_login_node_shares_one_connection(sshd: Login, tmp_path: Path) -> None:
    shared = ("-o", f"ControlPath={tmp_path}/mux", *sshd.options)
    assert subprocess.run(["ssh", "-O", "check", *shared], capture_output=True).returncode != 0
    subprocess.run(["ssh", "-o", "ControlMaster=auto", "-o", "ControlPersist=60", *shared, "true"], check=True)
    try:
        subprocess.run(["ssh", "-O", "check", *shared], check=True, capture_output=True)
    finally:
        subprocess.run(["ssh", "-O", "exit", *shared], check=True, capture_output=True)
