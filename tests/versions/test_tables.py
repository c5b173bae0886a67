"""The tables of versions: whole, each with who says so, and of one mind."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping

import pytest

import seatrial.versions as package
from seatrial.checks.compatibility import NEURON_RELEASES, TORCH_BUILDS
from seatrial.checks.software.layouts import TITLES
from seatrial.network.site import parse_version
from seatrial.versions import BASES, EFA, EFA_INSTALLERS, NEURON_SDK, STACK, STACKS, TORCH_OLDEST
from seatrial.versions.pins import Base, Checkout, Download
from seatrial.versions.table import Entry, entries

PARTS = {"OTHER_PYTHON", "STACKS", "STACK", "NETWORK"}
"""Constants that are made of others, or told with them."""
ENTRIES = {entry.name: entry for entry in entries()}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_every_pin_says_who_and_when_and_holds_on_to_its_content(entry: Entry):
    pin = entry.pin
    assert pin.version and pin.source and re.fullmatch(r"20\d\d-[01]\d", pin.seen)
    assert "latest" not in pin.version and pin.version not in ("main", "master")
    if isinstance(pin, Download):
        assert pin.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", pin.sha256)
        assert "{" not in pin.address
    if isinstance(pin, Base):
        assert pin.digest is None or re.fullmatch(r"sha256:[0-9a-f]{64}", pin.digest)
        assert pin.reference == (f"{pin.name}:{pin.version}@{pin.digest}" if pin.digest else None)
    if isinstance(pin, Checkout) and entry.name != "checkouts/megatron-lm":  # only its tag is known
        assert pin.commit is None or re.fullmatch(r"[0-9a-f]{40}", pin.commit)
        assert pin.repository.startswith("https://")


def test_what_the_modules_hold_is_in_the_table():
    assert {"efa_installer", "gdrcopy", "driver", "torch", "charts/kueue", "plugins/nvidia", "python"} <= set(ENTRIES)
    assert {f"bases/{name}" for name in BASES} <= set(ENTRIES)
    assert len({id(entry.pin) for entry in ENTRIES.values()}) == len(ENTRIES)


def test_the_installer_and_what_it_brings_are_one():
    assert EFA.version in EFA_INSTALLERS and EFA.sha256 == EFA_INSTALLERS[EFA.version].sha256
    assert STACK["libfabric"] == EFA_INSTALLERS[EFA.version].libfabric
    assert ENTRIES["libfabric"].pin.version == STACK["libfabric"]


def test_cuda_and_nccl_are_those_of_the_torch_that_is_locked():
    pins = {name: parse_version(version) for name, version in STACKS["cuda13"].pins.items()}
    assert TORCH_BUILDS[pins["torch"][:2]][pins["cuda"][:2]] == pins["nccl"]


def test_stacks_are_made_of_components_that_can_be_found_on_a_node():
    assert all(set(one.pins) <= set(TITLES) for one in STACKS.values())
    assert set(NEURON_RELEASES[NEURON_SDK]) <= set(STACKS["neuron"].pins)


def texts(value: object) -> Iterator[str]:
    """Texts that are versions, in a constant of a module."""
    if isinstance(value, str) and re.fullmatch(r"v?\d+\.\d+[\w.+!-]*", value):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from texts(one)


def test_no_text_of_the_modules_is_left_out_of_the_table():
    shown = {entry.pin.version for entry in ENTRIES.values()} | {TORCH_OLDEST}
    for info in pkgutil.iter_modules(package.__path__):
        constants = vars(importlib.import_module(f"{package.__name__}.{info.name}"))
        for name, value in constants.items():
            if name.isupper() and name not in PARTS:
                assert set(texts(value)) <= shown, f"{info.name}.{name}"
