"""What the Kubernetes launcher renders, and what it refuses."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.errors import UserError
from seatrial.events import PRINTED, RunEnd, Step, encode
from seatrial.launchers import _ranks, kubernetes
from seatrial.launchers.kubernetes.pod import literal
from seatrial.launchers.kubernetes.resources import memory_mib, millicpu
from seatrial.launchers.kubernetes.writer import Note, Text, documents
from tests.launchers import shapes
from tests.launchers.kubernetes import samples

NASTY = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
SHELL = [
    "a b",
    "$(NODE_RANK)",
    "$$",
    "$HOME",
    "`id`",
    "'; rm -rf /",
    '"',
    "\\",
    "#",
    "-",
    ": ",
    "é\u2028\x85",
    "y",
    "1e3",
]


def problems(job, cluster):
    return [str(problem) for problem in kubernetes.check_job(job, cluster)]


# --- what starts


@pytest.mark.parametrize("kind", ["jobset", "trainjob", "job"])
def test_indexed_kinds_start_torchrun_with_their_place(kind):
    where = samples.for_kind(kind)
    [pod] = samples.pods(samples.documents(where))
    *run, module = pod["containers"][0]["command"]
    master = "trial-0.trial" if kind == "job" else "trial-node-0-0.trial"
    assert samples.env(pod)["MASTER_ADDR"] == master
    assert "job-completion-index" in samples.env(pod)["NODE_RANK"]["fieldRef"]["fieldPath"]
    assert run[:3] == ["python3", "-m", "torch.distributed.run"] and module == "seatrial.cases.cpu_ddp.train"
    assert {"--nnodes=2", "--nproc-per-node=4", "--node-rank=$(NODE_RANK)", "--master-addr=$(MASTER_ADDR)"} <= set(run)


def test_pytorchjob_takes_its_place_from_the_operator():
    pods = samples.pods(samples.documents(samples.for_kind("pytorchjob")))
    assert len(pods) == 2  # Master and Worker
    for pod in pods:
        assert {"--node-rank=$(RANK)", "--master-port=$(MASTER_PORT)"} <= set(pod["containers"][0]["command"])
        assert not {"RANK", "MASTER_ADDR", "MASTER_PORT"} & set(samples.env(pod))


def test_pytorchjob_on_one_node_has_no_worker():
    [document] = samples.documents(replace(samples.for_kind("pytorchjob"), nodes=1))
    assert list(document["spec"]["pytorchReplicaSpecs"]) == ["Master"]


def test_mpirun_passes_every_variable_on():
    launcher, worker = samples.pods(samples.documents(samples.for_kind("mpijob", gpu=True)))
    command = launcher["containers"][0]["command"]
    passed = {name for flag, name in itertools.pairwise(command) if flag == "-x"}
    assert set(samples.env(launcher)) | {"MASTER_ADDR", "PATH", "LD_LIBRARY_PATH"} == passed
    assert command[command.index("-np") + 1] == "32" and "ppr:8:node" in command
    assert "nvidia.com/gpu" not in launcher["containers"][0]["resources"]["limits"]
    assert worker["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 8


def test_mpirun_starts_an_mpi_program_as_it_does_ranks():
    where = samples.for_kind("mpijob")
    usual, mpi = (json.dumps(samples.documents(where, samples.job(where, launch=how))) for how in ("rank", "mpi"))
    assert mpi == usual.replace(r"\"launch\": \"rank\"", r"\"launch\": \"mpi\"") != usual


@pytest.mark.parametrize("kind", ["jobset", "trainjob", "job", "pytorchjob", "mpijob"])
def test_program_that_starts_its_own_ranks(kind):
    where = samples.for_kind(kind)
    found = samples.documents(where, samples.job(where, launch="node"))
    pod = samples.pods(found)[0]
    assert "torch.distributed.run" not in json.dumps(found)
    assert samples.env(pod)["NNODES"] == "2" and samples.env(pod)["NPROC_PER_NODE"] == "4"
    if kind == "pytorchjob":
        assert pod["containers"][0]["command"][:2] == ["env", "NODE_RANK=$(RANK)"]
    elif kind == "mpijob":
        assert "ppr:1:node" in pod["containers"][0]["command"]
    else:
        assert "NODE_RANK" in samples.env(pod)


def test_hyperpod_watches_the_log_for_our_events():
    [document] = samples.documents(samples.for_kind("hyperpodpytorchjob", gpu=True, start_minutes=7, hang_minutes=9))
    start, steps = document["spec"]["runPolicy"]["logMonitoringConfiguration"]
    step = PRINTED + encode(Step(step=1, loss=1.0, learning_rate=0.1, count=1, seconds=1.0), 1.0).decode().strip()
    end = PRINTED + encode(RunEnd(outcome="completed", step=1), 1.0).decode().strip()
    assert re.fullmatch(steps["logPattern"], step) and not re.fullmatch(steps["logPattern"], end)
    assert re.fullmatch(steps["stopPattern"], end)
    assert start["expectedStartCutOffInSeconds"] == 420 and steps["expectedRecurringFrequencyInSeconds"] == 540
    assert document["spec"]["runPolicy"]["ttlSecondsAfterFinished"] == -1


def test_auto_resume_is_asked_for_on_hyperpod_alone():
    for hyperpod in (True, False):
        [document] = samples.documents(samples.for_kind("pytorchjob", gpu=True, hyperpod=hyperpod, max_restarts=3))
        wanted = {"sagemaker.amazonaws.com/job-max-retry-count": "3"} if hyperpod else {}
        assert {k: v for k, v in document["metadata"]["annotations"].items() if "max-retry" in k} == wanted


@pytest.mark.parametrize("kind", samples.KINDS)
def test_restarts_need_a_checkpoint(kind):
    """Without a shared folder, or for a program that cannot resume, no kind starts a failed job again."""
    for gpu, resumable in ((False, True), (True, False)):
        where = samples.for_kind(kind, gpu=gpu)
        text = json.dumps(samples.documents(where, samples.job(where, resumable=resumable)))
        for word in ("maxRestarts", "backoffLimit", "jobMaxRetryCount"):
            assert f'"{word}": 2' not in text
        assert "OnFailure" not in text
    where = samples.for_kind(kind, gpu=True)
    assert kind == "job" or '": 2' in json.dumps(samples.documents(where))


# --- the pod


@pytest.mark.parametrize("kind", samples.KINDS)
def test_no_pod_has_privileges_or_a_token(kind):
    for pod in samples.pods(samples.documents(samples.for_kind(kind, gpu=True))):
        security = pod["containers"][0]["securityContext"]
        assert security["allowPrivilegeEscalation"] is False and security["capabilities"]["drop"] == ["ALL"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert "hostNetwork" not in pod and "privileged" not in json.dumps(pod)
        assert pod["terminationGracePeriodSeconds"] > _ranks.SHUTDOWN_SECONDS


def test_gpu_pod_asks_for_the_whole_node():
    [pod] = samples.pods(samples.documents(samples.for_kind("jobset", gpu=True, hyperpod=True, tolerations=("mine",))))
    limits = pod["containers"][0]["resources"]["limits"]
    assert limits["nvidia.com/gpu"] == 8 and limits["vpc.amazonaws.com/efa"] == 32
    assert limits["hugepages-2Mi"] == "5120Mi"
    assert pod["nodeSelector"] == {
        "node.kubernetes.io/instance-type": "ml.p5.48xlarge",
        "sagemaker.amazonaws.com/node-health-status": "Schedulable",
    }
    assert [t["key"] for t in pod["tolerations"]] == ["nvidia.com/gpu", "vpc.amazonaws.com/efa", "mine"]
    shm = pod["volumes"][0]["emptyDir"]
    assert shm["medium"] == "Memory" and int(shm["sizeLimit"].removesuffix("Mi")) * 4 <= memory_mib("p5.48xlarge")


def test_trainium_pod_asks_for_chips():
    where = samples.for_kind("jobset", gpu=True)
    job = samples.job(where)
    [pod] = samples.pods(samples.documents(replace(where, instance_type="trn1.32xlarge"), job))
    limits = pod["containers"][0]["resources"]["limits"]
    assert limits["aws.amazon.com/neuron"] == 16 and "nvidia.com/gpu" not in limits


def test_cpu_pod_asks_for_no_device():
    [pod] = samples.pods(samples.documents(samples.for_kind("jobset")))
    assert pod["containers"][0]["resources"] == {"requests": {"cpu": "2920m"}}
    assert "tolerations" not in pod and "nodeSelector" not in pod


@pytest.mark.parametrize(
    ("cpus", "reserved"),
    # kubeReserved as nodeadm computes it: 60, 70, 80 and 90 thousandths, and a twelfth for 96 CPUs more.
    [(1, 60), (2, 70), (4, 80), (8, 90), (96, 310), (192, 550)],
)
def test_cpus_are_what_the_kubelet_leaves(cpus, reserved):
    assert millicpu(cpus) == 1000 * cpus - reserved - min(1000, 250 * cpus)


def test_memory_is_what_the_kubelet_leaves():
    mib = memory_mib("p4d.24xlarge")
    assert mib == int(1152 * 1024 * 0.925) - (255 + 11 * 737 + 100) - 2 * 5128 - 2048
    # What a p4d.24xlarge on EKS really has is 1176334124 KiB: there is room left.
    assert mib + 255 + 11 * 737 + 100 + 2 * 5128 < 1176334124 // 1024
    assert memory_mib("m5.4xlarge") == int(64 * 1024 * 0.925) - (255 + 11 * 110 + 100) - 2048
    assert memory_mib("t3a.small") == 1024  # never less than half
    assert memory_mib(None) is None


def test_mounts_are_claims_or_folders_of_the_node():
    [pod] = samples.pods(samples.documents(samples.for_kind("jobset", gpu=True)))
    assert {"name": "mount-0", "persistentVolumeClaim": {"claimName": "fsx"}} in pod["volumes"]
    assert {"name": "mount-1", "hostPath": {"path": "/opt/nvme", "type": "Directory"}} in pod["volumes"]
    mounts = pod["containers"][0]["volumeMounts"]
    assert {"name": "mount-1", "mountPath": "/nvme", "readOnly": True} in mounts
    assert samples.env(pod)["SEATRIAL_RUN"] == "/fsx/runs/trial"


def test_run_without_a_shared_folder_has_one_of_its_own():
    [pod] = samples.pods(samples.documents(samples.for_kind("jobset")))
    assert samples.env(pod)["SEATRIAL_RUN"] == "/seatrial"
    assert {"name": "run", "mountPath": "/seatrial"} in pod["containers"][0]["volumeMounts"]
    assert samples.env(pod)["SEATRIAL_CHECKPOINTS"] == "0"


def test_secret_is_a_reference():
    where = samples.for_kind("jobset", gpu=True)
    [pod] = samples.pods(samples.documents(where))
    assert samples.env(pod)["HF_TOKEN"] == {"secretKeyRef": {"name": "hub", "key": "HF_TOKEN"}}


@pytest.mark.parametrize("kind", samples.KINDS)
def test_files_of_a_case_come_as_a_config_map_to_every_pod_with_ranks(kind):
    where = samples.for_kind(kind)
    found = samples.documents(where, samples.job(where, **shapes.MINE))
    [files] = [thing for thing in found if thing["kind"] == "ConfigMap"]
    assert "kueue.x-k8s.io/queue-name" not in files["metadata"]["labels"] and files["immutable"]
    ranks = [pod for pod in samples.pods(found) if pod["containers"][0]["name"] != "mpirun"]
    assert ranks
    for pod in ranks:
        [volume] = [volume["configMap"] for volume in pod["volumes"] if volume["name"] == "program"]
        texts = {item["path"]: files["data"][item["key"]] for item in volume["items"]}
        assert volume["name"] == "trial" and texts == {path: file.text for path, file in shapes.FILES.items()}
        mount = {"name": "program", "mountPath": "/etc/seatrial/program", "readOnly": True}
        assert mount in pod["containers"][0]["volumeMounts"]
    assert "/etc/seatrial/program/mine.py" in json.dumps(found)


LINES = st.lists(
    NASTY | st.sampled_from(["", " ", "  two", "\t", "a: b", "- c", "# d", "---", "...", "%x"]), max_size=5
)


@given(LINES.map("\n".join))
def test_a_text_in_lines_is_read_as_it_was_written(text):
    for written in (text, f"  {text}", f"{text}\n", f"{text}\n\n"):
        found = yaml.safe_load_all(documents([{"a": {"b": {"text": Text(written), "c": 1}}, "d": Text(written)}] * 2))
        assert [*found] == [{"a": {"b": {"text": written, "c": 1}}, "d": written}] * 2


def test_ranks_get_their_job():
    where = samples.for_kind("jobset", gpu=True)
    job = samples.job(where)
    [pod] = samples.pods(samples.documents(where, job))
    assert type(job).from_json(samples.env(pod)["SEATRIAL_JOB"]) == job
    assert samples.env(pod)["SEATRIAL_PRINT_EVENTS"] == "1"
    assert samples.env(pod)["TORCH_ELASTIC_SHUTDOWN_TIMEOUT"] == "120"


@pytest.mark.parametrize(("required", "word"), [(False, "preferred"), (True, "required")])
def test_topology_is_kueues_or_an_affinity(required, word):
    label = "topology.k8s.aws/network-node-layer-3"
    for queue in (None, "team"):
        where = samples.for_kind("jobset", topology=label, topology_required=required, kueue_queue=queue)
        [document] = samples.documents(where)
        template = document["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]
        if queue:
            assert document["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team"
            assert template["metadata"]["annotations"] == {f"kueue.x-k8s.io/podset-{word}-topology": label}
            assert "affinity" not in template["spec"]
        else:
            assert [word in key for key in template["spec"]["affinity"]["podAffinity"]] == [True]
            assert label in json.dumps(template["spec"]["affinity"])


def test_options_reach_the_pod():
    where = samples.for_kind("job", service_account="sa", priority_class="high", time_limit_seconds=60, namespace="ns")
    service, job = samples.documents(where)
    assert job["spec"]["activeDeadlineSeconds"] == 60 and job["metadata"]["namespace"] == "ns"
    assert service["metadata"]["namespace"] == "ns" and service["spec"]["clusterIP"] == "None"
    pod = job["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "sa" and pod["priorityClassName"] == "high" and pod["subdomain"] == "trial"


def test_plan_can_be_applied_by_hand():
    where = samples.cluster(options={"context": "my cluster"})
    [command] = kubernetes.render(samples.job(where), where, "trial").commands
    assert command.shell() == "kubectl --context 'my cluster' apply --server-side --filename manifest.yaml"


# --- names and nasty texts


@pytest.mark.parametrize("kind", samples.KINDS)
@pytest.mark.parametrize("name", ["Übung 1", "x" * 200, "-", "9", "a.b", "a$(id)"])
def test_objects_have_names_that_kubernetes_takes(kind, name):
    found = samples.documents(samples.for_kind(kind, kueue_queue="q"), name=name)
    assert len({document["metadata"]["name"] for document in found}) == 1
    for document in found:
        meta = document["metadata"]
        assert re.fullmatch(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", meta["name"])
        assert meta["labels"]["seatrial.io/run"] == meta["name"] and meta["annotations"]["seatrial.io/run-id"] == name
    # Only the job waits in a queue.
    assert ["kueue.x-k8s.io/queue-name" in d["metadata"]["labels"] for d in found] == [False] * (len(found) - 1) + [
        True
    ]


@pytest.mark.parametrize("text", SHELL)
def test_texts_stay_data(text):
    """In a command, in a variable and in the job: what Kubernetes makes of the manifest is what was meant."""
    where = samples.cluster(python=f"/opt/{text}/python", environment={"MINE": text})
    job = samples.job(where, program=f"/x/{text}.py", title=text)
    [pod] = samples.pods(samples.documents(where, job, name=text))
    values = {name: value for name, value in samples.env(pod).items() if isinstance(value, str)}
    seen = {name: samples.expand(value, values) for name, value in values.items()}
    assert seen["MINE"] == text and json.loads(seen["SEATRIAL_JOB"])["title"] == text
    command = [samples.expand(part, {**seen, "NODE_RANK": "1"}) for part in pod["containers"][0]["command"]]
    assert command[0] == f"/opt/{text}/python" and command[-1] == f"/x/{text}.py" and "--node-rank=1" in command


@settings(deadline=None)
@given(NASTY)
def test_literal_survives_kubernetes(text):
    assert samples.expand(literal(text), {"A": "1"}) == text


TREES = st.recursive(
    st.one_of(NASTY, st.booleans(), st.integers()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(NASTY, inner, max_size=3),
        st.lists(st.builds(Note, inner, NASTY), max_size=3),
    ),
    max_leaves=12,
)


def bare(value):
    if isinstance(value, Note):
        return bare(value.value)
    if isinstance(value, dict):
        return {key: bare(item) for key, item in value.items()}
    return [bare(item) for item in value] if isinstance(value, list) else value


@settings(deadline=None)
@given(st.lists(st.dictionaries(NASTY, TREES, min_size=1, max_size=3), min_size=1, max_size=2))
def test_yaml_is_read_as_it_was_meant(values):
    assert list(yaml.safe_load_all(documents(values))) == bare(values)


@pytest.mark.parametrize(
    "word", ["y", "No", "on", "1e3", "0x1f", "1:2:3", "null", "~", "", " a", "a ", "=", "1_0", "."]
)
def test_yaml_quotes_what_other_readers_take_for_no_string(word):
    [line] = documents([{"key": word}]).splitlines()
    assert line == f'key: "{word}"'


# --- refusals


def test_pinned_images_are_taken():
    for image in ("a/b:1.0", "host:5000/a:v2", f"a@sha256:{64 * 'a'}", f"a:latest@sha256:{64 * 'a'}"):
        assert problems(samples.job(samples.cluster()), samples.cluster(image=image)) == []


@pytest.mark.parametrize("image", [None, "a/b", "a/b:latest", "host:5000/a", "a@sha256:12", "a:"])
def test_moving_images_are_refused(image):
    [problem] = problems(samples.job(samples.cluster()), samples.cluster(image=image))
    assert problem.startswith("clusters.eks.image")


@pytest.mark.parametrize(
    ("change", "options", "job", "where"),
    [
        ({}, {}, {"launch": "driver"}, "Slurm"),
        ({}, {"kind": "hyperpodpytorchjob", "hyperpod": True}, {"launch": "node"}, "options.kind"),
        ({}, {"kind": "jobset"}, {"launch": "mpi"}, "no jobset starts an MPI program"),
        ({"instance_type": None}, {}, {"device": "cuda"}, "instance_type"),
        ({}, {"secret_name": None}, {}, "options.secret_name"),
        ({}, {"kind": "trainjob", "ttl_seconds_after_finished": 5}, {}, "ttl_seconds_after_finished"),
        ({"shared": "/elsewhere"}, {}, {}, "mounts"),
    ],
)
def test_what_cannot_work_is_refused(change, options, job, where):
    cluster = samples.cluster(gpu=True, options=options, **change)
    [problem] = problems(samples.job(cluster, **job), cluster)
    assert where in problem


def test_all_problems_are_told_at_once():
    cluster = samples.cluster(gpu=True, options={"secret_name": None}, image=None, shared="/elsewhere")
    with pytest.raises(UserError) as error:
        kubernetes.render(samples.job(cluster, launch="driver"), cluster, "trial")
    assert len(error.value.problems) == 4


def test_good_options_are_taken():
    options = kubernetes.Options(namespace="team-a", node_selector={"example.com/pool": "x"}, tolerations=("a.b/c",))
    assert list(kubernetes.check_options(options)) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("namespace", "Team A"),
        ("service_account", "-x"),
        ("secret_name", "a_b"),
        ("priority_class", ""),
        ("kueue_queue", "q/q"),
        ("node_selector", {"a b": "c"}),
        ("tolerations", ("$x",)),
        ("topology", "/"),
        ("topology_required", True),
        ("kind", "hyperpodpytorchjob"),
        ("shared_memory_gib", 0),
        ("time_limit_seconds", 0),
        ("ttl_seconds_after_finished", -1),
        ("max_restarts", -1),
        ("start_minutes", 0),
        ("hang_minutes", 0),
    ],
)
def test_bad_option_is_told_by_its_name(key, value):
    [problem] = kubernetes.check_options(kubernetes.Options(**{key: value}))
    assert problem.where == key
