"""Templates of Helm, Jinja, Terraform, envsubst and Python: what they say is read, what they fill in is unknown.

Every fill-in becomes `FILLED`, a variable, which every rule takes as unknown; what only controls becomes nothing. Lines
stay where they are.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
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
_CONTEXT = 100
"""Lines in front of one that is filled in that say where it belongs."""
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

    @property
    def problem(self) -> str:
        """What is to be told of it."""
        written = sum(1 for line in self.texts[0].split("\n") if line.strip()) or 1
        share = min(len(self.lines) / max(written, len(self.lines)), 1)
        return f"is a template: {len(self.lines)} of its lines ({share:.0%}) are filled in, and not seen"


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
    return Filled((first,) if first == last else (first, last), frozenset(lines), whole)


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


def laid_out(filled: Filled, text: str) -> str:
    """A manifest in which lines that are filled in as a whole have become an entry of the mapping or list that they
    stand in, or the value of the key before them."""
    lines = text.split("\n")
    for at, indent in filled.whole.items():
        if at < len(lines) and lines[at].strip() == FILLED:
            lines[at] = _entry(lines, at, indent, filled.whole)
    return "\n".join(lines)


def _entry(lines: list[str], at: int, indent: int, whole: dict[int, int]) -> str:
    near = lines[max(at - _CONTEXT, 0) : at]
    said = [line for line in near if line.strip() and not line.lstrip().startswith("#")]
    before = said[-1] if said and not said[-1].startswith("---") else ""
    after = next((one for i, one in enumerate(lines[at + 1 :], at + 1) if one.strip() and i not in whole), "")
    if block := _block(near):
        return " " * max(block, indent) + FILLED
    column, below = _column(before), _column(after, dash=False)
    if re.search(r":\s*(#.*)?$", before):
        if below <= column:
            return " " * (column + 2) + FILLED  # all of the key's value
        indent = below
        return " " * indent + (f"- {FILLED}" if after.lstrip().startswith("- ") else f"{FILLED}: {FILLED}")
    if not before and not after:
        return ""
    levels = [(_column(line, dash=False), line.lstrip().startswith("- ")) for line in said]
    in_list = next((dash for level, dash in reversed(levels) if level <= indent), False)
    fitting = [level for line in said for level in (_column(line), _column(line, dash=False))]
    if fitting and indent not in fitting:
        indent = max((level for level in fitting if level <= indent), default=0)
    in_list = in_list and any(level == indent and dash for level, dash in levels)
    return " " * indent + (f"- {FILLED}" if in_list else f"{FILLED}: {FILLED}")


def _column(line: str, *, dash: bool = True) -> int:
    """Where a line's key begins; with `dash` behind the dash of a list."""
    return len((re.match(r"\s*(?:-\s+)*" if dash else r"\s*", line) or [""])[0])


def _block(lines: list[str]) -> int:
    """Indentation of the text of the block scalar, ``|`` or ``>``, that is still open after these lines; 0: none is."""
    deepest: int | None = None
    for line in reversed(lines):
        if not line.strip():
            continue
        column = _column(line, dash=False)
        if re.search(r"[:-]\s+[|>][-+\d]*\s*(#.*)?$", line) and (deepest is None or column < deepest):
            return deepest if deepest is not None else _column(line) + 2
        deepest = column if deepest is None else min(deepest, column)
        if deepest == 0:
            return 0
    return 0
