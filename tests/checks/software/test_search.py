"""Every copy below a made root, the one that comes first at the beginning; nothing outside of it."""

from __future__ import annotations

import sqlite3
import struct
from pathlib import Path, PurePosixPath

import pytest

from seatrial.checks.observations import Lines, Observation, Unreadable
from seatrial.checks.software import document, loader
from seatrial.checks.software import search as module
from seatrial.checks.software.layouts import COMPONENTS
from seatrial.checks.software.packages import dpkg, header
from seatrial.checks.software.search import WHEEL, search
from seatrial.checks.software.tree import Tree
from tests.checks.software.roots import NCCL, PLUGIN, efa, make


def versions(root: Path, component: str, **how: object) -> list[str]:
    return [copy.version for copy in search(root, host=False, **how).found[component]]


def test_everything_is_found_in_the_installers_layout(tmp_path):
    seen = search(efa(tmp_path), host=False)
    found = {name: copies[0].version for name, copies in seen.found.items() if copies}
    assert found == {
        "efa_installer": "1.50.0",
        "efa_driver": "3.3.0",
        "libfabric": "2.6.0amzn1.0",
        "aws_ofi_nccl": "1.21.1",
        "nccl": "2.31.2",
        "cuda": "13.0.2",
        "driver": "580.95.05",
    }
    assert seen.problems == {}
    assert len(seen.found["nccl"]) == len(seen.found["cuda"]) == 1, "links to one file are one copy"


@pytest.mark.parametrize(
    ("component", "path", "content", "version"),
    [
        ("nccl", "usr/lib64/libnccl.so.2", NCCL % b"2.27.3", "2.27.3"),
        ("nccl", "opt/nccl/build/lib/libnccl.so.2", NCCL % b"2.23.4", "2.23.4"),
        ("nccl", "usr/local/cuda-12.2/lib/libnccl.so.2.18.5", NCCL % b"2.18.5", "2.18.5"),
        ("nccl", "opt/conda/lib/python3.11/site-packages/nvidia_nccl_cu12-2.27.3.dist-info/METADATA", "", "2.27.3"),
        ("aws_ofi_nccl", "opt/aws-ofi-nccl/install/lib/libnccl-net.so", b"aws-ofi-nccl 1.16.3\x00", "1.16.3"),
        ("aws_ofi_nccl", "opt/amazon/aws-ofi-nccl/lib/libnccl-net.so", b"aws-ofi-nccl 1.13.2-aws\x00", "1.13.2-aws"),
        ("libfabric", "usr/lib64/pkgconfig/libfabric.pc", "Version: 1.22.0\n", "1.22.0"),
        ("cuda", "usr/local/cuda/version.txt", "CUDA Version 11.0.3\n", "11.0.3"),
        ("cuda", "usr/lib/x86_64-linux-gnu/libcudart.so.12.4.127", b"", "12.4.127"),
        ("driver", "lib/modules/6.8.0/updates/dkms/nvidia.ko", b"\x00version=535.183.01\x00", "535.183.01"),
        ("driver_libraries", "usr/lib/x86_64-linux-gnu/libcuda.so.580.65", b"", "580.65"),
        ("gdrcopy", "usr/lib64/libgdrapi.so.2.5", b"", "2.5"),
        ("neuron_runtime", "opt/aws/neuron/lib/libnrt.so.2.28.23.0", b"", "2.28.23.0"),
        (
            "torch",
            "opt/venv/lib/python3.12/site-packages/torch/version.py",
            "__version__ = '2.13.0+cu130'\n",
            "2.13.0+cu130",
        ),
    ],
)
def test_each_layout_is_known(tmp_path, component, path, content, version):
    assert versions(make(tmp_path, {path: content}), component) == [version]


def test_the_running_kernel_is_asked_on_the_host_alone(tmp_path):
    text = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (x)\n"
    make(tmp_path, {"proc/driver/nvidia/version": text, "sys/module/efa/version": "2.17.2g\n"})
    seen = search(tmp_path)
    assert [c.version for c in seen.found["driver"]] == ["580.65.06"]
    assert [c.version for c in seen.found["efa_driver"]] == ["2.17.2g"]
    assert versions(tmp_path, "driver") == []


def test_the_loaders_order_decides_which_copy_is_first(tmp_path):
    files = {
        "usr/lib/x86_64-linux-gnu/libnccl.so.2": NCCL % b"2.18.5",
        "opt/nccl/lib/libnccl.so.2": NCCL % b"2.23.4",
        "usr/local/lib/libnccl.so.2": NCCL % b"2.27.3",
        "etc/ld.so.conf": "include ld.so.conf.d/*.conf # more\n",
        "etc/ld.so.conf.d/libc.conf": "/usr/local/lib\n",
    }
    make(tmp_path, files)
    assert versions(tmp_path, "nccl") == ["2.27.3", "2.18.5", "2.23.4"]
    assert versions(tmp_path, "nccl", library_path=["", "/opt/nccl/lib"])[0] == "2.23.4"
    wheel = "usr/lib/python3/dist-packages/nvidia_nccl_cu12-2.29.3.dist-info/METADATA"
    make(tmp_path, {wheel: ""})
    first = search(tmp_path).first("nccl")
    assert first and (first.version, first.order) == ("2.29.3", WHEEL), "torch brings its own"


def test_links_never_lead_out_of_the_root(tmp_path):
    (tmp_path / "host/cuda").mkdir(parents=True)
    (tmp_path / "host/cuda/version.json").write_text('{"cuda": {"version": "1.2.3"}}')
    root = make(tmp_path / "root", {"usr/local/cuda": f"->{tmp_path}/host/cuda", "opt/cuda": "->../../host/cuda"})
    assert versions(root, "cuda") == []
    inside = {"opt/real/version.txt": "CUDA Version 12.8.1\n", "usr/local/cuda-12": "->/opt/real"}
    assert versions(make(root, inside), "cuda") == ["12.8.1"], "an absolute link begins at the root"
    make(root, {"circle": "->/circle"})
    with pytest.raises(OSError, match="symbolic links"):
        Tree(root).real(PurePosixPath("/circle"))
    assert not Tree(root).exists(PurePosixPath("/circle"))


def test_configurations_that_include_each_other_end(tmp_path):
    make(tmp_path, {"etc/ld.so.conf": "/first\ninclude /etc/ld.so.conf\n"})
    assert loader.folders(Tree(tmp_path))[0] == "/first"


def test_a_library_that_tells_no_version_is_no_absent_one(tmp_path):
    make(tmp_path, {"usr/lib64/libnccl.so.2": b"\x7fELF"})
    assert versions(tmp_path, "nccl") == [""]


def test_a_version_across_two_blocks_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 512)
    for shift in range(0, 600, 13):
        make(tmp_path, {"usr/lib64/libnccl-net.so": b"\x00" * shift + PLUGIN + b"\x00" * 300})
        assert versions(tmp_path, "aws_ofi_nccl") == ["1.21.1"]


STATUS = """Package: libfabric1
Status: install ok installed
Version: 1.17.0-3

Package: libnccl2
Status: deinstall ok config-files
Version: 2.18.5-1+cuda12.2

Package: aws-neuronx-tools
Status: install ok installed
Description: of
 Version: 9
Version: 2.26.14.0
"""


def test_debians_packages_tell_what_the_files_do_not(tmp_path):
    assert dict(dpkg(STATUS)) == {"libfabric1": "1.17.0-3", "aws-neuronx-tools": "2.26.14.0"}
    make(tmp_path, {"var/lib/dpkg/status": STATUS, "usr/lib/x86_64-linux-gnu/libfabric.so.1": b""})
    [copy] = search(tmp_path).found["libfabric"]
    assert copy.version == "1.17.0" and copy.path.startswith("/usr/lib/x86_64-linux-gnu/libfabric.so.1 (")
    assert versions(tmp_path, "neuron_tools") == ["2.26.14.0"] and versions(tmp_path, "nccl") == []


def rpm(name: bytes, version: bytes) -> bytes:
    data = name + b"\0" + version + b"\0"
    index = struct.pack(">IIII", 1000, 6, 0, 1) + struct.pack(">IIII", 1001, 6, len(name) + 1, 1)
    return struct.pack(">II", 2, len(data)) + index + data


def test_red_hats_packages_are_read_without_rpm(tmp_path):
    blob = rpm(b"aws-neuronx-dkms", b"2.24.7.0")
    assert header(blob) == ("aws-neuronx-dkms", "2.24.7.0")
    for end in range(len(blob)):
        with pytest.raises((ValueError, struct.error)):
            header(blob[:end])
    place = tmp_path / "var/lib/rpm/rpmdb.sqlite"
    place.parent.mkdir(parents=True)
    database = sqlite3.connect(place)
    database.execute("CREATE TABLE Packages (hnum INTEGER, blob BLOB)")
    database.execute("INSERT INTO Packages VALUES (1, ?)", (blob,))
    database.commit()
    database.close()
    assert versions(tmp_path, "neuron_driver") == ["2.24.7.0"]
    place.write_bytes(b"no database")
    assert "/var/lib/rpm/rpmdb.sqlite" in search(tmp_path).problems
    place.rename(place.with_name("Packages"))
    assert "old rpm" in search(tmp_path).problems["/var/lib/rpm/Packages"]


def test_the_document_is_read_whole_or_not_at_all():
    text = document.example()
    seen = document.parse(lines(text))
    assert set(seen.found) == set(COMPONENTS)
    for end in range(0, len(text) - 2, 5):
        with pytest.raises(Unreadable):
            document.parse(lines(text[:end]))
    rows = text.splitlines(keepends=True)
    for number in range(len(rows)):
        with pytest.raises(Unreadable):
            document.parse(lines("".join(rows[:number] + rows[number + 1 :])))


def lines(text: str) -> Lines:
    return Lines(Observation(kind="versions", origin="x", text=text))


def test_an_image_has_its_hosts_kernel(tmp_path):
    host = search(
        make(
            tmp_path / "host",
            {"sys/module/efa/version": "3.3.0\n", "usr/local/cuda/version.txt": "CUDA Version 11.0.3\n"},
        )
    )
    image = search(efa(tmp_path / "image"), host=False)
    both = document.joined(host, image)
    assert [c.version for c in both.found["efa_driver"]] == ["3.3.0"] and both.found["driver"] == ()
    assert [c.version for c in both.found["cuda"]] == ["13.0.2"]
