"""What still runs on the GPUs of a node that should be free: left by a job that ended."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.gpus import FAILURES
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict

COLUMNS = ("gpu_uuid", "pid", "process_name", "used_gpu_memory [MiB]")
_OTHER = {"used_memory [MiB]": COLUMNS[3], "name": COLUMNS[2]}


@dataclass(frozen=True, slots=True)
class Process:
    """One process on one GPU."""

    gpu: str
    pid: str
    name: str
    memory: str


def parse(lines: Lines) -> list[Process]:
    """Processes of the csv: its header alone means none."""
    header: list[str] = []
    found: list[Process] = []
    for line in lines:
        if not line.strip():
            continue
        if FAILURES.match(line):
            raise Unreadable("processes on the GPUs", line)
        cells = [cell.strip() for cell in next(csv.reader([line]))]
        if not header:
            header = [_OTHER.get(cell, cell) for cell in cells]
            if not {*COLUMNS} <= {*header}:
                raise Unreadable(f"a header with {', '.join(COLUMNS)}", line)
            continue
        row = dict(zip(header, cells, strict=False))
        if len(cells) != len(header) or not row["pid"].isdigit():
            raise Unreadable("a process such as 'GPU-…, 4711, python, 512 MiB'", line)
        found.append(Process(*(row[column] for column in COLUMNS)))
    if not header:
        raise Unreadable("a csv of nvidia-smi --query-compute-apps")
    return found


GPU_PROCESSES = Source(
    kind="gpu-processes",
    title="processes on the GPUs",
    part="gpu",
    level="full",  # beside a running job there are some, and that is no fault
    parse=parse,
    command=("nvidia-smi", "--query-compute-apps=gpu_uuid,pid,process_name,used_gpu_memory", "--format=csv"),
    package="the NVIDIA driver",
    timeout=9.0,
)
_HEADER = f"{', '.join(COLUMNS)}\n"


@check(
    "gpu.processes",
    GPU_PROCESSES,
    scope="gpu",
    severity=Severity.RESET,
    verdicts=(Verdict.PASS, Verdict.FAIL),
    expected="none on a node that no job uses",
    why="What a job left behind holds memory and time of the GPU, and the next job pays for it.",
    remedy="kill them; those that cannot be killed hang in the driver: reset the GPU, or reboot the node",
    cites="facebookresearch/gcm 1b7bde9, check_nvidia_smi running_procs",
    good=_HEADER,
    bad=_HEADER + "GPU-5a10e6e5-95f7-2785-ed63-6f6147f304f7, 11345, python3, 15690 MiB\n",
)
def processes(rule: Rule, seen: list[Process], profile: Profile) -> Iterator[Finding]:
    for process in seen:
        told = f"process {process.pid}, {process.name}, {process.memory}"
        yield rule.finding(Verdict.FAIL, told, scope={"gpu": process.gpu})
    if not seen:
        yield rule.finding(Verdict.PASS, "none")
