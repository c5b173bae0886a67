"""uv: it resolves, checks hashes and installs."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from seatrial import extras
from seatrial.environments import _pip
from seatrial.errors import Problem, UserError

# Choices about other environments and resolutions do not count here. Where packages come from, and caching, does.
_IGNORED = (
    *("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME"),
    *("UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_MANAGED_PYTHON", "UV_TARGET", "UV_PREFIX", "UV_PROJECT", "UV_WORKING_DIR"),
    *("UV_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE", "UV_EXCLUDE_NEWER", "UV_PRERELEASE", "UV_RESOLUTION"),
    *("UV_NO_VERIFY_HASHES", "UV_TORCH_BACKEND"),
)

_NEWS = re.compile(r"\s*(Resolved|Downloading|Building|Built|Prepared|Installed|Bytecode) ")
_PACKAGE = re.compile(
    r"(?:Failed to \w+|Hash mismatch for) `(?P<quoted>[\w.-]+)"
    r"|/simple/(?P<page>[\w.-]+)/"
    r"|Because (?:there (?:is|are) no versions? of )?(?P<because>[\w.-]+)"
)


class Failed(Exception):
    """uv could not do it."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        said = output[output.find("error:") :].removeprefix("error:").strip()
        self.said = said or output.strip() or "it said nothing"
        """Its own words."""
        named = _PACKAGE.search(said)
        self.package: str | None = next(filter(None, named.groups()), None) if named else None
        """The first package that it names."""
        self.wrong_hash = "Hash mismatch" in said
        causes = re.findall(r"^\s*(?:cause|Caused by): (.*)$", said, re.MULTILINE | re.IGNORECASE)
        self.reason: str = causes[-1] if causes else self.said.splitlines()[0]
        """The innermost cause."""


def run(
    arguments: Sequence[str],
    *,
    folder: Path,
    progress: Callable[[str], None] = lambda _: None,
    keep_open: Sequence[int] = (),
    without: Collection[str] = (),
) -> None:
    """Run uv in `folder`, whose uv.toml or pyproject.toml counts. Raises Failed.

    `progress` gets its news. It and what it starts inherit the file descriptors `keep_open`, and of the variables that
    say where packages come from all but those in `without`.
    """
    lines = []
    with subprocess.Popen(
        [_program(), "--color", "never", "--no-progress", *arguments],
        cwd=folder,
        env={name: value for name, value in _environment().items() if name not in without},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=keep_open,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                lines.append(line)
                if _NEWS.match(line):
                    progress(line.strip())
        except BaseException:  # Ctrl-C: nobody may write there any more when the caller tidies up
            process.terminate()
            process.wait()
            raise
    if process.returncode != 0:
        raise Failed("".join(lines))


def pip_options() -> list[str]:
    """Options for what pip is told and uv has no variable for."""
    return ["--no-index"] if _pip.setting("no-index").lower() in ("1", "true", "yes", "on") else []


def _program() -> str:
    found = extras.uv()
    if found is None:
        what = "uv is not installed, which makes the environments"
        raise UserError(Problem(what, remedy=extras.installing("uv")))
    return found


def _environment() -> dict[str, str]:
    """The caller's variables without those that would lead elsewhere; pip's settings where uv has none of its own."""
    inherited = {name: value for name, value in os.environ.items() if name not in _IGNORED}
    # Every file is known by its hash, so that it does not matter which index has it.
    defaults = {"UV_INDEX_STRATEGY": "unsafe-best-match", **_pip.variables()}
    found = defaults | inherited | {"UV_PYTHON_DOWNLOADS": "never"}
    places = found.pop("UV_FIND_LINKS", "").split(",")
    # uv is started in another folder than the caller's.
    links = [place if "://" in place else os.path.abspath(place) for place in places if place]
    return found | ({"UV_FIND_LINKS": ",".join(links)} if links else {})
