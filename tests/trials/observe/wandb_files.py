"""What stands in the files of offline runs of W&B: its own messages, in frames as LevelDB's logs have them.

The layout (a header of 7 bytes, blocks of 32 KiB, records with CRC, length and type) is that of
https://github.com/google/leveldb/blob/main/doc/log_format.md; the messages are read by the package itself.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK = 32 * 1024
HEADER = struct.Struct("<IHB")
FULL, LAST = 1, 4


def frames(content: bytes) -> Iterator[bytes]:
    """The records of a file."""
    assert content[:4] == b":W&B"
    at, parts = 7, b""
    while at + HEADER.size <= len(content):
        if BLOCK - at % BLOCK < HEADER.size:
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = HEADER.unpack_from(content, at)
        parts += content[at + HEADER.size : at + HEADER.size + length]
        at += HEADER.size + length
        if kind in (FULL, LAST):
            yield parts
            parts = b""


def records(folder: Path) -> Iterator[Any]:
    """The messages of all offline runs of a folder, in the order in which they were begun."""
    from wandb.proto.wandb_internal_pb2 import Record

    for path in sorted(folder.glob("offline-run-*/run-*.wandb"), key=lambda path: path.stat().st_mtime_ns):
        for frame in frames(path.read_bytes()):
            yield Record.FromString(frame)


def values(items: Any) -> dict[str, Any]:
    """Names and values of a message's items."""
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}
