"""on_create.sh, really executed on a tree of files; stand-ins only for what asks the kernel or systemd."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from seatrial.architectures.hyperpod_eks.template import SCRIPT

STAND_INS = {
    # Mounted is what a line of the file says, as /proc/self/mountinfo would.
    "mountpoint": 'grep -qxF "$2" "$STATE/mounts"',
    "mount": '[ -z "${MOUNT_FAILS:-}" ] || exit 32; echo "$3" >>"$STATE/mounts"; echo "mount $*" >>"$STATE/calls"',
    "systemctl": """echo "systemctl $*" >>"$STATE/calls"
case $1 in
is-active) grep -qxF "$3" "$STATE/active" ;;
esac""",
    # The volume is there after as many waits as WAITS says.
    "sleep": """echo "sleep $1" >>"$STATE/calls"
[ "$(grep -c sleep "$STATE/calls")" -ne "${WAITS:-1}" ] || echo "$VOLUME" >>"$STATE/mounts\"""",
    "cp": '[ -z "${FULL:-}" ] || { echo "No space left on device" >&2; exit 1; }; exec /bin/cp "$@"',
}
PROGRAMS = ("sh", "mkdir", "grep")


@dataclass
class Node:
    root: Path
    state: Path
    programs: Path

    def run(self, **env: str) -> subprocess.CompletedProcess[str]:
        variables = {"PATH": str(self.programs), "STATE": str(self.state), "VOLUME": f"{self.root}/opt/sagemaker"}
        return subprocess.run(
            ["/bin/sh", SCRIPT, self.root], env={**variables, **env}, capture_output=True, text=True, check=False
        )

    def calls(self, program: str) -> list[str]:
        """How a stand-in was called."""
        return [line for line in (self.state / "calls").read_text().splitlines() if line.startswith(program)]

    def tree(self) -> dict[str, str]:
        """Every file and what is in it."""
        return {str(path): path.read_text() for path in sorted(self.root.rglob("*")) if path.is_file()}

    def volume_is_there(self) -> None:
        (self.state / "mounts").write_text(f"{self.root}/opt/sagemaker\n")


@pytest.fixture
def node(tmp_path: Path) -> Node:
    found = Node(tmp_path / "root", tmp_path / "state", tmp_path / "bin")
    for folder in (found.root / "etc", found.root / "opt/sagemaker", found.state, found.programs):
        folder.mkdir(parents=True)
    pause = found.root / "var/lib/containerd/content/pause"
    pause.parent.mkdir(parents=True)
    pause.write_text("an image")
    (found.root / "etc/fstab").write_text("UUID=1 / xfs defaults 0 0\n")
    (found.state / "active").write_text("containerd\n")
    for name in ("mounts", "calls"):
        (found.state / name).touch()
    for name in PROGRAMS:
        program = shutil.which(name)
        assert program
        (found.programs / name).symlink_to(program)
    for name, text in STAND_INS.items():
        (found.programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (found.programs / name).chmod(0o755)
    return found


def test_images_and_pods_are_on_the_volume_and_a_second_run_changes_nothing(node: Node) -> None:
    node.volume_is_there()
    done = node.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert (node.root / "opt/sagemaker/containerd/content/pause").read_text() == "an image"
    assert [call.split()[-1] for call in node.calls("mount")] == [
        f"{node.root}/var/lib/{name}" for name in ("containerd", "kubelet")
    ]
    fstab = (node.root / "etc/fstab").read_text().splitlines()
    assert fstab[0] == "UUID=1 / xfs defaults 0 0"
    assert [line.split()[1:3] for line in fstab[1:]] == [
        [f"{node.root}/var/lib/{name}", "none"] for name in ("containerd", "kubelet")
    ]
    # Only what ran is stopped, and it runs again.
    asked = [call for call in node.calls("systemctl") if "is-active" not in call]
    assert asked == ["systemctl stop containerd", "systemctl start containerd"]

    tree, calls = node.tree(), node.calls("")
    again = node.run()
    assert (again.returncode, again.stderr) == (0, "")
    assert node.tree() == tree and node.calls("") == calls


def test_a_volume_that_comes_late_is_waited_for(node: Node) -> None:
    done = node.run(WAITS="3")
    assert done.returncode == 0 and len(node.calls("sleep")) == 3
    assert "kubelet is on the volume now" in done.stdout


def test_a_volume_that_never_comes_is_told_and_nothing_is_changed(node: Node) -> None:
    tree = node.tree()
    done = node.run(WAITS="1000")
    assert done.returncode == 1 and "opt/sagemaker is not mounted after 120 s; " in done.stderr
    assert len(node.calls("sleep")) == 24 and node.tree() == tree and node.calls("systemctl") == []


@pytest.mark.parametrize(
    ("broken", "said"), [({"FULL": "1"}, "is the volume full?"), ({"MOUNT_FAILS": "1"}, "mounted")]
)
def test_what_fails_is_told_and_a_second_run_repairs_it(node: Node, broken: dict[str, str], said: str) -> None:
    node.volume_is_there()
    done = node.run(**broken)
    assert done.returncode == 1 and said in done.stderr
    assert node.calls("systemctl")[-1] == "systemctl start containerd"  # the node is left as it was
    again = node.run()
    assert (again.returncode, again.stderr) == (0, "")
    assert len(node.calls("mount")) == 2
    fstab = (node.root / "etc/fstab").read_text().splitlines()
    assert len(fstab) == len({*fstab}) == 3


def test_shellcheck_finds_nothing() -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([shellcheck, SCRIPT], capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    assert (done.returncode, done.stdout) == (0, "")
