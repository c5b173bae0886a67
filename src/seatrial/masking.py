"""Secrets in texts that are kept or shown: what looks like one is masked, whatever surrounds it."""

from __future__ import annotations

import re
from collections.abc import Iterator

MASK = "***"

FORMS = re.compile(
    r"\b(?:(hf_)[A-Za-z0-9]{20,}|(AKIA|ASIA)[0-9A-Z]{16}|(gh[pousr]_)[A-Za-z0-9]{20,}|(github_pat_)\w{20,}|"
    r"(glpat-|nvapi-|sk-|xox[abprs]-)[\w-]{20,}|(eyJ)[\w-]{10,}\.[\w.-]{10,})"
)
"""Keys that show by their form what they are. Never printed, but for the beginning by which people know its kind."""
_BEGINNINGS = (
    *("hf_", "AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "nvapi-", "sk-"),
    *("xox", "eyJ"),
)
_SECRET = r"(?:token|password|passwd|secret|api[_-]?key|access[_-]?key(?:[_-]?id)?|private[_-]?key|credentials?)"
_NAME = re.compile(rf"(?i)(?:^|[_-]){_SECRET}$")
_NO_SECRET = r"(?<!\beos_)(?<!\bbos_)(?<!\bpad_)(?<!\bunk_)(?<!\bmask_)(?<!\bcls_)(?<!\bsep_)"
_NAMED = re.compile(  # NAME=value, "name": "value", --name=value; a number is no secret
    rf"(?i)((?<![a-z]){_NO_SECRET}{_SECRET}[\"']?\s?[=:]\s?[\"']?)(?![\d.,]+(?:\s|$))[^\s\"',;&)]{{6,}}"
)
_HEADER = re.compile(r"(?i)\b(bearer|basic) [\w.~+/=-]{8,}")
_URL = re.compile(r"(://)[^/\s:@]*:[^/\s@]+@")


def mask(text: str) -> str:
    """`text` without the secrets in it: keys by their form, values by the name before them, passwords in addresses."""
    return _HEADER.sub(rf"\1 {MASK}", _NAMED.sub(rf"\1{MASK}", _URL.sub(rf"\1{MASK}@", mask_forms(text))))


def keys_in(text: str) -> Iterator[re.Match[str]]:
    """Keys that show by their form what they are. A text without their beginnings, as most are, takes no search."""
    return FORMS.finditer(text) if any(map(text.__contains__, _BEGINNINGS)) else iter(())


def mask_forms(text: str) -> str:
    """`text` without keys that show by their form what they are. Safe for any text: it changes nothing else."""
    return FORMS.sub(lambda found: f"{found[found.lastindex or 0]}{MASK}", text)


def names_secret(name: str) -> bool:
    """Whether a variable of that name holds a secret."""
    return _NAME.search(name) is not None
