"""Rules about the steps of a Slurm job: what srun hands to them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from seatrial.findings import Verdict
from seatrial.lint.allocation import directives, number, open_words, options_of_srun, program_of_srun
from seatrial.lint.documents import Document
from seatrial.lint.launch import code, spelled
from seatrial.lint.rules import Hit, Tree, rule
from seatrial.lint.script import Command, Word, option
from seatrial.lint.started import script_of, started
from seatrial.lint.words import text_of

UPSTREAM = "awslabs/awsome-distributed-ai"
SRUN = "https://slurm.schedmd.com/srun.html"
_TRIVIAL = re.compile(
    r"hostname|nvidia-smi|echo|mkdir|rm|cp|mv|date|ls|cat|ip|env|printenv|true|uname|sleep|df|free|nproc|lscpu|enroot|rsync|"
    r"tar|chmod|ln|touch|pkill|ifconfig|getent|which|dcgmi|numactl|taskset|sync|test|pwd|id|ibstat|module|docker|-.*|"
)


def steps(document: Document) -> Iterator[tuple[Command, Sequence[Word], Sequence[Word]]]:
    """Every srun, with its own words and those of the program that it starts."""
    for script in document.scripts:
        for command in script.naming("srun"):
            words = tuple(spelled(script, command.words))
            at = next((i for i, word in enumerate(words) if word.text.rpartition("/")[2] == "srun"), None)
            if at is not None and command.name not in ("echo", "printf", "command", "which", "pkill", "alias"):
                yield command, options_of_srun(words), program_of_srun(words)


def _trivial(program: Sequence[Word]) -> bool:
    """It computes nothing: what it gets of the node does not matter."""
    name = PurePosixPath(program[0].text).name if program else ""
    if name in ("bash", "sh") and len(program) > 2 and program[1].text.endswith("c"):
        name = (program[2].text.split() or [""])[0]
    return _TRIVIAL.fullmatch(name) is not None


@rule(
    "slurm.cpus-per-task",
    Verdict.WARN,
    ("sbatch",),
    expected="--cpus-per-task given to srun too, or SRUN_CPUS_PER_TASK exported",
    why="Since Slurm 22.05 srun does not take over --cpus-per-task of sbatch: each task may be bound to a single CPU, "
    "on which all threads and data loaders then run.",
    remedy="export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK before the first srun",
    source="Slurm, sbatch, note on --cpus-per-task: https://slurm.schedmd.com/sbatch.html",
    bad="#!/bin/bash\n#SBATCH --cpus-per-task=96\nsrun python train.py\n",
    at=3,
    good="#!/bin/bash\n#SBATCH --cpus-per-task=96\n"
    "export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK\nsrun python train.py\n",
)
def cpus_per_task(document: Document, _: Tree) -> Iterator[Hit]:
    asked = number(option(directives(document), "--cpus-per-task", "-c"))
    if not asked or asked < 2 or re.search(r"\b(SRUN_CPUS_PER_TASK|SLURM_CPU_BIND)\b", code(document.text)):
        return
    for command, options, program in steps(document):
        names = {word.text.partition("=")[0] for word in options}
        said = names & {"--cpus-per-task", "--cpus-per-gpu", "--cpu-bind", "--cpu_bind", "--whole", "--overcommit"}
        said |= {name for name in names if name.startswith("-c")} | {word.text for word in open_words(options)}
        if not said and not _trivial(program):
            yield command.line, f"srun without --cpus-per-task, of which the job asks for {asked}"
            return


@rule(
    "slurm.lost-environment",
    Verdict.FAIL,
    ("sbatch", "shell"),
    expected="--export=ALL,NAME=value",
    why="--export with names alone hands on these and the variables of Slurm: PATH, LD_LIBRARY_PATH and all that the "
    "script exports are gone.",
    remedy="put ALL, in front of the names",
    source=f"{SRUN}, --export",
    bad="#!/bin/bash\n#SBATCH --nodes=2\nexport NCCL_DEBUG=WARN\nsrun --export=SEED=1 python train.py\n",
    at=4,
    good="#!/bin/bash\n#SBATCH --nodes=2\nexport NCCL_DEBUG=WARN\nsrun --export=ALL,SEED=1 python train.py\n",
)
def lost_environment(document: Document, _: Tree) -> Iterator[Hit]:
    if "--export" not in document.text:
        return
    exported = {name for script in document.scripts for name in script.exported}
    for _command, options, program in steps(document):
        word = option(options, "--export")
        names = {part.partition("=")[0] for part in word.text.split(",")} if word else {"ALL"}
        if (
            not word
            or {name.upper() for name in names} & {"ALL", "NONE", "NIL", "PATH", ""}
            or any("$" in name for name in names)
        ):
            continue
        lost = sorted(exported - names)
        in_image = any(other.text.startswith("--container-") for other in options)
        if lost or not (in_image or _trivial(program) or program[0].text.startswith(("/", "$"))):
            seen = f"{', '.join(lost[:3])}{' and more' if len(lost) > 3 else ''}" if lost else "PATH"
            yield word.line, f"--export={word.text} drops {seen}"


@rule(
    "slurm.pyxis-registry",
    Verdict.WARN,
    ("sbatch", "shell"),
    expected="REGISTRY#IMAGE:TAG",
    why="For pyxis and enroot the registry ends at #. With a slash the name is looked up on Docker Hub, which answers "
    "401.",
    remedy="write # instead of the first slash",
    source="https://github.com/NVIDIA/enroot/blob/master/doc/cmd/import.md; https://github.com/NVIDIA/pyxis/wiki/Usage",
    bad="#!/bin/bash\n#SBATCH --nodes=2\nsrun --container-image=nvcr.io/nvidia/pytorch:25.06-py3 python train.py\n",
    at=3,
    good="#!/bin/bash\n#SBATCH --nodes=2\nsrun --container-image=nvcr.io#nvidia/pytorch:25.06-py3 python train.py\n",
)
def pyxis_registry(document: Document, _: Tree) -> Iterator[Hit]:
    if "--container-image" not in document.text:
        return
    found = [option(options, "--container-image") for _, options, _ in steps(document)]
    for word in (*found, option(directives(document), "--container-image")):
        image = word.text if word else ""
        if word and re.match(r"(localhost|[\w-]+(\.[\w-]+)*\.[a-z]{2,})(:\d+)?/[^#]*$", image) and not _file(image):
            yield word.line, f"{image} names its registry with a slash"


def _file(image: str) -> bool:
    return bool(re.search(r"\.(sqsh|squashfs|sqfs|sif|img|tar)$", image))


@rule(
    "slurm.auto-resume-backslash",
    Verdict.WARN,
    ("sbatch",),
    expected="arrays without backslashes where --auto-resume is used",
    why="HyperPod's auto-resume does not get along with a backslash at the end of a line inside a bash array.",
    remedy="leave the backslashes out: inside an array the lines need none",
    source=f"{UPSTREAM}#271",
    bad="#!/bin/bash\n"
    "#SBATCH --exclusive\n"
    "ARGS=(\n"
    "  --save /fsx/run \\\n"
    ")\n"
    'srun --auto-resume=1 python train.py "${ARGS[@]}"\n',
    at=4,
    good="#!/bin/bash\n"
    "#SBATCH --exclusive\n"
    "ARGS=(\n"
    "  --save /fsx/run\n"
    ")\n"
    'srun --auto-resume=1 python train.py "${ARGS[@]}"\n',
)
def auto_resume_backslash(document: Document, _: Tree) -> Iterator[Hit]:
    if "--auto-resume" not in document.text:
        return
    for script in document.scripts:
        for node in script.nodes.get("array", ()):
            for index, text in enumerate(text_of(node).split("\n")):
                if text.rstrip().endswith("\\"):
                    yield script.line_of(node) + index, "a backslash inside an array, with --auto-resume"
                    break


@rule(
    "slurm.auto-resume-from-nothing",
    Verdict.WARN,
    ("sbatch",),
    expected="a program that writes checkpoints and goes on from them",
    why="--auto-resume starts the same command again: without checkpoints it begins at step 0 each time.",
    remedy="give the program its arguments for saving and loading, or drop --auto-resume",
    source=f"{UPSTREAM}, megatron-lm case; https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-resiliency-slurm-auto-resume.html",
    bad="#!/bin/bash\n#SBATCH --exclusive\nsrun --auto-resume=1 python train.py --steps 100\n",
    at=3,
    good="#!/bin/bash\n#SBATCH --exclusive\nsrun --auto-resume=1 python train.py --steps 100 --resume /fsx/run\n",
)
def auto_resume_from_nothing(document: Document, tree: Tree) -> Iterator[Hit]:
    lines = [
        document.line + index
        for index, text in enumerate(document.text.split("\n"))
        if re.search(r"--auto-resume[= ]1", text.partition("#")[0])
    ]
    if not lines:
        return
    inner = list(started(document, tree))
    files = {one.command.line for one in inner}
    missing = any(script_of(c) is not None and c.line not in files for c in document.commands())
    texts = [document.text, *(one.document.text for one in inner)]
    if not missing and not any(_CHECKPOINTS.search(code(text).replace("AUTO_RESUME", "")) for text in texts):
        yield lines[0], "--auto-resume, and no argument about checkpoints"


_CHECKPOINTS = re.compile(
    r"(?<!auto-)(?<!auto_)(save|load|resume|checkpoint|ckpt|snapshot)|--config|\.(ya?ml|toml|json)\b", re.IGNORECASE
)
