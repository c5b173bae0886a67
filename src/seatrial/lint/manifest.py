"""Kubernetes manifests: their documents, and the pods and containers in them."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seatrial.errors import UserError
from seatrial.hardware.instances import Instance
from seatrial.hardware.instances import instance as instance_of
from seatrial.lint import shell
from seatrial.lint.script import Assignment, Script, Word
from seatrial.lint.templates import FILLED
from seatrial.lint.values import TEMPLATED, composed
from seatrial.lint.values import Map as Map
from seatrial.lint.values import Text as Text
from seatrial.lint.values import walk as walk

TEMPLATE = "is a template that has to be rendered first"
_TRIES = 8
"""Lines that are left out of what a template left, until it is YAML."""
INSTANCE_LABELS = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")


class Templated(ValueError):
    """It cannot be read before a template is filled in."""

    def __init__(self, line: int) -> None:
        super().__init__(TEMPLATE, line)


def load(text: str) -> list[Map]:
    """Each YAML document of a text that is a mapping. Raises ValueError, saying where, if it is no YAML."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        values, templated = composed(yaml.parse(text, Loader=loader))
    except yaml.YAMLError as error:
        template = TEMPLATED.search(text)
        if template:
            raise Templated(text.count("\n", 0, template.start()) + 1) from None
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise ValueError(f"is not YAML: {problem}", (mark.line + 1) if mark else 1) from None
    if templated:
        raise Templated(templated[0])
    return [value for value in values if isinstance(value, Map)]


def without_errors(text: str) -> str:
    """A text that a template left, without the few lines at which it is no YAML; as it is if there are more."""
    lines = text.split("\n")
    for _ in range(_TRIES):
        try:
            load("\n".join(lines))
        except ValueError as error:
            at = min(error.args[1], len(lines)) - 1
            while at > 0 and not lines[at].strip():
                at -= 1
            lines[at] = ""
        else:
            return "\n".join(lines)
    return text


def unseen(value: Any) -> bool:
    """A template fills in all of a mapping, a list or a scalar, or may add to it."""
    if isinstance(value, Text):
        return FILLED in value
    return isinstance(value, (Map, list)) and any(isinstance(one, Text) and FILLED in one for one in value)


def integer(text: Any) -> int | None:
    """A scalar as a number; None if it is none, or a placeholder."""
    return int(text) if isinstance(text, str) and re.fullmatch(r"\d{1,9}", text) else None


@dataclass(frozen=True)
class Container:
    """One container of a pod."""

    spec: Map
    pod: Map
    """The pod's spec."""

    @property
    def image(self) -> Text | None:
        """Its image, also where the values of a chart give it in two parts."""
        image = self.spec.text("image")
        repository, tag = (self.spec.map("image").text(key) for key in ("repository", "tag"))
        if image is None and repository and tag:
            image = Text(f"{repository}:{tag}")
            image.line = tag.line
        return image

    @functools.cached_property
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

    @functools.cached_property
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


def in_values(values: Map) -> list[Container]:
    """What the values of a Helm chart say of containers: every mapping that names an image or resources."""
    return [Container(one, one) for one in walk(values) if "image" in one or one.map("resources")]


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
