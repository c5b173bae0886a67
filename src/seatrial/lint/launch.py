"""The training programs that a launch file starts."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from seatrial.lint.allocation import number
from seatrial.lint.documents import Document
from seatrial.lint.once import once
from seatrial.lint.script import Command, Script, Word, option
from seatrial.lint.words import text_of

LIKE_TORCHRUN = ("torchrun", "hyperpodrun")
"""torchrun, and HyperPod's agent, which takes the same options (PyPI, hyperpod-elastic-agent 1.1.3)."""
RENDEZVOUS = (*LIKE_TORCHRUN, "composer", "accelerate", "deepspeed")
"""Programs that start one process per accelerator themselves."""
_MODULES = ("torch.distributed.run", "torch.distributed.launch")
PROCESSES = {"composer": ("--nproc", "-n"), "deepspeed": ("--num_gpus",), "accelerate": ("--num_processes",)}
NODES = {
    **dict.fromkeys(LIKE_TORCHRUN, ("--nnodes",)),
    "accelerate": ("--num_machines",),
    "deepspeed": ("--num_nodes",),
    "composer": ("--world_size",),
}
"""Options by which a program is told of other nodes. Composer counts the processes of all of them."""
STANDING_IN = {
    **dict.fromkeys(LIKE_TORCHRUN, ("PET_NNODES",)),
    "accelerate": ("ACCELERATE_CONFIG_FILE",),
    "deepspeed": (),
    "composer": ("WORLD_SIZE",),
}
"""Variables that say the same: torch/distributed/argparse_util.py, composer/cli/launcher.py (2026-11)."""
_MENTIONED = {"pip", "pip3", "which", "echo", "printf", "command", "apt-get", "cp", "ls", "pkill", "sed", "grep"}
_MENTIONED |= {"pgrep", "cat", "type", "killall", "alias", "conda", "mamba", "module", "test", "[", "ps", "rm", "ln"}
"""Commands among whose words such a program is only named."""
_ITS_VALUE = re.compile(r"--(launcher|entrypoint|backend|framework|type|name|job-name)")
_VARIABLE = re.compile(r"(\"?)\$\{?(\w+)(\[[@*]\])?\}?\1")
_SCRIPT = re.compile(r"(?i)\$\{?\w*(script|program|main|file|path|entry|module|train(?!\w*(arg|opt)))\w*\}?")
_FLAGS = {"--standalone", "--no_python", "--no-python", "--multi_gpu", "--use_deepspeed", "--use_fsdp", "--no_ssh"}
_FLAGS |= {"--no_local_rank", "--use_env", "--run-path", "--run_path", "--multi-gpu", "--no-ssh", "-v", "--verbose"}


@dataclass(frozen=True, slots=True)
class Launch:
    """One start of torchrun or of a program like it."""

    command: Command
    program: str
    words: tuple[Word, ...]
    """From the program on, its options and what it runs, variables spelled out as far as they are known."""
    before: tuple[Word, ...]
    """What stands in front of it: srun with its options."""
    via: Command | None = None
    """The command of the judged document that starts the script in which it stands; None: it stands there itself."""
    place: str = ""
    """That script and the line in it."""

    def line_of(self, word: Word | None = None) -> int:
        """Line of a word, or of the program, in the judged document."""
        return self.via.line if self.via else (word or self.words[0]).line

    @property
    def line(self) -> int:
        """Line of the program in the judged document."""
        return self.line_of()

    @property
    def name(self) -> str:
        """The program, and where it stands if that is another file."""
        return f"{self.program} ({self.place})" if self.place else self.program

    @property
    def options(self) -> tuple[Word, ...]:
        """The words up to the program that it runs."""
        end = next((i for i, w in enumerate(self.words) if re.search(r"\.(py|sh)$", w.text)), len(self.words))
        return self.words[: min([end, *(i for i, text in self._open(end) if _SCRIPT.fullmatch(text))])]

    def _open(self, end: int) -> Iterator[tuple[int, str]]:
        """Index and text of each word up to `end` that may hold anything: variables that are no option's value."""
        for index in range(1, end):
            before, text = self.words[index - 1].text, self.words[index].text
            of_option = before.startswith("-") and "=" not in before and before not in _FLAGS
            if not of_option and (re.match(r"[\"']?(\$|`)", text) or re.match(r"-\S+ ", text)):
                yield index, text.strip('"')

    @property
    def processes(self) -> Word | None:
        """Processes that it starts on a node, as it is written. Those on all nodes together for accelerate."""
        return option(self.options, *PROCESSES.get(self.program, ("--nproc_per_node",)))

    @property
    def nodes(self) -> Word | None:
        """Nodes that it is told of, as it is written."""
        return option(self.options, *NODES[self.program])

    @property
    def several(self) -> bool:
        """It starts more than one process, as far as can be seen."""
        word = self.processes
        if word is None:
            return self.program not in LIKE_TORCHRUN  # torchrun's default is 1, the others' is all GPUs
        count = number(word)
        return count > 1 if count is not None else word.text in ("gpu", "auto") or not word.known

    @property
    def unknown(self) -> bool:
        """Options may stand in a word that cannot be known: ``$ARGS`` from elsewhere, ``"$@"``."""
        return any(True for _ in self._open(len(self.options)))

    @property
    def dynamic(self) -> bool:
        """Nodes get their ranks at the rendezvous; a rank that is given is not read (torch/distributed/run.py)."""
        backend = option(self.options, "--rdzv_backend")
        return any(w.text == "--standalone" for w in self.options) or (
            backend is not None and backend.text not in ("static", "")
        )

    @property
    def srun(self) -> tuple[Word, ...] | None:
        """The srun that starts it, with its options; None: none does."""
        words, command = self.before, self.command.outer
        while command and not any(word.text == "srun" for word in words):
            words, command = command.words, command.outer
        return words if any(word.text == "srun" for word in words) else None


@functools.lru_cache(maxsize=8)  # several rules about one document ask for it
def code(text: str) -> str:
    """A text without its lines of comments."""
    return "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("#"))


@once
def launched(document: Document) -> list[Launch]:
    """Every start of torchrun or of a program like it, in a document itself."""
    return list(launches(document.scripts))


def launches(scripts: Iterable[Script]) -> Iterator[Launch]:
    """Every start of torchrun or of a program like it."""
    for script in scripts:
        if not any(name in script.text for name in (*RENDEZVOUS, "torch.distributed.")):
            continue
        for command in script.commands:
            if command.find(*RENDEZVOUS, *_MODULES) is None and not any("$" in word.source for word in command.words):
                continue
            launch = _launch(command, tuple(spelled(script, command.words)))
            if launch:
                yield launch


def launches_in(script: Script, command: Command) -> Iterator[Launch]:
    """The training programs that give their processes ranks themselves, in one command."""
    return (launch for launch in launches([script]) if launch.command == command or launch.command.outer == command)


def _launch(command: Command, words: tuple[Word, ...]) -> Launch | None:
    at = next((i for i, word in enumerate(words) if word.name in RENDEZVOUS), None)
    if at is None:
        at = next((i for i, word in enumerate(words) if word.text in _MODULES), None)
        if at is None or not any(word.text == "-m" for word in words[:at]):
            return None
        return Launch(command, "torchrun", words[at:], words[:at])
    program = words[at].name
    if command.name in _MENTIONED or (at and _ITS_VALUE.fullmatch(words[at - 1].text)):
        return None
    if program == "accelerate" and not any(w.text == "launch" for w in words[at : at + 2]):
        return None
    return Launch(command, program, words[at:], words[:at])


def spelled(script: Script, words: Sequence[Word], depth: int = 0) -> Iterator[Word]:
    """The words with variables that hold several of them, such as ``$DISTRIBUTED_ARGS``, taken apart."""
    for word in words:
        found = _VARIABLE.fullmatch(word.source) if "$" in word.source else None
        if not found or depth > 5 or (found[1] and not found[3]) or (word.known and len(word.text.split()) == 1):
            yield word
        elif word.known:
            yield from (Word(text, word.line, word.source, True) for text in word.text.split())
        else:
            parts = list(_parts(script, found[2], word))
            yield from spelled(script, parts, depth + 1) if parts else [word]


def _parts(script: Script, name: str, use: Word) -> Iterator[Word]:
    """The words of every value that a script gives a variable."""
    if name in script.arrays:
        yield from script.arrays[name]
        return
    for node in script.nodes.get("variable_assignment", ()):
        given, _, text = text_of(node).partition("=")
        if given.rstrip("+") != name or text.startswith(("(", "$(", "`", '"$(')):
            continue
        try:
            parts = shlex.split(text.replace("\\\n", " "))
        except ValueError:
            parts = text.split()
        for part in " ".join(parts).split():
            filled = re.sub(r"\$\{?(\w+)\}?", lambda match: script.values.get(match[1], match[0]), part)
            if filled not in (f"${name}", f"${{{name}}}"):
                yield Word(filled, use.line, part, "$" not in filled)
