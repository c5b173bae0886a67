"""What a batch script asks Slurm for, and how much of it a step gets."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seatrial.lint.documents import Document, without_heredocs
from seatrial.lint.once import once
from seatrial.lint.script import Word, option

DIRECTIVE = re.compile(r"^#SBATCH\s+(.*)")
_NO_COMMAND = re.compile(r"\s*(#|\$\{?\w+\}?\s*$)")
"""A comment, or a line that is filled in as a whole: with another directive, or with nothing."""
EACH = ("--ntasks-per-node", "--tasks-per-node")
_NODES = ("SLURM_NNODES", "SLURM_JOB_NUM_NODES")
_GPUS = ("SLURM_GPUS_PER_NODE", "SLURM_GPUS_ON_NODE")
_PLACES = ("--nodelist", "-w", "--exclude", "-x", "--relative", "-r")
"""Options of srun that take a part of the job's nodes."""
_FLAGS = re.compile(
    "-[EhHkKlOQsuvVWXZ]+|--(contiguous|disable-status|exact|exclusive|hold|immediate|interactive|kill-on-bad-exit|label|"
    "no-allocate|no-kill|oversubscribe|overcommit|overlap|parallel|preserve-env|propagate|pty|quiet|quit-on-interrupt|"
    "reboot|send-libs|spread-job|test-only|unbuffered|use-min-nodes|verbose|whole|(no-)?container-(mount-home|remap-root|"
    "entrypoint)|container-writable|container-readonly)"
)
"""Options of srun and pyxis that take no value, or only one behind ``=``. Manual of srun 24.11; pyxis 0.21."""


@once
def directives(document: Document) -> tuple[Word, ...]:
    """The words of all #SBATCH lines that Slurm reads: those before the first command."""
    return tuple(word for line, text in directive_lines(document)[0] for word in _words(line, text))


@once
def directive_lines(document: Document) -> tuple[tuple[tuple[int, str], ...], tuple[tuple[int, str], ...]]:
    """The #SBATCH lines that Slurm reads, and those that it ignores because a command stands before them."""
    text = document.text
    effective: list[tuple[int, str]] = []
    late: list[tuple[int, str]] = []
    begun = False
    for line, words in enumerate(without_heredocs(text).split("\n") if "#SBATCH" in text else (), document.line):
        found = DIRECTIVE.match(words)
        if found:
            (late if begun else effective).append((line, found[1].strip()))
        elif words.strip() and not _NO_COMMAND.match(words):
            begun = True
    return tuple(effective), tuple(late)


def _words(line: int, text: str) -> Iterator[Word]:
    try:
        parts = shlex.split(text, comments=True)
    except ValueError:
        parts = text.split()
    for part in parts:
        yield Word(part, line, part, "$" not in part)


def number(word: Word | None) -> int | None:
    """A word as a number; None if it is none."""
    return int(word.text) if word and re.fullmatch(r"\d{1,9}", word.text) else None


@once
def nodes(document: Document) -> int | None:
    """Nodes of the job; None if no directive says so."""
    words = directives(document)
    stated = option(words, "--nodes", "-N")
    total, each = number(option(words, "--ntasks", "-n")), number(option(words, *EACH))
    if stated is None and total and each:
        return -(-total // each)
    low, dash, high = stated.text.partition("-") if stated else ("", "", "")
    return int(low) if low.isdigit() and (not dash or low == high) else None


@once
def tasks_per_node(document: Document) -> int | None:
    """Tasks on each node of the job, 1 unless a directive says otherwise; None: a number that cannot be known."""
    words = directives(document)
    each, total = option(words, *EACH), option(words, "--ntasks", "-n")
    if each is not None:
        return number(each)
    if any(option(words, name) for name in ("--ntasks-per-gpu", "--ntasks-per-socket", "--ntasks-per-core")):
        return None
    count, many = nodes(document), number(total)
    if total is None:
        return 1
    return -(-many // count) if many and count else None


@once
def gpus_per_node(document: Document) -> int | None:
    """GPUs that each node of the job gets; None if no directive says so in numbers."""
    words = directives(document)
    gres = option(words, "--gres")
    found = re.search(r"\bgpu(?::[\w.-]+)?:(\d+)", gres.text) if gres else None
    if found:
        return int(found[1])
    per_node = option(words, "--gpus-per-node")
    found = re.search(r"(?:^|:)(\d+)$", per_node.text) if per_node else None
    return int(found[1]) if found else None


def value(word: Word | None, document: Document) -> int | None:
    """A word as a number, where it is one or a variable in which Slurm gives the job's own; None: not known."""
    if word is None:
        return None
    name = re.fullmatch(r"\$\{?(\w+)\}?", word.text)
    if name and name[1] in _NODES:
        return nodes(document)
    if name and name[1] in _GPUS:
        return gpus_per_node(document)
    return number(word)


@dataclass(frozen=True, slots=True)
class Step:
    """What one srun starts. None: a number that cannot be known."""

    nodes: int | None
    each: int | None
    """Tasks on each node."""
    tasks: int | None


def step(document: Document, srun: Sequence[Word]) -> Step:
    """How many nodes and tasks an srun takes, its own options before those of the job."""
    words = options_of_srun(srun)
    own_nodes, own_each = option(words, "--nodes", "-N"), option(words, *EACH)
    own_total = option(words, "--ntasks", "-n")
    some = own_nodes is None and any(option(words, name) for name in _PLACES)
    count = None if some else value(own_nodes, document) if own_nodes else nodes(document)
    if own_total and not own_each:
        total = value(own_total, document)
        if total and count and total < count:
            count = total
        return Step(count, total // count if total and count else None, total)
    each = value(own_each, document) if own_each else tasks_per_node(document)
    return Step(count, each, count * each if count and each else None)


def options_of_srun(words: Sequence[Word]) -> Sequence[Word]:
    """The options of an srun, from the word ``srun`` on, without the program that it starts."""
    start = next((i for i, word in enumerate(words) if word.name == "srun"), 0)
    end = start + 1
    while end < len(words):
        text = words[end].text
        if not text.startswith(("-", "$")):
            break
        valued = text.startswith("-") and "=" not in text and not _FLAGS.fullmatch(text)
        end += 2 if valued and (text.startswith("--") or len(text) == 2) else 1
    return words[start:end]


def open_words(options: Sequence[Word]) -> list[Word]:
    """Among the options of an srun the variables that may hold others: those that are no option's value."""
    found: list[Word] = []
    before = options[0].text if options else ""
    for word in options[1:]:
        valued = before.startswith("-") and "=" not in before and not _FLAGS.fullmatch(before)
        if word.text.startswith(("$", "`", '"')) and not valued:
            found.append(word)
        before = word.text
    return found


def program_of_srun(words: Sequence[Word]) -> Sequence[Word]:
    """What an srun starts: the words behind its options."""
    start = next((i for i, word in enumerate(words) if word.name == "srun"), 0)
    return words[start + len(options_of_srun(words)) :]
