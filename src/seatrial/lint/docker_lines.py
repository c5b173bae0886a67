"""Dockerfiles, line by line: which lines make one instruction, as BuildKit's parser joins them.

https://docs.docker.com/reference/dockerfile (2026-11): escape directive, continued lines, here-documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WORD = re.compile(r"""(?:[^\s"'\\]|\\[\s\S]|"(?:[^"\\]|\\[\s\S])*"|'[^']*')+""")
"""A word as BuildKit divides them: quotes hold it together, a backslash takes the next character with it."""
_DIRECTIVE = re.compile(r"#\s*(\w+)\s*=\s*(\S.*?)\s*$")
_HEREDOC = re.compile(r"\d*<<(-?)([^<]+)$")
_TAKES_HEREDOCS = re.compile(r"\s*(?:ONBUILD\s+)?(?:RUN|COPY|ADD)\s", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Heredoc:
    """A here-document."""

    text: str
    line: int
    """Line of its file on which its text begins."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lines:
    """The lines of one instruction."""

    line: int
    text: str
    """As they are written."""
    code: str
    """The same without comments and here-documents. A line that is continued ends in a backslash and nothing else."""
    heredocs: tuple[Heredoc, ...] = ()


def escape(text: str) -> str:
    r"""The character that continues a line: \ unless the directive ``# escape=`` names another."""
    for row in text.removeprefix("\ufeff").split("\n"):
        found = _DIRECTIVE.match(row.strip())
        if found is None:
            break
        if found[1].lower() == "escape":
            return found[2]
    return "\\"


def divide(text: str, *, line: int = 1) -> Iterator[Lines]:
    """The lines of each instruction of a Dockerfile that begins at a line of its file."""
    rows = [row.rstrip("\r") for row in text.removeprefix("\ufeff").split("\n")]
    mark = escape(text)
    continued = re.compile(rf"(|.*?[^{re.escape(mark)}]){re.escape(mark)}[ \t]*$")
    at = 0
    while at < len(rows):
        if _passed_over(rows[at]):
            at += 1
            continue
        begin, code, open_ = at, list[str](), True
        while at < len(rows) and open_:
            found = continued.match(rows[at]) if mark in rows[at] else None
            if code and _passed_over(rows[at]):
                code.append("\\")
            else:
                code.append(f"{found[1]}\\" if found else rows[at])
                open_ = found is not None
            at += 1
        whole = "\n".join(code)
        whole = re.sub(r"(\\\n?)+\Z", "", whole) if open_ else whole
        whole, heredocs, at = _heredocs(whole, rows, at, line)
        yield Lines(line=line + begin, text="\n".join(rows[begin:at]), code=whole, heredocs=heredocs)


def comment_within(code: str) -> int | None:
    """Where a comment begins that takes the lines behind it along: Docker joins them before the shell sees any."""
    for word in WORD.finditer(code) if "#" in code else ():
        if word[0].startswith("#") and word.start() and code[word.start() - 1] in " \t":
            rest = re.search(r"\\\n[\s\\]*[^\s\\]", code[word.start() :])
            return word.start() if rest else None
    return None


def _passed_over(row: str) -> bool:
    """Empty lines and comments, which BuildKit leaves out inside an instruction, too."""
    return not row.strip() or row.lstrip().startswith("#")


def _heredocs(code: str, rows: Sequence[str], at: int, line: int) -> tuple[str, tuple[Heredoc, ...], int]:
    """The code with blanks for ``<<EOF``, the here-documents that begin at a row, and the row behind them."""
    found: list[Heredoc] = []
    for word in WORD.finditer(code) if "<<" in code and _TAKES_HEREDOCS.match(code) else ():
        begins = _HEREDOC.match(word[0])
        if begins is None:
            continue
        name = re.sub(r"[\"'\\]", "", begins[2])
        ends = (i for i in range(at, len(rows)) if (rows[i].lstrip("\t") if begins[1] else rows[i]) == name)
        end = next(ends, None)
        if end is None:  # 1<<2: no here-document
            continue
        found.append(Heredoc("\n".join(rows[at:end]), line + at))
        code = code[: word.start()] + " " * len(word[0]) + code[word.end() :]
        at = end + 1
    return code, tuple(found), at
