"""What ``nsys export --type sqlite`` made of a report, as a Trace for each device in it.

Tables and columns are those that NVIDIA's "SQLite Export Schema Reference" of Nsight Systems 2021.5 names; a file holds
only those that something was recorded for. Times are nanoseconds there.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from seatrial.errors import Problem, UserError
from seatrial.profiles.classes import operation
from seatrial.profiles.trace import STEP, Collective, Step, Trace, rank_in

_KERNEL, _COPY, _SET = (f"CUPTI_ACTIVITY_KIND_{kind}" for kind in ("KERNEL", "MEMCPY", "MEMSET"))
_RUNTIME = "CUPTI_ACTIVITY_KIND_RUNTIME"
_COPIES = {1: "HtoD", 2: "DtoH", 8: "DtoD", 10: "PtoP"}
"""CUpti_ActivityMemcpyKind."""
_SIZE = re.compile(r"message size|\bsize\b|bytes", re.IGNORECASE)
"""How NCCL's payload calls it: Message size [bytes], NCCL 2.17 and newer."""
_PROCESS = 1 << 24
"""globalPid and globalTid are the same but for these low bits, which count threads."""
_EXPORT = "nsys export --type sqlite REPORT.nsys-rep, and name what it writes"


def read(path: Path) -> list[Trace]:
    """A trace for each device. Raises UserError if the file is no such export, or tells of no device."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
            file.row_factory = sqlite3.Row
            return _Export(path, file).traces()
    except sqlite3.DatabaseError as error:
        raise UserError(Problem(f"is no whole SQLite file: {error}", str(path), _EXPORT)) from error


class _Export:
    def __init__(self, path: Path, file: sqlite3.Connection) -> None:
        self._path, self._file = path, file
        tables = [row[0] for row in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        self._columns = {table: {row[1] for row in file.execute(f'PRAGMA table_info("{table}")')} for table in tables}
        self._strings: dict[int, str] = {}
        if "StringIds" in self._columns:
            self._strings = {row[0]: row[1] for row in file.execute("SELECT id, value FROM StringIds")}

    def traces(self) -> list[Trace]:
        if not any(table in self._columns for table in (_KERNEL, _COPY)):
            what = "tells of no kernel: it was recorded without --trace=cuda, or is no export of nsys"
            raise UserError(Problem(what, str(self._path), _EXPORT))
        found: dict[int, Trace] = {}
        for row, name in self._activities():
            device = row["deviceId"] if "deviceId" in row.keys() else 0  # noqa: SIM118 # a Row is no mapping
            trace = found.setdefault(device, Trace(path=self._path, tool="nsys", label=f"device {device}"))
            lane = trace.lanes[row["streamId"]] if "streamId" in row.keys() else 0  # noqa: SIM118
            span = row["start"] / 1e3, row["end"] / 1e3
            trace.device.add((*span, trace.names[name], lane, self._correlation(row, "globalPid")))
            trace.events += 1
        steps, collectives = self._ranges()
        for trace in found.values():
            self._launches(trace)
            trace.steps, trace.collectives = steps, collectives
            if len(found) == 1:
                trace.rank = rank_in(self._path.name)
                trace.label = trace.label if trace.rank is None else f"rank {trace.rank}"
        return [found[device] for device in sorted(found)]

    def _activities(self) -> Iterator[tuple[sqlite3.Row, str]]:
        """Kernels, copies and sets, each with its name."""
        columns = self._columns.get(_KERNEL, set())
        naming = next((name for name in ("demangledName", "shortName", "mangledName") if name in columns), None)
        for row in self._rows(_KERNEL):
            yield row, self._strings.get(row[naming], "") if naming else ""
        for row in self._rows(_COPY):
            yield row, f"Memcpy {_COPIES.get(row['copyKind'], '')}".strip()
        for row in self._rows(_SET):
            yield row, "Memset"

    def _launches(self, trace: Trace) -> None:
        for row in self._rows(_RUNTIME):
            name = self._strings.get(row["nameId"], "") if "nameId" in self._columns[_RUNTIME] else "Launch"
            if any(word in name for word in ("aunch", "emcpy", "emset")):
                trace.launches.extend((self._correlation(row, "globalTid"), row["start"] / 1e3))

    def _ranges(self) -> tuple[list[Step], list[Collective]]:
        """Steps that were marked, and what NCCL says of its calls: when the host made them, not how long they took."""
        steps, collectives = [], []
        columns = self._columns.get("NVTX_EVENTS", set())
        for row in self._rows("NVTX_EVENTS"):
            name = row["text"] if "text" in columns and row["text"] else self._strings.get(row["textId"], "")
            if row["end"] is None or row["end"] < row["start"]:
                continue
            start, end = row["start"] / 1e3, row["end"] / 1e3
            found = STEP.search(name)
            if found:
                steps.append(Step(int(found[1]), start, end))
            elif name.startswith("nccl"):
                size = _message(row["jsonText"]) if "jsonText" in columns else None
                collectives.append(Collective(operation(name), size, start, start))
        return steps, collectives

    def _rows(self, table: str) -> Iterator[sqlite3.Row]:
        return iter(self._file.execute(f'SELECT * FROM "{table}"')) if table in self._columns else iter(())

    def _correlation(self, row: sqlite3.Row, process: str) -> int:
        """One number of process and correlation: each process counts its own."""
        names = row.keys()
        mine = row[process] // _PROCESS % (1 << 20) if process in names and row[process] else 0
        return int(row["correlationId"]) + (mine << 32) if "correlationId" in names else -1


def _message(text: Any) -> int | None:
    """Bytes of a message, from the payload of NCCL's range."""
    try:
        record = json.loads(text)
    except (TypeError, ValueError):
        return None
    sizes = [value for key, value in record.items() if _SIZE.search(key)] if isinstance(record, dict) else []
    return int(sizes[0]) if sizes and isinstance(sizes[0], int | float) else None
