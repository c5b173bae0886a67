"""Which variables code sets, and which it hands to the programs that it starts, whatever their values are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from seatrial.lint.words import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

_READERS = {"read", "mapfile", "readarray", "getopts", "let", "test", "wait"}
"""Commands whose words are names, or ask for them."""
_WORDS_OF_ENV = re.compile(r"(?:--export|--env|--set-env|-[ex])(?:=|\s+)?[\"']?((?:[A-Za-z_]\w*(?:=[^,\s]*)?,?)+)")
"""``srun --export=ALL,X=1``, ``docker run -e X``, ``mpirun -x X``."""
_BEGINS = re.compile(rf"(?:{'|'.join(sorted(_READERS))}|coproc|module|ml|eval|exec|set)(?:\s|$)|\S*[=<>]")
"""How a command begins that sets variables, or with ``X=1`` or a redirect before its name."""
_SETS_NOTHING = re.compile(r"\bset --|\bconda\b|\bmamba\b|\bssh-agent\b|\bpyenv\b|\bbrew\b|\bdircolors\b|\blesspipe\b")
"""Programs of which the output is evaluated, whose variables nobody uses by name."""


class Names:
    """Names of variables, as far as code tells them."""

    def __init__(self) -> None:
        self.defined = set[str]()
        """Assigned, read, looped over, computed, or asked for by a test."""
        self.exported = set[str]()
        """Handed to every program that is started."""
        self.lent = set[str]()
        """Handed to one program."""
        self.dynamic = False
        """There are others that are known to nobody who does not run it."""
        self.all_exported = False
        """Each that is assigned is."""

    def declare(self, node: Node) -> None:
        """``export``, ``declare`` and the like."""
        words = [text_of(child) for child in node.children]
        options = "".join(word for word in words[1:] if word.startswith("-"))
        named = [
            text_of(child.children[0] if child.type == "variable_assignment" else child)
            for child in node.children
            if child.type in ("variable_assignment", "variable_name")
        ]
        if words[0] == "export" or "x" in options:
            self.exported.update(named)
        plain = ("variable_assignment", "variable_name", "word", "number", words[0])
        self.dynamic |= "n" in options and words[0] != "export"
        self.dynamic |= any(child.type not in plain for child in node.children)

    def command(self, node: Node) -> None:
        """A command that sets variables, or hands them on. Most do not: that their text tells."""
        text = text_of(node)
        if not (_BEGINS.match(text) or "-e" in text or "-x" in text or "-v" in text):
            return
        name = node.child_by_field_name("name")
        at = node.children.index(name) if name else len(node.children)
        for child in node.children[:at]:
            if child.type == "variable_assignment":
                self.lent.add(text_of(child.children[0]))
        if name is not None:
            self._program(node, text_of(name), [text_of(child) for child in node.children[at + 1 :]])

    def _program(self, node: Node, program: str, arguments: Sequence[str]) -> None:
        if program in _READERS or arguments[:1] == ["-v"] or program == "coproc":
            self._read(program, arguments)
        elif program in ("module", "ml") or (program == "eval" and not _SETS_NOTHING.search(" ".join(arguments))):
            self.dynamic = True
        elif program == "exec":
            self.defined.update(re.findall(r"\{(\w+)\}[<>]", text_of(node.parent or node)))
        elif program == "set":
            self.all_exported |= any(re.fullmatch(r"-[a-z]*a[a-z]*|allexport", word) for word in arguments)
        elif program not in ("source", ".", "cd", "echo"):
            for found in _WORDS_OF_ENV.finditer(" ".join(arguments)):
                self.lent.update(word.partition("=")[0] for word in found[1].split(","))

    def _read(self, program: str, arguments: Sequence[str]) -> None:
        names = re.findall(r"[A-Za-z_]\w*", " ".join(arguments))
        self.defined.update(names if program != "printf" else names[1:2])
        given = arguments[1:2] if program == "printf" else arguments[-1:]
        self.dynamic |= program not in ("test", "let", "getopts") and "$" in "".join(given)


def names_of(nodes: Mapping[str, Sequence[Node]]) -> Names:
    """The names in code of which these are the nodes, by type."""
    names = Names()
    for node in nodes.get("variable_name", ()):
        above = node.parent.type if node.parent else ""
        if above not in ("simple_expansion", "expansion", "subscript"):
            names.defined.add(text_of(node))
    for node in nodes.get("test_command", ()):
        names.defined.update(re.findall(r"(?:\$\{?|-v )(\w+)", text_of(node)))
    for node in nodes.get("case_statement", ()):
        value = node.child_by_field_name("value")
        names.defined.update(re.findall(r"\$\{?(\w+)", text_of(value)) if value else ())
    for node in nodes.get("subscript", ()):
        if node.parent and node.parent.type == "variable_assignment":
            names.defined.add(text_of(node).partition("[")[0])
    for node in nodes.get("declaration_command", ()):
        names.declare(node)
    for node in nodes.get("command", ()):
        names.command(node)
    return names
