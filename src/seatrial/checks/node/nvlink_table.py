"""What the words of an Xid 74 and of the Xids 144 to 150 mean: NVLink of up to Hopper, and of Blackwell.

Source: NVIDIA, Xid-Catalog.xlsx (sha256 7f70ce96, sheets Resolution Buckets and Xid 144-150 Decode), 2026-11-28.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from seatrial.checks.node.xid_table import Action


class Bit(StrEnum):
    """What a bit of an Xid 74's register says."""

    IGNORED = "may be ignored"
    SECONDARY = "follows another fault"
    FABRIC = "follows another fault, and the fabric has to be reset"
    MEMORY = "ECC or parity, hardware if it comes again on the link"
    CONTACT = "a bad contact, hardware if it comes again"
    SIGNAL = "marginal signal of the link"
    REPORT = "to be reported if it comes again"
    DIAGNOSE = "field diagnosis if it comes again"
    CORRECTED = "many errors, all corrected"
    UNDEFINED = "not in the catalogue"


BITS: dict[int, dict[Bit, frozenset[int]]] = {
    0: {
        Bit.IGNORED: frozenset({0, 23, 30}),
        Bit.SECONDARY: frozenset({1, 20}),
        Bit.MEMORY: frozenset({4, 5}),
        Bit.CONTACT: frozenset({8, 9, 12, 16, 17, 24, 28}),
        Bit.SIGNAL: frozenset({21, 22}),
        Bit.REPORT: frozenset({27, 29}),
    },
    2: {
        Bit.MEMORY: frozenset({0, 1, 2, 6}),
        Bit.REPORT: frozenset({13}),
        Bit.DIAGNOSE: frozenset({16, 17, 18, 19}),
    },
    3: {Bit.SECONDARY: frozenset({16, 17}), Bit.FABRIC: frozenset({18})},
    4: {
        Bit.MEMORY: frozenset({18, 19, 21, 22, 24, 25, 27, 28}),
        Bit.CORRECTED: frozenset({20, 23, 26, 29}),
    },
}
"""Register, counted from 0 -> what its bits say."""

REGISTERS = 7
"""Words that an Xid 74 prints."""
_WORDS = re.compile(rf"\(((?:0x[0-9a-fA-F]+,?\s*){{{REGISTERS}}})\)")


def bits(text: str) -> frozenset[Bit] | None:
    """What the registers of an Xid 74 say; None if the line has none that can be read."""
    match = _WORDS.search(text)
    if match is None:
        return None
    words = [int(word, 16) for word in re.findall(r"0x[0-9a-fA-F]+", match[1])]
    return frozenset(
        _meaning(register, bit) for register, word in enumerate(words) for bit in range(32) if word >> bit & 1
    )


def _meaning(register: int, bit: int) -> Bit:
    for meaning, members in BITS.get(register, {}).items():
        if bit in members:
            return meaning
    return Bit.UNDEFINED


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of the NVLink engine that an Xid 144 to 150 comes from."""

    xid: int
    names: tuple[str, ...]
    """As the line calls it: before driver R575, from R575 on."""
    v1: int
    """Lowest ten bits of IntrInfo before R575."""
    v2: int
    """Lowest seven from R575 on."""
    by_status: dict[int, Action]
    """Error status -> action; empty: `by_reason` decides, whatever the status is."""
    by_reason: dict[int, Action]
    """Bits 20 to 25 of IntrInfo -> action; empty: they must be 0."""
    promoted: frozenset[int] = frozenset()
    """Statuses for which the bit above v1 or v2 asks for a reset: an error that was not fatal has become so."""


_I, _R, _E = Action.IGNORE, Action.RESET_GPU, Action.RESTART_APP  # _E: XID_154_EVAL, which is this without an Xid 154
_SOFT = 0x80000000
_PARITY = {0x1: _I, 0x2: _I, 0x4: _R, _SOFT: _I}

UNITS = (
    Unit(144, ("SAW_MVB",), 0x021, 0x01, {0x1: _I, 0x2: _R, 0x4: _I, 0x8: _I, 0x10: _R, 0x20: _I}, {}),
    Unit(145, ("RLW_CTRL",), 0x062, 0x03, {_SOFT: _I}, {}),
    Unit(
        145,
        ("RLW_REMAP",),
        0x082,
        0x04,
        {
            **dict.fromkeys((0x1, 0x2, 0x4, 0x8, 0x10, 0x20), _E),
            0x40: _R,
            0x80: _R,
            0x100: _I,
            0x200: _I,
            _SOFT: _I,
        },
        {},
    ),
    Unit(145, ("RLW_RSPCOL",), 0x0A2, 0x05, {0x1: _I, 0x2: _R, _SOFT: _I}, {}),
    Unit(
        145,
        ("RLW_RXPIPE",),
        0x0C2,
        0x06,
        {0x1: _I, 0x2: _I, 0x4: _I, 0x8: _I, _SOFT: _I},
        {},
        promoted=frozenset({0x1, 0x2, 0x4}),
    ),
    Unit(
        145,
        ("RLW_SRC_TRACK",),
        0x0E2,
        0x07,
        {0x1: _R, 0x2: _I, 0x4: _E, 0x8: _E, 0x10: _R, 0x20: _R, _SOFT: _I},
        {},
    ),
    Unit(
        145,
        ("RLW_TAGSTATE",),
        0x102,
        0x08,
        {0x1: _I, 0x2: _R, 0x10000: _I, 0x20000: _R, 0x100000: _R, _SOFT: _I},
        {},
    ),
    Unit(146, ("TLW_CTRL",), 0x123, 0x09, _PARITY, {}),
    Unit(146, ("TLW_RX", "TLW_RX_PIPE0"), 0x143, 0x0A, _PARITY, {}),
    Unit(146, ("TLW_RX", "TLW_RX_PIPE1"), 0x143, 0x0B, _PARITY, {}),
    Unit(146, ("TLW_TX", "TLW_TX_PIPE0"), 0x163, 0x0C, _PARITY, {}),
    Unit(146, ("TLW_TX", "TLW_TX_PIPE1"), 0x163, 0x0D, _PARITY, {}),
    Unit(147, ("TREX",), 0x184, 0x0E, {0x1: _I, _SOFT: _I}, {}),
    Unit(148, ("NVLPW_CTRL", "NVLPW"), 0x005, 0x0F, {_SOFT: _I}, {}),
    Unit(149, ("NETIR", "NETIR_INT"), 0x006, 0x18, {}, {0: _R}),
    Unit(
        149,
        ("NETIR_LINK_EVT", "NETIR_LINK_DOWN"),
        0x1C6,
        0x11,
        {},
        {
            **dict.fromkeys((0x00, 0x01, 0x02, 0x04, 0x0A, 0x0F, 0x10, 0x11, 0x12, 0x15, 0x16), _R),
            **dict.fromkeys((0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x2A, 0x2B), _R),
            0x26: _I,
            0x28: _I,
        },
    ),
    Unit(149, ("NETIR_BER_EVENT",), 0x226, 0x13, {0x0: _I, 0x1: _I, 0x2: _I, 0x3: _I}, {}),
    Unit(149, ("NETIR_MFDE_EVENT",), 0x246, 0x14, {0x1: _R, 0x3: _I, 0x4: _R, 0x5: _R, 0x7: _R}, {}),
    Unit(150, ("MSE Degraded", "MSE_DEGRADED"), 0x000, 0x00, {0x0: _R, 0xFFFFFFFF: _R}, {}),
    Unit(150, ("MSE_WATCHDOG",), 0x000, 0x00, {0x0: _R}, {}),
)

_FIELDS = re.compile(
    r"(?P<unit>MSE Degraded|\w+)\s+(?P<word>(?:Link )?(?:Non-?)?[Ff]atal)\s+XC\s?\d?\s+i\s?\d?\s+Link\s+(?P<link>-?\d+)"
    r"\s+[(\[]\s*(?P<intr>0x[0-9a-fA-F]{1,8})[,\s]+(?P<status>0x[0-9a-fA-F]{1,8})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """An Xid 144 to 150 as far as it can be read."""

    unit: str = ""
    fatal: bool = False
    """The line's own word."""
    link: str = ""
    action: Action | None = None
    """None: the table has no row for it."""


def decode(xid: int, text: str) -> Decoded:
    """What an Xid 144 to 150 asks for. The driver's version stands in no line, so both layouts are tried: the stricter
    one counts where both fit."""
    fields = _FIELDS.search(text)
    if fields is None:
        return Decoded()
    intr, status = int(fields["intr"], 16), int(fields["status"], 16)
    found = {
        action
        for unit in UNITS
        if unit.xid == xid and fields["unit"] in unit.names
        for action in _rows(unit, intr, status)
    }
    strictest = next((action for action in (_R, _E, _I) if action in found), None)
    fatal = "non" not in fields["word"].lower()
    return Decoded(fields["unit"], fatal, fields["link"], strictest)


def _rows(unit: Unit, intr: int, status: int) -> list[Action]:
    reason = intr >> 20 & 0x3F
    found = []
    for value, width in ((unit.v1, 10), (unit.v2, 7)):
        if intr & ((1 << width) - 1) != value:
            continue
        if not unit.by_status:
            action = unit.by_reason.get(reason)
        elif reason:
            action = None
        elif status in unit.promoted and intr >> width & 1:
            action = _R
        else:
            action = unit.by_status.get(status)
        if action is not None:
            found.append(action)
    return found
