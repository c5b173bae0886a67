"""Rules about what is fetched and installed: the same today as next year."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from seatrial.findings import Verdict
from seatrial.lint.documents import Document
from seatrial.lint.rules import ALL, Hit, Tree, rule
from seatrial.lint.script import Command, Word, option

UPSTREAM = "awslabs/awsome-distributed-ai"
_MUTABLE_URL = re.compile(
    r"https?://(?:raw\.githubusercontent\.com/[\w.-]+/[\w.-]+/(?:refs/heads/)?(?:main|master|HEAD)/"
    r"|github\.com/[\w.-]+/[\w.-]+/(?:raw|archive)/(?:refs/heads/)?(?:main|master|HEAD)\b"
    r"|efa-installer\.amazonaws\.com/aws-efa-installer-latest)\S*"
)
_TOOLS = {"pip", "setuptools", "wheel", "uv", "virtualenv"}
"""Tools for installing, which nobody pins."""
_TAKES_VALUE = {"-r", "-c", "-i", "-f", "-t", "-e", "--requirement", "--constraint", "--editable", "--index-url"}
_TAKES_VALUE |= {
    "--extra-index-url",
    "--no-binary",
    "--only-binary",
    "--find-links",
    "--target",
    "--prefix",
    "--root",
    "--config-settings",
    "--timeout",
}


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
    for word in words(document):
        found = _MUTABLE_URL.search(word.text) if "http" in word.text and not re.search(r"\s", word.text) else None
        if found:
            yield word.line, found[0].rstrip("\"')")


def words(document: Document) -> Iterator[Word]:
    """Every word of every command, and those of ADD and COPY."""
    for command in document.commands():
        yield from command.words
    for item in document.instructions:
        if item.name in ("ADD", "COPY"):
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
    pattern = re.compile(
        r"\b(curl|wget)\b[^|;&\n]*(\\\n[^|;&\n]*)*\|\s*(sudo\s+(-\S+\s+)*)?(env\s+)?(ba|z)?sh\b"
        r"|\b(ba)?sh\s+(-c\s+\"\$\(|<\()\s*(curl|wget)\b"
    )
    for script in document.scripts if re.search("curl|wget", document.text) else ():
        for found in pattern.finditer(script.text):
            if not re.search(r"#", script.text[script.text.rfind("\n", 0, found.start()) + 1 : found.start()]):
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
    for command in document.commands():
        at = command.find("pip", "pip3")
        if at is None or not any(word.text == "install" for word in command.words[at + 1 : at + 3]):
            continue
        loose = [word for word in _packages(command, at) if _loose(word.text)]
        if loose and option(command.words, "-c", "--constraint", "--constraints") is None:
            yield loose[0].line, "no version: " + ", ".join(word.text for word in loose)


def _packages(command: Command, at: int) -> Iterator[Word]:
    for before, word in itertools.pairwise(command.words[at + 1 :]):
        if not word.text.startswith("-") and word.text != "install" and before.text not in _TAKES_VALUE:
            yield word


def _loose(text: str) -> bool:
    name = re.match(r"[A-Za-z][\w.-]*(\[[\w,.-]*\])?", text)
    if not name or name[0].lower() in _TOOLS or "/" in text or "$" in text.partition("=")[0]:
        return "git+" in text and "@" not in text.rpartition("/")[2]
    return not re.search(r"==|@", text) and not text.endswith((".whl", ".tar.gz", ".txt"))


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
    for script in document.scripts:
        commands = [c for c in script.commands if c.name == "git"]
        pins = [c for c in commands if any(w.text in ("checkout", "reset", "switch", "fetch") for w in c.words)]
        for command in commands:
            if not any(word.text == "clone" for word in command.words):
                continue
            branch = option(command.words, "--branch", "-b", "--revision")
            later = any(pin.line >= command.line for pin in pins)
            if not later and (branch is None or branch.text in ("main", "master", "HEAD")):
                url = next((w.source for w in command.words if "/" in w.text), "")
                yield command.line, f"the head of {branch.text if branch else 'the default branch'} of {url}"


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
    for command in document.commands():
        if command.name != "curl":
            continue
        flags = [w.text for w in command.words if w.text.startswith("-")]
        short = "".join(f[1:] for f in flags if not f.startswith("--"))
        if any(flag.startswith("--fail") for flag in flags) or "f" in short:
            continue
        if re.search(r"[oO]", short) or any(f.startswith(("--output", "--remote-name")) for f in flags):
            target = option(command.words, "-o", "--output")
            if not (target and target.text == "/dev/null"):
                yield command.line, "curl keeps what it gets without -f"
