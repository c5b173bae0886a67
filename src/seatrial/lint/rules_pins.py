"""Rules about what is fetched and installed: the same today as next year."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from seatrial.findings import Verdict
from seatrial.lint.documents import Document
from seatrial.lint.installs import INSTALL, installs, name_of
from seatrial.lint.rules import ALL, Hit, Tree, rule
from seatrial.lint.script import Command, Script, Word, option

UPSTREAM = "awslabs/awsome-distributed-ai"
_MUTABLE_URL = re.compile(
    r"https?://(?:raw\.githubusercontent\.com/[\w.-]+/[\w.-]+/(?:refs/heads/[\w.-]+|main|master|HEAD)/"
    r"|github\.com/[\w.-]+/[\w.-]+/(?:raw|archive)/(?:refs/heads/[\w.-]+|(?:main|master|HEAD)\b)"
    r"|github\.com/[\w.-]+/[\w.-]+/releases/latest/download/|repo\.(?:anaconda|continuum)\.(?:com|io)/\S*-latest-"
    r"|efa-installer\.amazonaws\.com/aws-efa-installer-latest)\S*"
)
_PIPED = re.compile(
    r"\b(curl|wget)\b[^|;&\n]*(\\\n[^|;&\n]*)*\|\s*(sudo\s+(-\S+\s+)*)?(env\s+)?(\w+=\S+\s+)*(ba|z)?sh\b"
    r"|\b(ba)?sh\s+(-c\s+\"\$\(|<\()\s*(curl|wget)\b"
)
_TOOLS = {"pip", "setuptools", "wheel", "uv", "virtualenv", "pipx", "poetry", "hatch", "hatchling", "build"}
_TOOLS |= {"packaging", "ninja", "cmake", "conda", "mamba", "conda-build"}
"""Tools for building and installing, which are in no case's results."""
_BRANCHES = ("main", "master", "HEAD", "develop", "dev", ".")


@rule(
    "pins.mutable-url",
    Verdict.WARN,
    ALL,
    expected="a tag, a release or a commit in the URL",
    why="What stands on a main branch today is something else tomorrow, and the launch changes or breaks with it.",
    remedy="put a tag or a commit where main stands; a version where latest stands",
    source=f"{UPSTREAM}, 15 executable files of June 2025; PR #916",
    bad="#!/bin/bash\ncurl -fO https://raw.githubusercontent.com/org/repo/main/setup.py\n",
    at=2,
    good="#!/bin/bash\ncurl -fO https://raw.githubusercontent.com/org/repo/v1.2.0/setup.py\n",
)
def mutable_url(document: Document, _: Tree) -> Iterator[Hit]:
    if "http" not in document.text:
        return
    urls = [(word, _MUTABLE_URL.search(word.text)) for word in words(document) if "http" in word.text]
    moving = [(word, found) for word, found in urls if found and not re.search(r"\s", word.text)]
    if not moving:
        return
    fixed = {word for script in document.scripts if _verified(script) for c in script.commands for word in c.words}
    fixed |= {word for c in document.commands("echo", "printf") if c.name in ("echo", "printf") for word in c.words}
    yield from ((word.line, found[0].rstrip("\"')")) for word, found in moving if word not in fixed)


def words(document: Document) -> Iterator[Word]:
    """Every word of every command, and those of ADD and COPY."""
    for command in document.commands():
        yield from command.words
    for item in document.instructions:
        if item.name in ("ADD", "COPY") and "checksum" not in item.flags:
            yield from (Word(part, item.line, part, True) for part in item.value.split())


@rule(
    "pins.pipe-to-shell",
    Verdict.WARN,
    ALL,
    expected="a file that is fetched, checked and then run",
    why="A fetch that breaks off half way runs half a script, and nobody has seen what was run.",
    remedy="fetch a fixed version to a file, compare its checksum, run it",
    source="https://www.shellcheck.net; OpenSSF Scorecard, pinned dependencies",
    bad="#!/bin/bash\ncurl -fsSL https://example.com/install.sh | bash\n",
    at=2,
    good="#!/bin/bash\n"
    "curl -fsSLo install.sh https://example.com/v1.2.0/install.sh\n"
    "sha256sum -c install.sha256\n"
    "bash install.sh\n",
)
def pipe_to_shell(document: Document, _: Tree) -> Iterator[Hit]:
    for script in document.scripts if "curl" in document.text or "wget" in document.text else ():
        printed = [w.source for c in script.naming("echo", "printf") if c.name in ("echo", "printf") for w in c.words]
        for found in _PIPED.finditer(script.text):
            comment = "#" in script.text[script.text.rfind("\n", 0, found.start()) + 1 : found.start()]
            if not comment and not any(found[0] in text for text in printed):
                yield script.line + script.text.count("\n", 0, found.start()), found[0].split("\n")[0][:60]


@rule(
    "pins.unpinned-package",
    Verdict.WARN,
    ALL,
    expected="pip install name==version, or a file of pins",
    why="Without a version the newest is installed: the case breaks when a dependency changes, as cases did each year.",
    remedy="write ==version, or use -r or -c with a file that does",
    source=f"{UPSTREAM}#219, PR #491, PR #505",
    bad="FROM python:3.12.4\nRUN pip install transformers\n",
    at=2,
    good="FROM python:3.12.4\nRUN pip install transformers==4.53.0\n",
)
def unpinned_package(document: Document, _: Tree) -> Iterator[Hit]:
    if any(a.name in ("PIP_CONSTRAINT", "UV_CONSTRAINT") and a.value != "" for a in document.assignments()):
        return
    for install in installs(document.commands(*INSTALL)):
        loose = [word for word in install.packages if _loose(word, install.manager)]
        nightly = "--pre" in install.flags and any("nightly" in word.text for word in install.command.words)
        if loose and not install.constrained and not nightly:  # the newest is what is meant
            yield loose[0].line, "no fixed version: " + ", ".join(word.text for word in loose)


def _loose(word: Word, manager: str) -> bool:
    """The newest is taken, whatever it is. An upper bound counts as a version; what is not known does, too."""
    text = word.text.partition(";")[0].strip()
    source = text.partition("@ ")[2].strip() if "@ " in text else text
    if "git+" in source:
        revision = source.rpartition("/")[2].partition("#")[0].partition("@")
        return not revision[1] or revision[2] in _BRANCHES
    name = name_of(text)
    if not name or name in _TOOLS or "/" in text or "$" in text or re.search(r"\s", text):
        return False
    return not re.search(r"[=<]" if manager == "conda" else r"==|[<@]|~=", text.replace(">=", ">"))


@rule(
    "pins.unpinned-clone",
    Verdict.WARN,
    ALL,
    expected="git clone of a tag, or followed by a checkout of a commit",
    why="The head of a default branch moves: what was tested is not what runs.",
    remedy="add --branch TAG, or git checkout COMMIT after it",
    source=f"{UPSTREAM}#976",
    bad="#!/bin/bash\ngit clone https://github.com/pytorch/torchtitan.git\n",
    at=2,
    good="#!/bin/bash\ngit clone --branch v0.2.0 https://github.com/pytorch/torchtitan.git\n",
)
def unpinned_clone(document: Document, _: Tree) -> Iterator[Hit]:
    commands = [command for command in document.commands("git") if command.name == "git"]
    moves = ("checkout", "reset", "switch", "fetch")
    pins = [c for c in commands if any(w.text in moves for w in c.words) and c.words[-1].text not in _BRANCHES]
    for command in commands:
        at = next((i for i, word in enumerate(command.words) if word.text == "clone"), None)
        if at is None or any(pin.line >= command.line for pin in pins):
            continue
        branch = option(command.words, "--branch", "-b", "--revision")
        words = [word for word in command.words[at + 1 :] if word.text[:1] != "-" and word != branch]
        url = next((word for word in words if re.search(r"[/:$]", word.source)), None)
        if url is None or url.text.startswith(("/", ".", "file:", "$")):  # a folder, or nobody knows what
            continue
        if (branch is None or branch.text in _BRANCHES) and not _is_pushed(words, document):
            yield command.line, f"the head of {branch.text if branch else 'the default branch'} of {url.source}"


def _is_pushed(cloned: Sequence[Word], document: Document) -> bool:
    """The script works on what it cloned, and sends it back. `cloned`: the words behind ``git clone``."""
    folder = re.sub(r"\.git$", "", PurePosixPath(cloned[-1].source.strip('"')).name)
    git = [c for c in document.commands("git") if c.name == "git" and any(w.text == "push" for w in c.words)]
    entered = [c for c in document.commands("cd", "pushd") if c.name in ("cd", "pushd")] if git else []
    return any(PurePosixPath(w.source.strip('"')).name == folder for c in (*git, *entered) for w in c.words[1:])


@rule(
    "pins.unchecked-download",
    Verdict.WARN,
    ALL,
    expected="curl -f where the result is kept",
    why="Without -f curl saves the server's error page and reports success: the file holds 404: Not Found.",
    remedy="add -f, better --fail-with-body with --retry",
    source=f"{UPSTREAM}, cpu-ddp manifest of June 2025; curl manual, --fail",
    bad="#!/bin/bash\ncurl -sLO https://example.com/v1/data.tar.gz\n",
    at=2,
    good="#!/bin/bash\ncurl -fsLO https://example.com/v1/data.tar.gz\n",
)
def unchecked_download(document: Document, _: Tree) -> Iterator[Hit]:
    for script in document.scripts:
        for command in () if _verified(script) else script.naming("curl"):
            if command.name == "curl" and _keeps(command) and not _fails(command):
                yield command.line, "curl keeps what it gets without -f"


def _verified(script: Script) -> bool:
    """It compares what it fetched with a checksum or a signature, and so notices an error page."""
    return any(
        (
            c.name.endswith("sum")
            and re.fullmatch(r"(sha\d+|md5|b2)sum|shasum", c.name)
            and _has(c, "-[a-z]*c", "--check")
        )
        or (c.name in ("gpg", "gpgv", "gpg2") and (c.name == "gpgv" or _has(c, "--verify")))
        or (c.name in ("cosign", "minisign") and any(re.match(r"verify|-V", w.text) for w in c.words))
        for c in script.naming(*_VERIFIERS)
    )


_VERIFIERS = (
    *("sha1sum", "sha224sum", "sha256sum", "sha384sum", "sha512sum", "md5sum", "b2sum", "shasum"),
    *("gpg", "gpgv", "gpg2", "cosign", "minisign"),
)


def _has(command: Command, *patterns: str) -> bool:
    return any(re.fullmatch(pattern, word.text) for word in command.words[1:] for pattern in patterns)


def _fails(command: Command) -> bool:
    return _has(command, r"-[a-zA-Z#]*f.*", "--fail.*")


def _keeps(command: Command) -> bool:
    """It writes what it fetches to a file. A request that sends something, or asks for heads alone, is no download;
    what asks for the status (-w) judges it itself."""
    if _has(
        command, "-[a-zA-Z#]*I.*", "--head", "-d.*", "--data.*", "--json", "-F.*", "--form.*", "-T.*", "--upload-file"
    ):
        return False
    method, target = option(command.words, "-X", "--request"), option(command.words, "-o", "--output")
    if method and method.text != "GET":
        return False
    if _has(command, r"-[a-zA-Z#]*O.*", "--remote-name(-all)?"):
        return True
    if target is None and not _has(command, "-[a-zA-Z#]*o"):
        return False
    return not _has(command, "/dev/(null|stdout|stderr)", "-o-", "--output=(-|/dev/null)") and (
        target is None or target.text != "-"
    )
