"""What Slurm's commands answer about jobs. Recorded answers of a real one: tests/launchers/slurm/recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seatrial.standing import Phase, Standing

SQUEUE = "squeue --all --me --noheader --array --states=all --format='%i|%T|%r|%N'"
SACCT = "sacct --noheader --parsable2 --allocations --format=JobID,State,ExitCode"

NO_DATABASE = b"talking to the database"
"""sacct's error where slurmdbd does not answer for now; where there is none, that accounting storage is disabled."""

PHASES = {
    Phase.QUEUED: (
        "PENDING", "CONFIGURING", "EXPEDITING", "POWER_UP_NODE", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD",
        "RESV_DEL_HOLD", "SPECIAL_EXIT",
    ),
    Phase.RUNNING: ("RUNNING", "COMPLETING", "SIGNALING", "STAGE_OUT", "SUSPENDED", "STOPPED", "RESIZING"),
    Phase.ENDED: (
        "COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE",
        "PREEMPTED", "REVOKED",
    ),
}  # fmt: skip
"""Slurm's job states: https://slurm.schedmd.com/job_state_codes.html"""
_PHASE_OF = {state: phase for phase, states in PHASES.items() for state in states}


def parse_squeue(text: str) -> dict[str, Standing]:
    """Lines ``id|state|reason|nodes`` of SQUEUE."""
    found = {}
    for line in text.splitlines():
        parts = line.split("|")
        if len(parts) == 4:
            job_id, state, reason, nodes = parts
            more = reason if reason != "None" else nodes if state == "RUNNING" else ""
            found[job_id] = _standing(state, more)
    return found


def parse_sacct(text: str) -> dict[str, Standing]:
    """Lines ``id|state|exit code`` of SACCT; ``CANCELLED by 0`` is a state, ``22_[4-5%2]`` are two jobs."""
    found: dict[str, Standing] = {}
    for line in text.splitlines():
        parts = line.split("|")
        if len(parts) == 3:
            jobs, state, code = parts
            standing = _standing(state.split(" ")[0], "" if code == "0:0" else f"exit code {code}")
            found |= dict.fromkeys(_elements(jobs), standing)
    return found


def of(job_id: str, found: Mapping[str, Standing]) -> Standing | None:
    """Where a job stands. What is left of an array that was cancelled goes by the array's own id."""
    return found.get(job_id) or found.get(job_id.partition("_")[0])


def _elements(jobs: str) -> Iterator[str]:
    array, bracket, elements = jobs.partition("_[")
    if not bracket:
        yield jobs
        return
    for part in elements.rstrip("]").partition("%")[0].split(","):
        first, _, last = part.partition("-")
        if first.isdecimal() and (last or first).isdecimal() and len(part) < 16:
            yield from (f"{array}_{number}" for number in range(int(first), min(int(last or first), 10**6) + 1))


def _standing(state: str, more: str) -> Standing:
    phase = _PHASE_OF.get(state.rstrip("+"), Phase.RUNNING)  # an unknown state proves no end
    return Standing(
        phase=phase,
        detail=f"{state}: {more}" if more else state,
        failed=phase is Phase.ENDED and not state.startswith("COMPLETED"),
    )
