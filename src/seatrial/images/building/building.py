"""A build from context to tag: written, built, tested by its own last step, and only then given its name."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from seatrial.errors import Problem, UserError
from seatrial.images import records
from seatrial.images.building.builders import Builder
from seatrial.images.building.context import Context
from seatrial.images.building.failing import STEP, explain
from seatrial.images.records import Record
from seatrial.plan import Command

Tell = Callable[[str, str], None]
"""Takes the step that a build is at, and the line that was printed last."""


def build(context: Context, builder: Builder, tell: Tell, more: Sequence[str] = ()) -> Record:
    """The record of the image, which is built unless it is here already: the same definition has the same tag.

    `more` are words for the builder. Raises UserError if it fails: its log is kept, and nothing has the tag.
    """
    context.check()
    image = builder.find(context.reference)
    if image is None:
        with tempfile.TemporaryDirectory(prefix="seatrial-image-") as work:
            folder, id_file = Path(work, "context"), Path(work, "id")
            folder.mkdir()
            context.write(folder)
            follow(
                builder.build(context, folder, id_file, more),
                log_of(context),
                tell,
                f"{context.container.name} was not built",
            )
            image = id_file.read_text().strip()
        builder.tag(image, context.reference)
    return records.write(record_of(context, by=builder.name, digest=f"sha256:{image.removeprefix('sha256:')}"))


def record_of(context: Context, *, by: str, digest: str | None, kind: records.Kind = "built", **more: str) -> Record:
    """A record of what a context became."""
    container, choice = context.container, context.choice
    return Record(
        kind=kind,
        name=container.name,
        tag=context.tag,
        stack=container.stack,
        architecture=choice.architecture,
        environment=container.environment,
        settings=dict(choice.settings),
        arguments=dict(context.arguments),
        digest=digest,
        by=by,
        **{"reference": context.reference, **more},
    )


def log_of(context: Context) -> Path:
    """Where the builder's words are kept."""
    return records.folder() / "logs" / f"{context.container.name}-{context.tag}.log"


def follow(command: Command, log: Path, tell: Tell, what: str) -> None:
    """Run a builder; what it prints goes into the log, line by line.

    `what` did not happen if it fails: UserError is raised, with the step that it was at.
    """
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines, step = [], ""
    with log.open("w", encoding="utf-8") as kept:
        os.chmod(log, 0o600)
        process = subprocess.Popen(
            command.argv,
            env={**os.environ, **command.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        try:
            assert process.stdout is not None
            for line in process.stdout:
                kept.write(line)
                kept.flush()
                lines.append(line.rstrip())
                step = lines[-1] if STEP.match(lines[-1]) else step
                tell(step, lines[-1])
            code = process.wait()
        except BaseException:  # Ctrl-C
            process.terminate()
            process.wait()
            raise
        finally:
            process.stdout and process.stdout.close()
    if code:
        raise UserError(failure(what, lines, code, log))


def failure(what: str, lines: Sequence[str], code: int | str, log: Path) -> Problem:
    """What the lines of a log say about what did not happen."""
    found = explain(lines)
    at = f" at {found.step}" if found.step else ""
    cause = f": {found.cause}" if found.cause else ""
    said = found.said or f"exit status {code}"
    remedy = "; ".join(filter(None, (found.remedy, f"its log: {log}")))
    return Problem(f"{what}{cause}{at}\n    {said}", "", remedy)
