"""AWS Batch without AWS: what is asked for, what is refused, and what a node really runs."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from seatrial.cluster import Cluster, Mount
from seatrial.errors import UserError
from seatrial.hardware import instances
from seatrial.job import Job
from seatrial.launchers import batch
from seatrial.launchers.batch import requests
from seatrial.spec import Shipped
from tests.launchers.batch.aws import (
    SECRETS,
    cluster,
    container,
    cpu_job,
    environment,
    gpu_job,
    rendered,
    run_folder,
)

GPU_CLUSTER = cluster(options=SECRETS)


def problems(job: Job, where: Cluster) -> list[str]:
    with pytest.raises(UserError) as caught:
        batch.render(job, where, "run-1")
    return [f"{problem.where}: {problem.what}" for problem in caught.value.problems]


class TestRequests:
    @pytest.mark.parametrize("job", [gpu_job(), gpu_job(launch="node", nodes=1)], ids=["rank", "node"])
    def test_awss_own_schema_takes_both(self, job: Job) -> None:
        options = {"time_limit_seconds": 3600, "share_identifier": "a", "scheduling_priority": 7, "tags": {"a": "b"}}
        where = cluster(options=SECRETS | options)
        for operation, arguments in zip(("RegisterJobDefinition", "SubmitJob"), rendered(job, where), strict=True):
            shape = Session().get_service_model("batch").operation_model(operation).input_shape
            assert not ParamValidator().validate(arguments, shape).has_errors()
            misspelt = arguments | {"jobname": "x"}
            assert "jobname" in ParamValidator().validate(misspelt, shape).generate_report()

    def test_a_definition_is_shared_by_equal_jobs_alone(self) -> None:
        first, request = rendered(gpu_job(), GPU_CLUSTER, "run-1")
        assert rendered(gpu_job(), GPU_CLUSTER, "run-2")[0] == first
        assert request["jobDefinition"] == first["jobDefinitionName"]
        assert rendered(gpu_job(args={"steps": 4}), GPU_CLUSTER)[0]["jobDefinitionName"] != first["jobDefinitionName"]
        assert re.fullmatch(r"seatrial-pretend-small-[0-9a-f]{12}", first["jobDefinitionName"])

    @given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60))
    def test_every_run_has_a_name_of_its_own_that_batch_takes(self, one: str, other: str) -> None:
        first, second = (requests.submission(gpu_job(), GPU_CLUSTER, name, "d") for name in (one, other))
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", first["jobName"])
        assert run_folder(first) == f"/fsx/seatrial/{first['jobName']}"
        assert (first["jobName"].lower() == second["jobName"].lower()) == (one == other)  # Batch's filter folds case

    def test_without_a_shared_folder_the_run_is_on_the_node(self) -> None:
        where = cluster(options=SECRETS, shared=None, mounts=())
        assert run_folder(rendered(gpu_job(), where)[1]) == "/tmp/seatrial/run-1"
        assert environment(gpu_job(), where)["SEATRIAL_CHECKPOINTS"] == "0"

    def test_fair_share_and_tags_are_asked_for_only_if_they_are_set(self) -> None:
        assert not {"shareIdentifier", "schedulingPriorityOverride", "tags"} & set(rendered(gpu_job(), GPU_CLUSTER)[1])
        options = {"share_identifier": "research", "scheduling_priority": 0, "tags": {"team": "a b"}}
        request = rendered(gpu_job(), cluster(options=SECRETS | options))[1]
        assert (request["shareIdentifier"], request["schedulingPriorityOverride"]) == ("research", 0)
        assert (request["tags"], request["propagateTags"]) == ({"team": "a b"}, True)

    def test_the_commands_can_be_typed(self) -> None:
        where = cluster(options=SECRETS | {"profile": "a team"})
        lines = [command.shell() for command in batch.render(gpu_job(), where, "run-1").commands]
        tail = "--region us-east-1 --profile 'a team'"
        assert lines == [
            f"aws batch register-job-definition --cli-input-json file://job-definition.json {tail}",
            f"aws batch submit-job --cli-input-json file://submit-job.json {tail}",
        ]


class TestContainer:
    @pytest.mark.parametrize("instance", instances.INSTANCES, ids=lambda instance: instance.name)
    def test_it_gets_the_whole_instance_and_leaves_the_system_its_share(self, instance: instances.Instance) -> None:
        where = cluster(options=SECRETS, instance_type=instance.name, cpus_per_node=instance.vcpus)
        found = container(gpu_job(), where)
        resources = {entry["type"]: int(entry["value"]) for entry in found["resourceRequirements"]}
        assert resources["VCPU"] == instance.vcpus
        assert 0.94 * instance.memory_mib < resources["MEMORY"] <= 0.95 * instance.memory_mib
        assert found["linuxParameters"]["sharedMemorySize"] == resources["MEMORY"] // 2
        paths = [device["hostPath"] for device in found["linuxParameters"]["devices"]]
        neuron = instance.accelerator is not None and instance.accelerator.startswith("Trainium")
        assert resources.get("GPU", 0) == (0 if neuron else instance.accelerators)
        assert [p for p in paths if "uverbs" in p] == [
            f"/dev/infiniband/uverbs{i}" for i in range(instance.efa_interfaces)
        ]
        assert [p for p in paths if "neuron" in p] == [
            f"/dev/neuron{i}" for i in range(instance.accelerators if neuron else 0)
        ]

    def test_a_cpu_job_needs_no_device(self) -> None:
        found = container(cpu_job(cluster()), cluster())
        assert found["linuxParameters"]["devices"] == []
        assert {entry["type"] for entry in found["resourceRequirements"]} == {"VCPU", "MEMORY"}
        assert "NCCL_SOCKET_IFNAME" not in environment(cpu_job(cluster()), cluster())

    def test_the_launch_template_may_attach_fewer_efa_interfaces(self) -> None:
        found = container(gpu_job(), cluster(options=SECRETS | {"efa_interfaces": 4}))
        assert len(found["linuxParameters"]["devices"]) == 4

    def test_ranks_find_each_other_over_the_nodes_own_interface_unless_the_user_knows_better(self) -> None:
        assert environment(gpu_job(), GPU_CLUSTER)["NCCL_SOCKET_IFNAME"] == "eth0"
        theirs = environment(gpu_job(), replace(GPU_CLUSTER, environment={"NCCL_SOCKET_IFNAME": "ens5"}))
        assert (theirs["NCCL_SOCKET_IFNAME"], theirs["GLOO_SOCKET_IFNAME"]) == ("ens5", "eth0")

    def test_the_job_comes_along_as_one_line(self) -> None:
        text = environment(gpu_job(), GPU_CLUSTER)["SEATRIAL_JOB"]
        assert "\n" not in text
        assert Job.from_json(text) == gpu_job()

    def test_files_that_are_too_large_for_a_definition_are_refused_with_what_to_do(self) -> None:
        digits = "".join(f"{number * number:x}" for number in range(20_000))  # as good as random to zlib
        files = {"mine.py": Shipped("0" * 64, digits)}
        [problem] = problems(gpu_job(program="mine.py", files=files), GPU_CLUSTER)
        assert re.fullmatch(r"clusters.p5: the job definition has \d+ bytes, Batch takes 24576", problem)
        with pytest.raises(UserError, match=r"1 files with [\d,]+ bytes go with .*: put them into the image, and name"):
            batch.render(gpu_job(program="mine.py", files=files), GPU_CLUSTER, "run-1")
        repetitive = {"mine.py": Shipped("0" * 64, "# the same line again\n" * 5000)}
        assert batch.render(gpu_job(program="mine.py", files=repetitive), GPU_CLUSTER, "run-1")

    def test_secrets_come_by_reference(self) -> None:
        found = container(gpu_job(), GPU_CLUSTER)
        (arn,) = SECRETS["secret_arns"].values()
        assert found["secrets"] == [{"name": "HF_TOKEN", "valueFrom": arn}]
        assert found["executionRoleArn"] == SECRETS["execution_role_arn"]
        assert "HF_TOKEN" not in environment(gpu_job(), GPU_CLUSTER)

    def test_mounts(self) -> None:
        where = replace(GPU_CLUSTER, mounts=(*GPU_CLUSTER.mounts, Mount(source="/d", target="/data", read_only=True)))
        found = container(gpu_job(), where)
        assert [volume["host"]["sourcePath"] for volume in found["volumes"]] == ["/fsx", "/d"]
        assert [(p["containerPath"], p["readOnly"]) for p in found["mountPoints"]] == [("/fsx", False), ("/data", True)]
        names = [volume["name"] for volume in found["volumes"]]
        assert [point["sourceVolume"] for point in found["mountPoints"]] == names

    def test_batch_makes_its_own_log_group_only_if_nobody_names_it(self) -> None:
        assert "logConfiguration" not in container(gpu_job(), GPU_CLUSTER)
        named = container(gpu_job(), cluster(options=SECRETS | {"log_group": "/ours"}))["logConfiguration"]
        assert named == {"logDriver": "awslogs", "options": {"awslogs-group": "/ours"}}


class TestRetries:
    @pytest.mark.parametrize(
        ("job", "where"),
        [
            (gpu_job(resumable=False), GPU_CLUSTER),
            (gpu_job(), cluster(options=SECRETS, shared=None)),
            (gpu_job(), cluster(options=SECRETS | {"max_restarts": 0})),
        ],
        ids=["not-resumable", "nothing-shared", "not-wanted"],
    )
    def test_what_would_begin_again_from_nothing_is_not_retried(self, job: Job, where: Cluster) -> None:
        assert rendered(job, where)[0]["retryStrategy"] == {"attempts": 1}

    def test_a_lost_host_is_retried_and_what_cannot_get_better_is_not(self) -> None:
        strategy = rendered(gpu_job(), GPU_CLUSTER)[0]["retryStrategy"]
        assert strategy["attempts"] == 3
        rules = {rule.get("onStatusReason") or rule.get("onReason") or rule["onExitCode"]: rule["action"]
                 for rule in strategy["evaluateOnExit"]}  # fmt: skip
        assert rules == {"Host EC2*": "RETRY", "CannotPull*": "EXIT", "2": "EXIT", "65": "EXIT"}
        assert len(rules) <= 5  # Batch's limit


class TestRefusals:
    def test_all_at_once(self) -> None:
        where = cluster(
            image=None,
            instance_type=None,
            mounts=(Mount(source="claim", target="/claim"),),
            environment={"AWS_BATCH_X": "1"},
            options={"queue": ""},
        )
        assert problems(gpu_job(launch="driver"), where) == [
            "clusters.p5.options.queue: is missing",
            "pretend: a driver program needs Slurm",
            "clusters.p5.image: is missing: jobs run in containers there",
            "clusters.p5.instance_type: is missing",
            "clusters.p5.options.secret_arns.HF_TOKEN: no secret holds it",
            "clusters.p5.options.execution_role_arn: is missing: the job has secrets",
            "clusters.p5.mounts: no mount brings /fsx/seatrial into the container",
            "clusters.p5.mounts: 'claim' is no folder of the node",
            "clusters.p5.environment.AWS_BATCH_X: variables that begin with AWS_BATCH are Batch's own",
        ]

    def test_nothing_starts_an_mpi_program(self) -> None:
        with pytest.raises(UserError, match="Slurm, or on Kubernetes as an MPIJob"):
            batch.render(gpu_job(launch="mpi"), GPU_CLUSTER, "run-1")

    @pytest.mark.parametrize(
        ("option", "wrong", "right"),
        [
            ("max_restarts", 10, 9),
            ("max_restarts", -1, 0),
            ("time_limit_seconds", 59, 60),
            ("efa_interfaces", -1, 0),
            ("scheduling_priority", 10000, 9999),
            ("job_role_arn", "trainer", "arn:aws:iam::123456789012:role/a/trainer"),
            ("execution_role_arn", "arn:aws:s3:::x", "arn:aws-cn:iam::123456789012:role/x"),
        ],
    )
    def test_options_out_of_range(self, option: str, wrong: object, right: object) -> None:
        assert [p.where for p in batch.check_options(batch.Options(queue="q", **{option: wrong}))] == [option]
        assert list(batch.check_options(batch.Options(queue="q", **{option: right}))) == []

    def test_a_secret_instead_of_its_arn_is_not_repeated(self) -> None:
        (problem,) = batch.check_options(batch.Options(queue="q", secret_arns={"HF_TOKEN": "hf_sEcReT"}))
        assert problem.where == "secret_arns.HF_TOKEN"
        assert "sEcReT" not in str(problem)

    def test_a_definition_that_batch_would_find_too_long(self) -> None:
        (problem,) = problems(gpu_job(), replace(GPU_CLUSTER, environment={"LONG": "x" * 24 * 1024}))
        assert re.search(r"has \d+ bytes, Batch takes 24576", problem)
