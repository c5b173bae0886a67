"""Events and logs from CloudWatch Logs, in moto, as Batch names its streams."""

from __future__ import annotations

import fcntl
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seatrial.events import PRINTED
from seatrial.launchers import batch
from seatrial.runs import Run
from seatrial.standing import Submission
from tests.launchers.batch import aws
from tests.launchers.batch.aws import SECRETS, Account, cluster, gpu_job

GROUP = "/aws/batch/job"


@pytest.fixture(scope="module")
def shared_account() -> Iterator[Account]:
    with aws.opened() as account:
        account.client("logs").create_log_group(logGroupName=GROUP)
        yield account


class Job:
    """A job of two nodes that was submitted, its run, and what it prints."""

    def __init__(self, account: Account, run: Run) -> None:
        self.account, self.run, self.cluster = account, run, cluster(options=SECRETS)
        job_id = batch.submit(batch.render(run.job, self.cluster, run.id), run.id, self.cluster)
        self.submission = Submission(name=run.id, cluster={}, job_id=job_id)

    def start(self, node: int, *attempts: str) -> None:
        """Node `node` has had these attempts: its log streams, oldest first."""
        assert self.submission.job_id
        self.account.start_node(self.submission.job_id, node, *(self.stream(name) for name in attempts))
        known = self.account.client("logs").describe_log_streams(logGroupName=GROUP)["logStreams"]
        for name in attempts:
            if self.stream(name) not in [stream["logStreamName"] for stream in known]:
                self.account.client("logs").create_log_stream(logGroupName=GROUP, logStreamName=self.stream(name))

    def stream(self, attempt: str) -> str:
        return f"seatrial/default/{self.submission.job_id}-{attempt}"

    def prints(self, attempt: str, *lines: str) -> None:
        events = [{"timestamp": int(time.time() * 1000), "message": line} for line in lines]
        self.account.client("logs").put_log_events(
            logGroupName=GROUP, logStreamName=self.stream(attempt), logEvents=events
        )

    def collect(self, *, logs: bool = False) -> None:
        batch.collect(self.run, self.submission, self.cluster, logs=logs)

    @property
    def events(self) -> list[str]:
        path = self.run.events_path
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def log(self, node: int) -> list[str]:
        return (self.run.path / "logs" / f"node-{node}.log").read_text(encoding="utf-8").splitlines()


def event(step: int) -> str:
    return json.dumps({"v": 1, "time": 1700000000.5 + step, "type": "heartbeat", "phase": "start", "rank": 0})


@pytest.fixture
def job(shared_account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    aws.isolate(monkeypatch, tmp_path, shared_account.endpoint)
    shared_account.clear()
    run = Run(tmp_path / "run-1")
    run.path.mkdir()
    run.save_job(gpu_job())
    return Job(shared_account, run)


def test_each_event_once_however_often_it_is_asked_for(job: Job) -> None:
    job.start(0, "a")
    job.prints("a", "hello", PRINTED + event(1), f"[default0]: \x1b[36m{PRINTED}{event(2)}\x1b[0m")
    job.collect()
    job.collect()
    assert job.events == [event(1), event(2)]
    job.prints("a", PRINTED + event(3), PRINTED + event(3)[:40])
    job.collect()
    job.collect(logs=True)
    assert job.events == [event(1), event(2), event(3)]
    assert job.log(0)[0] == "hello" and len(job.log(0)) == 5


def test_the_logs_of_all_nodes_are_brought_only_if_they_are_asked_for(job: Job) -> None:
    for node in (0, 1):
        job.start(node, f"n{node}")
        job.prints(f"n{node}", f"node {node}", "ä")
    job.collect()
    assert not (job.run.path / "logs" / "node-1.log").exists()
    job.collect(logs=True)
    assert (job.log(0), job.log(1)) == (["node 0", "ä"], ["node 1", "ä"])


def test_only_rank_0s_node_tells_events(job: Job) -> None:
    job.start(1, "b")
    job.prints("b", PRINTED + event(1))
    job.collect(logs=True)
    assert job.events == []


@pytest.mark.parametrize("meanwhile", [True, False], ids=["one-by-one", "at-the-end"])
def test_every_attempt_is_read_in_order(job: Job, meanwhile: bool) -> None:
    job.start(0, "a")
    job.prints("a", "first", PRINTED + event(1))
    if meanwhile:
        job.collect(logs=True)
    job.start(0, "a", "b")
    job.prints("b", "second", PRINTED + event(2))
    job.collect(logs=True)
    assert job.events == [event(1), event(2)]
    assert [line for line in job.log(0) if PRINTED not in line] == ["first", "second"]


def test_more_than_one_page(job: Job) -> None:
    job.start(0, "a")
    lines = [f"line {i}" for i in range(12_000)]  # CloudWatch's page has 10 000
    for first in range(0, len(lines), 4000):
        job.prints("a", *lines[first : first + 4000])
    job.collect(logs=True)
    assert job.log(0) == lines


def test_a_token_that_cloudwatch_has_forgotten(job: Job) -> None:
    job.start(0, "a")
    job.prints("a", "one", PRINTED + event(1))
    job.collect(logs=True)
    path = job.run.path / "batch-logs.json"
    state = json.loads(path.read_text())
    state["streams"][job.stream("a")]["token"] = "f/forgotten"  # moto refuses it with AWS's own error
    path.write_text(json.dumps(state))
    job.prints("a", "two")
    job.collect(logs=True)
    assert (job.events, job.log(0)) == ([event(1)], ["one", PRINTED + event(1), "two"])


def test_what_a_collector_left_that_was_killed_is_not_doubled(job: Job) -> None:
    job.start(0, "a")
    job.prints("a", "one", PRINTED + event(1))
    job.collect(logs=True)
    path = job.run.path / "batch-logs.json"
    before = path.read_text()
    job.prints("a", "two", PRINTED + event(2))
    job.collect(logs=True)
    path.write_text(before)  # it wrote the log and the event, and died before it could say so
    job.collect(logs=True)
    assert job.events == [event(1), event(2)]
    assert job.log(0) == ["one", PRINTED + event(1), "two", PRINTED + event(2)]


def test_two_collectors_wait_for_each_other(job: Job) -> None:
    job.start(0, "a")
    job.prints("a", PRINTED + event(1))
    with (job.run.path / ".batch-logs.json.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as another process would
        other = threading.Thread(target=job.collect)
        other.start()
        other.join(timeout=0.5)
        assert other.is_alive() and job.events == []
    other.join()
    assert job.events == [event(1)]


def test_events_that_this_machine_wrote_stay(job: Job) -> None:
    job.start(0, "a")
    job.run.events_path.write_text(event(0) + "\n")
    job.prints("a", PRINTED + event(1))
    job.collect()
    assert job.events == [event(0), event(1)]


@pytest.mark.parametrize("known", [True, False], ids=["known", "never-submitted"])
def test_what_has_not_printed_yet_has_no_events(job: Job, known: bool) -> None:
    if known:
        assert job.submission.job_id
        job.account.start_node(job.submission.job_id, 0, "stream-that-is-not-there-yet")
    else:
        job.submission = Submission(name="never", cluster={}, job_id=None)
    job.collect(logs=True)
    assert job.events == []


def test_a_refusal_leaves_the_state_as_it_was(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    from seatrial.errors import UserError

    job.start(0, "a")
    job.prints("a", "one")
    with monkeypatch.context() as patch:
        aws.isolate(patch, job.run.path, job.account.endpoint)
        aws.refuse(patch, "ExpiredTokenException", "expired")
        with pytest.raises(UserError, match="does not accept the credentials"):
            job.collect(logs=True)
    aws.isolate(monkeypatch, job.run.path, job.account.endpoint)
    job.collect(logs=True)
    assert job.log(0) == ["one"]


def test_130_nodes_take_two_calls_to_describe(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    job.run.save_job(gpu_job(nodes=130))
    asked: list[Any] = []
    import boto3

    client = boto3.Session.client

    def watched(self: boto3.Session, *args: Any, **kwargs: Any) -> Any:
        found = client(self, *args, **kwargs)
        found.meta.events.register(
            "before-parameter-build.batch.DescribeJobs", lambda params, **_: asked.append(params)
        )
        return found

    monkeypatch.setattr(boto3.Session, "client", watched)
    aws.isolate(monkeypatch, job.run.path, job.account.endpoint)
    job.collect(logs=True)
    assert [len(params["jobs"]) for params in asked] == [100, 30]
