"""Rules about shell code that does not do what it seems to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from seatrial.findings import Verdict
from seatrial.lint.documents import Document
from seatrial.lint.rules import ALL, SHELL, Hit, Tree, rule
from seatrial.lint.words import text_of

UPSTREAM = "awslabs/awsome-distributed-ai"
_GIVEN = re.compile(
    r"^(SLURM|SBATCH|PMI|PMIX|OMPI|MPI|AWS|SM|SAGEMAKER|CONDA|XDG|LC|SSH|BASH|PYENV|DOCKER|ENROOT|PYXIS|KUBERNETES|PET"
    r"|HF|HUGGING_FACE|WANDB|NCCL|CUDA|NVIDIA|FI|NEURON|TORCH|GITHUB|CI)_\w+$"
    r"|^(HOME|USER|LOGNAME|PATH|PWD|OLDPWD|SHELL|HOSTNAME|HOSTTYPE|OSTYPE|MACHTYPE|UID|EUID|GID|PPID|RANDOM|SECONDS|LINENO"
    r"|FUNCNAME|PIPESTATUS|IFS|OPTARG|OPTIND|REPLY|TERM|LANG|TMPDIR|TMP|TEMP|EDITOR|DISPLAY|LD_LIBRARY_PATH|LD_PRELOAD"
    r"|PYTHONPATH|VIRTUAL_ENV|MANPATH|LIBRARY_PATH|CPATH|PS1|PROMPT_COMMAND|COLUMNS|LINES|EPOCHSECONDS|SUDO_USER|SHLVL"
    r"|COMP_\w+|DEBIAN_FRONTEND|RANK|LOCAL_RANK|WORLD_SIZE|LOCAL_WORLD_SIZE|NODE_RANK|GROUP_RANK|MASTER_ADDR|MASTER_PORT"
    r"|JOB_COMPLETION_INDEX|GROUPS|DIRSTACK|INPUTRC|HISTFILE|MODULEPATH|FORCE_COLOR|NO_COLOR|\d+|_)$"
)
"""Variables that a login shell, Slurm, MPI, Kubernetes or torchrun sets, and those that users keep in their profile."""


@rule(
    "shell.undefined-variable",
    Verdict.WARN,
    SHELL,
    expected="variables that the script sets, or that it says it needs: ${NAME:?}",
    why="An unset variable expands to nothing: the option before it takes the next word for its value.",
    remedy="assign it, give it a default with ${NAME:-...}, or demand it with ${NAME:?}",
    source=f"{UPSTREAM}#1016",
    bad="#!/bin/bash\npython train.py --nodes $NODES\n",
    at=2,
    good='#!/bin/bash\npython train.py --nodes "${NODES:?set the number of nodes}"\n',
)
def undefined_variable(document: Document, tree: Tree) -> Iterator[Hit]:
    if document.embedded or document.problem or _is_library(document):
        return
    for script in document.scripts:
        if any(
            c.name in ("source", ".", "eval", "module") and not _activates(c.words[-1].text) for c in script.commands
        ):
            return  # what those set cannot be known
        provided = {use.name for use in script.uses if use.optional} | script.defined
        provided |= set(re.findall(r"^\s*#.*?\b([A-Z][A-Z0-9_]+)\b", script.text, re.MULTILINE))  # documented
        seen: set[str] = set()
        for use in sorted(script.uses, key=lambda use: use.line):
            if use.name not in provided | seen and not _GIVEN.match(use.name):
                seen.add(use.name)
                yield use.line, f"${use.name} is assigned nowhere in this file"


def _is_library(document: Document) -> bool:
    """It only defines functions: those who source it set what they use."""
    top = [node for script in document.scripts for program in script.nodes["program"] for node in program.children]
    runs = {"command", "pipeline", "list", "redirected_statement", "for_statement", "while_statement"}
    functions = any(node.type == "function_definition" for node in top)
    return functions and all(re.match(r"set|shopt|trap", text_of(node)) for node in top if node.type in runs)


def _activates(word: str) -> bool:
    return word.endswith(("/activate", "conda.sh", ".bashrc"))


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
    for command in document.commands():
        words = [word for word in command.words[1:] if not word.text.startswith("-")]
        if command.words[0].text == "cd" and len(words) > 1 and words[0].text != ">":
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
    for script in document.scripts:
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
    for command in document.commands():
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
    why="With a blank after it the backslash escapes the blank, and the command ends there.",
    remedy="remove the blank",
    source="https://www.shellcheck.net/wiki/SC1101",
    bad="#!/bin/bash\npython train.py \\ \n  --steps 10\n",
    at=2,
    good="#!/bin/bash\npython train.py \\\n  --steps 10\n",
)
def broken_continuation(document: Document, _: Tree) -> Iterator[Hit]:
    for found in re.finditer(r"^(?!\s*#).*\s\\[ \t]+$", document.text, re.MULTILINE):
        yield document.line + document.text.count("\n", 0, found.start()), "a blank after the backslash"


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
    for script in document.scripts:
        lines = script.text.split("\n")
        for node in script.nodes.get("comment", ()):
            row = node.start_point[0]
            after = lines[row + 1].lstrip() if row + 1 < len(lines) else ""
            inside = row > 0 and lines[row - 1].rstrip().endswith("\\") and not lines[row - 1].lstrip().startswith("#")
            if inside and after.startswith("-") and not (node.parent and node.parent.type == "array"):
                yield script.line_of(node), f"the command ends here; {after.split()[0]} is run as a command"


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
    if document.embedded or re.search(r"--container-|docker run|--chdir|-D ", document.text):
        return
    names = {"cd", "pushd", "git", "cp", "wget", "curl", "ln", "rsync", "tar", "unzip", "tee", "cat", "aws", "mv"}
    for script in document.scripts:
        if any(command.find(*names) is not None for command in script.commands):
            continue  # the file may be made, or the folder another
        for command in script.commands:
            for word in command.words:
                beside = word.known and re.fullmatch(r"\.{1,2}/[\w./-]+\.(py|sh)", word.text)
                if beside and not any((folder / word.text).exists() for folder in _folders(document, tree)):
                    yield word.line, f"{word.text} does not exist beside the script"


def _folders(document: Document, tree: Tree) -> Iterator[Path]:
    yield document.path.parent
    yield from (folder for folder in document.path.parents if any(folder.is_relative_to(root) for root in tree.roots))


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
    for found in re.finditer(r"^(?:<{7}|>{7}) \S.*", document.text, re.MULTILINE):
        yield document.line + document.text.count("\n", 0, found.start()), found[0][:40]
