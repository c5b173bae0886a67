"""Root file systems that are made of a few files."""

from __future__ import annotations

from pathlib import Path

PLUGIN = b"\x7fELF\x00NET/OFI Initializing aws-ofi-nccl 1.21.1\x00"
NCCL = b"\x7fELF" + b"\x00" * 1000 + b"NCCL version %s+cuda13.0\x00"


def make(root: Path, files: dict[str, str | bytes]) -> Path:
    """Files below a root; text that begins with ``->`` is a link."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and content.startswith("->"):
            path.symlink_to(content[2:])
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def efa(root: Path) -> Path:
    """What the EFA installer and NVIDIA's packages leave on Ubuntu, after their lists of files."""
    return make(
        root,
        {
            "opt/amazon/efa_installed_packages": "# EFA installer version: 1.50.0\n# Debug packages installed: no\n"
            "# Packages installed:\nefa_3.3.0 libfabric-aws-bin_2.6.0amzn1.0 libnccl-ofi_1.21.1\n",
            "opt/amazon/efa/lib/libfabric.so.1": b"\x7fELF",
            "opt/amazon/efa/lib/pkgconfig/libfabric.pc": "Name: libfabric\nVersion: 2.6.0amzn1.0\n",
            "opt/amazon/ofi-nccl/lib/x86_64-linux-gnu/libnccl-net-ofi.so": PLUGIN,
            "opt/amazon/ofi-nccl/lib/x86_64-linux-gnu/libnccl-net.so": "->libnccl-net-ofi.so",
            "etc/ld.so.conf": "include /etc/ld.so.conf.d/*.conf\n",
            "etc/ld.so.conf.d/000_efa.conf": "/opt/amazon/efa/lib\n",
            "etc/ld.so.conf.d/100_ofinccl.conf": "/opt/amazon/ofi-nccl/lib/x86_64-linux-gnu\n",
            "usr/lib/x86_64-linux-gnu/libnccl.so.2.31.2": NCCL % b"2.31.2",
            "usr/lib/x86_64-linux-gnu/libnccl.so.2": "->libnccl.so.2.31.2",
            "usr/local/cuda-13.0/version.json": '{"cuda" : {"name" : "CUDA SDK", "version" : "13.0.2"}}',
            "etc/alternatives/cuda": "->/usr/local/cuda-13.0",
            "usr/local/cuda": "->/etc/alternatives/cuda",
            "usr/src/efa-3.3.0/dkms.conf": "",
            "usr/src/nvidia-580.95.05/dkms.conf": "",
        },
    )
