"""Commands that start one program many times: how often, and on how many nodes, as far as can be seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.lint import documents
from seatrial.lint.spreading import on_several_nodes, several_times


@pytest.mark.parametrize(
    ("command", "nodes", "times"),
    [
        ("srun ./a", True, True),
        ("srun -N 1 -n 1 ./a", False, False),
        ("mpirun -np 8 ./a", True, True),
        ("mpirun -np 1 ./a", True, False),
        ("mpirun ./a", True, True),
        ("echo mpirun -np 8", False, False),
        ("pdsh ./a", True, True),
        ("pdsh -w node-1 ./a", False, False),
        ("pdsh -w node-1,node-2 ./a", True, True),
        ("pdsh -w node-[1-4] ./a", True, True),
        ("pdsh -w ^hosts.txt ./a", True, True),
        ('pdsh -w "$SLURM_JOB_NODELIST" ./a', True, True),
        ('pdsh -w "${HOSTS}" ./a', True, True),
        ('pdsh -w "$head" ./a', False, False),
        ("python a.py", False, False),
    ],
)
def test_of_four_nodes(command, nodes, times):
    [job] = documents.parse(Path("a.sbatch"), "sbatch", f"#!/bin/bash\n#SBATCH --nodes=4\n{command}\n")
    [first] = job.scripts[0].commands
    assert (on_several_nodes(job, first), several_times(job, first)) == (nodes, times)


@pytest.mark.parametrize(("command", "nodes"), [("mpirun -np 8 ./a", False), ("mpirun -np 8 -H a,b ./a", True)])
def test_mpirun_of_a_script_names_its_hosts(command, nodes):
    [script] = documents.parse(Path("a.sh"), "shell", f"#!/bin/bash\n{command}\n")
    assert on_several_nodes(script, script.scripts[0].commands[0]) == nodes
