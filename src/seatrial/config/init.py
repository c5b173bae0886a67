"""A first seatrial.toml: one cluster for each launcher asked for, and the schema beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seatrial.config.checks import launcher_names
from seatrial.config.describe import schema_text
from seatrial.config.example import example
from seatrial.errors import Problem, UserError, unknown

SCHEMA_FILE = "seatrial.schema.json"

HEADER = f"""\
#:schema ./{SCHEMA_FILE}
# The clusters that Seatrial can use. Change what stands here to what you have, and delete the rest.
# Every key with its meaning: {SCHEMA_FILE}, which editors read too. Then: seatrial cluster check
"""


def init(path: Path, launchers: Sequence[str] = ()) -> list[Path]:
    """Write the file, by default with all launchers, and the schema beside it; returns both.

    Raises UserError if one of them is there with another text: nothing is overwritten.
    """
    wrong = [
        unknown("launcher", name, launcher_names(), "--launcher") for name in launchers if name not in launcher_names()
    ]
    if wrong:
        raise UserError(wrong)
    names = [name for name in launcher_names() if name in launchers or not launchers]
    texts = {
        path: "\n".join([HEADER, *(example(name) for name in names)]),
        path.parent / SCHEMA_FILE: schema_text(),
    }
    there = [p for p, text in texts.items() if p.exists() and not (p.is_file() and p.read_bytes() == text.encode())]
    if there:
        raise UserError(Problem("is there already", str(p), "move it away, or name another --output") for p in there)
    for target, text in texts.items():
        try:
            target.write_text(text, encoding="utf-8")
        except OSError as error:
            remedy = "name a file in a folder that is there and can be written to"
            raise UserError(Problem(f"cannot be written: {error.strerror}", str(target), remedy)) from None
    return list(texts)
