"""Lines of files as they are collected: a path may hold colons, and one look is not two."""

from __future__ import annotations

import pytest

from seatrial.checks.files import only, read_files, read_looks, settings
from seatrial.checks.observations import Unreadable

PCI = ("/sys/bus/pci/devices/*/uevent", "/sys/class/x/*/hw_counters/*")


def test_the_path_ends_where_the_glob_does():
    lines = [
        "/sys/bus/pci/devices/0000:4f:00.0/uevent:A=b:c\n",
        "/sys/bus/pci/devices/0000:4f:00.0/uevent:D=\n",
        "/sys/class/x/a/hw_counters/rx:1\n",
    ]
    files = read_files(lines, PCI)
    assert files == {
        "/sys/bus/pci/devices/0000:4f:00.0/uevent": ["A=b:c", "D="],
        "/sys/class/x/a/hw_counters/rx": ["1"],
    }
    assert only(files, "/sys/class/x/a/hw_counters/rx") == "1" and only(files, "/nowhere") is None
    with pytest.raises(Unreadable):
        only(files, "/sys/bus/pci/devices/0000:4f:00.0/uevent")


def test_the_path_may_be_left_out_where_it_can_be_only_one():
    assert read_files(["1 2\n"], ("/proc/uptime",)) == {"/proc/uptime": ["1 2"]}
    for globs in (("/proc/uptime", "/proc/stat"), ("/proc/*/stat",)):
        with pytest.raises(Unreadable, match="1 2"):
            read_files(["1 2\n"], globs)


def test_each_look_has_its_time():
    [one, two] = read_looks(["@ 1.5\n", "/x:1\n", "@ 2.5\n", "/x:2\n"], ("/x",))
    assert (one.taken, one.files, two.taken, two.files) == (1.5, {"/x": ["1"]}, 2.5, {"/x": ["2"]})
    for lines in (["/x:1\n", "@ 1.5\n"], ["@ 1.5\n", "/x:1\n"], [], ["@ soon\n"]):
        with pytest.raises(Unreadable):
            read_looks(lines, ("/x",))


def test_a_setting_is_told_once():
    assert settings(["A=1", "B="]) == {"A": "1", "B": ""}
    for lines in (["A=1", "A=2"], ["A"]):
        with pytest.raises(Unreadable):
            settings(lines)
