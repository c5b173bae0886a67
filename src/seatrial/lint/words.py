"""Turns the nodes of shell code into words, assignments and uses of variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from seatrial.lint.script import Assignment, Command, Redirect, Use, Word

if TYPE_CHECKING:
    from tree_sitter import Node

DEPTH = 20
"""Expansions inside expansions are followed this far; deeper ones stay unknown."""

_DEFAULTS = (":-", "-", ":=", "=")
_OPTIONAL = {*_DEFAULTS, ":+", "+", ":?", "?", "!"}
"""Operators of ${X...} that provide for X being unset, or say so themselves when it is."""
_WORDS = {"word", "number", "string", "raw_string", "ansi_c_string", "concatenation", "simple_expansion", "expansion"}
_WORDS |= {"command_substitution", "process_substitution", "arithmetic_expansion", "brace_expression"}
_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})", re.ASCII)
_STRING = re.compile(rf'"(?:[^"$`\\]|{_VARIABLE.pattern})*"', re.ASCII)
"""A string in which nothing has a meaning but variables, as in most."""
_DEFAULT = re.compile(r"\$\{\w+(?:\[[^\]]*\])?:?=")
_NAME = re.compile(r"\$(?:(?!_$)[A-Za-z_]\w*|\d)|\$\{[A-Za-z_]\w*\}")
_ARRAY = re.compile(r'"?\$\{(\w+)\[[@*]\]\}"?')
_BACKGROUND = re.compile(r"&(?<![&<>|]&)(?![&>])")
"""What may be the ``&`` that starts a command in the background."""


def text_of(node: Node) -> str:
    """A node as it is written."""
    return (node.text or b"").decode("utf-8", "replace")


class Reader:
    """One piece of code that begins at a line of its file. `known`: variables that are set before it starts."""

    def __init__(self, text: str, line: int, nodes: Mapping[str, Sequence[Node]], known: Mapping[str, str]) -> None:
        self.line = line
        self.nodes = nodes
        self._has_background = _BACKGROUND.search(text) is not None
        self._redirected = {node.children[0].id: node for node in nodes.get("redirected_statement", ())}
        self.values = dict(known)
        self.arrays: dict[str, tuple[Word, ...]] = {}
        self.assignments: list[Assignment] = []
        self._seen: dict[str, str | None] = {}
        for node in nodes.get("variable_assignment", ()):
            self._assign(node)
        for node in nodes.get("expansion", ()) if _DEFAULT.search(text) else ():
            self._assign_default(node)

    def _assign(self, node: Node) -> None:
        target, operator, *values = node.children
        value = values[-1] if values else None
        name = text_of(target).partition("[")[0]
        if value is not None and value.type == "array":
            words = tuple(self.words([child for child in value.children if child.type in _WORDS]))
            self.arrays[name] = self.arrays.get(name, ()) + words
            return
        appended = target.type == "subscript" or operator.type == "+="
        text, known = ("", True) if value is None else self.evaluate(value, text_of(value))
        line = self.line + node.start_point[0]
        self.assignments.append(Assignment(name, text if known and not appended else None, line))
        if node.parent is None or node.parent.type != "command":  # X=1 program: only the program sees it
            self._remember(name, text if known and not appended else None)

    def _assign_default(self, node: Node) -> None:
        """``: ${X:=default}``"""
        parts = node.children[1:-1]
        if len(parts) == 3 and parts[0].type == "variable_name" and parts[1].type in (":=", "="):
            text, known = self.evaluate(parts[2], text_of(parts[2]))
            line = self.line + node.start_point[0]
            self.assignments.append(Assignment(text_of(parts[0]), text if known else None, line))

    def _remember(self, name: str, value: str | None) -> None:
        if self._seen.setdefault(name, value) != value:
            self._seen[name] = value = None
        if value is None:
            self.values.pop(name, None)
        else:
            self.values[name] = value

    def evaluate(self, node: Node, source: str, depth: int = 0) -> tuple[str, bool]:
        """The text of a word that is written as `source`, and whether that is all of it. ``${X:-8}`` counts as 8."""
        if depth > DEPTH:
            return source, False
        match node.type:
            case "string" if _STRING.fullmatch(source):
                return self._filled(source[1:-1]) if "$" in source else (source[1:-1], True)
            case "raw_string":
                return source[1:-1], True
            case "ansi_c_string":
                return source[2:-1], True
            case "word" | "number" | "string_content" | "variable_name":
                return (re.sub(r"\\(.)", r"\1", source) if "\\" in source else source), True
            case "simple_expansion" | "expansion" as kind:
                bare = source.lstrip()  # the grammar counts blanks between two expansions among the second
                simple = kind == "simple_expansion"
                found = self._value(bare[1:], bare) if simple else self._expansion(node, bare, depth)
                return source[: len(source) - len(bare)] + found[0], found[1]
            case "string" | "concatenation":
                return self._joined(node, depth)
        return source, False

    def _filled(self, text: str) -> tuple[str, bool]:
        """A text with its variables filled in, and whether all of them are known."""
        unknown = [name for found in _VARIABLE.finditer(text) if (name := found[1] or found[2]) not in self.values]
        return _VARIABLE.sub(lambda found: self.values.get(found[1] or found[2], found[0]), text), not unknown

    def _value(self, name: str, source: str) -> tuple[str, bool]:
        return (self.values[name], True) if name in self.values else (source, False)

    def _expansion(self, node: Node, source: str, depth: int) -> tuple[str, bool]:
        if source[2:-1] in self.values:
            return self.values[source[2:-1]], True
        parts = node.children[1:-1]
        if not parts or parts[0].type != "variable_name":
            return source, False
        name, operator = text_of(parts[0]), parts[1].type if len(parts) > 1 else ""
        if operator in ("", ":?", "?"):
            return self._value(name, source)
        if operator not in _DEFAULTS:
            return source, False
        if name in self.values:
            return self.values[name], True
        if len(parts) < 3:
            return "", len(parts) == 2
        return self.evaluate(parts[2], text_of(parts[2]), depth + 1)

    def _joined(self, node: Node, depth: int) -> tuple[str, bool]:
        text, known, at = "", True, node.start_byte
        for child in node.children:
            if child.start_byte > at:  # blanks
                whole, begin = node.text or b"", node.start_byte
                text += whole[at - begin : child.start_byte - begin].decode("utf-8", errors="replace")
            at, kind = child.end_byte, child.type
            if kind == '"':
                continue
            part, sure = text_of(child), True
            if kind != "string_content":
                part, sure = self.evaluate(child, part, depth + 1)
            elif "\\" in part:  # in double quotes only these four can be escaped
                part = re.sub(r"\\([$`\"\\])", r"\1", part)
            text, known = text + part, known and sure
        return text, known

    def words(self, nodes: Sequence[Node]) -> Iterator[Word]:
        """The nodes as words, with arrays such as ``"${ARGS[@]}"`` spelled out."""
        for node in nodes:
            source, line = text_of(node), self.line + node.start_point[0]
            if node.type == "word" and "\\" not in source:  # most are: nothing in it has a meaning
                yield Word(source, line, source, True)
                continue
            array = _ARRAY.fullmatch(source)
            if array and array[1] in self.arrays:
                yield from self.arrays[array[1]]
                continue
            text, known = self.evaluate(node, source)
            yield Word(text, line, source, known)

    def command(self, node: Node, outer: Command | None) -> Command | None:
        """A command with its redirects; None if it is nothing but assignments."""
        parts, beside = [], []
        for child in node.children:
            kind = child.type
            if kind in _WORDS:
                parts.append(child)
            elif kind == "command_name":
                parts.append(child.children[0] if child.child_count else child)
            else:
                beside.append(child)
        above = self._redirected.get(node.id)
        beside += above.children if above else ()
        redirects = list(self._redirects(beside, parts)) if beside else ()
        words = tuple(self.words(parts))
        if not words:
            return None
        background = self._has_background and _in_background(node)
        return Command(words=words, redirects=tuple(redirects), background=background, node=node, outer=outer)

    def _redirects(self, beside: Sequence[Node], parts: list[Node]) -> Iterator[Redirect]:
        """The redirects among nodes. To `parts` go the words of the command that the grammar takes for targets."""
        inner = [grandchild for child in beside if child.type == "heredoc_redirect" for grandchild in child.children]
        for child in (*beside, *inner):
            if child.type == "file_redirect":
                targets = [c for c in child.children if c.type in _WORDS]
                operator = next((c.type for c in child.children if not c.is_named), "")
                yield from (Redirect(operator, word) for word in self.words(targets[:1]))
                parts += targets[1:]

    def uses(self) -> Iterator[Use]:
        """Every variable that is expanded."""
        for node in self.nodes.get("simple_expansion", ()):
            source = text_of(node).lstrip()
            if _NAME.fullmatch(source):  # the grammar takes "$ x", too
                yield Use(source[1:], self.line + node.start_point[0], False, node)
        for node in self.nodes.get("expansion", ()):
            source = text_of(node).lstrip()
            if _NAME.fullmatch(source):
                yield Use(source[2:-1], self.line + node.start_point[0], False, node)
                continue
            kinds = {child.type: child for child in reversed(node.children)}
            named = kinds.get("variable_name") or kinds.get("subscript")
            if named:
                name = text_of(named).partition("[")[0]
                optional = not _OPTIONAL.isdisjoint(kinds)
                yield Use(name, self.line + node.start_point[0], optional, node)


def _in_background(node: Node) -> bool:
    above: Node | None = node
    while above is not None:
        after = above.next_sibling
        if after is not None and after.type == "&":
            return True
        parent = above.parent
        if parent is None or parent.type not in ("redirected_statement", "pipeline", "list"):
            return False
        above = parent
    return False
