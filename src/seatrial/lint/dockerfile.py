"""Dockerfiles: their instructions and stages, with the shell code and the variables in them."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from seatrial.lint import shell
from seatrial.lint.docker_lines import WORD, Lines, comment_within, divide, escape
from seatrial.lint.script import Assignment, Script, Word

INSTRUCTIONS = {
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
}
INSTRUCTIONS |= {"ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}
_BREAK = r"(?:\s|\\\n)"
_FLAGS = re.compile(rf"{_BREAK}*(?:--[\w-]+(?:=(?:\"[^\"]*\"|[^\s\\\"])*)?(?:{_BREAK}+|\Z))*")
_SHELLS = {*shell.SHELLS, "ash", "ksh", "zsh"}
_SHEBANG = re.compile(r"#!\s*\S*?(?:env\s+)?(\w+)(?:\s|$)")
_READS_INPUT = re.compile(r"(?:/\S*/)?(?:ba|da)?sh(?:\s+-\w+|\s+pipefail)*")
"""``bash <<EOF``: a shell that reads its code from the here-document."""
_SPECIAL = re.compile(r"[\\$\"']")
_NAME = re.compile(r"\$(\w+)|\$\{(\w+)")
VARIABLE = re.compile(r"\\([\s\S])|\$\{(\w+)(?::?([-+?])([^{}]*))?[^{}]*\}|\$(\w+)")
"""A variable in an instruction: an escaped character, a name in braces with operator and word, or a bare name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Instruction:
    """One instruction."""

    name: str
    """In capitals."""
    value: str
    """What follows the name, on one line, without here-documents."""
    text: str
    """As it is written, all lines."""
    line: int
    script: Script | None = None
    """RUN, CMD and ENTRYPOINT: what they run. ENV and ARG: their assignments."""
    swallowed: int | None = None
    """RUN: the line of a comment that takes the lines behind it along."""
    problem: str = ""
    """Why it could not be read."""

    @property
    def unread(self) -> int:
        """How many of its lines were not read."""
        return self.text.count("\n") + 1 if self.problem else 0

    @property
    def flags(self) -> dict[str, str]:
        """Its options: ``--from=build`` is from -> build; of those that are given twice, the last."""
        found = (word.partition("=") for word in self.value.split() if word.startswith("--"))
        return {name[2:]: value for name, _, value in found}


def load(text: str, *, line: int = 1) -> list[Instruction]:
    """The instructions of a Dockerfile. One that cannot be read has a `problem`."""
    loader = _Loader(unix=escape(text) == "\\")
    return [loader.instruction(lines) for lines in divide(text, line=line)]


class _Loader:
    """What the instructions so far mean for the next one: variables with one known value, and the shell of RUN."""

    def __init__(self, *, unix: bool) -> None:
        self.unix = self.shell_read = unix
        self.globals: dict[str, str] | None = None  # until the first FROM, which ends them
        self.known: dict[str, str] = {}
        self.of_stage: dict[str, dict[str, str]] = {}

    def instruction(self, lines: Lines) -> Instruction:
        """The next instruction."""
        written, value = (*lines.code.replace("\\\n", "").split(None, 1), "", "")[:2]
        name, value = written.upper(), value.strip()
        problem = "" if name in INSTRUCTIONS else f"{written[:40]!r} is no instruction"
        if name == "FROM" and not image_and_name(value)[0]:
            problem = "FROM names no image"
        script = None if problem else self._script(name, lines.code.lstrip()[len(name) :], lines)
        comment = comment_within(lines.code) if name == "RUN" and self.shell_read and "#" in lines.code else None
        item = Instruction(
            name=name,
            value=value,
            text=lines.text,
            line=lines.line,
            script=script,
            swallowed=None if comment is None else lines.line + lines.code.count("\n", 0, comment),
            problem=problem,
        )
        self._follow(item)
        return item

    def _follow(self, item: Instruction) -> None:
        if item.name == "FROM":
            self.globals = self.known if self.globals is None else self.globals
            image, name = image_and_name(item.value)
            self.shell_read = self.unix and "microsoft.com/windows" not in image
            self.known = self.of_stage[name or image] = dict(self.of_stage.get(image.lower(), {}))
        elif item.name == "SHELL":
            self.shell_read = any(PurePosixPath(word).name in _SHELLS for word in json_words(item.value) or ())
        elif item.name in ("ARG", "ENV") and item.script:
            for assignment in item.script.assignments:
                self.known.pop(assignment.name, None)
            self.known.update(item.script.values)

    def _script(self, name: str, code: str, lines: Lines) -> Script | None:
        if name in ("ENV", "ARG"):
            return _assignments(name, code, lines.line, self.known, self.globals or {})
        if name == "ONBUILD":
            inner = re.match(rf"{_BREAK}*(RUN|CMD|ENTRYPOINT)(?={_BREAK})", code, re.IGNORECASE)
            name, code = (inner[1].upper(), _without(inner, code)) if inner else (name, code)
        if name not in ("RUN", "CMD", "ENTRYPOINT"):
            return None
        flags = _FLAGS.match(code)
        return self._shell_code(_without(flags, code) if flags else code, lines)

    def _shell_code(self, code: str, lines: Lines) -> Script | None:
        joined = code.replace("\\\n", "").strip()
        words = json_words(joined)
        if words is None and meant_as_list(joined):
            return None
        if words is not None:
            return shell.of_words([Word(w, lines.line, w, "$" not in w) for w in words], self.known) if words else None
        if len(lines.heredocs) == 1 and (not joined or _READS_INPUT.fullmatch(joined)):
            [body] = lines.heredocs
            first = _SHEBANG.match(body.text)
            readable = joined or (first[1] in _SHELLS if first else self.shell_read)
            return shell.parse(body.text, line=body.line, known=self.known) if readable else None
        return shell.parse(code[: comment_within(code)], line=lines.line, known=self.known) if self.shell_read else None


def _without(found: re.Match[str], code: str) -> str:
    """The code behind what was found at its beginning, its lines where they were."""
    return "\n" * found[0].count("\n") + code[found.end() :]


def json_words(value: str) -> list[str] | None:
    """The words of a JSON form; None if it is none."""
    if not value.startswith("["):
        return None
    try:
        words = json.loads(value)
    except ValueError:
        return None
    return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


@functools.lru_cache(maxsize=256)  # it is asked for where the instruction is read, and by several rules
def written_words(name: str, code: str) -> Sequence[tuple[str, int]]:
    r"""The ``NAME=VALUE`` of ENV and ARG as they are written, each with the number of lines before it."""
    words = []
    for word in WORD.finditer(code):
        plain = word[0].replace("\\\n", "")
        if plain:
            begin = word.start()
            while code.startswith("\\\n", begin):
                begin += 2
            words.append((plain, code.count("\n", 0, begin)))
    if name == "ENV" and words and "=" not in words[0][0]:  # ENV NAME the rest of the line
        rest = code.replace("\\\n", "").split(None, 1)
        words = [(f"{words[0][0]}={rest[1].strip() if len(rest) > 1 else ''}", words[0][1])]
    return words


_LIST = re.compile(
    r"""\[\s*(["'\u201c\u201d\u2018\u2019])[^"'\u201c\u201d\u2018\u2019]*["'\u201c\u201d\u2018\u2019]\s*[,\]]"""
)


def meant_as_list(value: str) -> bool:
    """A bracket, something in quotes, a comma or the closing bracket: meant as a JSON form, if it is one or not."""
    return bool(_LIST.match(value))


def _assignments(name: str, code: str, line: int, known: Mapping[str, str], before: Mapping[str, str]) -> Script:
    """ENV and ARG. All variables of one instruction get what those in them were before it."""
    found: list[Assignment] = []
    for word, row in written_words(name, code):
        variable, equals, value = word.partition("=")
        text, sure = expanded(value, known)
        default = text if equals and sure else None if equals else before.get(variable)
        found.append(Assignment(variable.strip("\"'"), default, line + row))
    values = {a.name: a.value for a in found if a.value is not None}
    names = frozenset(assignment.name for assignment in found)
    return Script(text=code, line=line, assignments=tuple(found), values=values, defined=names)


def expanded(value: str, known: Mapping[str, str]) -> tuple[str, bool]:
    """What Docker makes of a value: quotes removed, known variables filled in; and whether nothing is left of them."""
    if not _SPECIAL.search(value):
        return value, True
    text, sure, at, quote = "", True, 0, ""
    while at < len(value):
        found = _NAME.match(value, at) if quote != "'" else None
        if value[at] == "\\" and quote != "'":
            kept = "" if not quote or value[at + 1 : at + 2] in ('"', "$", "\\") else "\\"
            text, at = text + kept + value[at + 1 : at + 2], at + 2
        elif value[at] in "\"'" and quote in ("", value[at]):
            quote, at = "" if quote else value[at], at + 1
        elif found:
            end = found.end() if found[1] else _closing(value, at)
            name, rest = (found[1], "") if found[1] else (found[2], value[found.end() : end].removesuffix("}"))
            part, known_part = _variable(name, rest, value[at:end], known)
            text, sure, at = text + part, sure and known_part, end
        else:
            text, at = text + value[at], at + 1
    return text, sure


def _closing(value: str, at: int) -> int:
    """The index behind the brace that closes the first one from an index on."""
    depth = 0
    for index in range(at, len(value)):
        depth += (value[index] == "{") - (value[index] == "}")
        if depth == 0 and value[index] == "}":
            return index + 1
    return len(value)


def _variable(name: str, rest: str, source: str, known: Mapping[str, str]) -> tuple[str, bool]:
    """``$NAME`` or ``${NAMErest}``: its value, and whether that is known."""
    operator = re.match(r":?([-+?])", rest)
    word = rest[operator.end() :] if operator else ""
    if rest and operator is None:  # ${NAME%pattern}
        return source, False
    if name in known and operator and operator[1] == "+":
        return expanded(word, known) if known[name] else ("", True)
    if name in known and (known[name] or not operator):
        return known[name], True
    return expanded(word, known) if operator and operator[1] == "-" else (source, False)


def image_and_name(value: str) -> tuple[str, str]:
    """Image and name, small as Docker compares it, of a FROM."""
    words = [word for word in value.split() if not word.startswith("--")]
    named = len(words) > 2 and words[1].lower() == "as"
    return words[0] if words else "", words[2].lower() if named else ""
