"""Templates as data, for whoever looks into one: ours write every function in full, without YAML's tags."""

from __future__ import annotations

from typing import Any


def parsed(text: str) -> dict[str, Any]:
    """The template that a text is. libyaml is ten times as fast as Python, and not in every build of PyYAML."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return dict(yaml.load(text, loader) or {})
