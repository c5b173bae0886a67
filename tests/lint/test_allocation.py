"""What a job and its steps get of Slurm, as far as the script says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.lint import documents
from seatrial.lint.allocation import Step, nodes, options_of_srun, program_of_srun, step, tasks_per_node


def job(directives: str, command: str = "srun x") -> documents.Document:
    lines = "".join(f"#SBATCH {text}\n" for text in directives.split(";") if text)
    return documents.parse(Path("job.sbatch"), "sbatch", f"#!/bin/bash\n{lines}{command}\n")[0]


@pytest.mark.parametrize(
    ("directives", "count", "each"),
    [
        ("", None, 1),
        ("-N 2", 2, 1),
        ("--nodes=2-2", 2, 1),
        ("--nodes=2-4", None, 1),
        ("--nodes=$N", None, 1),
        ("--nodes=2;--ntasks=16", 2, 8),
        ("--nodes=2;--tasks-per-node=8", 2, 8),
        ("--ntasks=16;--ntasks-per-node=8", 2, 8),
        ("-N2;-n2", 2, 1),
        ("-N2;--ntasks-per-gpu=1", 2, None),
        ("-n 16", None, None),
    ],
)
def test_nodes_and_tasks_of_a_job(directives, count, each):
    assert nodes(job(directives)) == count and tasks_per_node(job(directives)) == each


@pytest.mark.parametrize(
    ("directives", "srun", "expected"),
    [
        ("-N 4", "srun x", Step(4, 1, 4)),
        ("-N 4;--ntasks-per-node=8", "srun x", Step(4, 8, 32)),
        ("-N 4;--ntasks-per-node=8", "srun -n 4 x", Step(4, 1, 4)),
        ("-N 4;--ntasks-per-node=8", "srun --ntasks-per-node=1 x", Step(4, 1, 4)),
        ("-N 4", "srun -N1 -n1 x", Step(1, 1, 1)),
        ("-N 4", "srun -n 1 x", Step(1, 1, 1)),
        ("-N 4", "srun --nodes=$SLURM_NNODES x", Step(4, 1, 4)),
        ("-N 4", "srun --ntasks=${SLURM_JOB_NUM_NODES} x", Step(4, 1, 4)),
        ("-N 4", "srun --ntasks=$SOME x", Step(4, None, None)),
        ("-N 4", "srun -w node1 x", Step(None, 1, None)),
        ("-N 4", "srun --nodes=2 -w node1,node2 x", Step(2, 1, 2)),
        ("", "srun -N 2 x", Step(2, 1, 2)),
        ("-N 4", "srun x -n 100 -N 7", Step(4, 1, 4)),
    ],
)
def test_what_a_step_takes(directives, srun, expected):
    document = job(directives, srun)
    [command] = document.commands()
    assert step(document, command.words) == expected


@pytest.mark.parametrize(
    ("srun", "program"),
    [
        ("srun torchrun x.py", ["torchrun", "x.py"]),
        ("srun -l --kill-on-bad-exit=1 --mpi pmix -n4 -N 2 train -n 5", ["train", "-n", "5"]),
        ("srun --overlap -w node1 --container-image /x.sqsh $ARGS bash -c y", ["bash", "-c", "y"]),
        ("time srun --exclusive --label x", ["x"]),
        ("srun", []),
    ],
)
def test_where_the_program_begins(srun, program):
    command = next(job("", srun).commands())
    assert [word.text for word in program_of_srun(command.words)] == program
    assert options_of_srun(command.words)[0].text == "srun"
