"""Rules about what Slurm reads: the #SBATCH lines, and where a batch script runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from seatrial.findings import Verdict
from seatrial.lint.allocation import directive_lines, directives
from seatrial.lint.documents import Document
from seatrial.lint.guards import is_elsewhere
from seatrial.lint.rules import Hit, Tree, rule
from seatrial.lint.scope import near
from seatrial.lint.script import option
from seatrial.lint.templates import FILLED
from seatrial.lint.words import text_of

SBATCH = "Slurm, sbatch: https://slurm.schedmd.com/sbatch.html"
UPSTREAM = "awslabs/awsome-distributed-ai"


@rule(
    "slurm.no-shebang",
    Verdict.FAIL,
    ("sbatch",),
    expected="#! and an interpreter at the very beginning",
    why="sbatch refuses a script that does not begin with #!.",
    remedy="begin the file with #!/bin/bash, with nothing before it",
    source=SBATCH,
    bad="# Trains a model.\n#SBATCH --nodes=2\nsrun hostname\n",
    at=1,
    good="#!/bin/bash\n#SBATCH --nodes=2\nsrun hostname\n",
)
def no_shebang(document: Document, _: Tree) -> Iterator[Hit]:
    if not document.text.startswith("#!") and not document.problem:  # what a template begins with is not known
        yield document.line, f"begins with {document.text.split(chr(10))[0][:40]!r}"


@rule(
    "slurm.late-directive",
    Verdict.FAIL,
    ("sbatch",),
    expected="all #SBATCH lines before the first command",
    why="Slurm stops reading #SBATCH lines at the first command, and ignores the rest without a word.",
    remedy="move the line up, before the first command",
    source=SBATCH,
    bad="#!/bin/bash\n#SBATCH --nodes=2\nset -e\n#SBATCH --exclusive\nsrun hostname\n",
    at=4,
    good="#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --exclusive\nset -e\nsrun hostname\n",
)
def late_directive(document: Document, _: Tree) -> Iterator[Hit]:
    for line, text in directive_lines(document)[1]:
        yield line, f"#SBATCH {text} stands after a command and is ignored"


@rule(
    "slurm.directive-variable",
    Verdict.FAIL,
    ("sbatch",),
    expected="literal values, or the patterns of Slurm such as %x and %j",
    why="Slurm reads #SBATCH lines itself: a variable stays as it is written.",
    remedy="write the value, use %x, %j or %u, or give the option on sbatch's command line",
    source=SBATCH,
    bad="#!/bin/bash\n#SBATCH --output=$HOME/%j.out\nsrun hostname\n",
    at=2,
    good="#!/bin/bash\n#SBATCH --output=/fsx/runs/%j.out\nsrun hostname\n",
)
def directive_variable(document: Document, _: Tree) -> Iterator[Hit]:
    if document.embedded:  # the shell that writes a here-document fills its variables in
        return
    for line, text in directive_lines(document)[0]:
        found = re.search(r"\$\{?[A-Za-z_]\w*\}?|\$\(", text.partition(" #")[0].replace(FILLED, ""))
        if found:
            yield line, f"{found[0]} is not expanded"


@rule(
    "slurm.log-folder",
    Verdict.FAIL,
    ("sbatch",),
    expected="a folder that is there before the job starts",
    why="Slurm does not create the folder of --output and --error: the job dies at once and leaves no output.",
    remedy="create the folder before sbatch, keep it in the repository, or write %x-%j.out without a folder",
    source=f"{SBATCH}; {UPSTREAM}, 15 launch files of June 2025",
    bad="#!/bin/bash\n#SBATCH --output=logs/%x-%j.out\nsrun hostname\n",
    at=2,
    good="#!/bin/bash\n#SBATCH --output=%x-%j.out\nsrun hostname\n",
)
def log_folder(document: Document, tree: Tree) -> Iterator[Hit]:
    for names in (("--output", "-o"), ("--error", "-e")):
        word = option(directives(document), *names)
        folder = str(PurePosixPath(word.text).parent) if word else "."
        if not word or folder.startswith(("/", "$")) or folder == "." or "%" in folder:
            continue
        if (document.path.parent / folder).is_dir() or folder in tree.folders_made:
            continue
        made = any(c.name == "mkdir" and folder in (w.text.rstrip("/") for w in c.words) for c in document.commands())
        late = "; the job's own mkdir comes too late" if made else ""
        yield word.line, f"nothing creates {folder}/ before the job starts{late}"


@rule(
    "slurm.spool-path",
    Verdict.FAIL,
    ("sbatch",),
    expected="paths from $SLURM_SUBMIT_DIR, or absolute ones",
    why="Slurm runs a copy of the script from its spool folder, so the script's own path leads nowhere.",
    remedy="use $SLURM_SUBMIT_DIR, or an absolute path",
    source=f"https://slurm.schedmd.com/sbatch.html; {UPSTREAM}#976",
    bad='#!/bin/bash\n#SBATCH --nodes=2\nHERE=$(dirname "$0")\nsrun python "$HERE/train.py"\n',
    at=3,
    good='#!/bin/bash\n#SBATCH --nodes=2\nHERE=$SLURM_SUBMIT_DIR\nsrun python "$HERE/train.py"\n',
)
def spool_path(document: Document, _: Tree) -> Iterator[Hit]:
    if "scontrol show job" in document.text:  # that is how such scripts find their real path
        return
    for script in document.scripts:
        for node in (*script.nodes.get("simple_expansion", ()), *script.nodes.get("expansion", ())):
            source = text_of(node)
            if not re.match(r"\$\{?(0\b|BASH_SOURCE\b)", source) or is_elsewhere(node):
                continue
            around = text_of(node.parent.parent) if node.parent and node.parent.parent else ""
            if re.search(r"%/|%%", source) or re.match(r"(dirname|readlink|realpath|cd)\b", around.lstrip("$(")):
                yield script.line_of(node), f"{source} is a path in Slurm's spool folder"


@rule(
    "slurm.unknown-option",
    Verdict.FAIL,
    ("sbatch",),
    expected="options that sbatch has",
    why="sbatch refuses a script with an option that it does not know.",
    remedy="write the option that is meant",
    source=SBATCH,
    bad="#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --gpu-per-node=8\nsrun hostname\n",
    at=3,
    good="#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --gpus-per-node=8\nsrun hostname\n",
)
def unknown_option(document: Document, _: Tree) -> Iterator[Hit]:
    for word in directives(document):
        name = word.text.partition("=")[0].removeprefix("--")
        begins = any(option.startswith(name) for option in _OPTIONS)  # sbatch takes the beginning of a name for it
        meant = next(near(name, _OPTIONS), None) if word.text.startswith("--") and not begins else None
        if meant:  # what is like none of them may be a plugin's
            yield word.line, f"--{name}: sbatch has --{meant}"


_OPTIONS = frozenset(
    re.findall(
        r"\S+",
        """
account acctg-freq array batch bb bbf begin chdir cluster-constraint clusters comment constraint container container-id
contiguous core-spec cores-per-socket cpu-freq cpus-per-gpu cpus-per-task deadline delay-boot dependency distribution
error exclude exclusive export export-file extra extra-node-info get-user-env gid gpu-bind gpu-freq gpus gpus-per-node
gpus-per-socket gpus-per-task gres gres-flags help hint hold ignore-pbs input job-name kill-on-invalid-dep licenses
mail-type mail-user mcs-label mem mem-bind mem-per-cpu mem-per-gpu mincpus network nice no-kill no-requeue nodefile
nodelist nodes ntasks ntasks-per-core ntasks-per-gpu ntasks-per-node ntasks-per-socket oom-kill-step open-mode output
overcommit oversubscribe parsable partition power prefer priority profile propagate qos quiet reboot requeue reservation
resv-ports segment share signal sockets-per-node spread-job stepmgr switches tasks-per-node test-only thread-spec
threads-per-core time time-min tmp tres-bind tres-per-task uid usage use-min-nodes verbose version wait wait-all-nodes
wckey workdir wrap
""",
    )
)
"""Those of sbatch 22.05.8 (``sbatch --help``), of newer ones by its manual, and older names that it still takes."""
