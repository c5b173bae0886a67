"""Scenarios of what is typed wrong, and of what the machine does not have."""

from __future__ import annotations

from tests.trials.terminal.scenario import Scenario, run

SHORT = run("--set steps=3")

INPUTS = (
    Scenario(name="nothing but the command", command="seatrial", code=2, says=("Commands:", "Exit codes:")),
    Scenario(name="--help", command="seatrial --help", says=("Commands:", "Start with: seatrial run fsdp")),
    Scenario(name="--version", command="seatrial --version", says=("seatrial, version",)),
    Scenario(name="a verb misspelt", command="seatrial rum fsdp", code=2, says=("No such command 'rum'",)),
    Scenario(
        name="an option misspelt",
        command="seatrial run fsdp --node 2",
        code=2,
        says=("No such option '--node'", "--nodes"),
    ),
    Scenario(name="a case misspelt", command="seatrial run fdsp", code=2, says=("no case is called 'fdsp'", "fsdp?")),
    Scenario(
        name="a recipe misspelt",
        command="seatrial run fsdp/tinny",
        code=2,
        says=("no recipe of fsdp is called 'tinny'", "did you mean tiny?"),
    ),
    Scenario(
        name="a setting misspelt",
        command="seatrial run fsdp --set stepz=3",
        code=2,
        says=("--set stepz", "did you mean steps?"),
    ),
    Scenario(
        name="five mistakes at once",
        command="seatrial run fsdp --set steps=-1 --set learning_rate=nan --set model=lama --processes 99 --nodes 3",
        code=2,
        says=("-1 is less than 1", "nan is not a positive number", "no model is called 'lama'", "needs 3 nodes", "99"),
    ),
    Scenario(
        name="a value of the wrong kind",
        command="seatrial run fsdp --set steps=many",
        code=2,
        says=("--set steps", "got 'many'"),
    ),
    Scenario(
        name="a setting without a value", command="seatrial run fsdp --set steps", code=2, says=("not KEY=VALUE",)
    ),
    Scenario(
        name="an absurd number of steps",
        command="seatrial run fsdp --set steps=99999999999999999999",
        code=2,
        says=("99999999999999999999 is more than 1e+12",),
    ),
    Scenario(
        name="a model that this machine cannot hold",
        command="seatrial run fsdp --set model=llama3.1-70b --set sequence_length=8192",
        code=2,
        says=("each of 2 ranks must hold at least", "GiB", "a rank has"),
    ),
    Scenario(
        name="a recipe for GPUs on this machine",
        command="seatrial run fsdp/llama3.1-8b",
        code=2,
        says=("is made for p5.48xlarge; this cluster has no accelerator", "take the recipe tiny here"),
    ),
    Scenario(
        name="a cluster that no file has",
        command="seatrial run fsdp --on mine",
        code=2,
        says=("'mine'", "seatrial cluster init"),
    ),
    Scenario(
        name="a seatrial.toml with mistakes",
        command="seatrial run fsdp --on a",
        before=(("write", 'seatrial.toml: [clusters.a]\\nluncher = "slurm"\\nnodes = 0\\n'),),
        code=2,
        says=("seatrial.toml:2: clusters.a.luncher", "seatrial.toml:3: clusters.a.nodes"),
    ),
    Scenario(
        name="a file that is not there",
        command="seatrial run mine.py",
        code=2,
        says=("mine.py: there is no such file",),
    ),
    Scenario(
        name="a file without a case",
        command="seatrial run empty.py",
        before=(("write", "empty.py: x = 1\\n"),),
        code=2,
        says=("empty.py: defines no CASE with at least one recipe",),
    ),
    Scenario(
        name="a file that ends the program",
        command="seatrial run gone.py",
        before=(("write", "gone.py: import sys\\nsys.exit(0)\\n"),),
        code=2,
        says=("gone.py:2",),
    ),
    Scenario(
        name="a file that is no Python",
        command="seatrial run broken.py",
        before=(("write", "broken.py: x = 1\\ndef f(:\\n"),),
        code=2,
        says=("broken.py:2", "SyntaxError"),
    ),
    Scenario(
        name="a file with a field misspelt",
        command="seatrial run wrong.py",
        before=(("write", "wrong.py: from seatrial.spec import Case\\nCASE = Case(nam='x')\\n"),),
        code=2,
        says=("wrong.py:2", "nam"),
    ),
    Scenario(
        name="a name that no folder can have",
        command="seatrial run walk.py --name a/b",
        code=2,
        says=("'a/b' cannot be",),
    ),
    Scenario(
        name="a name that is taken",
        command=SHORT,
        before=(("elsewhere", SHORT),),
        code=2,
        says=("there is a run called 'w'", "take another name, or --resume it"),
    ),
    Scenario(
        name="a folder of runs that is a file",
        command=SHORT,
        before=(("write", "runs: x"),),
        code=2,
        says=("runs", "file"),
    ),
    Scenario(
        name="an expectation misspelt",
        command=SHORT + " --expect accurasy=1",
        code=2,
        says=("--expect: no expectation of this recipe is called 'accurasy'", "did you mean accuracy?"),
    ),
    Scenario(name="a run that is not there", command="seatrial status w", code=2, says=("there are no runs in runs",)),
    Scenario(
        name="a run misspelt",
        command="seatrial report walked",
        before=(("elsewhere", SHORT.replace("--name w", "--name walker")),),
        code=2,
        says=("no run is called 'walked'", "did you mean walker?"),
    ),
    Scenario(
        name="a plan into a folder that has something",
        command="seatrial render walk.py -o there",
        before=(("elsewhere", "mkdir -p there/x"),),
        code=2,
        says=("there is not an empty folder",),
    ),
)
