"""Lifecycle scripts on a node where something is broken: each says what, ends with 1, and repairs when run again."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from pathlib import Path

from tests.trials.hyperpod.conftest import Make
from tests.trials.hyperpod.nodes import Instance
from tests.waiting import poll


def alone(make: Make, **changed: object) -> Instance:
    """A worker of a cluster whose controller is not up, which does no more than it is told."""
    changed = {"package": None, "observability": False, **changed}
    return make("controller", "cpu", **changed).instances[1]


def test_a_mount_that_comes_late_is_waited_for(make: Make):
    worker = alone(make)
    worker.put("/srv/late", "once\ntwice\n")
    said = worker.create()
    assert "mount /fsx: try 1 failed" in said and "Connection timed out" in said and "mounted fs-1" in said


def test_a_mount_that_never_comes_is_a_failure_and_a_second_run_repairs(make: Make):
    worker = alone(make)
    worker.put("/srv/late", "no\n" * 99)
    pauses = "s/^PAUSES = .*/PAUSES = (0.1,)/"
    worker.run("sed", "-i", pauses, "/opt/ml/lifecycle/lifecycle/mounts.py")
    said = worker.create(1)
    assert "mounts: FAILED: timeout 120 mount -t lustre" in said and "TCP 988" in said
    assert "users: begins" not in said
    worker.put("/srv/late", "")
    assert worker.create().endswith("the node is ready\n")


def test_a_lock_that_another_apt_holds_is_waited_for(make: Make):
    worker = alone(make)
    holder = subprocess.Popen(
        worker.command("python3", "-c", HOLD), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout and holder.stdout.readline() == "held\n"
    run = subprocess.Popen(worker.command("bash", "/opt/ml/lifecycle/on_create.sh"), stdout=subprocess.PIPE, text=True)
    # One that waits for no lock has ended long before.
    waits = ("sh", "-c", "ps -C apt-get -o etimes=,args= | grep ' install ' | awk '$1 < 2 { exit 1 } END { exit !NR }'")
    poll(lambda: worker.run(*waits, check=False).returncode == 0, 60, "apt waits")
    assert run.poll() is None
    holder.communicate("")
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 0 and "installs nfs-common" in said and "try 1 failed" not in said


def test_a_lock_that_is_held_too_long_is_a_failure_and_a_second_run_repairs(make: Make):
    worker = alone(make)
    changes = "s/^LOCK_SECONDS = .*/LOCK_SECONDS = 1/; s/^PAUSES = .*/PAUSES = ()/"
    worker.run("sed", "-i", changes, "/opt/ml/lifecycle/lifecycle/apt.py")
    holder = subprocess.Popen(
        worker.command("python3", "-c", HOLD), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout and holder.stdout.readline() == "held\n"
    said = worker.create(1)
    holder.communicate("")
    assert "mounts: FAILED: apt-get" in said and "Could not get lock" in said and "holds the lock" in said
    assert worker.create().endswith("the node is ready\n")


def test_a_full_disk_is_told_and_a_second_run_repairs(make: Make):
    worker = alone(make)
    worker.run("sh", "-c", "mkdir -p /etc/ssh/ssh_config.d && mount -t tmpfs -o size=4k tmpfs /etc/ssh/ssh_config.d")
    worker.run("sh", "-c", "head -c 4096 /dev/zero >/etc/ssh/ssh_config.d/full")
    said = worker.create(1)
    assert "users: FAILED: /etc/ssh/ssh_config.d/seatrial.conf: the disk is full" in said
    assert worker.run("ls", "-A", "/etc/ssh/ssh_config.d").stdout == "full\n"  # nothing half written
    worker.run("rm", "/etc/ssh/ssh_config.d/full")
    assert worker.create().endswith("the node is ready\n")


def test_without_a_network_a_download_fails_and_a_second_run_repairs(make: Make):
    """What is downloaded is a package of enroot and pyxis, as the settings name it by its checksum."""
    package, url = packaged(), "http://10.99.0.10:8000/enroot-and-pyxis.deb"
    wanted = [{"url": url, "sha256": hashlib.sha256(package).hexdigest()}]
    settings = {"package": None, "observability": False, "containers": True, "container_packages": wanted}
    controller, worker = make("controller", "cpu", **settings).instances
    worker.run("sed", "-i", "s/^PAUSES = .*/PAUSES = (0.1,)/", "/opt/ml/lifecycle/lifecycle/downloads.py")
    said = worker.create(1)
    assert f"containers: FAILED: {url} cannot be downloaded" in said and "NAT gateway" in said
    serve = controller.command("python3", "-m", "http.server", "--directory", "/srv/packages", "8000")
    for content, code in ((b"another", 1), (package, 0)):
        controller.run("mkdir", "-p", "/srv/packages")
        subprocess.run(
            controller.command("sh", "-c", "cat >/srv/packages/enroot-and-pyxis.deb"), input=content, check=True
        )
        server = subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            poll(
                lambda: worker.run("bash", "-c", "</dev/tcp/10.99.0.10/8000", check=False).returncode == 0,
                60,
                "it serves",
            )
            said = worker.create(code)
        finally:
            server.kill()
            server.wait()
        assert ("has the SHA-256" in said) == bool(code) and ("installed enroot-and-pyxis.deb" in said) != bool(code)


def packaged() -> bytes:
    """A package that holds as much of enroot and pyxis as the scripts look at."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        for name, text in {
            "DEBIAN/control": CONTROL,
            "usr/bin/enroot": "#!/bin/sh\necho 9\n",
            "usr/bin/systemd-tmpfiles": "#!/bin/sh\nexec mkdir -p /run/enroot /run/pyxis\n",
            "usr/local/lib/slurm/spank_pyxis.so": "",
        }.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text)
            (tree / name).chmod(0o755)
        subprocess.run(
            ["dpkg-deb", "--build", "--root-owner-group", tree, f"{folder}/deb"], check=True, capture_output=True
        )
        return Path(folder, "deb").read_bytes()


CONTROL = "Package: enroot\nVersion: 9\nArchitecture: all\nMaintainer: nobody <n@invalid>\nDescription: enroot\n"
HOLD = """
import fcntl, sys
file = open("/var/lib/dpkg/lock-frontend", "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
