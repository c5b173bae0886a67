"""Jobs in Kubernetes, against a stand-in for its API server that answers over HTTP."""

from __future__ import annotations

import json
import socket

import pytest

from seatrial import flow, following
from seatrial.errors import UserError
from seatrial.events import PRINTED, RunEnd, Step, encode
from seatrial.history import History
from seatrial.launchers import kubernetes
from seatrial.runs import State
from seatrial.standing import Phase, Submission
from tests.launchers import shapes
from tests.launchers.kubernetes import samples
from tests.launchers.kubernetes.fake_api import HALF, FakeApi

JOBSETS = "/apis/jobset.x-k8s.io/v1alpha2/namespaces/default/jobsets"
PODS = "/api/v1/namespaces/default/pods"
NAME = "trial 1"
ENGINE = kubernetes.engine_name(NAME, longest=40)


@pytest.fixture
def api(tmp_path, monkeypatch):
    fake = FakeApi()
    monkeypatch.setenv("KUBECONFIG", str(fake.kubeconfig(tmp_path)))
    yield fake
    fake.close()


def submit(where, name=NAME):
    return kubernetes.submit(kubernetes.render(samples.job(where), where, name), name, where)


def submission(name=NAME):
    return Submission(name=name, cluster={})


def add_pod(api, index, phase="Running", **status):
    name = f"{ENGINE}-node-0-{index}-abcde"
    meta = {
        "labels": {"seatrial.io/run": ENGINE},
        "annotations": {"batch.kubernetes.io/job-completion-index": str(index)},
    }
    spec = {"containers": [{"name": "node"}]}
    return api.add(f"{PODS}/{name}", {"metadata": meta, "spec": spec, "status": {"phase": phase, **status}})


# --- submit, look up, cancel


def test_submission_is_found_again_and_never_doubled(api):
    where = samples.cluster()
    assert kubernetes.lookup(NAME, where) is None
    job_id = submit(where)
    assert job_id == f"jobsets/{ENGINE}" == submit(where) == kubernetes.lookup(NAME, where)
    assert [path for method, path, _ in api.requests if method == "POST"] == [JOBSETS]
    assert api.objects[f"{JOBSETS}/{ENGINE}"]["metadata"]["annotations"]["seatrial.io/run-id"] == NAME
    assert {q.get("fieldValidation") for method, _, q in api.requests if method == "POST"} == {"Strict"}


def test_answer_that_was_lost_is_no_second_job(api):
    """Two submit at once: one of them is told that the job exists."""
    where = samples.cluster(options={"kind": "job"})
    [service, _] = samples.documents(where, name=NAME)
    api.add(f"/api/v1/namespaces/default/services/{ENGINE}", service)
    assert submit(where) == f"jobs/{ENGINE}"
    assert len(api.objects) == 2


def test_service_goes_with_its_job(api):
    submit(samples.cluster(options={"kind": "job"}))
    job = api.objects[f"/apis/batch/v1/namespaces/default/jobs/{ENGINE}"]
    [owner] = api.objects[f"/api/v1/namespaces/default/services/{ENGINE}"]["metadata"]["ownerReferences"]
    assert owner == {"apiVersion": "batch/v1", "kind": "Job", "name": ENGINE, "uid": job["metadata"]["uid"]} | {
        "blockOwnerDeletion": True
    }


def test_files_go_with_their_job_and_come_again_with_a_resumed_one(api):
    where, path = samples.cluster(), f"/api/v1/namespaces/default/configmaps/{ENGINE}"
    mine = samples.job(where, **shapes.MINE)
    for _ in range(2):
        kubernetes.submit(kubernetes.render(mine, where, NAME), NAME, where)
        job = api.objects[f"{JOBSETS}/{ENGINE}"]
        assert api.objects[path]["data"]["mine.py"] == shapes.FILES["mine.py"].text
        [owner] = api.objects[path]["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["blockOwnerDeletion"]) == (job["metadata"]["uid"], True)
        job["status"] = {"conditions": [{"type": "Failed", "status": "True"}]}


def test_files_of_a_submission_that_came_to_no_job_do_not_run(api):
    """They have been changed since, and a ConfigMap of ours is immutable."""
    where, path = samples.cluster(), f"/api/v1/namespaces/default/configmaps/{ENGINE}"
    mine = samples.job(where, **shapes.MINE)
    [files, _] = samples.documents(where, mine, name=NAME)
    api.add(path, files | {"data": {"mine.py": "old"}})
    kubernetes.submit(kubernetes.render(mine, where, NAME), NAME, where)
    assert api.objects[path]["data"]["mine.py"] == shapes.FILES["mine.py"].text
    assert api.objects[path]["metadata"]["ownerReferences"]


@pytest.mark.parametrize("kind", ["configmaps", "services"])
def test_what_somebody_else_has_beside_a_job_is_neither_used_nor_touched(api, kind):
    where, path = samples.cluster(options={"kind": "job"}), f"/api/v1/namespaces/default/{kind}/{ENGINE}"
    theirs = {"kind": "Theirs", "metadata": {"name": ENGINE}, "data": {"mine.py": "theirs"}}
    api.add(path, dict(theirs))
    plan = kubernetes.render(samples.job(where, **shapes.MINE), where, NAME)
    with pytest.raises(UserError, match="exists, but not as run"):
        kubernetes.submit(plan, NAME, where)
    assert [*api.objects] == [path] and api.objects[path]["data"] == theirs["data"]
    assert "ownerReferences" not in api.objects[path]["metadata"]


def test_job_that_has_ended_makes_room_for_a_resumed_one(api):
    where = samples.cluster()
    submit(where)
    first = api.objects[f"{JOBSETS}/{ENGINE}"]
    first["status"] = {"conditions": [{"type": "Failed", "status": "True"}]}
    assert submit(where) == f"jobsets/{ENGINE}"
    assert api.objects[f"{JOBSETS}/{ENGINE}"]["metadata"]["uid"] != first["metadata"]["uid"]


def test_somebody_elses_job_of_that_name_is_left_alone(api):
    api.add(f"{JOBSETS}/{ENGINE}", {"kind": "JobSet", "metadata": {"annotations": {}}, "spec": {}})
    with pytest.raises(UserError, match="exists, but not as run"):
        submit(samples.cluster())
    assert kubernetes.lookup(NAME, samples.cluster()) is None
    kubernetes.cancel(submission(), samples.cluster())
    assert len(api.objects) == 1


def test_missing_operator_names_the_kinds_that_are_there(api):
    with pytest.raises(UserError) as error:
        submit(samples.cluster(options={"kind": "mpijob"}))
    [problem] = error.value.problems
    assert "Kubeflow MPI Operator" in problem.what
    assert 'kind = "jobset" or kind = "pytorchjob" or kind = "job"' in problem.remedy


def test_missing_namespace_is_no_missing_operator(api):
    where = samples.cluster(options={"namespace": "nowhere"})
    api.refusals["/apis/jobset.x-k8s.io/v1alpha2/namespaces/nowhere/jobsets"] = (404, 'namespaces "nowhere" not found')
    with pytest.raises(UserError, match='namespaces "nowhere" not found'):
        submit(where)


def test_what_is_refused_leaves_nothing(api):
    api.refusals["/apis/batch/v1/namespaces/default/jobs"] = (403, "exceeded quota: count/jobs.batch=1")
    with pytest.raises(UserError, match="exceeded quota"):
        submit(samples.cluster(options={"kind": "job"}))
    assert api.objects == {}  # not even the Service that was there first


def test_run_that_its_user_cancelled_while_it_ran_has_stopped(api, tmp_path):
    """Its pods are gone with it: without the user's word nothing would tell it from a run that was lost."""
    where = samples.cluster()
    job = samples.job(where)
    [run] = flow.start(kubernetes.render(job, where, NAME), job, where, History(tmp_path / "runs"), NAME)
    pod = add_pod(api, 0)["metadata"]["name"]
    api.objects[f"{JOBSETS}/{ENGINE}"]["status"] = {}
    api.logs[pod] = [(stamp(1), f"{PRINTED}{step(1)}")]
    assert following.refresh([run]) == [] and run.submission().standing.phase is Phase.RUNNING
    flow.cancel(run, lambda _: None)
    assert run.submission().standing.phase is Phase.GONE and lines(run) == [step(1)]
    assert run.state() is State.STOPPED and run.events().end().step == 1


def test_cancel_deletes_and_may_come_twice(api):
    where = samples.cluster()
    submit(where)
    kubernetes.cancel(submission(), where)
    kubernetes.cancel(submission(), where)
    assert api.objects == {}


# --- standings


def test_standings_of_many_are_two_lists(api):
    where = samples.cluster()
    for name in ("a", "b", NAME):
        submit(where, name)
    add_pod(api, 0)
    for engine in ("a", "b"):
        api.objects[f"{JOBSETS}/{engine}"]["status"] = {"conditions": [{"type": "Completed", "status": "True"}]}
    api.requests.clear()
    found = kubernetes.standings([submission(name) for name in ("a", "b", NAME, "never seen")], where)
    assert {name: standing.phase for name, standing in found.items()} == {
        "a": Phase.ENDED,
        "b": Phase.ENDED,
        NAME: Phase.RUNNING,
    }
    assert [path for _, path, _ in api.requests] == [JOBSETS, PODS]


def test_nobody_is_asked_about_nothing(api):
    assert kubernetes.standings([], samples.cluster()) == {} and api.requests == []


def test_quota_is_told_where_no_pod_can_be_made(api):
    where = samples.cluster()
    submit(where)
    for count, reason, message in (
        (1, "FailedCreate", 'pods "x" is forbidden: exceeded quota: team, requested: requests.nvidia.com/gpu=8'),
        (2, "BackOff", "of another run"),
    ):
        about = {"name": f"{ENGINE}-node-0" if count == 1 else f"{ENGINE}2-node-0"}
        event = {"involvedObject": about, "type": "Warning", "reason": reason, "message": message}
        api.add(f"/api/v1/namespaces/default/events/{count}", {**event, "lastTimestamp": f"2026-11-21T00:00:0{count}Z"})
    found = kubernetes.standings([submission()], where)[NAME]
    assert (
        found.phase is Phase.QUEUED
        and found.detail.startswith("FailedCreate: pods")
        and "exceeded quota" in found.detail
    )


def test_volume_that_cannot_be_mounted_is_told(api):
    where = samples.cluster()
    submit(where)
    add_pod(api, 0, "Pending", containerStatuses=[{"state": {"waiting": {"reason": "ContainerCreating"}}}])
    event = {"reason": "FailedMount", "message": 'MountVolume.SetUp failed for volume "fsx"', "type": "Warning"}
    about = {"involvedObject": {"name": f"{ENGINE}-node-0-0-abcde"}, "lastTimestamp": "2026-11-21T00:00:01Z"}
    api.add("/api/v1/namespaces/default/events/1", {**event, **about})
    assert kubernetes.standings([submission()], where)[NAME].detail.startswith("FailedMount: MountVolume.SetUp failed")


def test_queue_says_why_it_holds_a_job_back(api):
    where = samples.cluster(options={"kueue_queue": "team"})
    submit(where)
    job = api.objects[f"{JOBSETS}/{ENGINE}"]
    job["spec"]["suspend"] = True
    assert kubernetes.standings([submission()], where)[NAME].detail == "suspended"
    api.apis["kueue.x-k8s.io/v1beta2"] = ("workloads",)
    condition = {"type": "QuotaReserved", "status": "False", "message": "insufficient unused quota for nvidia.com/gpu"}
    workload = {
        "metadata": {"ownerReferences": [{"uid": job["metadata"]["uid"]}]},
        "spec": {"queueName": "team"},
        "status": {"conditions": [condition]},
    }
    api.add("/apis/kueue.x-k8s.io/v1beta2/namespaces/default/workloads/w", workload)
    detail = kubernetes.standings([submission()], where)[NAME].detail
    assert detail == "queue team: insufficient unused quota for nvidia.com/gpu"


# --- collect


def step(number):
    return (
        encode(Step(step=number, loss=1.0, learning_rate=0.1, count=1, seconds=1.0), 1700000000.0 + number)
        .decode()
        .strip()
    )


def stamp(second, fraction="000000001"):
    return f"2026-11-21T00:00:{second:02d}.{fraction}Z"


@pytest.fixture
def run(tmp_path):
    where = samples.cluster()
    return History(tmp_path / "runs").create(samples.job(where), NAME)


def collect(run, *, logs=False, kind="jobset"):
    kubernetes.collect(run, submission(run.id), samples.for_kind(kind), logs=logs)


def lines(run):
    return run.events_path.read_text().splitlines() if run.events_path.exists() else []


def node_log(run, node):
    path = run.path / "logs" / f"node-{node}.log"
    return path.read_text().splitlines() if path.exists() else None


def test_each_event_and_line_comes_once(api, run):
    pods = [add_pod(api, index)["metadata"]["name"] for index in (0, 1)]
    api.logs[pods[1]] = [(stamp(1), "worker")]
    log = api.logs[pods[0]] = [(stamp(1), "hello"), (stamp(2), f"0: {PRINTED}{step(1)}")]
    collect(run)
    assert lines(run) == [step(1)] and node_log(run, 0) == ["hello", log[1][1]] and node_log(run, 1) is None
    # In the same second, and at the same instant.
    log += [(stamp(2), "again"), (stamp(2, "5"), f"{PRINTED}{step(2)}")]
    for _ in range(3):
        collect(run, logs=True)
    assert lines(run) == [step(1), step(2)]
    assert node_log(run, 0) == [line for _, line in log] and node_log(run, 1) == ["worker"]


def test_pod_that_replaces_another_goes_on_in_its_log(api, run):
    first = add_pod(api, 0, "Failed")["metadata"]["name"]
    api.logs[first] = [(stamp(1), f"{PRINTED}{step(1)}")]
    collect(run)
    del api.objects[f"{PODS}/{first}"]
    second = add_pod(api, 0)
    second["metadata"]["name"] = "second"
    api.logs["second"] = [(stamp(1), f"{PRINTED}{step(1)}"), (stamp(9), f"{PRINTED}{step(2)}")]
    collect(run)
    collect(run)
    assert lines(run) == [step(1), step(2)]
    assert len(node_log(run, 0)) == 3


def test_container_that_started_again_has_two_logs(api, run):
    pod = add_pod(api, 0, containerStatuses=[{"restartCount": 1}])["metadata"]["name"]
    api.logs[f"{pod}-previous"] = [(stamp(1), f"{PRINTED}{step(1)}")]
    api.logs[pod] = [(stamp(5), f"{PRINTED}{step(2)}")]
    collect(run)
    collect(run)
    assert lines(run) == [step(1), step(2)]


def test_half_a_line_waits_until_it_is_whole(api, run):
    """A container runtime hands a long line over in pieces, all under the time of the first."""
    pod = add_pod(api, 0)
    name, line = pod["metadata"]["name"], f"{PRINTED}{step(1)}"
    api.logs[name] = [(stamp(1), "hello"), (stamp(2), line[:40] + HALF)]
    collect(run)
    assert node_log(run, 0) == ["hello"]
    api.logs[name][-1] = (stamp(2), line)
    collect(run)
    assert lines(run) == [step(1)] and node_log(run, 0) == ["hello", line]


def test_last_line_of_a_pod_may_lack_its_end(api, run):
    api.logs[add_pod(api, 0, "Failed")["metadata"]["name"]] = [(stamp(1), f"Killed{HALF}")]
    collect(run)
    assert node_log(run, 0) == ["Killed"]


def test_events_are_not_doubled_where_the_position_was_lost(api, run):
    pod = add_pod(api, 0)["metadata"]["name"]
    api.logs[pod] = [(stamp(1), f"{PRINTED}{step(1)}")]
    collect(run)
    (run.path / "logs" / ".positions.json").unlink()
    collect(run)
    assert lines(run) == [step(1)]


def test_torn_line_of_events_is_ended(api, run):
    run.events_path.write_text('{"v": 1, "ti')
    api.logs[add_pod(api, 0)["metadata"]["name"]] = [(stamp(1), f"{PRINTED}{step(1)}")]
    collect(run)
    assert lines(run)[-1] == step(1) and run.events().unreadable == 1


def test_pod_on_its_way_out_is_read_to_its_end(api, run):
    pod = add_pod(api, 0)
    pod["metadata"]["deletionTimestamp"] = stamp(1)
    end = encode(RunEnd(outcome="stopped", step=3), 1700000009.0).decode().strip()
    api.logs[pod["metadata"]["name"]] = [(stamp(1), f"{PRINTED}{end}")]
    collect(run)
    assert run.events().end().outcome == "stopped"
    [query] = [query for _, path, query in api.requests if path.endswith("/log")]
    assert query["follow"] == "true"


def test_pod_that_has_not_started_has_nothing_to_say(api, run):
    add_pod(api, 0, "Pending")
    collect(run, logs=True)
    assert lines(run) == [] and node_log(run, 0) is None


def test_hyperpods_rank_0_may_be_in_any_pod(api, run):
    for index in (0, 1):
        api.logs[add_pod(api, index)["metadata"]["name"]] = [(stamp(index), f"{PRINTED}{step(index)}")]
    collect(run, kind="hyperpodpytorchjob")
    assert lines(run) == [step(0), step(1)]


# --- errors


@pytest.mark.parametrize(
    ("status", "message", "words"),
    [
        (401, "Unauthorized", "aws eks update-kubeconfig"),
        (403, 'jobsets is forbidden: User "system:anonymous" cannot get', "aws eks update-kubeconfig"),
        (403, 'jobsets is forbidden: User "bob" cannot get resource', "ask for a role"),
        (500, "etcdserver: request timed out", "etcdserver: request timed out"),
    ],
)
def test_refusal_says_what_to_do(api, status, message, words):
    api.refusals[f"{JOBSETS}/{ENGINE}"] = (status, message)
    with pytest.raises(UserError, match=words):
        kubernetes.lookup(NAME, samples.cluster())


def test_expired_token(api, tmp_path):
    api.kubeconfig(tmp_path, token="old")
    with pytest.raises(UserError, match="expired"):
        submit(samples.cluster())


def test_context(api):
    assert kubernetes.lookup(NAME, samples.cluster(options={"context": "other"})) is None
    with pytest.raises(UserError, match="no context is called 'othr'\n    did you mean other"):
        kubernetes.lookup(NAME, samples.cluster(options={"context": "othr"}))


@pytest.mark.parametrize("content", [None, "", "a: [", "{}"])
def test_useless_kubeconfig(tmp_path, monkeypatch, content):
    path = tmp_path / "kubeconfig"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("KUBECONFIG", str(path))
    with pytest.raises(UserError, match="kubeconfig"):
        kubernetes.lookup(NAME, samples.cluster())


def test_server_without_tls_is_out_of_reach(api, tmp_path):
    path = tmp_path / "kubeconfig"
    path.write_text(path.read_text().replace("http:", "https:"))
    with pytest.raises(UserError, match=r"out of reach: SSLError"):
        kubernetes.lookup(NAME, samples.cluster())


def test_server_out_of_reach(api, tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        path = tmp_path / "kubeconfig"
        config = json.loads(path.read_text())
        config["clusters"][0]["cluster"]["server"] = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        path.write_text(json.dumps(config))
        with pytest.raises(UserError, match="out of reach"):
            kubernetes.lookup(NAME, samples.cluster())
        [finding] = kubernetes.check(samples.cluster())
    assert (finding.check, finding.verdict) == ("cluster.reached", "FAIL") and finding.remedy


# --- check


def verdicts(cluster):
    found = {}
    for finding in kubernetes.check(cluster):
        found.setdefault(finding.check, []).append((str(finding.verdict), finding.observed))
        assert finding.remedy or finding.verdict == "PASS"
    return found


def add_node(api, name, **allocatable):
    labels = {"node.kubernetes.io/instance-type": "p5.48xlarge"}
    there = {"cpu": "191450m", "memory": "2097152000Ki", "hugepages-2Mi": "10256Mi", "nvidia.com/gpu": "8"}
    status = {"conditions": [{"type": "Ready", "status": "True"}], "allocatable": there | allocatable}
    api.add(f"/api/v1/nodes/{name}", {"metadata": {"labels": labels}, "spec": {}, "status": status})


def healthy(api):
    api.add("/api/v1/namespaces/default", {})
    api.add("/api/v1/namespaces/default/secrets/hub", {})
    api.add("/api/v1/namespaces/default/persistentvolumeclaims/fsx", {"status": {"phase": "Bound"}})
    for number in range(4):
        add_node(api, f"n{number}", **{"vpc.amazonaws.com/efa": "32"})


def test_healthy_cluster(api):
    healthy(api)
    found = verdicts(samples.cluster(gpu=True))
    bad = {check: said for check, said in found.items() if any(verdict != "PASS" for verdict, _ in said)}
    # The stand-in forbids to delete.
    assert list(bad) == ["cluster.permission"] and bad["cluster.permission"][1][0] == "FAIL"
    assert {"cluster.reached", "cluster.version", "cluster.operator", "cluster.nodes", "cluster.claims"} <= set(found)


def test_sick_cluster(api):
    healthy(api)
    add_node(api, "n0", **{"vpc.amazonaws.com/efa": "0"})
    api.objects["/api/v1/nodes/n1"]["spec"]["unschedulable"] = True
    api.objects["/api/v1/namespaces/default/persistentvolumeclaims/fsx"]["status"]["phase"] = "Lost"
    del api.objects["/api/v1/namespaces/default/secrets/hub"]
    quota = {"hard": {"requests.nvidia.com/gpu": "64"}, "used": {"requests.nvidia.com/gpu": "56"}}
    api.add("/api/v1/namespaces/default/resourcequotas/team", {"spec": {"hard": quota["hard"]}, "status": quota})
    found = verdicts(samples.cluster(gpu=True, options={"kind": "mpijob", "kueue_queue": "q"}))
    assert found["cluster.operator"][0][0] == "FAIL"
    assert found["cluster.nodes"][0] == ("WARN", "3 of 4 ready")
    assert ("FAIL", "vpc.amazonaws.com/efa: 0 at least, too little on 1 nodes") in found["cluster.nodes"]
    assert found["cluster.claims"] == [("FAIL", "claim fsx: Lost")]
    assert found["cluster.secret"] == [("FAIL", "secret hub does not exist")]
    assert found["cluster.quota"] == [("WARN", "quota team leaves 8 of nvidia.com/gpu: 1 nodes")]
    assert found["cluster.queue"] == [("FAIL", "Kueue is not installed")]


def test_queue_is_looked_for(api):
    api.apis["kueue.x-k8s.io/v1beta2"] = ("localqueues",)
    where = samples.cluster(options={"kueue_queue": "team"})
    assert verdicts(where)["cluster.queue"] == [("FAIL", "queue team does not exist")]
    api.add("/apis/kueue.x-k8s.io/v1beta2/namespaces/default/localqueues/team", {})
    assert verdicts(where)["cluster.queue"] == [("PASS", "queue team exists")]


def test_what_may_not_be_seen_is_unknown(api):
    api.refusals["/api/v1/nodes"] = (403, 'nodes is forbidden: User "bob" cannot list resource')
    assert verdicts(samples.cluster())["cluster.nodes"][0][0] == "UNKNOWN"


@pytest.mark.parametrize(
    ("hard", "used", "verdict", "said"),
    [
        ({"requests.nvidia.com/gpu": "16"}, {"requests.nvidia.com/gpu": "0"}, "PASS", "leaves 16 of nvidia.com/gpu: 2"),
        ({"requests.nvidia.com/gpu": "8"}, {"requests.nvidia.com/gpu": "0"}, "FAIL", "and of all of it 1"),
        (
            {"requests.nvidia.com/gpu": "16"},
            {"requests.nvidia.com/gpu": "24"},
            "WARN",
            "leaves -8 of nvidia.com/gpu: 0",
        ),
        ({"pods": "1"}, {"pods": "0"}, "FAIL", "leaves 1 of pods: 1 nodes"),
        ({"cpu": "1000"}, {"cpu": "900"}, "WARN", "leaves 100 of cpu: 0 nodes"),
        ({"requests.nvidia.com/gpu": "16"}, {}, "UNKNOWN", "does not say how much of its nvidia.com/gpu is used"),
        ({"count/jobs.batch": "1"}, {}, None, ""),
    ],
)
def test_quotas_of_the_namespace(api, hard, used, verdict, said):
    where = samples.cluster(gpu=True, nodes=2, cpus_per_node=192)
    api.add("/api/v1/namespaces/default/resourcequotas/team", {"spec": {"hard": hard}, "status": {"used": used}})
    found = [f for f in kubernetes.check(where) if f.check == "cluster.quota"]
    assert [str(f.verdict) for f in found] == ([verdict] if verdict else [])
    assert all(said in f.observed for f in found)


def test_quotas_that_may_not_be_read_are_unknown(api):
    api.refusals["/api/v1/namespaces/default/resourcequotas"] = (403, "resourcequotas is forbidden")
    [found] = [f for f in kubernetes.check(samples.cluster()) if f.check == "cluster.quota"]
    assert (str(found.verdict), found.remedy) == ("UNKNOWN", "ask for a role that allows it")
