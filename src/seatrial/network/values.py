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


def takes(value: str, interface: str) -> bool:
    """Whether NCCL takes an interface for a list: of prefixes, after ``=`` of names, after ``^`` of all others."""
    inverted, names = value.startswith("^"), _names(value)
    exact = value.lstrip("^").startswith("=")
    return any(interface == name if exact else interface.startswith(name) for name in names) != inverted


def excludes(interface: str) -> Test:
    """A list of NCCL that begins with ``^`` and leaves this interface out."""
    return lambda value: value.startswith("^") and not takes(value, interface)


def only(prefix: str) -> Test:
    """A list of NCCL of which every name begins so."""
    return lambda value: not value.startswith("^") and all(name.startswith(prefix) for name in _names(value))


def _names(value: str) -> set[str]:
    return {name for part in value.split(",") if (name := part.strip().lstrip("^=").partition(":")[0])}


def keeps_docker(value: str) -> bool:
    return value.startswith("^") and takes(value, "docker0")


def is_loopback(value: str) -> bool:
    return _names(value) == {"lo"} and not value.startswith("^")


def chosen(value: str) -> frozenset[str]:
    """The algorithms or protocols to which a list of NCCL holds all collectives; empty: to none."""
    first = lower(value).split(";")[0]
    return frozenset() if first.startswith("^") or ":" in first else frozenset(filter(None, first.split(",")))


def pins(*choices: str) -> Test:
    """A list of NCCL that leaves all collectives one algorithm or protocol; given choices: one of these."""
    return lambda value: len(found := chosen(value)) == 1 and (not choices or found <= set(choices))


def allows_ll(value: str) -> bool:
    """NCCL_PROTO names LL or LL128, and does not exclude it."""
    parts = [part.rpartition(":")[2] for part in lower(value).split(";")]
    return any(not part.startswith("^") and not {"ll", "ll128"}.isdisjoint(part.split(",")) for part in parts)


def _providers(value: str) -> set[str]:
    return {name.strip() for part in lower(value).lstrip("^").split(",") for name in part.split(";")}


def avoids_efa(value: str) -> bool:
    """FI_PROVIDER leaves EFA out."""
    return ("efa" in _providers(value)) == value.startswith("^")


def over_tcp(value: str) -> bool:
    """FI_PROVIDER leaves nothing but TCP."""
    return not value.startswith("^") and _providers(value) <= {"tcp", "sockets", "udp", "net", "ofi_rxm", "ofi_rxd"}
