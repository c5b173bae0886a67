"""Facts of a node's kernel, below made roots; what is not there is not equal to what could not be seen."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from seatrial.checks.environment.facts import Collector
from seatrial.checks.environment.kernel import MODULES, OWN_OPTIONS, PARAMETERS, of_kernel

MOUNTS = """\
/dev/nvme0n1p1 / xfs rw,noatime 0 0
10.0.0.9@tcp:/abc /fsx lustre rw,flock 0 0
fs-1.efs.us-east-1.amazonaws.com:/ /home nfs4 rw,hard,clientaddr=10.0.0.{node},addr=10.0.{node}.1,port=2049 0 0
/etc/auto.data /data autofs rw,fd=6 0 0
10.0.0.8:/{node} /data/{node} nfs4 rw 0 0
/etc/auto.direct /scratch autofs rw,direct 0 0
10.0.0.8:/s /scratch nfs4 rw 0 0
10.0.0.8:/p{node} /var/lib/kubelet/pods/{node}/volumes/x nfs4 rw 0 0
"""


def make(root: Path, node: int = 1) -> Path:
    files = {f"proc/sys/{name}": "1\t2\n" for name in PARAMETERS if name != "vm/zone_reclaim_mode"}
    files |= {"sys/module/efa/version": "3.3.0g\n", "sys/module/lnet/parameters/x": ""}
    files |= {"proc/cmdline": f"BOOT_IMAGE=/vmlinuz root=UUID={node} quiet iommu=pt ip={node} -- own {node}\n"}
    files |= {"proc/self/mounts": MOUNTS.format(node=node)}
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def facts(root: Path) -> Collector:
    found = Collector()
    of_kernel(found, root)
    return found


def test_what_training_depends_on_is_collected(tmp_path: Path) -> None:
    found = facts(make(tmp_path))
    assert found.problems == {}
    assert found.values["sysctl.net.ipv4.tcp_rmem"] == "1 2"
    assert found.values["sysctl.vm.zone_reclaim_mode"] is None, "a kernel without NUMA"
    assert (found.values["module.efa"], found.values["module.lnet"]) == ("3.3.0g", "loaded")
    assert found.values["module.nvidia"] is None
    assert found.values["system.cmdline"] == "quiet iommu=pt"
    assert {name: found.values[name] for name in found.values if "mount" in name} == {
        "mounts": 2,
        "mount./fsx": "lustre /abc",
        "mount-options./fsx": "flock,rw",
        "mount./home": "nfs4 /",
        "mount-options./home": "hard,rw",
    }


def test_nodes_that_are_alike_tell_the_same(tmp_path: Path) -> None:
    """Addresses, disks, pods and what an automounter has mounted for somebody are each node's own."""
    assert facts(make(tmp_path / "1", 1)).values == facts(make(tmp_path / "2", 2)).values


def test_what_is_not_there_to_be_seen_is_a_problem(tmp_path: Path) -> None:
    found = facts(tmp_path)
    assert found.values == {}
    expected = {"system.cmdline", "mounts", *(f"module.{name}" for name in MODULES)}
    assert found.problems.keys() == expected | {f"sysctl.{name.replace('/', '.')}" for name in PARAMETERS}


def test_a_line_that_is_no_mount_is_a_problem(tmp_path: Path) -> None:
    (make(tmp_path) / "proc/self/mounts").write_text(MOUNTS.format(node=1) + "half a li\n")
    found = facts(tmp_path)
    assert "half a li" in found.problems["mounts"] and "mount./fsx" not in found.values


def test_here_all_of_it_is_seen() -> None:
    assert facts(Path("/")).problems == {}


@given(st.lists(st.sampled_from(["rw", "flock", "hard", "lazystatfs", *(f"{o}=1" for o in OWN_OPTIONS)]), min_size=1))
def test_the_order_of_options_says_nothing(options: list[str]) -> None:
    told = []
    for words in (options, options[::-1]):
        with tempfile.TemporaryDirectory() as folder:
            (root := Path(folder) / "proc/self").mkdir(parents=True)
            (root / "mounts").write_text(f"s:/x /x nfs4 {','.join(words)} 0 0\n")
            told.append(facts(Path(folder)).values["mount-options./x"])
    assert told[0] == told[1] and not any(option in told[0] for option in OWN_OPTIONS)
