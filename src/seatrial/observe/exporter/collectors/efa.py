"""EFA's counters, from /sys/class/infiniband: all that the driver offers, of the port and of the device.

Values are told as they are. `rate` of PromQL takes a value that is less than the one before as a counter that began
anew, which is right where a driver was loaded again; a counter of 64 bits that wraps, after 11 years at 400 Gb/s, looks
the same. A counter that a driver does not offer is absent, never 0.

Files stay open and are read from their beginning, upon which the driver says its numbers anew: to open the 1,300 files
of 32 devices takes four times as long as to read them (benchmarks/observe.py).
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from seatrial.observe.exporter.collecting import Collected
from seatrial.observe.exporter.exposition import labels

VENDOR = b"0x1d0f"
"""Amazon's PCI vendor id."""
LARGEST = 2**64 - 1
READ = 128
"""Bytes of a file that are read: a number of 64 bits has 20 digits."""

PREFIX = "node_amazonefa_"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_STATE = re.compile(rb"(\d{1,3}): [\w ]+")
_RATE = re.compile(rb"(\d{1,6}(?:\.\d)?) Gb/sec")


class Efa:
    """The collector."""

    def __init__(self, sys: Path = Path("/sys")) -> None:
        self._root = os.fspath(sys / "class/infiniband")
        self._devices: dict[str, _Device] = {}
        _allow_open_files()

    def collect(self) -> Collected:
        """Reads every counter of every device that is there now."""
        told: dict[str, list[bytes]] = defaultdict(list)
        problems: list[str] = []
        try:
            names = sorted(os.listdir(self._root))
        except OSError as error:
            names = []
            problems.append(f"{self._root}: {error.strerror}: is the driver loaded?")
        for gone in set(self._devices) - set(names):
            self._devices.pop(gone).close()
        for name in names:
            try:
                self._device(name).read(told, problems)
            except OSError as error:
                if name in self._devices:
                    self._devices.pop(name).close()
                problems.append(f"{self._root}/{name}: {error.strerror}")
        return Collected({name: b"".join(told[name]).decode() for name in sorted(told)}, tuple(problems))

    def _device(self, name: str) -> _Device:
        """The device with its files open; opened anew if they are not the same any more."""
        known = self._devices.get(name)
        if known is None or known.identity != _identity(known.folders):
            if known is not None:
                known.close()
            self._devices[name] = _Device.open(f"{self._root}/{name}", name)
        return self._devices[name]


@dataclass(slots=True)
class _Device:
    """The open files of a device."""

    folders: list[str] = field(default_factory=list)
    identity: list[tuple[int, int]] = field(default_factory=list)
    """Of those folders, when the files were opened."""
    info: bytes = b""
    """Its line; empty for an adapter of somebody else, of which nothing is told."""
    counters: list[tuple[int, str, bytes, str]] = field(default_factory=list)
    """File, metric, the line up to the value, path."""
    ports: list[tuple[str, str]] = field(default_factory=list)
    """Folder and labels."""
    problems: list[str] = field(default_factory=list)
    """What could not be opened."""

    @classmethod
    def open(cls, folder: str, name: str) -> _Device:
        """Raises OSError if whose it is cannot be read."""
        device = cls()
        if _read(f"{folder}/device/vendor") == VENDOR:
            device.info = f"{PREFIX}info{{{labels(device=name)}}} 1\n".encode()
            device._open(f"{folder}/hw_counters", labels(device=name))
            for port in sorted(os.listdir(f"{folder}/ports")):
                about = labels(device=name, port=port)
                device._open(f"{folder}/ports/{port}/hw_counters", about)
                device.ports.append((f"{folder}/ports/{port}", about))
        return device

    def _open(self, folder: str, about: str) -> None:
        self.folders.append(folder)
        self.identity += _identity([folder])
        try:
            names = sorted(os.listdir(folder))
        except OSError as error:
            self.problems.append(f"{folder}: {error.strerror}")
            return
        for name in names:
            path = f"{folder}/{name}"
            if not _NAME.fullmatch(name):
                self.problems.append(f"{path}: its name is no name of a counter")
                continue
            try:
                file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            except OSError as error:
                self.problems.append(f"{path}: {error.strerror}")
            else:
                self.counters.append((file, PREFIX + name, f"{PREFIX}{name}{{{about}}} ".encode(), path))

    def close(self) -> None:
        """Close its files; the kernel has them closed already where the device is gone."""
        for file, *_ in self.counters:
            with contextlib.suppress(OSError):
                os.close(file)
        self.counters.clear()

    def __del__(self) -> None:
        self.close()

    def read(self, told: dict[str, list[bytes]], problems: list[str]) -> None:
        """Adds the lines of now to `told`, what cannot be read to `problems`."""
        if not self.info:
            return
        told[f"{PREFIX}info"].append(self.info)
        problems += self.problems
        for file, metric, begin, path in self.counters:
            try:
                said = os.pread(file, READ, 0).strip()
            except OSError as error:  # ENODEV: it was taken away since
                problems.append(f"{path}: {error.strerror}")
                continue
            if said.isdigit() and (len(said) < 20 or int(said) <= LARGEST):
                told[metric].append(begin + said + b"\n")
            else:
                problems.append(f"{path}: {said[:40]!r} is no count")
        for folder, about in self.ports:
            for metric, value in _port(folder, problems):
                told[metric].append(f"{metric}{{{about}}} {value}\n".encode())


def _port(folder: str, problems: list[str]) -> Iterator[tuple[str, str]]:
    """State, physical state and rate of a port."""
    for file, pattern, metric in (
        ("state", _STATE, "state_id"),
        ("phys_state", _STATE, "physical_state_id"),
        ("rate", _RATE, "rate_bytes_per_second"),
    ):
        try:
            said = _read(f"{folder}/{file}")
        except OSError as error:
            problems.append(f"{folder}/{file}: {error.strerror}")
            continue
        found = pattern.match(said)
        if found is None:
            problems.append(f"{folder}/{file}: {said[:40]!r} cannot be understood")
        else:
            yield PREFIX + metric, str(int(found[1])) if pattern is _STATE else repr(float(found[1]) * 1e9 / 8)


def _identity(folders: list[str]) -> list[tuple[int, int]]:
    """What of folders changes when they are made anew, or get other files; (0, 0) for one that is not there."""
    found = []
    for folder in folders:
        try:
            stat = os.stat(folder)
        except OSError:
            found.append((0, 0))
        else:
            found.append((stat.st_ino, stat.st_mtime_ns))
    return found


def _read(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.read(file, READ).strip()
    finally:
        os.close(file)


def _allow_open_files() -> None:
    """As many as this process may have: 1024 is the usual soft limit, and 32 devices have more."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
