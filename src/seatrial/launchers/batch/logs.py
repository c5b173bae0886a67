"""What a job's nodes printed, from CloudWatch Logs: rank 0's events and the logs."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.aws import error_code
from seatrial.cluster import Cluster
from seatrial.launchers._printed_events import events_in
from seatrial.launchers.batch import api
from seatrial.launchers.batch.engine import DESCRIBED_AT_ONCE, lookup
from seatrial.runs import Run, replace_text
from seatrial.standing import Submission

if TYPE_CHECKING:
    from seatrial.launchers.batch import Options

STATE = "batch-logs.json"
"""In the run's folder: how far each log stream was read, and how long each log file was then."""


def collect(run: Run, submission: Submission, cluster: Cluster, *, logs: bool) -> None:
    """Append what is new to events.jsonl and logs/node-N.log: of all nodes if `logs`, else of the one of rank 0."""
    options: Options = cluster.options
    job_id = submission.job_id or lookup(submission.name, cluster)
    if job_id is None:
        return
    with _state(run.path) as state, api.calls(cluster):
        streams = _streams(api.client(cluster, "batch"), job_id, run.job.nodes if logs else 1)
        cloudwatch = api.client(cluster, "logs")
        for node, stream in streams:
            read = state["streams"].setdefault(stream, {"token": None, "messages": 0})
            lines = list(_messages(cloudwatch, options.log_group, stream, read))
            if node == 0:
                _add_events(run.events_path, lines)
            path = run.path / "logs" / f"node-{node}.log"
            state["bytes"][path.name] = _append(path, lines, state["bytes"].get(path.name, 0))


@contextmanager
def _state(folder: Path) -> Iterator[dict[str, Any]]:
    """What was read before. One collector at a time; if it fails, the next one begins where this one did."""
    with (folder / f".{STATE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = folder / STATE
        state = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"streams": {}, "bytes": {}}
        yield state
        replace_text(path, json.dumps(state, indent=2) + "\n")


def _streams(batch: Any, job_id: str, nodes: int) -> list[tuple[int, str]]:
    """Node and log stream of every attempt that was started, oldest first."""
    ids = [f"{job_id}#{node}" for node in range(nodes)]
    found = []
    for first in range(0, nodes, DESCRIBED_AT_ONCE):
        for job in batch.describe_jobs(jobs=ids[first : first + DESCRIBED_AT_ONCE])["jobs"]:
            containers = [attempt.get("container", {}) for attempt in job.get("attempts", [])]
            names = [each.get("logStreamName") for each in (*containers, job.get("container", {}))]
            node = int(job["jobId"].rpartition("#")[2])
            found += [(node, name) for name in dict.fromkeys(names) if name]
    return found


def _messages(cloudwatch: Any, group: str, stream: str, read: dict[str, Any]) -> Iterator[str]:
    """Messages after those that `read` counts, which it is told of. A stream that is not there yet has none."""
    from botocore.exceptions import ClientError

    skip, where = 0, {"logGroupName": group, "logStreamName": stream, "startFromHead": True}
    while True:
        token = {"nextToken": read["token"]} if read["token"] else {}
        try:
            page = cloudwatch.get_log_events(**where, **token)
        except ClientError as error:
            code = error_code(error)
            if code == "InvalidParameterException" and token:  # a token lives for 24 hours: from the beginning again
                read["token"], skip, read["messages"] = None, read["messages"], 0
                continue
            if code == "ResourceNotFoundException":
                return
            raise
        for event in page["events"]:
            read["messages"] += 1
            if read["messages"] > skip:
                yield event["message"].rstrip("\n")
        if page["nextForwardToken"] == read["token"]:  # AWS's sign of the end
            return
        read["token"] = page["nextForwardToken"]


def _add_events(path: Path, lines: list[str]) -> None:
    """Append the events among the lines, each once, whatever was read before."""
    known = set(path.read_text(encoding="utf-8").splitlines()) if path.exists() else set()
    new = [event for event in dict.fromkeys(events_in("\n".join(lines))) if event not in known]
    if new:
        with path.open("a", encoding="utf-8") as file:
            file.write("".join(f"{event}\n" for event in new))


def _append(path: Path, lines: list[str], size: int) -> int:
    """Put the lines after the first `size` bytes of a file: a collector that failed may have left more."""
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        file.truncate(min(size, file.tell()))
        file.write("".join(f"{line}\n" for line in lines).encode())
        return file.tell()
