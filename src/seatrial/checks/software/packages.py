"""What the package databases of Debian and Red Hat hold, read as files: their tools need not run."""

from __future__ import annotations

import contextlib
import sqlite3
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from seatrial.checks.software.tree import Tree

DPKG = PurePosixPath("/var/lib/dpkg/status")
RPM = ("/var/lib/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/rpmdb.sqlite")
"""Since rpm 4.16: Amazon Linux 2023, Red Hat 9."""
RPM_OLD = ("/var/lib/rpm/Packages",)
"""Berkeley DB, which Python cannot read: Amazon Linux 2, Red Hat 8 and older."""
NAME, VERSION = 1000, 1001
"""Tags of an rpm header. https://rpm.org/docs/ (rpmtag.h)"""
LARGEST = 1 << 28
"""Bytes of a database that is read."""


def installed(tree: Tree) -> dict[str, tuple[str, str]]:
    """Package -> its version, and the database that says so. What cannot be read is among the tree's problems."""
    found: dict[str, tuple[str, str]] = {}
    if tree.exists(DPKG):
        found |= {name: (version, str(DPKG)) for name, version in dpkg(tree.text(DPKG, LARGEST))}
    for place in RPM:
        path = PurePosixPath(place)
        if tree.exists(path):
            with _reported(tree, path):
                found |= {name: (version, place) for name, version in _rpm(tree.real(path))}
            break
    else:
        for place in RPM_OLD:
            if tree.exists(PurePosixPath(place)):
                tree.problems[place] = "a database of an old rpm, which only rpm itself reads"
    return found


@contextlib.contextmanager
def _reported(tree: Tree, path: PurePosixPath) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error, struct.error, ValueError) as error:
        tree.problems[str(path)] = f"could not be read: {error}"


def dpkg(status: str) -> Iterator[tuple[str, str]]:
    """Name and version of every package that is installed, of /var/lib/dpkg/status."""
    for paragraph in status.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if line[:1] != " " and ": " in line)
        if fields.get("Status", "").endswith(" installed") and "Package" in fields and "Version" in fields:
            yield fields["Package"], fields["Version"]


def _rpm(path: Path) -> list[tuple[str, str]]:
    """Of a copy: sqlite writes beside a database, and the file system may be read-only."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "rpmdb.sqlite"
        for suffix in ("", "-wal"):
            source = path.with_name(path.name + suffix)
            if source.exists():
                copy.with_name(copy.name + suffix).write_bytes(source.read_bytes())
        with contextlib.closing(sqlite3.connect(copy)) as database:
            return [header(blob) for (blob,) in database.execute("SELECT blob FROM Packages")]


def header(blob: bytes) -> tuple[str, str]:
    """Name and version of an rpm header: an index of big-endian tag, type, offset and count, and then the data.

    Raises ValueError or struct.error for what is none.
    """
    entries, size = struct.unpack_from(">II", blob)
    data = 8 + 16 * entries
    if len(blob) < data + size:
        raise ValueError("an rpm header that is cut off")
    texts = {}
    for number in range(entries):
        tag, _, offset, _ = struct.unpack_from(">IIII", blob, 8 + 16 * number)
        if tag in (NAME, VERSION):
            end = blob.index(b"\0", data + offset)
            texts[tag] = blob[data + offset : end].decode()
    if set(texts) != {NAME, VERSION}:
        raise ValueError("an rpm header without a name or a version")
    return texts[NAME], texts[VERSION]
