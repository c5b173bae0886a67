"""What a launch file asks Slurm for, and the training programs that it starts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from seatrial.lint.documents import Document, without_heredocs
from seatrial.lint.script import Command, Script, Word, option

DIRECTIVE = re.compile(r"^#SBATCH\s+(.*)")
RENDEZVOUS = ("torchrun", "composer", "accelerate", "deepspeed")
"""Programs that start one process per accelerator themselves."""


def directives(document: Document) -> tuple[Word, ...]:
    """The words of all #SBATCH lines that Slurm reads: those before the first command."""
    return tuple(word for line, text in directive_lines(document)[0] for word in _words(line, text))


def directive_lines(document: Document) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """The #SBATCH lines that Slurm reads, and those that it ignores because a command stands before them."""
    effective: list[tuple[int, str]] = []
    late: list[tuple[int, str]] = []
    begun = False
    for number, text in enumerate(without_heredocs(document.text).split("\n"), document.line):
        found = DIRECTIVE.match(text)
        if found:
            (late if begun else effective).append((number, found[1].strip()))
        elif text.strip() and not text.lstrip().startswith("#"):
            begun = True
    return effective, late


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


def nodes(document: Document) -> int | None:
    """Nodes of the job; None if no directive says so."""
    return number(option(directives(document), "--nodes", "-N"))


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


@dataclass(frozen=True, slots=True)
class Launch:
    """One start of torchrun or of a program like it."""

    command: Command
    program: str
    words: tuple[Word, ...]
    """From the program on, its options and what it runs."""
    before: tuple[Word, ...]
    """What stands in front of it: srun with its options."""

    @property
    def line(self) -> int:
        """Line of the program."""
        return self.words[0].line

    @property
    def processes(self) -> Word | None:
        """Processes that it starts on a node, as it is written."""
        names = {"composer": ("--nproc", "-n"), "deepspeed": ("--num_gpus",), "accelerate": ("--num_processes",)}
        return option(self.words, *names.get(self.program, ("--nproc_per_node",)))

    @property
    def several(self) -> bool:
        """It starts more than one process, as far as can be seen."""
        word = self.processes
        if word is None:
            return self.program != "torchrun"  # torchrun's default is 1, the others' is all GPUs
        count = number(word)
        return count > 1 if count is not None else word.text in ("gpu", "auto") or not word.known

    @property
    def srun(self) -> tuple[Word, ...] | None:
        """The srun that starts it, with its options; None: none does."""
        words, command = self.before, self.command.outer
        while command and not any(word.text == "srun" for word in words):
            words, command = command.words, command.outer
        return words if any(word.text == "srun" for word in words) else None


def launches(scripts: Iterable[Script]) -> Iterator[Launch]:
    """Every start of torchrun or of a program like it."""
    for script in scripts:
        for command in script.commands:
            at = command.find(*RENDEZVOUS)
            program = command.words[at].text.rpartition("/")[2] if at is not None else ""
            if at is None:
                module = command.find("-m")
                if module is None:
                    continue
                at = next((i for i, w in enumerate(command.words) if w.text.startswith("torch.distributed.")), None)
                program = "torchrun"
                if at is None or at < module:
                    continue
            elif command.name in ("pip", "pip3", "which", "echo", "command", "apt-get", "cp", "ls", "pkill", "sed"):
                continue
            if program == "accelerate" and not any(w.text == "launch" for w in command.words[at : at + 2]):
                continue
            yield Launch(command, program, command.words[at:], command.words[:at])
