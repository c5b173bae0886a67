"""Sentences about a run: what it is no result about, and why a figure is not there."""

from __future__ import annotations

from seatrial import profiles, profiling
from seatrial.attempts import Attempts
from seatrial.errors import UserError
from seatrial.events import RunStart
from seatrial.job import Job
from seatrial.profiles import Profiles
from seatrial.runs import Run
from seatrial.steady import Steady

_DONE = {"preparation": "Data was prepared", "check": "The machines were checked", "benchmark": "They were measured"}
"""Purpose -> what a job that trains nothing did."""
_FIDELITY = {
    "real": "the framework as a user installs it",
    "real-core": "the framework's core under a driver of Seatrial's",
    "stand-in": "a stand-in for the framework",
}


def fidelity(job: Job) -> str:
    """What it ran, and what that says nothing about."""
    what = f"Fidelity {job.fidelity}: {_FIDELITY[job.fidelity]}."
    if job.purpose != "training":
        return f"{_DONE[job.purpose]}, nothing was trained. {what}"
    if job.device == "cpu":
        return f"Trained on CPU. This is no result about a GPU. {what}"
    if job.device == "unknown":
        return f"Nobody said what it ran on: its device is what its log tells. {what}"
    return what


def mfu_unknown(job: Job, info: RunStart | None, attempts: Attempts, steady: Steady) -> str:
    """Why a run has no MFU; empty: it has."""
    if info is None:
        return "the ranks never said what they run on"
    if info.unit != "tokens":
        return f"FLOPs are counted per token, this case counts {info.unit}"
    if not attempts.flops_per_token():
        return "no FLOPs per token are told by the program or its case"
    if not info.peak_flops:
        told = info.peak_source.removeprefix("unknown").lstrip(": ")
        return told or ("not stated on a CPU" if job.device == "cpu" else "no peak FLOP/s of the device")
    return "" if steady.steps else "no steady step"


def profiles_of(run: Run, job: Job) -> tuple[Profiles | None, str]:
    """What was recorded, and why it cannot be read where it should be there."""
    try:
        found = profiles.of_run(run.path)
    except (UserError, OSError) as error:
        return None, " ".join(str(error).split())
    if found is None and job.profile is not None:
        tool = "nsys export makes a file of its reports that can be read" if job.profile.tool == "nsys" else ""
        return (
            None,
            f"A profile was asked for, and there is none in {profiling.FOLDER}/ that can be read. {tool}".strip(),
        )
    return found, ""
