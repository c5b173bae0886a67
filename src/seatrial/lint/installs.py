"""What pip, uv, conda and mamba are told to install: which words of a command are packages, which belong to options.

Options: `pip install --help` of pip 25.3, `uv pip install --help` of uv 0.9, `conda install --help` of conda 25.9.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from seatrial.lint.script import Command, Word

INSTALL = ("install", "create")
"""Words of which one stands in every command that installs packages."""
_CONDA = ("conda", "mamba", "micromamba")
_BEFORE = {"sudo", "env", "exec", "time", "nice", "srun", "command", "xargs", "timeout", "retry", "nohup"}
"""Programs that run what stands behind them."""
_REQUIREMENTS = {"-r", "--requirement", "--requirements"}
_CONSTRAINTS = {"-c", "--constraint", "--constraints", "--override", "--overrides"}
_EDITABLE = {"-e", "--editable"}
_PIP = {
    *_REQUIREMENTS,
    *_CONSTRAINTS,
    *_EDITABLE,
    *("-t", "-i", "-f", "-C", "-b", "-p", "-P"),
    *("--target", "--platform", "--python-version", "--implementation", "--abi", "--root", "--prefix", "--src"),
    *("--upgrade-strategy", "--config-settings", "--global-option", "--install-option", "--build-option", "--report"),
    *("--progress-bar", "--root-user-action", "--index-url", "--pypi-url", "--extra-index-url", "--find-links"),
    *("--no-binary", "--only-binary", "--hash", "--group", "--python", "--log", "--keyring-provider", "--proxy"),
    *("--retries", "--timeout", "--exists-action", "--trusted-host", "--cert", "--client-cert", "--cache-dir"),
    *("--use-feature", "--use-deprecated", "--build-constraint", "--build-constraints", "--index", "--default-index"),
    *("--index-strategy", "--resolution", "--prerelease", "--torch-backend", "--refresh-package", "--link-mode"),
    *("--reinstall-package", "--upgrade-package", "--no-build-isolation-package", "--no-build-package", "--extra"),
    *("--exclude-newer", "--config-file", "--directory", "--project", "--allow-insecure-host", "--color"),
    *("--python-platform", "--fork-strategy", "--config-setting", "--excludes", "--no-binary-package"),
}
_OF_CONDA = {
    *("-n", "--name", "-p", "--prefix", "-c", "--channel", "-f", "--file", "--solver", "--platform", "--subdir"),
    *(
        "--repodata-fn",
        "--revision",
        "--clone",
        "-r",
        "--root-prefix",
        "--rc-file",
        "--experimental",
        "--channel-alias",
    ),
    *("--category", "--lockfile", "--relocate-prefix"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Install:
    """One command that installs packages."""

    command: Command
    manager: str
    """``pip`` or ``conda``."""
    packages: tuple[Word, ...]
    """Requirements, as they are written: ``torch==2.7.1``, ``.``, ``git+https://...``; also those that are editable."""
    requirements: tuple[Word, ...]
    """Files of requirements."""
    flags: frozenset[str]
    """Names of all options."""

    @property
    def constrained(self) -> bool:
        """Not the newest is taken: there is a file of constraints, a date, or nothing but a folder of files."""
        return bool(self.flags & ({*_CONSTRAINTS, "--exclude-newer", "--no-index"})) and self.manager == "pip"


def installs(commands: Iterable[Command]) -> Iterator[Install]:
    """Every command that installs packages of Python or conda."""
    for command in commands:
        manager, at = _begins(command.words)
        if manager:
            yield _read(command, manager, at)


def _begins(words: Sequence[Word]) -> tuple[str, int]:
    """Who installs, and the index of the first word behind ``install``; nobody, 0."""
    texts = [word.text.rpartition("/")[2] for word in words]
    for at, text in enumerate(texts):
        pip = text.startswith("pip") and re.fullmatch(r"pip[\d.]*", text)
        manager = "conda" if text in _CONDA else "pip" if pip else ""
        begin = _verb(texts, at, manager) if manager and (not at or _runs(texts[:at])) else 0
        if begin:
            return manager, begin
    return "", 0


def _verb(texts: Sequence[str], at: int, manager: str) -> int:
    """The index behind the manager's ``install``; 0: it does something else."""
    value = False
    for index, text in enumerate(texts[at + 1 :], at + 1):
        if text == "install" or (text == "create" and manager == "conda"):
            return index + 1
        if not text.startswith("-") and not value:
            return 0
        value = text in _PIP
    return 0


def _runs(before: Sequence[str]) -> bool:
    """What stands in front of a manager runs it: ``python -m``, ``uv``, ``sudo -H``, ``conda run -n x``."""
    first = before[0]
    return before[-1] in ("-m", "uv") or first in _BEFORE or (first in _CONDA and before[1:2] == ["run"])


def _read(command: Command, manager: str, begin: int) -> Install:
    valued = _OF_CONDA if manager == "conda" else _PIP
    packages: list[Word] = []
    files: list[Word] = []
    flags: set[str] = set()
    before = ""
    for word in command.words[begin:]:
        if word.text == command.words[0].text:  # an array that another branch gives another command
            break
        name, equals, value = word.text.partition("=")
        if before in valued:
            if before in _EDITABLE and manager == "pip":
                packages.append(word)
            elif before in _REQUIREMENTS and manager == "pip":
                files.append(word)
            before = ""
        elif word.text.startswith("-"):
            flags.add(name)
            before = "" if equals else name
            if name in _REQUIREMENTS and equals:
                files.append(Word(value, word.line, word.source, word.known))
        else:
            packages.append(word)
            before = ""
    return Install(
        command=command,
        manager=manager,
        packages=tuple(packages),
        requirements=tuple(files),
        flags=frozenset(flags),
    )


def name_of(requirement: str) -> str:
    """The name of a package, normalized, without extras and version; empty if it is a path, a URL or unknown."""
    found = re.match(r"\s*(?:[\w.-]+::)?([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*(?=$|[=<>!~;@ ])", requirement)
    if found is None or requirement.endswith((".whl", ".tar.gz", ".zip", ".txt")):
        return ""
    return re.sub(r"[-_.]+", "-", found[1]).lower()
