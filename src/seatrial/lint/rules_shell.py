"""Rules about shell code that does not do what it seems to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.findings import Verdict
from seatrial.lint.allocation import nodes
from seatrial.lint.documents import Document, without_heredocs
from seatrial.lint.rules import ALL, SHELL, Hit, Tree, rule
from seatrial.lint.scope import above
from seatrial.lint.words import text_of

UPSTREAM = "awslabs/awsome-distributed-ai"


@rule(
    "shell.cd-words",
    Verdict.FAIL,
    ALL,
    expected="cd with one folder",
    why="cd takes one folder: with a second word it fails, or what should run next never does.",
    remedy="put ; or && or a new line after the folder",
    source=f"{UPSTREAM}, megatron-lm data preparation of February 2026; POSIX, cd",
    bad="#!/bin/bash\ncd /fsx/gpt2 pwd\n",
    at=2,
    good="#!/bin/bash\ncd /fsx/gpt2 && pwd\n",
)
def cd_words(document: Document, _: Tree) -> Iterator[Hit]:
    for command in document.commands("cd"):
        words = [word for word in command.words[1:] if not word.text.startswith("-")]
        if command.words[0].text == "cd" and len(words) > 1 and words[0].text[:1] not in ">\\`":
            yield command.line, f"cd {words[0].source} {words[1].source}"


@rule(
    "shell.after-exec",
    Verdict.FAIL,
    SHELL,
    expected="exec as the last command",
    why="exec replaces the shell: what follows never runs.",
    remedy="drop exec, or move the rest before it",
    source="Bash manual, exec",
    bad="#!/bin/bash\nexec python train.py\necho done\n",
    at=3,
    good="#!/bin/bash\necho starting\nexec python train.py\n",
)
def after_exec(document: Document, _: Tree) -> Iterator[Hit]:
    for script in document.scripts if "exec" in document.text else ():
        top = [node for program in script.nodes.get("program", ()) for node in program.children]
        ended = False
        for node in top:
            if ended and node.type in ("command", "pipeline", "list", "redirected_statement", "if_statement"):
                yield script.line_of(node), f"{text_of(node).split(chr(10))[0][:40]!r} stands after exec"
                break
            ended = ended or (node.type == "command" and bool(re.match(r"exec\s+[^\s-]", text_of(node))))


@rule(
    "shell.stray-brace",
    Verdict.FAIL,
    ALL,
    expected="as many closing braces as opening ones",
    why="The second brace becomes a part of the name: ${DIR}} makes a folder whose name ends in }.",
    remedy="remove one brace",
    source=f"{UPSTREAM}, bionemo case of June 2025",
    bad="#!/bin/bash\nRESULTS=/fsx/results\nmkdir -p ${RESULTS}}\n",
    at=3,
    good="#!/bin/bash\nRESULTS=/fsx/results\nmkdir -p ${RESULTS}\n",
)
def stray_brace(document: Document, _: Tree) -> Iterator[Hit]:
    for command in document.commands() if "}}" in document.text else ():
        for word in command.words:
            plain = "}}" in word.source and "'" not in word.source and '"' not in word.source
            if plain and re.search(r"\$\{\w+\}\}", word.source) and word.source.count("}") > word.source.count("{"):
                yield word.line, word.source


@rule(
    "shell.version-redirect",
    Verdict.FAIL,
    ALL,
    expected="requirements with > in quotes",
    why="Unquoted, > sends the output to a file named =0.34.0, and any version is installed.",
    remedy="quote the requirement, better still pin it with ==",
    source=f"{UPSTREAM}, nemo and verl images of February 2026",
    bad="FROM python:3.12.4\nRUN pip install -c pins.txt huggingface_hub>=0.34.0\n",
    at=2,
    good='FROM python:3.12.4\nRUN pip install -c pins.txt "huggingface_hub>=0.34.0"\n',
)
def version_redirect(document: Document, _: Tree) -> Iterator[Hit]:
    for command in document.commands():
        for redirect in command.redirects:
            if redirect.operator == ">" and redirect.target.text.startswith("="):
                yield redirect.target.line, f"the output goes to a file named {redirect.target.text!r}"


@rule(
    "shell.broken-continuation",
    Verdict.FAIL,
    SHELL,
    expected="the backslash as the last character of its line",
    why="A blank after it, or another backslash, is what the backslash escapes: the command ends there.",
    remedy="end a line that goes on with one backslash, and nothing behind it",
    source="https://www.shellcheck.net/wiki/SC1101",
    bad="#!/bin/bash\npython train.py \\ \n  --steps 10\n",
    at=2,
    good="#!/bin/bash\npython train.py \\\n  --steps 10\n",
)
def broken_continuation(document: Document, _: Tree) -> Iterator[Hit]:
    suspect = any(end in document.text for end in ("\\ ", "\\\t", "\\\\\n"))
    text = without_heredocs(document.text) if suspect else ""
    for pattern, seen in _BROKEN:
        for found in re.finditer(rf"^(?!\s*#).*\s{pattern}", text, re.MULTILINE):
            yield document.line + text.count("\n", 0, found.start()), seen
    for script in document.scripts:
        before = -1
        for command in script.commands:
            line, name = command.line, command.words[0].source if command.words else ""
            if name.startswith("-") and re.match(r"--?[A-Za-z]", name) and command.outer is None:
                lines = script.text.split("\n")
                above = next((one.strip() for one in reversed(lines[: line - script.line]) if one.strip()), "")
                if line - 1 != before and above and not above.endswith("\\") and not above.startswith("#"):
                    yield line, f"{name} begins a command, since the line before it ends without a backslash"
                before = line


_BROKEN = ((r"\\[ \t]+$", "a blank after the backslash"), (r"\\\\$(?=\n\s*--?[A-Za-z])", "two backslashes"))


@rule(
    "shell.comment-in-command",
    Verdict.FAIL,
    SHELL,
    expected="a command without comments between its lines",
    why="A comment ends the command: the options after it are run as a command of their own.",
    remedy="move the comment before the command, or put the options in an array, where comments may stand",
    source="Bash manual, comments",
    bad="#!/bin/bash\npython train.py \\\n  # --fp8 \\\n  --steps 10\n",
    at=3,
    good='#!/bin/bash\nARGS=(\n  # --fp8\n  --steps 10\n)\npython train.py "${ARGS[@]}"\n',
)
def comment_in_command(document: Document, _: Tree) -> Iterator[Hit]:
    for script in document.scripts if "\\" in document.text else ():
        lines = script.text.split("\n")
        for node in script.nodes.get("comment", ()):
            row = node.start_point[0]
            after = lines[row + 1].lstrip() if row + 1 < len(lines) else ""
            inside = row > 0 and lines[row - 1].rstrip().endswith("\\") and not lines[row - 1].lstrip().startswith("#")
            if inside and after.startswith("-") and not (node.parent and node.parent.type == "array"):
                yield script.line_of(node), f"the command ends here; {after.split()[0]} is run as a command"


@rule(
    "shell.quoted-array",
    Verdict.FAIL,
    SHELL,
    expected="one element for each line or word",
    why="Quotes make one element of all that a command prints: there is no second, and the first is everything.",
    remedy="use mapfile -t NAME < <(command), or leave out the quotes where no element holds a blank",
    source="https://www.shellcheck.net/wiki/SC2207; Bash manual, Arrays",
    bad='#!/bin/bash\nall=("$(scontrol show hostnames)")\nsrun -w "${all[1]}" hostname\n',
    at=2,
    good='#!/bin/bash\nmapfile -t all < <(scontrol show hostnames)\nsrun -w "${all[1]}" hostname\n',
)
def quoted_array(document: Document, _: Tree) -> Iterator[Hit]:
    arrays = "=(" in document.text and re.search(r"=\(\s*[\"$]", document.text)
    for script in document.scripts if arrays and nodes(document) != 1 else ():
        printed: dict[str, str] = {}
        for node in script.nodes.get("variable_assignment", ()):
            name, value = text_of(node).split("=", 1)
            quoted = re.fullmatch(r"\(\s*\"(?:\$\{?(\w+)\}?|(\$\(.*\)))\"\s*\)", value, re.DOTALL)
            copied = re.fullmatch(r"\(\s*\"?\$\{?(\w+)\}?\"?\s*\)", value)
            command = (quoted[2] or printed.get(quoted[1], "")) if quoted else ""
            if command and _has_several(name, command, script.text):
                yield script.line_of(node), f"{name} has one element, all that {command[:60]} prints"
            elif copied and copied[1] in script.arrays and _has_several(name, "", script.text):
                yield script.line_of(node), f"{name} has one element: ${copied[1]} is the first of an array"
            printed[name] = value.strip('"') if value.startswith(("$(", '"$(', "`", '"`')) else ""


def _has_several(name: str, command: str, text: str) -> bool:
    """More than one element is meant, and no other line adds one."""
    if re.search(rf"\b{name}(\+=|\[[^\]]*\]=)|(mapfile|readarray)\b.*\b{name}\b", text):
        return False
    if len(re.findall(rf"(?m)^\s*(?:\w+\s+)*{name}=\(", text)) > 1:
        return False
    hosts = re.search(r"scontrol\s+show\s+hostnames?\b(?!.*\|\s*(head|tail|sed|awk)\b)", command)
    several = rf"\$\{{{name}\[(?!0\]|[@*]\])|\$\{{#{name}\[@\]|\"\$\{{{name}\[@\]:"
    return bool(re.search(rf"{several}|\$\{{?{name}\b" if hosts else several, text))


@rule(
    "shell.missing-file",
    Verdict.WARN,
    SHELL,
    expected="files that are there",
    why="A script that is started from another folder than its author's does not find what it starts.",
    remedy="correct the path, or make it absolute",
    source=f"{UPSTREAM}#722",
    bad="#!/bin/bash\npython ./no_such_file.py\n",
    at=2,
    good="#!/bin/bash\npython /fsx/code/train.py\n",
)
def missing_file(document: Document, tree: Tree) -> Iterator[Hit]:
    if document.embedded:
        return
    names = {"cd", "pushd", "git", "cp", "wget", "curl", "ln", "rsync", "tar", "unzip", "tee", "cat", "aws", "mv"}
    for script in document.scripts:
        if any(script.naming(*names)):
            continue  # the file may be made, or the folder another
        for command in script.commands:
            for word in command.words:
                here = word.known and word.text.startswith(("./", "../"))
                beside = here and re.fullmatch(r"\.{1,2}/[\w./-]+\.(py|sh)", word.text)
                folders = (document.path.parent, *above(document.path, tree)) if beside else ()
                paths = [folder / word.text for folder in folders]
                if not paths or any(path.exists() for path in paths):
                    continue
                if re.search(r"--container-|docker run|--chdir|-D ", document.text):
                    return  # it runs in another folder
                if paths[0].parent == folders[0] or paths[0].parent.is_dir():  # else it is made, linked or mounted
                    yield word.line, f"{word.text} does not exist beside the script"


@rule(
    "launch.merge-marker",
    Verdict.FAIL,
    ALL,
    expected="a merge that is finished",
    why="The lines of git's merge markers are no commands and no YAML; both versions of the text are still there.",
    remedy="keep one version and remove the markers",
    source=f"{UPSTREAM}, megatron-lm case; git merge",
    bad="#!/bin/bash\n<<<<<<< HEAD\nSTEPS=10\n=======\nSTEPS=20\n>>>>>>> main\npython train.py $STEPS\n",
    at=2,
    good="#!/bin/bash\nSTEPS=20\npython train.py $STEPS\n",
)
def merge_marker(document: Document, _: Tree) -> Iterator[Hit]:
    marked = "<<<<<<< " in document.text or ">>>>>>> " in document.text
    for found in re.finditer(r"^(?:<{7}|>{7}) \S.*", document.text, re.MULTILINE) if marked else ():
        yield document.line + document.text.count("\n", 0, found.start()), found[0][:40]
