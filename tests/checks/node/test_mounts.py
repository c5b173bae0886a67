"""What should be mounted, and what went read-only."""

from __future__ import annotations

import pytest

from seatrial.findings import Verdict, overall
from tests.checks.node.trees import seen, write

MOUNTED = "/dev/nvme0n1p1 / xfs rw,noatime 0 0\ntmpfs /run tmpfs ro 0 0\n10.0.0.9@tcp:/fsx /fsx lustre rw,flock 0 0\n"


@pytest.mark.parametrize(
    ("mounted", "fstab", "verdict"),
    [
        (MOUNTED, "# comment\n\nUUID=1 / xfs defaults 0 1\nnas:/x /fsx/ nfs4 _netdev\n", Verdict.PASS),
        (MOUNTED, "UUID=1 / xfs defaults\nnas:/x /data nfs4 _netdev,nofail\n", Verdict.FAIL),
        (MOUNTED, "UUID=1 / xfs defaults\nnas:/x /data nfs4 noauto\n/swap none swap sw 0 0\n", Verdict.PASS),
        (MOUNTED, "UUID=1 /\n", Verdict.UNKNOWN),
        ("proc /proc proc rw 0 0\n", "UUID=1 / xfs defaults\n", Verdict.UNKNOWN),
    ],
)
def test_mounts_that_are_wanted(tmp_path, mounted, fstab, verdict):
    write(tmp_path, **{"proc/self/mounts": mounted, "etc/fstab": fstab})
    assert overall(seen("node.mounts", tmp_path)) is verdict


@pytest.mark.parametrize(
    ("type_and_options", "verdict"),
    [
        ("ext4 rw,errors=remount-ro", Verdict.PASS),
        ("ext4 ro,errors=remount-ro", Verdict.FAIL),
        ("ext4 rw,emergency_ro", Verdict.FAIL),
        ("xfs ro", Verdict.WARN),
        ("xfs noatime", Verdict.UNKNOWN),
    ],
)
def test_file_systems_that_went_read_only(tmp_path, type_and_options, verdict):
    write(tmp_path, **{"proc/self/mounts": f"/dev/vda / {type_and_options} 0 0\n"})
    assert overall(seen("node.read-only", tmp_path)) is verdict
