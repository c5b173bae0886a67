"""An AWS account in moto's server, with a job queue for multi-node jobs on p5.48xlarge."""

from __future__ import annotations

import functools
import io
import json
import os
import tempfile
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import botocore.loaders
import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from moto.batch.models import batch_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.server import ThreadedMotoServer
from moto.servicequotas.exceptions import NoSuchResource
from moto.servicequotas.models import ServiceQuotasBackend

from seatrial.aws import clients
from seatrial.binding import bind
from seatrial.cases import cpu_ddp
from seatrial.cluster import Cluster, Mount
from seatrial.job import Job
from seatrial.launchers import batch
from tests.launchers import shapes

REGION = "us-east-1"
LOADER = functools.cache(botocore.loaders.create_loader)

# What Batch sets on the two nodes of a job: https://docs.aws.amazon.com/batch/latest/userguide/mnp-env-vars.html
NODE_0 = {
    "AWS_BATCH_JOB_NUM_NODES": "2",
    "AWS_BATCH_JOB_MAIN_NODE_INDEX": "0",
    "AWS_BATCH_JOB_NODE_INDEX": "0",
    "AWS_BATCH_JOB_ATTEMPT": "1",
}
NODE_1 = NODE_0 | {"AWS_BATCH_JOB_NODE_INDEX": "1", "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS": "10.0.0.7"}
"""Reads the descriptions of services once for all tests; that is most of the time that a client takes."""
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/seatrial@sha256:" + "0" * 64
INSTANCE_TYPE = "p5.48xlarge"
RESOURCES = {"type": "EC2", "minvCpus": 0, "maxvCpus": 768, "instanceTypes": [INSTANCE_TYPE]}


def cluster(**changes: Any) -> Cluster:
    """A cluster of four p5.48xlarge; `options` are those of the launcher that differ."""
    options = batch.Options(**({"queue": "training", "region": REGION} | changes.pop("options", {})))
    described = Cluster(
        name="p5",
        launcher="batch",
        nodes=4,
        cpus_per_node=192,
        accelerators_per_node=8,
        processes_per_node=8,
        instance_type=INSTANCE_TYPE,
        shared="/fsx/seatrial",
        mounts=(Mount(source="/fsx", target="/fsx"),),
        container="docker",
        image=IMAGE,
        options=options,
    )
    return replace(described, **changes)


def cpu_job(where: Cluster, **changes: Any) -> Job:
    """Two nodes with one process each, on their CPUs."""
    two_nodes = cpu_ddp.CASE.recipe("two-node")
    settings = changes.pop("settings", {})
    job = bind(cpu_ddp.CASE, two_nodes, where, settings=settings, nodes=2, processes_per_node=1)
    return replace(job, **changes)


def gpu_job(**changes: Any) -> Job:
    """Two nodes with eight GPUs each, and a secret."""
    job = replace(shapes.JOB, cluster="p5", launcher="batch", threads_per_process=24)
    return replace(job, **changes)


SECRETS = shapes.SECRETS


def rendered(job: Job, where: Cluster, name: str = "run-1") -> tuple[dict[str, Any], dict[str, Any]]:
    """The two requests of a plan: the job definition and the submission."""
    files = batch.render(job, where, name).files
    return json.loads(files["job-definition.json"]), json.loads(files["submit-job.json"])


def container(job: Job, where: Cluster) -> dict[str, Any]:
    (nodes,) = rendered(job, where)[0]["nodeProperties"]["nodeRangeProperties"]
    return dict(nodes["container"])


def environment(job: Job, where: Cluster) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container(job, where)["environment"]}


def run_folder(request: dict[str, Any]) -> str:
    (override,) = request["nodeOverrides"]["nodePropertyOverrides"]
    (variable,) = override["containerOverrides"]["environment"]
    assert (override["targetNodes"], variable["name"]) == ("0:", "SEATRIAL_RUN")
    return str(variable["value"])


def isolate(patch: pytest.MonkeyPatch, folder: Path, endpoint: str) -> None:
    """Nothing of the caller's own AWS settings is seen, and every service is at `endpoint`."""
    clients._client.cache_clear()
    patch.setattr("botocore.session.create_loader", LOADER)  # where it was imported to
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        patch.delenv(name)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": endpoint,
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }.items():
        patch.setenv(name, value)


def set_quota(patch: pytest.MonkeyPatch, code: str, value: float) -> None:
    """An EC2 quota of the account: moto knows those of VPC alone."""

    def quota(_: ServiceQuotasBackend, service_code: str, quota_code: str) -> dict[str, Any]:
        if (service_code, quota_code) != ("ec2", code):
            raise NoSuchResource
        return {"ServiceCode": "ec2", "QuotaCode": code, "Value": value}

    patch.setattr(ServiceQuotasBackend, "get_service_quota", quota)


def refuse(
    patch: pytest.MonkeyPatch, code: str, message: str, *, status: int = 400, but: str = "", only: str = ""
) -> None:
    """AWS's answer is this error: to every operation, to every one `but` one, or to `only` one."""

    def answer(request: AWSRequest, **_: Any) -> AWSResponse:
        headers = {"x-amzn-errortype": code, "content-type": "application/json"}
        body = io.BytesIO(json.dumps({"__type": code, "message": message}).encode())
        return AWSResponse(request.url, status, headers, _Body(body))

    client = boto3.Session.client

    def refusing(self: boto3.Session, *args: Any, **kwargs: Any) -> Any:
        found = client(self, *args, **kwargs)
        service = found.meta.service_model
        for operation in {only} if only else set(service.operation_names) - {but}:
            found.meta.events.register(f"before-send.{service.service_id.hyphenize()}.{operation}", answer)
        return found

    patch.setattr(boto3.Session, "client", refusing)


class _Body:
    def __init__(self, body: io.BytesIO) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body.read()


@contextmanager
def opened() -> Iterator[Account]:
    """An account in a server on a free port, which runs no containers."""
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    try:
        with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
            isolate(patch, Path(folder), endpoint)
            _post(f"{endpoint}/moto-api/reset", {})
            _post(f"{endpoint}/moto-api/config", {"batch": {"use_docker": False}})
            yield _furnished(endpoint)
    finally:
        running.stop()


def _post(url: str, content: dict[str, Any]) -> None:
    request = urllib.request.Request(url, json.dumps(content).encode(), {"Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30):
        pass


@dataclass(frozen=True)
class Account:
    """Doors to what moto holds."""

    endpoint: str

    def clear(self) -> None:
        """Forget all jobs and definitions, and put queue and compute environment in order."""
        backend = self._backend
        backend._jobs.clear()
        backend._job_definitions.clear()
        for queue in backend._job_queues.values():
            queue.state = "ENABLED"
            queue.jobs.clear()
        for environment in backend._compute_environments.values():
            environment.state = "ENABLED"
            environment.compute_resources = dict(RESOURCES)

    def set_resources(self, **changes: Any) -> None:
        """Change the compute environment, in which moto lets one change next to nothing."""
        (environment,) = self._backend._compute_environments.values()
        environment.compute_resources |= changes

    def launch_template(self, interface: str, count: int, group: str | None = None) -> dict[str, str]:
        """Make a launch template with so many interfaces of that type; returns how Batch refers to it."""
        data: dict[str, Any] = {
            "NetworkInterfaces": [
                {"InterfaceType": interface, "NetworkCardIndex": card, "DeviceIndex": 1} for card in range(count)
            ]
        }
        if group:
            data["Placement"] = {"GroupName": group}
        name = f"{interface}-{count}-{uuid.uuid4()}"
        made = self.client("ec2").create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
        return {"launchTemplateId": made["LaunchTemplate"]["LaunchTemplateId"], "version": "$Latest"}

    def client(self, service: str) -> Any:
        return boto3.client(service, region_name=REGION)

    def set_standing(self, job_id: str, status: str, reason: str | None = None) -> None:
        """moto ends every job at once; here it gets another status."""
        job = self._backend._jobs[job_id]
        job.status, job.job_stopped_reason = status, reason

    def set_attempts(self, job_id: str, attempts: list[dict[str, Any]]) -> None:
        """What Batch would tell of the containers of each attempt."""
        self._backend._jobs[job_id].attempts = attempts

    def start_node(self, job_id: str, node: int, *streams: str) -> None:
        """A node's own record, JOB#NODE, which Batch has and moto lacks: one attempt for each stream."""
        parent = self._backend._jobs[job_id]
        attempts = [{"container": {"logStreamName": stream}} for stream in streams]
        record = parent.describe() | {"jobId": f"{job_id}#{node}", "attempts": attempts}
        record["container"] = {"logStreamName": streams[-1]}
        self._backend._jobs[record["jobId"]] = _Node(record)

    @property
    def _backend(self) -> Any:
        return batch_backends[DEFAULT_ACCOUNT_ID][REGION]


@dataclass(frozen=True)
class _Node:
    record: dict[str, Any]
    arn: str = ""

    def describe(self) -> dict[str, Any]:
        return self.record


def _furnished(endpoint: str) -> Account:
    """Make a network, roles, a compute environment and a job queue."""
    ec2, iam, batch_client = (boto3.client(service, region_name=REGION) for service in ("ec2", "iam", "batch"))
    network = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=network, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="nodes", Description="nodes", VpcId=network)["GroupId"]
    role = iam.create_role(RoleName="nodes", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    profile = iam.create_instance_profile(InstanceProfileName="nodes")["InstanceProfile"]["Arn"]
    iam.add_role_to_instance_profile(InstanceProfileName="nodes", RoleName="nodes")
    environment = batch_client.create_compute_environment(
        computeEnvironmentName="training-nodes",
        type="MANAGED",
        state="ENABLED",
        serviceRole=role,
        computeResources={**RESOURCES, "subnets": [subnet], "securityGroupIds": [group], "instanceRole": profile},
    )
    batch_client.create_job_queue(
        jobQueueName="training",
        state="ENABLED",
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment["computeEnvironmentArn"]}],
    )
    return Account(endpoint=endpoint)
