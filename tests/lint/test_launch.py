"""What a script asks Slurm for, and what it starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.lint import documents
from seatrial.lint.allocation import directive_lines, directives, gpus_per_node, nodes
from seatrial.lint.launch import launches


def sbatch(text: str) -> documents.Document:
    return documents.parse(Path("job.sbatch"), "sbatch", text)[0]


def test_directives_end_at_the_first_command():
    text = "#!/bin/bash\n\n#SBATCH -N 2\n# x\n#SBATCH --exclusive\nset -e\n#SBATCH -n 9\n"
    effective, late = directive_lines(sbatch(text))
    assert effective == ((3, "-N 2"), (5, "--exclusive")) and late == ((7, "-n 9"),)


def test_directives_as_words():
    document = sbatch('#!/bin/bash\n#SBATCH --nodes=2 # two\n#SBATCH -J "a name"\n')
    assert [(word.text, word.line) for word in directives(document)] == [("--nodes=2", 2), ("-J", 3), ("a name", 3)]
    assert nodes(document) == 2


@pytest.mark.parametrize(
    ("directive", "count"),
    [
        ("--gres=gpu:8", 8),
        ("--gres=gpu:h100:4", 4),
        ("--gres=lustre:1,gpu:2", 2),
        ("--gpus-per-node=8", 8),
        ("--gpus-per-node=h100:8", 8),
        ("--gpus-per-node h100:8", 8),
        ("--gres=gpu", None),
        ("--exclusive", None),
    ],
)
def test_gpus_of_a_node(directive, count):
    assert gpus_per_node(sbatch(f"#!/bin/bash\n#SBATCH {directive}\n")) == count


STARTED = [
    ("torchrun --nproc_per_node=8 x.py", "torchrun", "8", True),
    ("srun /opt/bin/torchrun --nproc-per-node 1 x.py", "torchrun", "1", False),
    ("torchrun x.py", "torchrun", None, False),
    ("torchrun --nproc_per_node=gpu x.py", "torchrun", "gpu", True),
    ("python -m torch.distributed.run --nproc_per_node=8 x.py", "torchrun", "8", True),
    ("python3 -u -m torch.distributed.launch --nproc_per_node=2 x.py", "torchrun", "2", True),
    ("accelerate launch --num_processes 16 x.py", "accelerate", "16", True),
    ("composer -n 8 x.py", "composer", "8", True),
    ("deepspeed x.py", "deepspeed", None, True),
    ("bash -c 'torchrun --nproc_per_node=8 x.py'", "torchrun", "8", True),
    ('A=(--nproc_per_node=4)\ntorchrun "${A[@]}" x.py', "torchrun", "4", True),
]


@pytest.mark.parametrize(("text", "program", "processes", "several"), STARTED, ids=[row[0] for row in STARTED])
def test_programs_that_start_processes(text, program, processes, several):
    [launch] = launches(sbatch(f"#!/bin/bash\n{text}\n").scripts)
    assert launch.program == program and launch.several is several
    assert (launch.processes.text if launch.processes else None) == processes


SPELLED = [
    ('A="--nnodes 2 --rdzv_backend c10d"\ntorchrun $A x.py', "2", False, True),
    ('A="--nnodes $N --rdzv_backend c10d"\ntorchrun $A x.py', "$N", False, True),
    ('B="--nnodes=2"\nL="torchrun $B $C"\nsrun $L x.py', "2", True, False),
    ('A="--nnodes 2"\ntorchrun "$A" x.py', None, True, False),
    ("torchrun $A x.py", None, True, False),
    ('torchrun --nproc_per_node=8 "$@"', None, True, False),
    ("torchrun --nproc_per_node $GPUS x.py", None, False, False),
    ("torchrun --nproc_per_node=8 $TRAIN_SCRIPT --nnodes 3", None, False, False),
    ("torchrun x.py --nnodes 3", None, False, False),
    ("torchrun --standalone --nproc_per_node=8 x.py", None, False, True),
    ("torchrun --rdzv-backend=static --nnodes=2 x.py", "2", False, False),
    ("accelerate launch --num_machines 2 x.py", "2", False, False),
    ("composer --world_size 16 x.py", "16", False, False),
]


@pytest.mark.parametrize(("text", "count", "unknown", "dynamic"), SPELLED, ids=[row[0] for row in SPELLED])
def test_what_it_is_told_of_other_nodes(text, count, unknown, dynamic):
    [launch] = launches(sbatch(f"#!/bin/bash\n{text}\n").scripts)
    assert (launch.nodes.text if launch.nodes else None) == count
    assert (launch.unknown, launch.dynamic) == (unknown, dynamic)


NOT_STARTED = [
    "python bench.py --launcher torchrun",
    "pip install accelerate",
    "accelerate config",
    "which torchrun",
    "echo torchrun",
    "pkill composer",
]


@pytest.mark.parametrize("text", NOT_STARTED)
def test_what_starts_no_processes(text):
    assert list(launches(sbatch(f"#!/bin/bash\n{text}\n").scripts)) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("srun -n 2 torchrun x.py", True),
        ("srun -n 2 bash -c 'exec torchrun x.py'", True),
        ("torchrun x.py", False),
        ("ssh node torchrun x.py", False),
    ],
)
def test_the_srun_around_it(text, found):
    [launch] = launches(sbatch(f"#!/bin/bash\n{text}\n").scripts)
    assert (launch.srun is not None) is found
