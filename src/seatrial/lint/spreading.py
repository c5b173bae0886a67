"""Commands that start one program many times, on the nodes of a job: srun, mpirun, pdsh."""

from __future__ import annotations

import re
from collections.abc import Sequence

from seatrial.lint.allocation import nodes, number, step
from seatrial.lint.documents import Document
from seatrial.lint.script import Command, Word, option

MPIRUN = ("mpirun", "mpiexec", "orterun")
PDSH = ("pdsh", "clush")
_TALKING = ("echo", "printf", "which", "command", "type", "pkill", "alias", "apt-get")
"""Commands that only name them."""
_OWN_HOSTS = re.compile(r"--?(hostfile|machinefile|hosts?)$|-H$")
_HOSTS = re.compile(r"[,\[*^]|\$\{?\w*(?i:hosts|nodes|list)")
"""Several of them, as pdsh and clush read it."""


def starter(command: Command, *programs: str) -> int | None:
    """Index of the word of a command that is one of the programs, where it is started and not only named."""
    return None if command.name in _TALKING else command.find(*programs)


def processes_of_mpirun(words: Sequence[Word]) -> int | None:
    """The number behind ``-np``, or behind an ``-n`` that comes first: later ones are the program's."""
    stated = option(words, "-np", "--np")
    if stated is None and len(words) > 2 and words[1].text == "-n":
        stated = words[2]
    return number(stated)


def on_several_nodes(document: Document, command: Command) -> bool:
    """What a command starts surely runs on more than one node."""
    if starter(command, "srun") is not None:
        return (step(document, command.words).nodes or 1) > 1
    if starter(command, *MPIRUN) is not None:
        named = any(_OWN_HOSTS.match(word.text.partition("=")[0]) for word in command.words)
        return named or (nodes(document) or 1) > 1
    return _on_several_hosts(command)


def several_times(document: Document, command: Command) -> bool:
    """What a command starts runs more than once, as far as can be seen."""
    if starter(command, "srun") is not None:
        return step(document, command.words).tasks != 1
    at = starter(command, *MPIRUN)
    if at is None:
        return _on_several_hosts(command)
    return processes_of_mpirun(command.words[at:]) != 1


def _on_several_hosts(command: Command) -> bool:
    at = starter(command, *PDSH)
    if at is None:
        return False
    hosts = option(command.words[at:], "-w")
    return hosts is None or _HOSTS.search(hosts.text if hosts.known else hosts.source) is not None
