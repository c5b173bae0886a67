"""How a run ended, by what launchers and systems print: signs of a failure, of a start anew, and of a good end.

Sources: torch.distributed.elastic and c10d of PyTorch 2.13, Slurm 25.05 (srun, slurmstepd), kubectl 1.35, Open MPI 5.0,
the launchers of DeepSpeed 0.18 (launcher/launch.py) and Composer 0.32 (cli/launcher.py), glibc and bash; read in
2026-11. What else ends a process stands in seatrial.diagnose.signatures.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from seatrial.diagnose import rules
from seatrial.diagnose.signatures import ADVICE, meaning
from seatrial.rank.lines import clean

WORDS = (
    "abort", "atchdog", "bad_alloc", "cancelled", "core dumped", "cublas_status", "deadlineexceeded",
    "detected mismatch", "device handle", "entation fault", "erminate", "error", "evicted", "exception", "exit",
    "fallen off", "fatal", "gave no sign", "interrupted", "kill", "launching process", "make: ***", "monitoredbarrier",
    "no space left", "node_fail", "noticed that", "nrt_", "nsufficient shared", "of memory", "of_memory", "oom",
    "operation timeout", "preamble.length", "reempt", "return code", "signal", "sigterm", "spawned with", "spot in",
    "successfully", "t allocate", "time limit", "traceback", "uota exceeded", "xid",
)  # fmt: skip
"""One of these stands, in small letters, in every line that may be a sign: what has none need not be looked at."""

_ENDING = re.compile(
    r"""
      ^\s*(?:\+\ Exception\ Group\ )?Traceback\ \(most\ recent\ call\ last\):
    | Fatal\ Python\ error | \bterminate\ called\ (?:after|without) | \bSignal:\ [A-Z]
    | ^\s*\w*(?:Error|Exception|Interrupt):\ \S                          # the last line of a traceback, alone
    | ^torch\.\w[\w.]*(?:Error|Exception):
    | [Ss]egmentation\ fault | \bBus\ error\b | \bcore\ dumped\b | \bAborted\b\s*(?:\(|$)
    | (?:^|\s)Killed\s*(?:$|\s{2,}|python|srun|torchrun) | ^Terminated\s*$ | \bexit(?:s|ed)?\ (?:on|with)\ signal\b
    | \bsrun:\ (?:error:|Job\ step\ aborted|Force\ Terminated|interrupt) | \bslurmstepd:\ error: | \bsbatch:\ error:
    | \*\*\*\ (?:JOB|STEP)\ \S+\ .*\b(?:CANCELLED|FAILED|KILLED)\b | CANCELLED\ AT
    | DUE\ TO\ (?:TIME\ LIMIT|PREEMPT|NODE)
    | \b(?:spot\ (?:instance\ )?interruption|Preempted|PREEMPTED|NODE_FAIL|DeadlineExceeded|Evicted|OOMKilled)\b
    | \bfailed\ \(exitcode:\ -?\d+\) | ChildFailedError | \bSignalException\b
    | Sending\ process\ \d+\ closing\ signal | [Rr]eceived\ \S+\ death\ signal | \bgot\ signal:\ \d+
    | [Ww]atchdog\ (?:caught\ collective|thread\ terminated|got\ stuck) | collective\ operation\ timeout
    | watchdog\ thread\ terminated | \bncclUnhandledCudaError\b | \bNCCL\ error\ in:
    | \bnoticed\ that\ process\ rank | MPI_ABORT\ was\ invoked | returned\ a\ non-zero\ exit | returned\ non-zero\ exit
    | \b(?:crashed|exited|terminated|finished|failed)\ with\ (?:exit\ |return\ )?(?:code|status)\ -?[1-9]
    | \b(?:exit|return)\ ?(?:code|status)\s?[=:]?\s?-?[1-9] | \bExited\ with\ exit\ code\ [1-9]
    | ^make:\ \*\*\* | Error\ executing\ job\ with\ overrides
    | ^(?:error|Error)\ from\ server | ^error:\ (?!unrecognized\ locale)
    """,
    re.VERBOSE,
)
_FATAL = {
    rules.DEVICE_MEMORY, rules.HOST_MEMORY, rules.SHARED_MEMORY, rules.DISK, rules.DEVICE, rules.KERNEL, rules.KILLED,
    rules.COLLECTIVE_MISMATCH, rules.COLLECTIVE_MISSING, rules.HANG,
}  # fmt: skip
"""Meanings of a known message that end a run, where it goes on with no step."""
_XID = re.compile(r"NVRM: Xid|\bXid (?:\(PCI|\d)")
_HARMLESS = re.compile(
    r"will be (?:decreased|retried)|[Rr]etrying|\bfuture\b.*Warning|exit(?:ed)? (?:with )?code:? 0\b"
    r"|grad_norm|ErrorHandler|error_handl|errors?[=:] ?0\b|--\w*error"
)
"""Lines that hold such words and end nothing."""
_ANEW = re.compile(
    r"Restarting worker group|[Rr]estart(?:ing)? (?:attempt|job|training|count)|Training starts at step"
    r"|before the start of training|[Ll]oad(?:ing|ed) (?:the |a )?(?:\w+ )?checkpoint"
    r"|[Rr]esum(?:ing|ed) (?:from|training)"
    r"|Starting (?:job|elastic_operator|training)|Rendezvous complete|job requeued|Requeu(?:ed|ing)"
)
_STARTED = re.compile(
    r"\bprocess (\d+) spawned with command|Launching process for local_rank\(\d+\), global_rank\((\d+)\)"
)
_SUCCEEDED = re.compile(r"\bProcess (\d+) exits successfully|\bRank (\d+) finished successfully")
"""Of the launchers of DeepSpeed and of Composer, which tell every process that they start and that ends well."""
_ALL_SUCCEEDED = re.compile(r"\] worker group successfully finished\b")
"""Of torchrun where it logs at level INFO: all workers of a node."""
_LAST = re.compile(r"[\w.]+(?:Error|Exception|Interrupt)\b")
"""Begins the last line of a traceback, which says more than its first."""
ANEW_WORDS = (
    "estart", "Training starts", "start of training", "checkpoint", "esum", "Starting", "Rendezvous", "equeu",
)  # fmt: skip
"""One of these stands in every line that may tell of a start anew."""
SURVIVED = 5
"""Logged steps that show that a run went on after a sign. Less may have waited in a buffer when it died."""


@dataclass(slots=True)
class Sign:
    """A line that tells of a failure."""

    number: int
    """Of the line, from 1."""
    text: str
    steps: int = 0
    """Steps that were logged after it."""
    anew: bool = False
    """Whether something started anew after it."""

    def __str__(self) -> str:
        return f"line {self.number}: {self.text!r}"


class Watch:
    """What a log says of its end, as its lines come."""

    def __init__(self) -> None:
        self.sign: Sign | None = None
        """The first since the newest start."""
        self.survived: Sign | None = None
        """The first that steps followed without a start anew."""
        self.ignores = False
        """Whether this is within a traceback that Python itself ignores: all lines are needed, to see where it ends."""
        self.succeeded = False
        """Whether the launcher said, since the newest step, that all its processes ended well."""
        self._running: set[str] = set()
        """Processes that were started and did not end well, so far."""

    def line(self, number: int, raw: str) -> None:
        """Take one more line that holds one of WORDS, or of ANEW_WORDS."""
        line = clean(raw).text
        text = line.strip()
        if self.ignores:  # its first line and what is indented, up to the exception itself
            self.ignores = text.startswith("Traceback") or line[:1].isspace()
            return
        self._processes(text)
        if self.sign is not None and _ANEW.search(text):
            self.sign.anew = True
        if text.startswith("Exception ignored in"):  # by a destructor, most often while Python ends
            self.ignores = True
        elif not ends(text):
            return
        elif self.sign is None or (self.sign.text.startswith("Traceback") and _LAST.match(text)):
            self.sign = Sign(number, text[:200], self.sign.steps if self.sign else 0)

    def _processes(self, text: str) -> None:
        if started := _STARTED.search(text):
            self._running.add(started[1] or started[2])
        elif (ended := _SUCCEEDED.search(text)) and self._running:
            self._running.discard(ended[1] or ended[2])
            self.succeeded = not self._running
        elif _ALL_SUCCEEDED.search(text):
            self.succeeded = True

    def begin(self) -> None:
        """The first step was logged: what was said of ends before training is another matter."""
        self.sign, self.survived, self.ignores, self.succeeded = None, None, False, False

    def step(self, *, again: bool) -> None:
        """A step was logged; `again`: it is none that comes after the one before it."""
        self.succeeded = False
        if self.sign is None:
            return
        self.sign.steps += 1
        if again or self.sign.anew:
            self.sign = None
        elif self.sign.steps >= SURVIVED:
            self.survived, self.sign = self.survived or self.sign, None


def ends(text: str) -> bool:
    """Whether a line tells that a process or a job failed."""
    if _HARMLESS.search(text):
        return False
    if _ENDING.search(ADVICE.split(text)[0]) or _XID.search(text):
        return True
    known = meaning(text)
    return known is not None and known.rule in _FATAL
