"""Slurm's recorded answers (recorded/README.md), compared with what is known of the jobs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.cluster import Cluster
from seatrial.errors import UserError
from seatrial.launchers import slurm
from seatrial.launchers.slurm import answers, engine
from seatrial.standing import Phase, Standing, Submission

RECORDED = Path(__file__).with_name("recorded")
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
40   | the prolog is at work                                  | runs  | RUNNING: Prolog
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
PARSERS = {"squeue": answers.parse_squeue, "sacct": answers.parse_sacct}


def parsed(moment: str, command: str) -> dict[str, Standing]:
    return PARSERS[command]((RECORDED / moment / f"{command}.txt").read_text())


def known(moment: str) -> list[list[str]]:
    """The rows about a moment."""
    return [[cell.strip() for cell in line.split("|")] for line in RECORDINGS[moment].strip().splitlines()]


# What a command cannot know, or says in another way, and why that is right.
EXCEPTIONS = {("meanwhile", "sacct", "39")}  # the accounting does not wait for the epilog


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


# --- both together


def standings(monkeypatch: pytest.MonkeyPatch, moment: str, *job_ids: str) -> dict[str, tuple[Phase, bool]]:
    """What `engine.standings` makes of a moment's answers, when Slurm is asked about these jobs."""

    def say(_: Cluster, script: str) -> subprocess.CompletedProcess[bytes]:
        command = script.partition(" ")[0]
        return subprocess.CompletedProcess([], 0, (RECORDED / moment / f"{command}.txt").read_bytes(), b"")

    monkeypatch.setattr(engine, "run", say)
    monkeypatch.setattr(engine, "answer", lambda cluster, script: say(cluster, script).stdout.decode())
    cluster = Cluster(name="p5", launcher="slurm", nodes=7, cpus_per_node=192, options=slurm.Options())
    asked = [Submission(name=job_id, cluster={}, job_id=job_id) for job_id in job_ids]
    return {name: (s.phase, s.failed) for name, s in engine.standings(asked, cluster).items()}


def test_what_squeue_has_forgotten_sacct_knows(monkeypatch):
    assert (RECORDED / "forgotten/squeue.txt").read_text() == ""
    found = standings(monkeypatch, "forgotten", "2", "3", "99")
    assert found == {"2": TRUTHS["well"], "3": TRUTHS["badly"], "99": (Phase.GONE, False)}


@pytest.mark.parametrize(
    ("said", "silent"),
    [
        ("sacct: error: Problem talking to the database: Connection refused", True),
        ("Slurm accounting storage is disabled", False),
    ],
)
def test_a_silent_database_proves_no_end(monkeypatch, said, silent):
    """Slurm 22.05.8 says this, with exit code 1, while slurmdbd is restarted, and where there is none."""
    done = subprocess.CompletedProcess([], 1, b"", said.encode())
    monkeypatch.setattr(engine, "run", lambda *_: done)
    monkeypatch.setattr(engine, "answer", lambda *_: "")
    cluster = Cluster(name="p5", launcher="slurm", nodes=7, cpus_per_node=192)
    asked = [Submission(name="a", cluster={}, job_id="7")]
    if silent:
        with pytest.raises(UserError, match="talking to the database"):
            engine.standings(asked, cluster)
    else:
        assert engine.standings(asked, cluster)["a"].phase is Phase.GONE


@pytest.mark.parametrize(
    ("moment", "job_ids"), [("afterwards", ("22_4", "22_5", "23_0", "23_2")), ("forgotten", ("4_0", "4_1", "5_2"))]
)
def test_elements_that_were_cancelled_while_they_waited_have_ended(monkeypatch, moment, job_ids):
    assert standings(monkeypatch, moment, *job_ids) == dict.fromkeys(job_ids, TRUTHS["badly"])


@given(st.text() | st.from_regex(r"\d+_\[[0-9,%-]*\]\|\w+\|0:0"))
def test_no_answer_crashes_or_proves_an_end_that_was_not_told(text):
    for parse in PARSERS.values():
        assert all(standing.phase is not Phase.GONE for standing in parse(text).values())
    assert answers.parse_squeue("1|NEW_STATE|None|x")["1"].phase is Phase.RUNNING


def test_elements_of_an_array():
    text = "22_[4-5%2]|PENDING|0:0\n23_[0,2]|CANCELLED by 0|0:0\n24|COMPLETED|0:0\n"
    assert list(answers.parse_sacct(text)) == ["22_4", "22_5", "23_0", "23_2", "24"]
