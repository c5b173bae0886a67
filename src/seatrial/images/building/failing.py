"""Why a build failed: the step, and of the causes that the user can repair the one that its log names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

STEP = re.compile(r"^(?:\[\d+/\d+\] )?STEP \d+/\d+: .+|^#\d+ \[.*\d+/\d+\] .+")
"""Of Buildah and Podman: ``[1/2] STEP 3/4: RUN ...``; of Docker: ``#7 [stage-1 3/9] RUN ...``"""
FAILED = re.compile(r"^#(\d+) ERROR:")
REPEATS = re.compile(
    r"time=|subprocess exited with status|Error: building at STEP|ERROR: failed to solve|-{3,}$|#\d+ CANCELED"
)
"""Lines that say again that a step failed, and not why."""
LAST = 60
"""Lines in which a cause is looked for: before, something may have failed that was then tried again."""
LONGEST = 160
"""Characters of a line that are shown."""

CAUSES = (
    (
        r"manifest unknown|manifest .*not found|failed to resolve source metadata.*not found|no such manifest",
        "a base is no longer what it was: its registry has no such image",
        "was it removed, or its tag moved? choose the digest that is there now: --set base.digest=sha256:...",
    ),
    (
        r"no such host|connection refused|i/o timeout|network is unreachable|TLS handshake|Temporary failure in name",
        "a registry or server cannot be reached",
        "is there a network, or a proxy? what stands elsewhere is named by --build-arg, such as BASE=...",
    ),
    (
        r"unauthorized|authentication required|denied: requested access|pull access denied",
        "a registry asks who you are",
        "log in with the builder's own login command, then try again",
    ),
    (
        r"exec format error",
        "the steps are for another kind of processor than this machine's",
        "build on a machine of that kind, or install emulation: https://docs.docker.com/build/building/multi-platform",
    ),
    (
        r"computed checksum did NOT match|checksum.*(mismatch|differ)|DO NOT MATCH THE HASHES",
        "a file is not the one that was pinned",
        "it was changed at its source, or on the way: check it before you pin it anew",
    ),
    (r"no space left on device", "the disk is full", "free some space, such as by the builder's own prune"),
    (
        r"no image found in .*for architecture|no match for platform",
        "a base does not exist for that kind of processor",
        "choose another --arch, or another base",
    ),
)
"""What a log says -> what it means, and what to do about it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """What a log says of a failed build."""

    step: str
    """The step that failed; empty: none began."""
    said: str
    """What was said last."""
    cause: str = ""
    remedy: str = ""


def explain(lines: Sequence[str]) -> Failure:
    """Of the lines that a builder printed."""
    text = "\n".join(lines[-LAST:])
    cause, remedy = next(((why, what) for found, why, what in CAUSES if re.search(found, text)), ("", ""))
    steps = [line for line in lines if STEP.match(line)]
    failed = next((f"#{found[1]} [" for line in lines if (found := FAILED.match(line))), "")
    steps = [line for line in steps if line.startswith(failed)]
    said = [line for line in lines if line.strip()]
    said = [line for line in said if not REPEATS.match(line)] or said
    return Failure(
        step=_short(steps[-1]) if steps else "", said=_short(said[-1]) if said else "", cause=cause, remedy=remedy
    )


def _short(line: str) -> str:
    """Without what every step has, and blanks that stand in the Dockerfile."""
    line = re.sub(r"\s+", " ", re.sub(r"--mount=\S+\s+", "", line))
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
