"""What roles leave on a machine, and that they leave it alone the second time.

What vendors publish, and packages of the distribution that a root file system here need not have, are stand-ins of the
right names and versions: see vendor.py. Kernel modules are not built, and nothing is booted.
"""

from __future__ import annotations

import json
import re

import pytest

from seatrial.images.machines import ansible
from seatrial.versions import EFA, NODE_PINS, STACKS
from tests.trials.images.roles.conftest import Applied, Make
from tests.trials.images.roles.root import debian

pytestmark = pytest.mark.timeout(1200)  # an image is made, twice, by the first test that looks at it

HELD = (
    *("nvidia-open", "nvidia-fabricmanager", "nvlink5-580", "cuda-toolkit-13-0", "libnccl2", "libnccl-dev"),
    *("nvidia-container-toolkit", "nvidia-container-toolkit-base", "libnvidia-container-tools"),
    *("libnvidia-container1", "datacenter-gpu-manager-4-core", "datacenter-gpu-manager-4-cuda13"),
    "datacenter-gpu-manager-exporter",
)


def version(applied: Applied, package: str) -> str:
    return applied.root.run("dpkg-query", "--show", "--showformat=${Version}", package)


def test_second_time_changes_nothing_on_gpus(gpu: Applied) -> None:
    assert gpu.changed == 0, gpu.again


def test_second_time_changes_nothing_on_trainium(neuron: Applied) -> None:
    assert neuron.changed == 0, neuron.again


def test_packages_are_of_the_pinned_versions_though_there_are_newer_ones(gpu: Applied) -> None:
    pins = STACKS["cuda13"].pins
    for package in ("nvidia-open", "nvidia-fabricmanager", "nvlink5-580", "nvidia-kernel-open-dkms"):
        assert version(gpu, package).startswith(f"{pins['driver']}-"), package
    assert version(gpu, "nvidia-persistenced").startswith(f"{pins['driver']}-")  # recommended, and pinned by apt alone
    assert version(gpu, "cuda-toolkit-13-0") == f"{pins['cuda']}-1"
    assert version(gpu, "libnccl2") == version(gpu, "libnccl-dev") == f"{pins['nccl']}-1+cuda13.2"
    for name, package in {
        "container_toolkit": "libnvidia-container1",
        "dcgm_exporter": "datacenter-gpu-manager-exporter",
    }.items():
        pin = NODE_PINS[name]
        assert version(gpu, package) == f"{getattr(pin, 'version', '')}-1"
    assert version(gpu, "datacenter-gpu-manager-4-core") == "1:4.6.0-1"
    assert version(gpu, "libgdrapi") == "2.5.2-1"


def test_pinned_packages_are_held(gpu: Applied, neuron: Applied) -> None:
    assert {*gpu.root.run("apt-mark", "showhold").split()} == {*HELD}
    assert {*neuron.root.run("apt-mark", "showhold").split()} == {
        f"aws-neuronx-{name}" for name in ("dkms", "runtime-lib", "collectives", "tools")
    }


def test_upgrade_leaves_them_alone(gpu: Applied) -> None:
    said = gpu.root.run("apt-get", "--simulate", "dist-upgrade")
    assert not [line for line in said.splitlines() if line.startswith("Inst ")], said


def test_neurons_packages_are_of_one_sdk(neuron: Applied) -> None:
    pins = STACKS["neuron"].pins
    assert version(neuron, "aws-neuronx-dkms") == pins["neuron_driver"]
    assert version(neuron, "aws-neuronx-runtime-lib").startswith(pins["neuron_runtime"])
    assert version(neuron, "aws-neuronx-collectives").startswith(pins["neuron_collectives"])


def test_services_start_with_the_machine(gpu: Applied) -> None:
    for unit in ("nvidia-persistenced", "nvidia-fabricmanager", "nvidia-dcgm", "docker"):
        assert gpu.root.run("systemctl", "is-enabled", unit).strip() == "enabled", unit
    for unit in ("nvidia-dcgm-exporter.service", "apt-daily.timer", "apt-daily-upgrade.timer"):
        assert gpu.root.run("systemctl", "is-enabled", unit, check=False).strip() == "masked", unit


def test_efa_is_installed_as_the_guide_says(gpu: Applied) -> None:
    assert gpu.root.text("/opt/amazon/log").split() == [EFA.version, "--yes", "--mpi=openmpi5", "--skip-kmod"]
    assert gpu.root.run("/opt/amazon/efa/bin/fi_info", "--version").startswith("libfabric")


def test_sources_are_built_at_their_commits(gpu: Applied) -> None:
    assert gpu.root.run("/opt/nccl-tests/bin/all_reduce_perf") == "all_reduce\n"
    commits = gpu.play.vendor.settings
    assert gpu.root.text("/opt/nccl-tests/commit").strip() == commits["nccl_tests.commit"]
    assert gpu.root.run("enroot") == "4.2.1\n" and gpu.root.has("/usr/local/share/enroot-setcap")
    assert gpu.root.text("/usr/local/share/enroot/commit").strip() == commits["enroot.commit"]
    assert gpu.root.has("/usr/local/lib/slurm/spank_pyxis.so")


def test_nothing_is_left_of_building(gpu: Applied) -> None:
    left = [path for path in gpu.root.changed() if path.startswith(("tmp/", "var/tmp/", "root/"))]
    assert not left


def test_login_finds_programs_and_nothing_else_is_set(gpu: Applied, neuron: Applied) -> None:
    """Launchers set what a job needs by themselves: a variable of the machine would win over that unseen."""
    for applied, folder in ((gpu, "/usr/local/cuda/bin"), (neuron, "/opt/aws/neuron/bin")):
        shell = ("bash", "--login", "-c", "env")
        told = dict(line.split("=", 1) for line in applied.root.run(*shell).splitlines() if "=" in line)
        assert told["PATH"].split(":").count(folder) == 1
        assert not {"LD_LIBRARY_PATH", "LD_PRELOAD"} & {*told}
        assert not [name for name in told if name.startswith(("FI_", "NCCL_", "NEURON_"))]


def test_limits(gpu: Applied) -> None:
    words = [line.split() for line in gpu.root.text("/etc/security/limits.d/60-seatrial.conf").splitlines()]
    for who in ("*", "root"):
        assert [who, "-", "memlock", "unlimited"] in words and [who, "-", "nofile", "1048576"] in words
    units = gpu.root.run("systemd-analyze", "cat-config", "systemd/system.conf")
    assert re.search(r"(?m)^DefaultLimitMEMLOCK=infinity$", units)
    assert re.search(r"(?m)^DefaultLimitNOFILE=1048576$", units)


def test_docker_knows_nvidias_runtime(gpu: Applied, neuron: Applied) -> None:
    told = json.loads(gpu.root.text("/etc/docker/daemon.json"))
    assert told["runtimes"]["nvidia"]["path"] == "nvidia-container-runtime"
    assert not neuron.root.has("/etc/docker/daemon.json")


def test_report_says_what_is_there(gpu: Applied) -> None:
    told = json.loads(gpu.root.text("/opt/seatrial/image.json"))
    assert told["image"]["name"] == "ami-ec2-gpu" and told["image"]["stack"] == "cuda13"
    assert told["pins"]["efa_installer"]["sha256"] == gpu.play.vendor.settings["efa_installer.sha256"]
    for package in ("libnccl2", "nvidia-open", "systemd"):
        assert told["packages"][package] == version(gpu, package)


def test_node_exporter_runs_by_its_name(gpu: Applied, neuron: Applied) -> None:
    for applied in (gpu, neuron):
        assert applied.root.run("node_exporter") == "node_exporter\n"


def test_distribution_has_what_roles_name() -> None:
    """Names of Debian's packages, which Ubuntu's are made of. What only Ubuntu or a vendor has is named here."""
    known = set((debian() / "srv/distribution").read_text().split())
    asked = set()
    for path in ansible.FOLDER.rglob("defaults/main.yml"):
        for line in re.findall(r"(?m)^  (?:Debian|deb): \[(.*)\]$", path.read_text()):
            asked |= {word.strip() for word in line.split(",")}
    assert asked and asked <= known


def test_cleaned_image_has_nothing_that_two_machines_may_not_share(make: Make) -> None:
    play = make("cpu", "cleanup")
    upper = play.root.folder / "upper"
    for path in (
        *("etc/ssh/ssh_host_ed25519_key", "var/lib/cloud/instances/i-1/user-data.txt", "root/.bash_history"),
        *("home/ubuntu/.ssh/authorized_keys", "home/ubuntu/.bash_history", "var/log/journal/a/system.journal"),
        *("var/lib/apt/lists/a_Packages", "var/log/cloud-init.log", "tmp/packer.sh", "var/lib/dbus/machine-id"),
    ):
        (upper / path).parent.mkdir(parents=True, exist_ok=True)
        (upper / path).write_text("of this machine alone\n")
    (upper / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    code, changed, said = play.run()
    assert code == 0 and changed > 0, said
    left = [path for path in play.root.changed() if "of this machine alone" in (upper / path).read_text("latin-1")]
    assert not left
    assert play.root.text("/etc/machine-id") == ""
    assert play.root.has("/etc/ssh/sshd_config") and play.root.has("/var/log/journal")
    code, changed, said = play.run()
    assert code == 0 and changed == 0, said
