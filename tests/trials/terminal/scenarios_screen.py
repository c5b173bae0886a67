"""Scenarios of what is shown, where, and to whom."""

from __future__ import annotations

from tests.trials.terminal.scenario import ALL, LONG, TRAINS, Scenario, run

SHORT = run("--set steps=3")
DONE = (("elsewhere", SHORT),)

SCREENS = (
    Scenario(
        name="a run to its end",
        command=run(),
        says=("walk/tiny as w: 2 ranks on local", "step 10: checkpoint", "walk/tiny completed: PASS", "report  runs/w"),
        state="completed",
    ),
    Scenario(
        name="a smoke test of three steps",
        command=SHORT,
        says=("SKIP    run.loss-fell", "stated for 30 steps, this is after 3", "PASS (on CPU, fidelity real), without"),
        state="completed",
    ),
    Scenario(
        name="a smoke test that expects nothing",
        command=SHORT + " --expect none",
        says=("walk/tiny completed: PASS",),
        state="completed",
    ),
    Scenario(
        name="a smoke test that expects too much",
        command=SHORT + " --expect loss_decrease=3",
        code=1,
        says=("FAIL    run.loss-fell", "walk/tiny completed: FAIL"),
        state="completed",
    ),
    Scenario(
        name="the result as JSON", command=SHORT + " --json", says=('"verdict": "PASS"',), never=("ranks on local",)
    ),
    Scenario(
        name="a run that is over, watched",
        command="seatrial watch",
        before=DONE,
        says=("walk/tiny, 2 ranks on local", "step 3/3"),
    ),
    Scenario(
        name="a run that goes on, watched",
        command="seatrial watch w",
        before=(("elsewhere", LONG + " --detach"),),
        does=(("see", "ETA"), ("press", "c")),
        says=("walk/tiny, 2 ranks on local", "loss"),
        state="running",
    ),
    Scenario(
        name="a window of 20 columns",
        command=run(),
        size=(10, 20),
        says=("walk/tiny completed: PASS",),
        state="completed",
    ),
    Scenario(
        name="a window of one column",
        command=run(),
        size=(1, 1),
        says=("completed: PASS",),
        state="completed",
    ),
    Scenario(
        name="the window is made smaller and larger while it trains",
        command=run("--set steps=60 --set seconds=0.05"),
        does=(TRAINS, ("resize", "5x30"), ("see", "step 30: checkpoint"), ("resize", "60x200")),
        says=("walk/tiny completed: PASS",),
        state="completed",
    ),
    Scenario(
        name="keys are pressed while it trains",
        command=run("--set steps=100"),
        does=(TRAINS, ("type", "qwertz\\n\\n\\t"), ("press", "l"), ("press", "d")),
        says=("walk/tiny completed: PASS",),
        state="completed",
    ),
    Scenario(
        name="into head -n 1, which ends at once",
        command=run("--set steps=100") + " 2>&1 | head -n 1; wait; seatrial status w",
        does=(("see", "w: 2 ranks on local"),),
        says=("state",),
        state="completed",
    ),
    Scenario(
        name="into less, which is left",
        command=run("--set steps=200") + " 2>&1 | less",
        does=(("see", "2 ranks on local"), ("type", "q")),
        state="completed",
    ),
    Scenario(
        name="into a file on a full disk",
        command=SHORT + " > /dev/full",
        code=2,
        says=("standard output: not all was written: No space left on device",),
        state="completed",
    ),
    Scenario(
        name="without colours",
        command="env NO_COLOR=1 " + SHORT,
        says=("walk/tiny completed: PASS",),
        state="completed",
    ),
    Scenario(
        name="on a dumb terminal",
        command="env TERM=dumb " + SHORT,
        says=("walk/tiny completed: PASS",),
        state="completed",
    ),
    Scenario(
        name="in a locale that knows ASCII only",
        command="env LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 seatrial report w",
        before=DONE,
        says=("walk/tiny",),
    ),
    Scenario(
        name="without a home",
        command="env -u HOME " + SHORT,
        says=("walk/tiny completed: PASS",),
        state="completed",
    ),
    Scenario(
        name="the list of runs", command="seatrial runs", before=DONE, says=("w", "walk/tiny", "completed", "PASS")
    ),
    Scenario(name="where a run stands", command="seatrial status w", before=DONE, says=("verdict", "PASS")),
    Scenario(
        name="where a run stands while it trains",
        command="seatrial status w",
        before=(("elsewhere", LONG + " --detach"),),
        says=("state",),
        state="running",
    ),
    Scenario(name="its logs", command="seatrial logs w", before=DONE, says=("0: step 3", "1: step 3")),
    Scenario(
        name="its logs as they come, until it is cancelled",
        command="seatrial logs -f w",
        before=(("elsewhere", LONG + " --detach"),),
        does=(("see", "0: step 12"), ("elsewhere", "seatrial cancel w")),
        state="stopped",
    ),
    Scenario(
        name="its logs as they come, and Ctrl-C",
        command="seatrial logs -f w",
        before=(("elsewhere", LONG + " --detach"),),
        does=(("see", "0: step 12"), ("press", "c")),
        code=130,
        says=("interrupted",),
        state="running",
    ),
    Scenario(
        name="the log of a rank that it does not have",
        command="seatrial logs w --rank 7",
        before=DONE,
        code=2,
        says=("no rank is called '7'", "choose from: 0, 1"),
    ),
    Scenario(name="its report", command="seatrial report w", before=DONE, says=("walk/tiny", "run.completed")),
    Scenario(
        name="two runs side by side",
        command="seatrial compare w v",
        before=(*DONE, ("elsewhere", SHORT.replace("--name w", "--name v"))),
        says=("throughput",),
    ),
    Scenario(name="a recipe in full", command="seatrial show walk.py", says=("walk/tiny", "fault_step")),
    Scenario(
        name="the dry run",
        command="seatrial render walk.py",
        says=("# --- job.json", "RENDERED walk/tiny on local: nothing was started"),
    ),
    Scenario(
        name="every case's recipe, one after the other",
        command=ALL,
        before=(("install", "one=30 two=30"),),
        says=("1 of 2: one/drill", "two/drill completed: PASS", "JOB STATE VERDICT FIDELITY LOSS", "2 of 2 passed, in"),
        state="completed",
    ),
    Scenario(
        name="the same on a narrow terminal",
        command=ALL,
        before=(("install", "one=30"),),
        says=("JOB STATE VERDICT LOSS", "1 of 1 passed, in"),
        size=(24, 50),
    ),
)
