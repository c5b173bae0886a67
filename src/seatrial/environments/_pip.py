"""Where pip is told to take packages from. uv does not read it, and whoever set it for pip means every installation."""

from __future__ import annotations

import configparser
import contextlib
import os
import sys
from pathlib import Path

_VARIABLES = {
    "find-links": ("UV_FIND_LINKS", ","),
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "cert": ("SSL_CERT_FILE", " "),
}
"""pip's setting -> uv's variable, and what stands between several values there."""


def variables() -> dict[str, str]:
    """pip's settings as the variables that uv reads."""
    return {
        variable: separator.join(value.split())
        for name, (variable, separator) in _VARIABLES.items()
        if (value := setting(name))
    }


def setting(name: str) -> str:
    """One of pip's settings; empty if there is none. A variable counts more than the files, the last file most."""
    found = os.environ.get(f"PIP_{name.upper().replace('-', '_')}", "")
    parser = configparser.RawConfigParser()
    with contextlib.suppress(configparser.Error, UnicodeDecodeError):  # pip itself says what is wrong with it
        parser.read(_files(), encoding="utf-8")
    for section in ("install", "global"):
        found = found or parser.get(section, name, fallback="")
    return found


def _files() -> list[Path]:
    """pip's configuration files in the order in which it reads them. Absent ones are passed over."""
    chosen = os.environ.get("PIP_CONFIG_FILE", "")
    if chosen == os.devnull:
        return []
    home = Path.home()
    shared = os.environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(os.pathsep)
    system = [Path("/Library/Application Support"), *map(Path, shared)]
    mine = [home / "Library/Application Support", Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")]
    return [
        *(folder / "pip/pip.conf" for folder in system),
        Path("/etc/pip.conf"),
        # pip passes over the user's own files where another one is named.
        *([] if chosen else [home / ".pip/pip.conf", *(folder / "pip/pip.conf" for folder in mine)]),
        Path(sys.prefix, "pip.conf"),
        *([Path(chosen)] if chosen else []),
    ]
