"""Tests of a variable's value, as NCCL, libfabric and gloo read it."""

from __future__ import annotations

from collections.abc import Callable

Test = Callable[[str], bool]


def lower(text: str) -> str:
    return text.strip().lower()


def on(value: str) -> bool:
    return lower(value) in ("1", "true", "on", "yes", "y")


def off(value: str) -> bool:
    return lower(value) in ("0", "false", "off", "no", "n")


def anything(value: str) -> bool:
    return True


def one_of(*choices: str) -> Test:
    return lambda value: lower(value) in choices


def excludes(*interfaces: str) -> Test:
    """A list of NCCL that begins with ``^`` and names one of these."""
    return lambda value: value.startswith("^") and not _names(value).isdisjoint(interfaces)


def selects(prefix: str) -> Test:
    """A list of NCCL that chooses interfaces whose names begin so."""
    return lambda value: not value.startswith("^") and any(name.startswith(prefix) for name in _names(value))


def _names(value: str) -> set[str]:
    return {part.strip().lstrip("^=") for part in value.split(",")}


def keeps_docker(value: str) -> bool:
    return value.startswith("^") and not any(name.startswith("docker") for name in _names(value))


def is_loopback(value: str) -> bool:
    return _names(value) == {"lo"} and not value.startswith("^")


def allows_ll(value: str) -> bool:
    """NCCL_PROTO names LL or LL128, and does not exclude it."""
    parts = [part.rpartition(":")[2] for part in lower(value).split(";")]
    return any(not part.startswith("^") and not {"ll", "ll128"}.isdisjoint(part.split(",")) for part in parts)


def avoids_efa(value: str) -> bool:
    """FI_PROVIDER leaves EFA out."""
    names = {name for part in lower(value).lstrip("^").split(",") for name in part.split(";")}
    return ("efa" in names) == value.startswith("^")
