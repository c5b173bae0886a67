"""Templates of Helm, Jinja, Terraform, envsubst and Python: what they say is read, what they fill in is unknown.

Every fill-in becomes `FILLED`, a variable, which every rule takes as unknown; what only controls becomes nothing. Lines
stay where they are.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

FILLED = "$__filled_in__"
"""Stands for a value that is filled in. Without braces, since YAML gives them a meaning."""
_NAMED = re.compile(
    r"[-.](template|tmpl|tpl|tftpl|in|j2|jinja|jinja2)$|(^|[-_.])(template|tmpl|tpl)\.[a-z0-9]+$", re.IGNORECASE
)
_TAG = re.compile(r"\$?\{\{.*?\}\}|\{%.*?%\}|(?<!\$)\{#.*?#\}", re.DOTALL)
_TERRAFORM = re.compile(r"(?<![$%])\$\{[^{}]*\}|(?<!%)%\{.*?\}")
_DOUBLED = re.compile(r"\$\$\{[\w-]+\}")
"""FireWorks fills it in. Terraform writes it for a variable of the shell, which no #SBATCH line can hold."""
_BRACES = re.compile(r"(?<![\w${])\{(?!print\})[A-Za-z_]\w*\}(?!\})")
"""What Python's str.format fills in; not awk's program."""
_MARK = re.compile(r"@@[A-Z][A-Z0-9_]*@@|(?<!@)@[A-Z][A-Z0-9_]*@(?!@)|(?<!\w)__[A-Z][A-Z0-9_]*__(?!\w)")
"""What configure, sed and others fill in."""
_VARIABLE = re.compile(r"(?<!\\)\$(?:\{(?P<braced>[A-Za-z_]\w*)\}|(?P<plain>[A-Za-z_]\w*))")
_AT_RUN_TIME = re.compile(r"^(SLURM_|SLURMD_|PMI_|PMIX_|OMPI_|BASH|RANDOM$|HOSTNAME$)")
"""Variables that have no value before the job runs: whoever fills in a template leaves them."""
_GO = re.compile(
    r"\{\{-?\s*(?:(?P<comment>/\*)|\$\w*\s*(?:,\s*\$\w+\s*)?(?P<assigned>:?=)[^=]"
    r"|(?P<open>if|range|with|define|block)\s+[^\s|}]|(?P<alone>else|end|break|continue)\b[^|.])"
)
"""The actions of Go's templates, which Helm uses, that put out nothing."""
_OPEN = {"if", "range", "with", "define", "block", "for", "macro", "call", "filter", "raw", "autoescape", "trans"}
_BETWEEN = {"else", "elif"}
_OUTPUT = {"include", "import", "extends"}
"""Statements of Jinja in whose place other files' text may stand."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A template with its fill-ins taken as unknown."""

    texts: tuple[str, ...]
    """One that takes the first branch of each condition; another that takes the last, where they differ."""
    lines: frozenset[int]
    """The lines that hold a fill-in, from 0: what they come to was not seen."""
    whole: dict[int, int]
    """Those of them that hold nothing else, and so may become many lines -> columns that these are indented by."""
    untaken: frozenset[int] = frozenset()
    """Other lines, in branches that are neither the first nor the last of their conditions: no text holds them."""

    def problem(self, lost: frozenset[int]) -> str:
        """What is to be told of it. `lost`: other lines that had to be left out of its texts."""
        written = sum(1 for line in self.texts[0].split("\n") if line.strip()) or 1
        share = min(len(self.lines) / max(written, len(self.lines)), 1)
        more = f"; left out: {len(others)}" if (others := self.untaken | lost) else ""
        return f"is a template: {len(self.lines)} of its lines ({share:.0%}) are filled in, and not seen{more}"


@dataclass(frozen=True, slots=True)
class _Tag:
    start: int
    end: int
    word: str
    """What it does, ``if``; empty: it is filled in."""


def named(path: Path) -> bool:
    """A file's name, or that of its folder, says that it is a template."""
    return _NAMED.search(path.name) is not None or not {"template", "templates"}.isdisjoint(path.parts[-3:-1])


def fill(path: Path, text: str, *, shell: bool, tagged: bool = False) -> Filled | None:
    """A template filled in; None if it fills in nothing. `shell`: its variables are filled in as well; `tagged`:
    ``{{ x }}`` is known to be a template's, whatever its name."""
    if not (tagged or named(path)):
        return None
    if re.search(rf"(?m)^#SBATCH.*{_DOUBLED.pattern}", text):
        return _filled(text, [_Tag(m.start(), m.end(), "") for m in _DOUBLED.finditer(text)])
    if path.suffix == ".tftpl" or re.search(r"(?<!\$)\$\$\{|(?<![%{])%\{", text):
        tags = [_Tag(m.start(), m.end(), "" if m[0][0] == "$" else "control") for m in _TERRAFORM.finditer(text)]
        filled = _filled(text, tags)
        return replace(filled, texts=tuple(one.replace("$${", "${") for one in filled.texts)) if tags else None
    tags = list(_tags(text))
    if not tags or "${{" in text:
        formatted = "${{" in text or re.search(r"^#SBATCH.*[= ]\{\w+\}", text, re.MULTILINE)
        marks = list(_MARK.finditer(text))
        if formatted or not _VARIABLE.search(text):
            marks += _BRACES.finditer(text)
        elif shell:
            marks += _unset(text)
        tags += [_Tag(mark.start(), mark.end(), "") for mark in marks]
    return _filled(text, sorted(tags, key=lambda tag: tag.start)) if tags else None


def _unset(text: str) -> Iterator[re.Match[str]]:
    """The variables of a script that it does not set itself: those that envsubst, or another program, fills in."""
    own = set(re.findall(r"(?:^|[\s;(&|])(\w+)\+?=|\bfor\s+(\w+)\b|\bread\s.*?(\w+)\s*(?:$|[;<])", text, re.MULTILINE))
    names = {name for several in own for name in several if name}
    for found in _VARIABLE.finditer(text):
        name = found["braced"] or found["plain"]
        if name not in names and not _AT_RUN_TIME.match(name):
            yield found


def _tags(text: str) -> Iterator[_Tag]:
    for found in _TAG.finditer(text):
        tag = found[0]
        if tag.startswith("{#"):
            word = "comment"
        elif tag.startswith("{%"):
            word = (re.match(r"\{%[-+]?\s*(\w*)", tag) or [""] * 2)[1] or "control"
            word = "" if word in _OUTPUT else word
        else:
            action = _GO.match(tag)
            word = (action["open"] or action["alone"] or "comment") if action else ""
        yield _Tag(found.start(), found.end(), word)


def _filled(text: str, tags: list[_Tag]) -> Filled:
    ends = [found.start() for found in re.finditer("\n", text)]
    lines = {bisect.bisect_left(ends, tag.start) for tag in tags if not tag.word}
    whole = {bisect.bisect_left(ends, tag.start): column for tag, column in _whole(text, tags)}
    first, last = (_rendered(text, tags, last=last) for last in (False, True))
    untaken = {bisect.bisect_left(ends, place) for place in _untaken(text, tags)} - lines
    return Filled((first,) if first == last else (first, last), frozenset(lines), whole, frozenset(untaken))


def _untaken(text: str, tags: list[_Tag]) -> Iterator[int]:
    """Where words begin that neither the first branches nor the last ones hold."""
    at = 0
    for tag, branches in zip(tags, _branches(tags), strict=True):
        if any(branch for branch, _ in branches) and any(branch != most for branch, most in branches):
            yield from (at + word.start() for word in re.finditer(r"\S+", text[at : tag.start]))
        at = tag.end


def rows(texts: Iterable[str]) -> frozenset[int]:
    """The lines, from 0, on which any of these texts says something."""
    return frozenset(row for text in texts for row, line in enumerate(text.split("\n")) if line.strip())


def _whole(text: str, tags: list[_Tag]) -> Iterator[tuple[_Tag, int]]:
    """The tags that fill in whole lines, and how far these are indented: ``{{ include "x" . | nindent 8 }}``."""
    for tag in tags:
        begin, end = text.rfind("\n", 0, tag.start) + 1, text.find("\n", tag.end)
        around = text[begin : tag.start] + text[tag.end : end if end >= 0 else len(text)]
        if not tag.word and not around.strip():
            yield tag, _indent(text[tag.start : tag.end], tag.start - begin)


def _indent(tag: str, column: int) -> int:
    """Where the first line of what a tag fills in begins: its functions say so, or the column of the tag."""
    helm = re.search(r"\b(n?)indent\s+(\d+)", tag)
    if helm:
        return int(helm[2]) + (0 if helm[1] else column)
    jinja = re.search(r"\bindent\((\d+)\s*,\s*(?:first\s*=\s*)?[Tt]rue", tag)
    return column + int(jinja[1]) if jinja else column


def _rendered(text: str, tags: list[_Tag], *, last: bool) -> str:
    """The text without its tags. Of a condition one branch stands there, the others are empty lines."""
    branches = _branches(tags)
    output: list[str] = []
    at = 0
    for index, tag in enumerate(tags):
        hidden = any(branch != (most if last else 0) for branch, most in branches[index])
        output.append(_kept(text[at : tag.start], hidden))
        output.append((FILLED if not tag.word and not hidden else "") + _kept(text[tag.start : tag.end], True))
        at = tag.end
    return _continued(text, "".join([*output, text[at:]]))


def _continued(text: str, rendered: str) -> str:
    """Lines that are left out where a command goes on over several do not end it."""
    lines = rendered.split("\n")
    for at, written in enumerate(text.split("\n")):
        if at and written.strip() and not lines[at].strip() and lines[at - 1].endswith("\\"):
            lines[at] += "\\"
    return "\n".join(lines)


def _kept(text: str, hidden: bool) -> str:
    return "\n" * text.count("\n") if hidden else text


def _branches(tags: list[_Tag]) -> list[list[tuple[int, int]]]:
    """For each tag the conditions that it, and the text before it, stands in: which branch, and which is their last."""
    stack: list[list[int]] = []  # of each open block: its branch, and its last one as far as seen
    blocks: list[list[tuple[int, list[int]]]] = []
    for tag in tags:
        blocks.append([(block[0], block) for block in stack])
        if tag.word in _OPEN:
            stack.append([0])
        elif tag.word in _BETWEEN and stack:
            stack[-1][0] += 1
        elif tag.word.startswith("end") and stack and tag.word != "endset":
            stack.pop()
    return [[(branch, block[0]) for branch, block in several] for several in blocks]
