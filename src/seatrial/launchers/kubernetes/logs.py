"""What pods printed: a run's events, and its logs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from seatrial.cluster import Cluster
from seatrial.launchers._names import engine_name
from seatrial.launchers._printed_events import events_in
from seatrial.launchers.kubernetes.client import READ_SECONDS, Api, Refused
from seatrial.launchers.kubernetes.pod import GRACE_SECONDS, LONGEST_NAME, RUN_LABEL
from seatrial.launchers.kubernetes.status import Thing, node_of
from seatrial.runs import Run, replace_text
from seatrial.standing import Submission

Position = dict[str, Any]
"""How far a pod's log was read; kept in logs/.positions.json by the pod's uid."""


def collect(run: Run, submission: Submission, cluster: Cluster, *, logs: bool) -> None:
    """Append what is new to events.jsonl and to logs/node-0.log, or to logs/node-N.log of all nodes if `logs`.

    A pod that is being deleted is read to its end: its last words would be gone with it.
    """
    api = Api(cluster.options)
    selector = f"{RUN_LABEL}={engine_name(submission.name, longest=LONGEST_NAME)}"
    pods = api.items(f"/api/v1/namespaces/{api.namespace}/pods", labelSelector=selector)
    pods.sort(key=lambda pod: (pod["metadata"]["creationTimestamp"], node_of(pod)))
    # HyperPod numbers the ranks itself, so there rank 0 may be in any pod.
    everywhere = logs or cluster.options.kind == "hyperpodpytorchjob"
    file = run.path / "logs" / ".positions.json"
    file.parent.mkdir(exist_ok=True)
    positions: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    for pod in pods:
        if everywhere or node_of(pod) == 0:
            uid = pod["metadata"]["uid"]
            new, position = _after(_log(api, pod, positions.get(uid)), positions.get(uid))
            _append_events(run, new)
            _append(run.path / "logs" / f"node-{node_of(pod)}.log", new)
            replace_text(file, json.dumps(positions | {uid: position}))
            positions[uid] = position


def _append_events(run: Run, lines: list[str]) -> None:
    events = dict.fromkeys(events_in("\n".join(lines)))
    if events:  # a collector that was killed may have written some, but not how far it came
        known = set(run.events_path.read_text(encoding="utf-8").splitlines()) if run.events_path.exists() else set()
        _append(run.events_path, [event for event in events if event not in known])


def _after(entries: list[tuple[str, str]], position: Position | None) -> tuple[list[str], Position | None]:
    """Lines behind a position, and the new position: the last line's time, and how many lines of that time came."""
    last, seen = (position["time"], position["lines"]) if position else ("", 0)
    same = [entry for entry in entries if entry[0] == last]
    new = [*same[seen:], *(entry for entry in entries if _moment(entry[0]) > _moment(last))]
    if not new:
        return [], position
    end = new[-1][0]
    count = sum(stamp == end for stamp, _ in entries)
    return [line for _, line in new], {"time": end, "lines": count}


def _moment(stamp: str) -> tuple[str, str]:
    """An RFC 3339 time in UTC, so that it sorts: its fraction has as many digits as it needs."""
    seconds, _, fraction = stamp.rstrip("Z").partition(".")
    return seconds, fraction


def _log(api: Api, pod: Thing, position: Position | None) -> list[tuple[str, str]]:
    """Time and text of a pod's lines from the second of a position on; of the container's last two starts."""
    path = f"/api/v1/namespaces/{api.namespace}/pods/{pod['metadata']['name']}/log"
    query = {"container": pod["spec"]["containers"][0]["name"], "timestamps": "true"}
    if position:
        query["sinceTime"] = position["time"]
    restarted = any(status.get("restartCount") for status in pod["status"].get("containerStatuses") or [])
    text = _text(api, path, query | {"previous": "true"}) + "\n" if restarted else ""
    if "deletionTimestamp" in pod["metadata"]:
        text += _text(api, path, query | {"follow": "true"}, seconds=GRACE_SECONDS + 60.0) + "\n"
    else:
        text += _text(api, path, query)
    if pod["status"].get("phase") in ("Pending", "Running"):
        text = text.rpartition("\n")[0]  # what stands behind it is half a line: it comes whole the next time
    stamped = [line.partition(" ") for line in text.split("\n") if line]
    return [(stamp, line) for stamp, _, line in stamped]


def _text(api: Api, path: str, query: dict[str, str], *, seconds: float = READ_SECONDS) -> str:
    try:
        return api.text(path, seconds=seconds, **query)
    except Refused as error:
        if error.status in (400, 404, 500):  # not started yet; gone; its node does not answer
            return ""
        raise


def _append(path: Path, lines: list[str]) -> None:
    if not lines:
        return
    torn = path.exists() and path.stat().st_size and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(["\n" if torn else "", *(f"{line}\n" for line in lines)]))
