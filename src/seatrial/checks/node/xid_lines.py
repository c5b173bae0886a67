"""Lines that tell of an Xid or SXid: code, device, and what of the rest decides."""

from __future__ import annotations

import re

from seatrial.checks.node.kernel_signatures import Signature, Subject

UNREADABLE = "?"
"""Instead of a code: the line names an Xid, but none can be read."""

_WORD = re.compile(r"(?<![A-Za-z0-9_])S?Xid(?![a-z_])")
_NVRM = re.compile(r"NVRM:.*?(?<![A-Za-z0-9_])xid", re.IGNORECASE)
_EVENT = r"(?<![A-Za-z0-9_])%s[ :]*(?:\((?:PCI:)?(?P<device>[^()]*)\))?[ :]*(?P<code>\d{1,6})(?!\w|\.\d)(?P<rest>.*)"
_XID, _SXID = re.compile(_EVENT % "Xid"), re.compile(_EVENT % "SXid")
_FABRIC = re.compile(
    r"detected NVSwitch (?P<word>non-fatal|fatal) error (?P<code>\d{1,6})(?![\w.])"
    r"(?:.*?pci bus id (?P<device>[0-9a-fA-F:.]+))?(?:.*?port (?P<link>\d+))?",
    re.IGNORECASE,
)
_FABRIC_WORD = re.compile(r"detected NVSwitch \S*fatal error", re.IGNORECASE)
_DETAIL = re.compile(r"^[,\s]*(?:Severity \d|Data \{|Engine instance)")
_TPC = re.compile(r"GPC (\d+), TPC (\d+)")
_RECOVERY = re.compile(r"recovery action changed from .*? to 0x[0-9a-fA-F]+ \(([^)]*)\)")
_LINK = re.compile(r"\blink (\d+)\b", re.IGNORECASE)
_HEX = re.compile(r"\((?:0x[0-9a-fA-F]+[,\s]*)+\)")
_STATUS = re.compile(r".*?[(\[]\s*0x[0-9a-fA-F]+[,\s]+0x[0-9a-fA-F]+")
_CAUSED = re.compile(r"caused by previous Xid (\d+)")

NVLINK5 = range(144, 151)


def address(text: str | None) -> str:
    """A PCI address as NVIDIA's tools and the kernel both write it: four digits of domain, no function, no MIG instance
    such as ``GPU-I:05`` behind it."""
    match = re.match(r"0*([0-9a-fA-F]{1,4}):([0-9a-fA-F]{2}):([0-9a-fA-F]{2})(?:\.[0-7])?(?= |$)", text or "")
    return f"{int(match[1], 16):04x}:{match[2]}:{match[3]}".lower() if match else (text or "").strip()


def xids(line: str) -> list[Subject]:
    """(device, code, what of the rest decides)"""
    if match := _XID.search(line):
        return [(address(match["device"]), str(int(match["code"])), _detail(int(match["code"]), match["rest"]))]
    word = _WORD.search(line)
    if (word and not word[0].startswith("S")) or (_NVRM.search(line) and not _SXID.search(line)):
        return [("", UNREADABLE, "")]
    return []


def _detail(code: int, rest: str) -> str:
    """Of a message that is the same again and again, only what tells one fault from another."""
    if code == 13:
        match = _TPC.search(rest)
        return f"GPC {match[1]} TPC {match[2]}" if match else ""
    if code == 45:
        caused = _CAUSED.search(rest)
        return f"Xid {caused[1]}" if caused else ""
    if code == 74:
        link, words = _LINK.search(rest), _HEX.search(rest)
        return f"link {link[1] if link else '?'} {words[0] if words else ''}".strip()
    if code == 154:
        to = _RECOVERY.search(rest)
        return to[1].strip() if to else UNREADABLE
    if code in NVLINK5:
        start = _STATUS.match(rest)
        return (start[0] if start else rest).strip(" ,")
    return ""


def sxids(line: str) -> list[Subject]:
    """(device, code, fatal | non-fatal | ?, link)"""
    if match := _SXID.search(line):
        rest = match["rest"]
        if _DETAIL.search(rest):
            return [(address(match["device"]), str(int(match["code"])), "detail", "")]
        word = re.match(r"[,\s]*(non-?fatal|fatal)\b", rest, re.IGNORECASE)
        link = _LINK.search(rest)
        said = word[1].lower().replace("nonfatal", "non-fatal") if word else UNREADABLE
        return [(address(match["device"]), str(int(match["code"])), said, link[1] if link else "")]
    if match := _FABRIC.search(line):
        return [(address(match["device"]), str(int(match["code"])), match["word"].lower(), match["link"] or "")]
    word = _WORD.search(line)
    if (word and word[0].startswith("S")) or _FABRIC_WORD.search(line):
        return [("", UNREADABLE, "", "")]
    return []


XID = Signature(name="Xid", rule="gpu.xid", tokens=("Xid", "NVRM"), read=xids)
SXID = Signature(name="SXid", rule="nvswitch.sxid", tokens=("Xid", "NVSwitch "), read=sxids)
