"""Scripts that others start: which one is meant, and what it knows of its caller."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.lint import documents
from seatrial.lint.rules import Tree
from seatrial.lint.started import launches_of, started

JOB = "#!/bin/bash\n#SBATCH --nodes=2\n"


def tree(files: dict[str, str]) -> Tree:
    kinds = {path: "sbatch" if "#SBATCH" in text else "shell" for path, text in files.items()}
    return Tree(tuple(d for p, text in files.items() for d in documents.parse(Path(p), kinds[p], text)))


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("srun bash ./run.sh", "jobs/run.sh"),
        ("srun -N 2 --label run.sh", "jobs/run.sh"),
        ("exec bash -x run.sh 1 2", "jobs/run.sh"),
        ("bash $PWD/run.sh", "jobs/run.sh"),
        ("bash ../common/start.sh", "common/start.sh"),
        ("srun /fsx/code/common/start.sh", "common/start.sh"),
        ("srun start.sh", "common/start.sh"),
        ("srun /fsx/code/elsewhere/start.sh", None),
        ("bash twice.sh", None),
        ("cat run.sh", None),
        ("python run.py", None),
        ("bash -c 'run.sh'", "jobs/run.sh"),
        ("bash job.sh", None),
    ],
)
def test_the_script_that_is_meant(command, found):
    text = "#!/bin/bash\ntrue\n"
    files = {"jobs/run.sh": text, "common/start.sh": text, "a/twice.sh": text, "b/twice.sh": text}
    whole = tree({"jobs/job.sh": f"{JOB}{command}\n", **files})
    paths = [str(one.document.path) for one in started(whole.judged[0], whole)]
    assert paths == ([found] if found else [])


def test_it_knows_what_its_caller_exports_and_nothing_else():
    job = f"{JOB}export NODES=4 GPUS=8\nHIDDEN=2\nHIDDEN=2 true\nsrun bash run.sh\n"
    run = "#!/bin/bash\ntorchrun --nnodes=$NODES --nproc_per_node=$GPUS --max_restarts=$HIDDEN x.py\n"
    whole = tree({"job.sh": job, "run.sh": run})
    [launch] = launches_of(whole.judged[0], whole)
    assert [word.text for word in launch.options[1:4]] == ["--nnodes=4", "--nproc_per_node=8", "--max_restarts=$HIDDEN"]
    assert (launch.line, launch.place, launch.srun is not None) == (6, "run.sh:2", True)


def test_scripts_that_start_each_other_come_to_an_end():
    whole = tree(
        {"a.sh": f"{JOB}bash b.sh\n", "b.sh": "#!/bin/bash\nbash c.sh\n", "c.sh": "bash b.sh\ntorchrun x.py\n"}
    )
    assert [launch.line for launch in launches_of(whole.judged[0], whole)] == [3]
