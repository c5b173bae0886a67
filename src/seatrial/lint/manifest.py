"""Kubernetes manifests: plain Python values that know their lines, and the pods and containers in them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seatrial.errors import UserError
from seatrial.hardware import Instance
from seatrial.hardware import instance as instance_of
from seatrial.lint import shell
from seatrial.lint.script import Assignment, Script, Word

TEMPLATE = "is a template that has to be rendered first"
_TEMPLATED = re.compile(r"\{%-?\s*\w|\{\{-?\s*(\.|include\b|if\b|range\b|with\b|end\b|[A-Za-z_]\w*\s*[|}])")
"""Helm and Jinja. ``{{ $labels.x }}`` is neither: Prometheus fills that in."""
DEEPEST = 100
"""Levels. A manifest has about 15."""
INSTANCE_LABELS = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")


class Text(str):
    """A scalar, as it is written."""

    line: int
    """Line of its file, from 1; of a block scalar the line on which its text begins."""


class Map(dict[str, Any]):
    """A mapping. A null is None; its line is that of its key."""

    line: int

    def map(self, *keys: str) -> Map:
        """The mapping under these keys; an empty one if there is none."""
        found: Any = self
        for key in keys:
            found = found.get(key) if isinstance(found, Map) else None
        return found if isinstance(found, Map) else Map()

    def items_of(self, key: str) -> list[Map]:
        """The mappings in the list under a key."""
        found = self.get(key)
        return [item for item in found if isinstance(item, Map)] if isinstance(found, list) else []

    def text(self, key: str) -> Text | None:
        """The scalar under a key."""
        found = self.get(key)
        return found if isinstance(found, Text) else None

    def line_of(self, key: str) -> int:
        """Line of a key; of the mapping if it has no such key."""
        return next((name.line for name in self if name == key and isinstance(name, Text)), getattr(self, "line", 1))


def load(text: str) -> list[Map]:
    """Each YAML document of a text that is a mapping. Raises ValueError, saying where, if it is no YAML."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_depth(yaml.parse(text, Loader=loader))
        values = [_value(node, {}) for node in yaml.compose_all(text, Loader=loader)]
    except yaml.YAMLError as error:
        template = _TEMPLATED.search(text)
        if template:
            raise ValueError(TEMPLATE, text.count("\n", 0, template.start()) + 1) from None
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise ValueError(f"is not YAML: {problem}", (mark.line + 1) if mark else 1) from None
    return [value for value in values if isinstance(value, Map)]


def _check_depth(events: Iterable[Any]) -> None:
    """libyaml's composer calls itself for each level, and crashes the process when the stack is full."""
    import yaml

    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError("is nested too deeply", event.start_mark.line + 1)


def _value(node: Any, seen: dict[int, Any]) -> Any:
    """A node as Text, Map, list or None. Nodes that an alias repeats become one and the same value."""
    import yaml

    if id(node) in seen:
        return seen[id(node)]
    if isinstance(node, yaml.MappingNode):
        seen[id(node)] = mapping = Map()
        mapping.line = node.start_mark.line + 1
        for key, value in node.value:
            name = _value(key, seen)
            if isinstance(key, yaml.MappingNode):  # {{ .Values.x }} is YAML, too
                raise ValueError(TEMPLATE, key.start_mark.line + 1)
            if isinstance(name, Text):
                mapping[name] = _value(value, seen)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        items: list[Any] = []
        seen[id(node)] = items
        items.extend(_value(item, seen) for item in node.value)
        return items
    if node is None or node.tag == "tag:yaml.org,2002:null":
        return None
    if "\n" not in node.value and _TEMPLATED.search(node.value):
        raise ValueError(TEMPLATE, node.start_mark.line + 1)
    scalar = Text(node.value)
    scalar.line = node.start_mark.line + (2 if node.style in ("|", ">") else 1)
    return scalar


def walk(value: Any) -> Iterator[Map]:
    """Every mapping in a value, once, itself included."""
    stack, seen = [value], set()
    while stack:
        item = stack.pop()
        if id(item) in seen or not isinstance(item, (Map, list)):
            continue
        seen.add(id(item))
        if isinstance(item, Map):
            yield item
        stack.extend(reversed(list(item.values()) if isinstance(item, Map) else item))


def integer(text: Any) -> int | None:
    """A scalar as a number; None if it is none, or a placeholder."""
    return int(text) if isinstance(text, str) and re.fullmatch(r"\d{1,9}", text) else None


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod."""

    spec: Map
    pod: Map
    """The pod's spec."""

    @property
    def environment(self) -> list[Assignment]:
        """The variables of its ``env``."""
        found = []
        for item in self.spec.items_of("env"):
            name, value = item.text("name"), item.text("value")
            if name is not None:
                literal = value is not None and not re.search(r"\$[({\w]", value)
                line = item.line_of("value" if value is not None else "name")
                found.append(Assignment(str(name), str(value) if literal else None, line))
        return found

    @property
    def script(self) -> Script | None:
        """What it runs, if the manifest says so."""
        words = [item for key in ("command", "args") for item in (self.spec.get(key) or []) if isinstance(item, Text)]
        if not words:
            return None
        known = {a.name: a.value for a in self.environment if a.value is not None}
        return shell.of_words([_word(text, known) for text in words], known)

    def resource(self, name: str, of: str = "limits") -> int | None:
        """How many of a resource it asks for; None: none, or not known."""
        return integer(self.spec.map("resources", of).get(name))


def _word(text: Text, known: Mapping[str, str]) -> Word:
    """A word of a container's command, with ``$(NAME)`` filled in as Kubernetes does."""
    filled = re.sub(r"\$\((\w+)\)", lambda match: known.get(match[1], match[0]), text)
    return Word(filled, text.line, str(text), "$" not in filled)


def containers(manifest: Map) -> list[Container]:
    """Every container of every pod in a manifest, those that only initialise included."""
    pods = [spec for spec in walk(manifest) if spec.items_of("containers")]
    return [Container(c, pod) for pod in pods for key in ("initContainers", "containers") for c in pod.items_of(key)]


def instance_type(pod: Map) -> Instance | None:
    """The instance type that a pod's node selector or a required affinity names; None: any, or one we do not know."""
    names = [pod.map("nodeSelector").text(label) for label in INSTANCE_LABELS]
    for term in walk(pod.map("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")):
        values = term.get("values")
        if term.get("key") in INSTANCE_LABELS and isinstance(values, list) and len(values) == 1:
            names += [value for value in values if isinstance(value, Text)]
    return next((found for name in names if name and (found := known_instance(name))), None)


@functools.lru_cache(maxsize=256)
def known_instance(name: str) -> Instance | None:
    """The instance type of a name, or None."""
    try:
        return instance_of(name)
    except UserError:
        return None
