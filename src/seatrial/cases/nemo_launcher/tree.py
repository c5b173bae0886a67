"""The tree of configurations in conf/, read without Hydra, for who has to know a value before anything starts.

Hydra composes what is run (compose.py); a test compares the two for every recipe.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.cases.nemo_launcher import overrides

if TYPE_CHECKING:
    from seatrial.cases.nemo_launcher import Args

CONF = Path(__file__).with_name("conf")
MISSING = "???"
"""What stands in the tree for a value that must be given."""
STAGES = ("data_preparation", "training", "conversion", "evaluation")
"""In the order in which they run."""
_CHOSEN = {"data_preparation": "text", "conversion": "weights", "evaluation": "command"}
_REFERENCE = re.compile(r"\$\{([A-Za-z_][\w.]*)\}")


def trainings() -> list[str]:
    """Names of the models: ``gpt3/126m``."""
    folder = CONF / "training"
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.glob("*/*.yaml"))


def keys(training: str, cluster: str) -> dict[str, Any]:
    """Dotted name -> value of every key of the tree, as it stands there."""
    groups = {"cluster": cluster, **_CHOSEN, "training": training}
    parts = [("", _file("config")), *((group, _file(group, name)) for group, name in groups.items())]
    return {key: value for prefix, content in parts for key, value in _flat(content, prefix)}


def sections(keys: Mapping[str, Any]) -> set[str]:
    """Names of what has keys below it."""
    return {".".join(parts[:end]) for key in keys for parts in [key.split(".")] for end in range(1, len(parts))}


def plain(args: Args, given: Mapping[str, Any], cluster: str) -> dict[str, Any]:
    """Dotted name -> value, with what is `given` and with the overrides; other interpolations stay as they are."""
    values = {**keys(args.training, cluster), **given}
    for override in overrides.parse(args.overrides):
        if override.sign == "~":
            values.pop(override.key, None)
        else:
            values[override.key] = overrides.literal(override.value or "")
    return {key: _followed(value, values) for key, value in values.items()}


def _followed(value: Any, values: Mapping[str, Any]) -> Any:
    for _ in range(9):  # a chain of references; a circle ends too
        found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        if found is None or found[1] not in values:
            return value
        value = values[found[1]]
    return value


def _flat(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        key = f"{prefix}.{name}" if prefix else name
        if isinstance(value, dict) and value:
            yield from _flat(value, key)
        else:
            yield key, value


@cache
def _file(group: str, name: str = "") -> dict[str, Any]:
    """A file of the tree, over those that its defaults list names."""
    import yaml

    path = CONF / group / f"{name}.yaml" if name else CONF / f"{group}.yaml"
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    merged: dict[str, Any] = {}
    for base in content.pop("defaults", ()):
        if isinstance(base, str) and base != "_self_":
            merged = _merged(merged, _file(group, base))
    return _merged(merged, content)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(below)
    for name, value in above.items():
        old = both.get(name)
        both[name] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return both
