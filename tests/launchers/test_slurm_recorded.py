"""Slurm's recorded answers (recorded/slurm/README.md), compared with what is known of the jobs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from seatrial.launchers import _slurm_engine as engine
from seatrial.launchers import slurm
from seatrial.runs import Phase, Standing, Submission
from seatrial.spec import Cluster

RECORDED = Path(__file__).with_name("recorded") / "slurm"
TRUTHS = {
    "waits": (Phase.QUEUED, False),
    "runs": (Phase.RUNNING, False),
    "well": (Phase.ENDED, False),
    "badly": (Phase.ENDED, True),
}
"""What can be true of a job -> phase and `failed` of its Standing."""

# id | how it came to be | what is true of it | in squeue's words
MEANWHILE = """
1    | has a time limit of one minute                         | runs  | RUNNING: p5-2
2    | true                                                   | well  | COMPLETED
3    | exit 7                                                 | badly | FAILED: NonZeroExitCode
4    | kill -SEGV $$                                          | badly | FAILED: JobLaunchFailure
5    | exit 75                                                | badly | FAILED: NonZeroExitCode
6    | --dependency=afterok:3                                 | waits | PENDING: DependencyNeverSatisfied
7    | the same, with --kill-on-invalid-dep=yes               | badly | CANCELLED: DependencyNeverSatisfied
8    | cancelled before it began                              | badly | CANCELLED: BeginTime
9    | cancelled while it ran                                 | badly | CANCELLED
10   | made room for 12, in a partition with PreemptMode=CANCEL  | badly | PREEMPTED
11   | the same, with PreemptMode=REQUEUE; it runs again      | runs  | RUNNING: p5-5
12   | cancelled while it ran                                 | badly | CANCELLED
13   | the prolog failed                                      | waits | PENDING: launch failed requeued held
14   | its node died, --no-requeue                            | badly | NODE_FAIL: NodeDown
15   | its node died, --requeue                               | waits | PENDING
16   | --hold                                                 | waits | PENDING: JobHeldUser
17   | scontrol hold                                          | waits | PENDING: JobHeldAdmin
18   | --begin=now+1hour                                      | waits | PENDING: BeginTime
19   | scontrol requeuehold State=SpecialExit, while it ran   | waits | SPECIAL_EXIT: job requeued in held state
20   | scontrol requeuehold, while it ran                     | waits | PENDING: job requeued in held state
21   | scontrol suspend                                       | runs  | SUSPENDED
22_0 | --array=0-5%2: exit 0                                  | well  | COMPLETED
22_1 | exit 3                                                 | badly | FAILED: NonZeroExitCode
22_2 | sleep                                                  | runs  | RUNNING: p5-1
22_3 | sleep                                                  | runs  | RUNNING: p5-1
22_4 | two run already                                        | waits | PENDING: JobArrayTaskLimit
22_5 | two run already                                        | waits | PENDING: JobArrayTaskLimit
23_0 | --array=0-2 --begin=now+1hour; 23_1 was cancelled      | waits | PENDING: BeginTime
23_2 | --array=0-2 --begin=now+1hour                          | waits | PENDING: BeginTime
24   | two nodes                                              | runs  | RUNNING: p5-[1-2]
27   | --dependency=afterok:24                                | waits | PENDING: Dependency
28   | longer than its partition allows                       | waits | PENDING: PartitionTimeLimit
31   | its partition is down                                  | waits | PENDING: PartitionDown
32   | its node is drained                                    | waits | PENDING: ReqNodeNotAvail, UnavailableNodes:p5-4
33   | --comment with JobId=1 JobState=FAILED in it           | runs  | RUNNING: p5-1
34   | --job-name with JobState=FAILED in it                  | runs  | RUNNING: p5-1
35   | has p5-3 alone                                         | runs  | RUNNING: p5-3
36   | wants p5-3                                             | waits | PENDING: Resources
37   | wants p5-3, after 36                                   | waits | PENDING: ReqNodeNotAvail, UnavailableNodes:p5-3
38   | --deadline=now+70 --time=1                             | badly | DEADLINE: DeadLine
39   | exit 0, and the epilog is at work                      | runs  | COMPLETING
40   | the prolog is at work                                  | runs  | RUNNING: p5-2
41   | five nodes where four are up                           | waits | PENDING: Nodes required for job are DOWN
"""
AFTERWARDS = """
1    | was over its time limit                                | badly | TIMEOUT: TimeLimit
2    | as before                                              | well  | COMPLETED
3    | as before                                              | badly | FAILED: NonZeroExitCode
6    | cancelled while it waited                              | badly | CANCELLED: DependencyNeverSatisfied
10   | as before                                              | badly | PREEMPTED
13   | cancelled while it was held                            | badly | CANCELLED: launch failed requeued held
14   | as before                                              | badly | NODE_FAIL: NodeDown
15   | its second attempt ended                               | well  | COMPLETED
22_0 | as before                                              | well  | COMPLETED
22_1 | as before                                              | badly | FAILED: NonZeroExitCode
22_2 | cancelled while it ran                                 | badly | CANCELLED
24   | cancelled while it ran, on two nodes                   | badly | CANCELLED
38   | as before                                              | badly | DEADLINE: DeadLine
39   | the epilog has ended                                   | well  | COMPLETED
"""
OUT_OF_MEMORY = """
2    | true                                                   | well  | COMPLETED
3    | took more memory than --mem                            | badly | OUT_OF_MEMORY: OutOfMemory
"""
RECORDINGS = {"meanwhile": MEANWHILE, "afterwards": AFTERWARDS, "out-of-memory": OUT_OF_MEMORY}
PARSERS = {"squeue": engine.parse_squeue, "sacct": engine.parse_sacct, "scontrol": engine.parse_scontrol}


def parsed(moment: str, command: str) -> dict[str, Standing]:
    return PARSERS[command]((RECORDED / moment / f"{command}.txt").read_text())


def known(moment: str) -> list[list[str]]:
    """The rows about a moment."""
    return [[cell.strip() for cell in line.split("|")] for line in RECORDINGS[moment].strip().splitlines()]


# What a command cannot know, or says in another way, and why that is right.
EXCEPTIONS = {
    ("meanwhile", "sacct", "39"),  # the accounting does not wait for the epilog
    ("meanwhile", "sacct", "22_4"),  # sacct and scontrol have one line for all elements that wait
    ("meanwhile", "sacct", "22_5"),
    ("meanwhile", "sacct", "23_0"),
    ("meanwhile", "sacct", "23_2"),
    ("meanwhile", "scontrol", "1"),  # see the comment of 33
    ("meanwhile", "scontrol", "33"),
    ("meanwhile", "scontrol", "22_4"),
    ("meanwhile", "scontrol", "22_5"),
    ("meanwhile", "scontrol", "23_0"),
    ("meanwhile", "scontrol", "23_2"),
}


@pytest.mark.parametrize("command", PARSERS)
@pytest.mark.parametrize("moment", RECORDINGS)
def test_phase_and_failure_are_the_true_ones(moment, command):
    found = parsed(moment, command)
    for job_id, _, truth, _ in known(moment):
        if (moment, command, job_id) not in EXCEPTIONS:
            standing = found[job_id]
            assert (standing.phase, standing.failed) == TRUTHS[truth], (job_id, standing)


@pytest.mark.parametrize("moment", RECORDINGS)
def test_squeue_says_why(moment):
    found = parsed(moment, "squeue")
    for job_id, _, _, words in known(moment):
        assert found[job_id].detail.partition(", DRAINED")[0] == words


def test_squeue_tells_of_every_job_that_was_submitted():
    assert set(parsed("meanwhile", "squeue")) == {job_id for job_id, *_ in known("meanwhile")}


def test_sacct_says_by_which_code_or_signal_a_job_ended():
    found = parsed("meanwhile", "sacct")
    assert {job_id: found[job_id].detail for job_id in ("3", "4", "5", "8", "22_1")} == {
        "3": "FAILED: exit code 7:0",
        "4": "FAILED: exit code 0:11",
        "5": "FAILED: exit code 75:0",
        "8": "CANCELLED",
        "22_1": "FAILED: exit code 3:0",
    }
    assert parsed("out-of-memory", "sacct")["3"].detail == "OUT_OF_MEMORY: exit code 0:125"


# --- all three together


def standings(monkeypatch: pytest.MonkeyPatch, moment: str, *job_ids: str) -> dict[str, tuple[Phase, bool]]:
    """What `engine.standings` makes of a moment's answers, when Slurm is asked about these jobs."""

    def answer(_: Cluster, script: str) -> subprocess.CompletedProcess[bytes]:
        texts = {name: (RECORDED / moment / f"{name}.txt").read_text() for name in PARSERS}
        said = texts["squeue"] if "squeue" in script else f"{texts['sacct']}#scontrol\n{texts['scontrol']}"
        return subprocess.CompletedProcess([], 0, said.encode(), b"")

    monkeypatch.setattr(engine, "_run", answer)
    cluster = Cluster(name="p5", launcher="slurm", nodes=7, cpus_per_node=192, options=slurm.Options())
    asked = [Submission(name=job_id, cluster={}, job_id=job_id) for job_id in job_ids]
    return {name: (s.phase, s.failed) for name, s in engine.standings(asked, cluster).items()}


def test_what_squeue_has_forgotten_sacct_knows(monkeypatch):
    assert (RECORDED / "forgotten/squeue.txt").read_text() == ""
    found = standings(monkeypatch, "forgotten", "2", "3", "99")
    assert found == {"2": TRUTHS["well"], "3": TRUTHS["badly"], "99": (Phase.GONE, False)}


@pytest.mark.xfail(reason="squeue calls what is left of a cancelled array by the array's own id, sacct by a range")
@pytest.mark.parametrize(
    ("moment", "job_ids"), [("afterwards", ("22_4", "22_5", "23_0", "23_2")), ("forgotten", ("4_0", "4_1", "5_2"))]
)
def test_elements_that_were_cancelled_while_they_waited_have_ended(monkeypatch, moment, job_ids):
    assert standings(monkeypatch, moment, *job_ids) == dict.fromkeys(job_ids, TRUTHS["badly"])


@pytest.mark.xfail(reason="any text of a job's name or comment is taken for a field")
def test_nobody_can_make_a_statement_about_a_job_in_the_comment_of_another_one():
    found = parsed("meanwhile", "scontrol")
    assert found["1"].phase is Phase.RUNNING and found["33"].phase is Phase.RUNNING
