"""A build from context to tag: written, built, tested by its own last step, and only then given its name."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from seatrial.images import following, records
from seatrial.images.building.builders import Builder
from seatrial.images.building.context import Context
from seatrial.images.building.failing import STEP, failure
from seatrial.images.following import Tell
from seatrial.images.records import Record
from seatrial.plan import Command


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
    """Run a builder; what it prints becomes the log. `what` did not happen if it fails: UserError is raised, with the
    step that it was at."""
    log.unlink(missing_ok=True)
    following.follow(command, log, tell, STEP, lambda lines, code: failure(what, lines, code, log))
