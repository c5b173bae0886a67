"""Job: what seatrial.binding makes of a case, a recipe and a cluster."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any

from seatrial.expected import Expected
from seatrial.profiling import Profile
from seatrial.spec import Device, Expectations, Fidelity, Launch, Published, Purpose, Shipped

PROGRAM = "program"
"""Folder of a run, and of a plan, with the files that go with a job."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Case, recipe and cluster bound together: plain data, nothing left to decide."""

    case: str
    recipe: str
    title: str
    framework: str
    fidelity: Fidelity
    fidelity_note: str
    cluster: str
    launcher: str
    program: str
    """Module, or file: one of `files`, which the launcher says the place of, or an absolute path on the nodes."""
    requires: tuple[str, ...]
    launch: Launch
    resumable: bool
    device: Device
    nodes: int
    processes_per_node: int
    threads_per_process: int
    args: dict[str, Any]
    parameters: int | None
    expectations: Expectations
    environment: str | None = None
    pins: dict[str, str] = field(default_factory=dict)
    purpose: Purpose = "training"
    flops_per_token: dict[str, float] = field(default_factory=dict)
    """Convention -> model FLOPs per token, for programs and logs that tell none; see seatrial.metrics."""
    published: tuple[Published, ...] = ()
    """Figures that were measured on the same hardware with the same arguments."""
    expected: Expected | None = None
    """What it was forecast to need and to give; None: nobody could tell."""
    classes: int | None = None
    """As the workload's: what its loss is a cross-entropy over while its weights know nothing; None: not known."""
    notes: tuple[str, ...] = ()
    """What differs from the recipe as it was made, and what may go wrong, in sentences."""
    secrets: tuple[str, ...] = ()
    """Environment variables that are passed on by name; their values stand in no file."""
    files: Mapping[str, Shipped] = field(default_factory=dict)
    """Of a case in a file: relative path -> what goes with the job; the file that defines the case first."""
    profile: Profile | None = None
    """What of it is recorded by a profiler."""
    digest: str = ""
    """Hash of what decides the result: case, args and a program that goes with the job, not the layout. Checkpoints of
    another digest are refused."""

    @property
    def world_size(self) -> int:
        """Number of ranks."""
        return self.nodes * self.processes_per_node

    @property
    def label(self) -> str:
        """``case/recipe``."""
        return f"{self.case}/{self.recipe}"

    @property
    def ships(self) -> bool:
        """Whether the program goes with the job, rather than being on the nodes."""
        return self.program in self.files

    def record(self) -> dict[str, Any]:
        """The job as plain data: of the files that go with it their digests. What there is none of is left out."""
        record = asdict(self)
        for name in ("profile", "expected", "classes"):
            if record[name] is None:
                del record[name]
        files = {path: shipped["sha256"] for path, shipped in record.pop("files").items()}
        return record | ({"files": files} if files else {})

    def to_json(self) -> str:
        """The job as the text of job.json."""
        return json.dumps(self.record(), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Job:
        """The job of a job.json, also of an earlier version's. Raises ValueError if it is not one."""
        record = json.loads(text)
        needed = {f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING}
        wrong = (needed - set(record)) | (set(record) - {f.name for f in fields(cls)})
        if wrong:
            raise ValueError(f"not a job of this version: {', '.join(sorted(wrong))}")
        record["files"] = {path: Shipped(sha256) for path, sha256 in record.get("files", {}).items()}
        record["expectations"] = Expectations(**record["expectations"])
        record["profile"] = Profile.of(record["profile"]) if record.get("profile") else None
        if found := record.get("expected"):
            record["expected"] = Expected.of(found)
        record["published"] = tuple(Published(**figure) for figure in record.get("published", ()))
        for name in ("requires", "secrets", "notes"):
            record[name] = tuple(record.get(name, ()))
        return cls(**record)


def digest(case: str, args: Mapping[str, Any], program: Iterable[str] = ()) -> str:
    """Hash of what decides a run's result, 16 hexadecimal digits; `program`: digests of the files that go with it."""
    import hashlib  # OpenSSL's: the command starts without it

    text = json.dumps([case, args, *sorted(program)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
