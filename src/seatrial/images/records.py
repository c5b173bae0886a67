"""What there is of images: what was built, pushed, imported and made an AMI. A file for each, in the user's state.

A record says what was done here, and nothing of what became of it since: whoever shows one looks whether it is there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from seatrial.errors import Problem, UserError
from seatrial.images._image import Architecture

Kind = Literal["built", "pushed", "imported", "ami"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One thing that was made of an image's definition."""

    kind: Kind
    name: str
    """The image's."""
    tag: str
    """Of the definition: its stack, and a hash of all that it is made of."""
    stack: str
    architecture: Architecture
    environment: str | None = None
    """Environment whose jobs it takes, as `Container.environment` says."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """What was chosen by ``--set``."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Build arguments."""
    system: str | None = None
    """Operating system of a machine image."""
    reference: str
    """What names it: ``seatrial/fsdp:TAG`` of a builder, ``REGISTRY/seatrial/fsdp:TAG``, a squash file, an AMI's id."""
    digest: str | None = None
    """Of what was built its image id, of what was pushed the manifest's digest: ``sha256:...``"""
    by: str
    """Where it comes from: ``buildah``, ``codebuild``, ``enroot``, ``packer``."""
    region: str | None = None
    made: str = ""
    """When, as ISO 8601 has it; `write` says it."""

    @property
    def pinned(self) -> str:
        """The reference of what was pushed, by digest, whoever moves its tag."""
        return f"{self.reference.rpartition(':')[0]}@{self.digest}" if self.digest else self.reference

    @property
    def place(self) -> str:
        """Name of its file: a record of the same thing takes its place."""
        what = [self.kind, self.architecture, self.region, self.tag, self.reference]
        return f"{self.kind}-{hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]}.json"


def folder() -> Path:
    """Where records and the logs of builds are: the XDG base directory specification, 0.8."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "seatrial" / "images"


def write(record: Record) -> Record:
    """Note what was made, now. Another process reads the old record or the new one, and other users neither."""
    noted = replace(record, made=datetime.now(UTC).isoformat(timespec="seconds"))
    path = folder() / record.name / record.place
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(asdict(noted), indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return noted


def read(name: str | None = None) -> list[Record]:
    """All records, or those of one image, the newest first. Raises UserError with every file that is none."""
    found, problems = [], []
    for path in sorted(folder().glob(f"{name or '*'}/*.json")):
        try:
            found.append(_record(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError) as error:
            remedy = "remove it, and build, push or import the image again"
            problems.append(Problem(f"is no record of an image: {error}", str(path), remedy))
    if problems:
        raise UserError(problems)
    return sorted(found, key=lambda record: record.made, reverse=True)


def _record(data: Any) -> Record:
    """Raises ValueError, or TypeError, if it is none of this version."""
    if not isinstance(data, dict):
        raise ValueError("not an object")
    texts = {f.name for f in fields(Record)} - {"settings", "arguments"}
    wrong = [key for key in texts & data.keys() if not isinstance(data[key], str | None)]
    if wrong or data.get("kind") not in get_args(Kind) or data.get("architecture") not in get_args(Architecture):
        raise ValueError(", ".join(sorted(wrong)) or "kind or architecture is unknown")
    return Record(**data)


def newest(records: Iterable[Record], kind: Kind, *, architecture: str | None = None) -> Record | None:
    """The newest of a kind, of `read`'s; for one architecture of processors, or any."""
    fitting = (r for r in records if r.kind == kind and architecture in (None, r.architecture))
    return next(fitting, None)


def state() -> list[Any]:
    """What changes with the records, for caches of what was made of them: the files' names and times."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for path in sorted(folder().glob("*/*.json")):
            stat = path.stat()
            found.append([path.parent.name, path.name, stat.st_mtime_ns, stat.st_size])
    return [str(folder()), found]
