"""Why a build of a container image failed: the step, what was said of it, and the causes that the user can repair."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from seatrial.errors import Problem
from seatrial.images.failing import Cause, problem

STEP = re.compile(r"^(?:\[\d+/\d+\] )?STEP \d+/\d+: .+|^#\d+ \[.*\d+/\d+\] .+")
"""Of Buildah and Podman: ``[1/2] STEP 3/4: RUN ...``; of Docker: ``#7 [stage-1 3/9] RUN ...``"""
FAILED = re.compile(r"^#(\d+) ERROR:")
REPEATS = re.compile(
    r"time=|subprocess exited with status|Error: building at STEP|ERROR: failed to solve|-{3,}$|#\d+ CANCELED"
)
"""Lines that say again that a step failed, and not why."""
LONGEST = 160
"""Characters of a line that are shown."""

CAUSES = (
    Cause(
        r"manifest unknown|manifest .*not found|failed to resolve source metadata.*not found|no such manifest",
        "a base is no longer what it was: its registry has no such image",
        "was it removed, or its tag moved? choose the digest that is there now: --set base.digest=sha256:...",
    ),
    Cause(
        r"no such host|connection refused|i/o timeout|network is unreachable|TLS handshake|Temporary failure in name",
        "a registry or server cannot be reached",
        "is there a network, or a proxy? what stands elsewhere is named by --build-arg, such as BASE=...",
    ),
    Cause(
        r"unauthorized|authentication required|denied: requested access|pull access denied",
        "a registry asks who you are",
        "log in with the builder's own login command, then try again",
    ),
    Cause(
        r"exec format error",
        "the steps are for another kind of processor than this machine's",
        "build on a machine of that kind, or install emulation: https://docs.docker.com/build/building/multi-platform",
    ),
    Cause(
        r"computed checksum did NOT match|checksum.*(mismatch|differ)|DO NOT MATCH THE HASHES",
        "a file is not the one that was pinned",
        "it was changed at its source, or on the way: check it before you pin it anew",
    ),
    Cause(r"no space left on device", "the disk is full", "free some space, such as by the builder's own prune"),
    Cause(
        r"no image found in .*for architecture|no match for platform",
        "a base does not exist for that kind of processor",
        "choose another --arch, or another base",
    ),
)


def failure(what: str, lines: Sequence[str], code: int | str, log: Path) -> Problem:
    """What the lines that a builder printed say about what did not happen."""
    return problem(what, CAUSES, lines, log, last_words(lines) or f"exit status {code}", failed_step(lines))


def failed_step(lines: Sequence[str]) -> str:
    """The step that failed; empty: none began."""
    failed = next((f"#{found[1]} [" for line in lines if (found := FAILED.match(line))), "")
    return next((_short(line) for line in reversed(lines) if STEP.match(line) and line.startswith(failed)), "")


def last_words(lines: Sequence[str]) -> str:
    """What was said last, rather by a step than by the builder."""
    said = [line for line in lines if line.strip()]
    said = [line for line in said if not REPEATS.match(line)] or said
    return _short(said[-1]) if said else ""


def _short(line: str) -> str:
    """Without what every step has, and blanks that stand in the Dockerfile."""
    line = re.sub(r"\s+", " ", re.sub(r"--mount=\S+\s+", "", line))
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
