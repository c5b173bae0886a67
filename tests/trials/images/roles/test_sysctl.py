"""Kernel parameters: the kernel that runs here takes each of them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trials.images.roles.conftest import Make
from tests.trials.images.roles.root import Root

pytestmark = pytest.mark.timeout(900)  # the first test that looks at one makes the root file system

NETWORK = ("unshare", "--net")
"""What is a network namespace's own is set in one that nobody uses."""


@pytest.fixture(scope="module")
def base(make: Make) -> Root:
    play = make("cpu", "base")
    code, _, said = play.run()
    assert code == 0, said
    return play.root


def settings(root: Root, *files: str) -> Iterator[tuple[str, str]]:
    for file in files:
        for line in root.text(f"/etc/sysctl.d/{file}").splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.partition(" = ")
                yield name, value


def test_the_kernel_takes_every_value(base: Root) -> None:
    """Each is set and read again; what is the whole machine's is put back."""
    found = dict(settings(base, "60-seatrial.conf", "61-seatrial-congestion.conf"))
    assert len(found) == 14
    for name, value in found.items():
        path = Path("/proc/sys") / name.replace(".", "/")
        if name.startswith("net.ipv4.") and subprocess.run((*NETWORK, "test", "-e", path)).returncode == 0:
            script = f"printf %s '{value}' >{path} && cat {path}"
            done = subprocess.run((*NETWORK, "sh", "-c", script), capture_output=True, text=True)
            assert done.stdout.split() == value.split(), f"{name}: {done.stderr}"
            continue
        before = path.read_text()
        try:
            path.write_text(value)
            assert path.read_text().split() == value.split(), name
        finally:
            path.write_text(before)


def test_each_value_has_its_reason(base: Root) -> None:
    lines = base.text("/etc/sysctl.d/60-seatrial.conf").splitlines()
    assert all(line.startswith("# ") for line in lines[::2]) and all(" = " in line for line in lines[1::2])


def test_congestion_control_is_the_kernels_own_where_it_has_no_other(make: Make) -> None:
    play = make("cpu", "base")
    code, _, said = play.run(base_congestion_control="brr")
    assert code == 0, said
    assert not play.root.has("/etc/sysctl.d/61-seatrial-congestion.conf")
    assert "tcp_congestion_control" not in play.root.text("/etc/sysctl.d/60-seatrial.conf")


def test_what_the_kernel_lacks_is_left_out(make: Make) -> None:
    play = make("cpu", "base")
    wanted = [{"name": "vm.no_such", "value": "1", "why": "x"}, {"name": "vm.swappiness", "value": "1", "why": "y"}]
    assert play.run(base_sysctl=wanted)[0] == 0
    assert play.root.text("/etc/sysctl.d/60-seatrial.conf") == "# y\nvm.swappiness = 1\n"


@pytest.mark.parametrize("name, value", (("net.ipv4.tcp_congestion_control", "brr"), ("net.ipv4.tcp_rmem", "many")))
def test_the_kernel_refuses_what_is_wrong(name: str, value: str, requirements: None) -> None:
    """That is what the first test here would see."""
    path = f"/proc/sys/{name.replace('.', '/')}"
    done = subprocess.run((*NETWORK, "sh", "-c", f"printf %s '{value}' >{path}"), capture_output=True)
    assert done.returncode != 0
