"""Reads shell code, with tree-sitter-bash. Nothing is executed: a variable that is assigned one known value throughout
is filled in, everything else stays as it is written.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from seatrial.lint.names import names_of
from seatrial.lint.script import Assignment, Command, Script, Word
from seatrial.lint.statements import plain_heredocs, readable
from seatrial.lint.words import Reader

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

SHELLS = ("bash", "sh", "dash")

NODES = (
    *("program", "command", "redirected_statement", "declaration_command", "unset_command", "test_command", "comment"),
    *("variable_assignment", "variable_name", "subscript", "array", "simple_expansion", "expansion", "heredoc_body"),
    *("function_definition", "if_statement", "elif_clause", "else_clause", "case_statement", "case_item"),
    *("while_statement", "command_substitution", "string", "raw_string", "regex"),
)
"""Types of nodes that Script.nodes holds: those that somebody asks for. Not of what stands in simple expansions."""
_FAR = re.compile("[\U00010000-\U0010ffff]")
"""Characters that the grammar's scanner must not see behind ``{``: it asks isdigit() of them, which reads so far beyond
its table that the process may die (tree-sitter-bash 0.25.1; seen from U+2C6DC on). They have no meaning in code."""


def parse(text: str, *, line: int = 1, known: Mapping[str, str] | None = None, outer: Command | None = None) -> Script:
    """Reads code that begins at a line of its file. `known`: variables that are set before it starts; `outer`: the
    command that runs it."""
    text = _braced(text)
    whole = re.sub(r"\\\s*\Z", "", text)  # bash lets a file end in a continuation, the grammar does not
    root, unread = _read(whole if whole.isascii() else _FAR.sub("\ufffd", whole))
    nodes = _by_type(root)
    names, reader = names_of(nodes), Reader(whole, line, nodes, known or {})
    if unread:
        lines = whole.split("\n")
        names.defined.update(name for row in unread for name in re.findall(r"[A-Za-z_]\w*", lines[row]))
    commands = [c for node in nodes.get("command", ()) if (c := reader.command(node, outer))]
    inner = [script for command in commands if (script := inner_script(command, reader.values))]
    exported = names.exported | ({a.name for a in reader.assignments} if names.all_exported else set())
    return Script(
        text=text,
        line=line,
        nodes=nodes,
        commands=(*commands, *(command for script in inner for command in script.commands)),
        assignments=(
            *sorted((*reader.assignments, *environments(commands)), key=lambda a: a.line),
            *(assignment for script in inner for assignment in script.assignments),
        ),
        values=reader.values,
        arrays=reader.arrays,
        uses=tuple(reader.uses()),
        defined=frozenset(names.defined.union(*(script.defined for script in inner))),
        exported=frozenset(exported),
        handed=frozenset(exported | names.lent | (names.defined if names.all_exported else set())),
        dynamic=names.dynamic or any(script.dynamic for script in inner),
        error=line + min(unread) if unread else None,
        unread=len(unread),
    )


def _braced(text: str) -> str:
    """``$A/$B/c`` as ``$A/${B}/c``: of what begins like the former the grammar makes two words, ``$A/$`` and ``B/c``
    (tree-sitter-bash 0.25.1)."""
    if not _SECOND.search(text):  # as in most, and this takes a seventh of the time
        return text
    return _SEVERAL.sub(lambda token: token[1] + _BARE.sub(r"${\1}", token[2]), text)


_SECOND = re.compile(r"\$\S*[^\\$'\s]\$[A-Za-z_]\w*[/.,+*?~^-]")
_SEVERAL = re.compile(r"(?<!\S)([^\s$]*\$)(\S*\$\S*)")
_BARE = re.compile(r"(?<=[^\\$'])\$([A-Za-z_]\w*)(?=[/.,+*?~^-])")


def of_words(words: Sequence[Word], known: Mapping[str, str] | None = None) -> Script:
    """A command that no shell has read: the ``command`` of a container, the JSON form of a RUN."""
    command = Command(words=tuple(words))
    inner = inner_script(command, known or {})
    return Script(
        text=" ".join(word.source for word in words),
        line=words[0].line,
        commands=(command, *(inner.commands if inner else ())),
        assignments=(*environments([command]), *(inner.assignments if inner else ())),
        uses=inner.uses if inner else (),
        defined=inner.defined if inner else frozenset(),
        nodes=inner.nodes if inner else {},
    )


def inner_script(command: Command, known: Mapping[str, str]) -> Script | None:
    """The script of ``bash -c '...'``, also behind srun or exec."""
    at = command.find(*SHELLS)
    if at is None or command.nesting > 2:
        return None
    for flag, code in zip(command.words[at + 1 :], command.words[at + 2 :], strict=False):
        if re.fullmatch(r"-[a-zA-Z]*c", flag.text):
            return parse(code.text, line=code.line, known=known, outer=command)
        if not flag.text.startswith("-") and flag.text != "pipefail":
            break
    return None


def environments(commands: Sequence[Command]) -> Iterator[Assignment]:
    """Variables that a command gets as words: ``env X=1 program``, ``mpirun -x X=1``."""
    for command in commands:
        at = command.find("env", "mpirun", "mpiexec")
        if at is None:
            continue
        for before, word in zip(command.words[at:], command.words[at + 1 :], strict=False):
            name, equals, value = word.text.partition("=")
            if not equals or not re.fullmatch(r"[A-Za-z_]\w*", name):
                continue
            if command.words[at].text.endswith("env") or before.text == "-x":
                yield Assignment(name, value if word.known else None, word.line)


@functools.cache
def _parser() -> Parser:
    import tree_sitter
    import tree_sitter_bash

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


def _tree(text: str) -> Node:
    return _parser().parse(text.encode("utf-8", errors="replace")).root_node


def _read(text: str) -> tuple[Node, set[int]]:
    """The tree of a text, and the rows that it says nothing of, or nothing that is certain."""
    text = plain_heredocs(text)
    root = _tree(text)
    if not root.has_error:
        return root, set()
    left = readable(text, lambda piece: _tree(piece).has_error)
    root = _tree(left.text)
    lost = {begin + row for begin, statement in left.lost for row in range(1 + statement.count("\n"))}
    return root, (lost | _wrong(root)) & set(range(1 + text.count("\n")))


def _by_type(root: Node) -> dict[str, list[Node]]:
    nodes: dict[str, list[Node]] = {kind: [] for kind in NODES}
    cursor = root.walk()  # half the time of asking each node for its children; a query saves none, and keeps no order
    down, right, up = cursor.goto_first_child, cursor.goto_next_sibling, cursor.goto_parent
    while node := cursor.node:
        kind = node.type
        if kind in nodes:
            nodes[kind].append(node)
        if kind != "simple_expansion" and down():
            continue
        while not right():
            if not up():
                return nodes
    return nodes


def _wrong(root: Node) -> set[int]:
    """Rows of what the grammar does not allow, or misses."""
    if not root.has_error:
        return set()
    nodes = [root]
    for node in nodes:  # which grows
        nodes += node.children
    missing = [node for node in nodes if node.is_missing]
    errors = [node for node in nodes[1:] if node.is_error] or ([] if missing else [root])
    return {row for node in (*errors, *missing) for row in range(node.start_point[0], node.end_point[0] + 1)}
