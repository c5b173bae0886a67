"""What stands behind the cluster that moto's EKS only has the name of: an API server with a little of its controllers.

Its nodes are those of moto's node groups. What is applied must fit the kind's schema, its namespace and its chart must
be there. A JobSet whose queue, nodes, claims and image are there becomes pods; each is a process of this machine, with
the command and the variables of its container.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seatrial.launchers.kubernetes.pod import INDEX, NODE
from seatrial.launchers.kubernetes.status import name_of
from seatrial.launchers.local import free_port
from tests.launchers.kubernetes import samples, schemas
from tests.launchers.kubernetes.fake_api import FakeApi, status
from tests.trials.architectures.account import ROOT, Account
from tests.trials.architectures.eks_programs import APPLIED

CLUSTER = "seatrial-mine"
OWN = ("v1", "apps/v1", "rbac.authorization.k8s.io/v1", "apiextensions.k8s.io/v1")
ALLOCATABLE = {"m5.2xlarge": {"cpu": "7910m", "memory": "30500Mi"}}
"""What the kubelet leaves: CPUs by getCPUMillicoresToReserve of awslabs/amazon-eks-ami; memory: about so."""

Thing = dict[str, Any]


class World(FakeApi):
    """The API server, from its making to `close`."""

    def __init__(self, aws: Account, folder: Path) -> None:
        self.aws, self.folder = aws, folder
        self._running: list[subprocess.Popen[str]] = []
        self._threads: list[threading.Thread] = []
        super().__init__()
        self.apis = {"authorization.k8s.io/v1": ("selfsubjectaccessreviews",)}

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        for process in self._running:
            process.kill()
        for thread in self._threads:
            thread.join()
        super().close()

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, headers: Any) -> tuple[int, Any]:
        if method == "PATCH" and headers["Content-Type"] == APPLIED:
            return self._apply(path, body)
        if path == "/version":
            version = self.aws.client("eks").describe_cluster(name=CLUSTER)["cluster"]["version"]
            return 200, {"major": "1", "minor": version[2:], "gitVersion": f"v{version}.0-eks-0000000"}
        if path == "/api/v1/nodes":
            self._look_at_nodes()
        code, answer = super().answer(method, path, query, body, headers)
        if path.endswith("/selfsubjectaccessreviews"):
            answer["status"]["allowed"] = True
        if method == "POST" and path.endswith("/jobsets") and code == 201:
            self._start(answer)
        return code, answer

    def _apply(self, path: str, thing: Thing) -> tuple[int, Any]:
        """As the API server applies. What it would not take it says, as it does."""
        api, meta = thing["apiVersion"], thing["metadata"]
        if api not in (*OWN, *self.apis):
            return 404, status(404, "NotFound", f'no matches for kind "{thing["kind"]}" in version "{api}"')
        namespace = meta.get("namespace")
        if namespace and namespace != "kube-system" and f"/api/v1/namespaces/{namespace}" not in self.objects:
            return 404, status(404, "NotFound", f'namespaces "{namespace}" not found')
        if thing["kind"] == "CustomResourceDefinition":
            [version] = thing["spec"]["versions"]
            served = f"{thing['spec']['group']}/{version['name']}"
            self.apis[served] = (*self.apis.get(served, ()), thing["spec"]["names"]["plural"])
        else:
            schemas.validate(thing, "1.35")
        if thing["kind"] == "PersistentVolumeClaim":
            volume = self.objects.get(f"/api/v1/persistentvolumes/{thing['spec']['volumeName']}", {"spec": {}})
            owner = volume["spec"].get("claimRef")
            bound = owner == {"namespace": namespace, "name": meta["name"]}
            thing["status"] = {"phase": "Bound" if bound else "Pending"}
        return 200, self.add(path, thing)

    def _look_at_nodes(self) -> None:
        """As many as each node group is told to have."""
        eks = self.aws.client("eks")
        for path in [path for path in self.objects if path.startswith("/api/v1/nodes/")]:
            del self.objects[path]
        for name in eks.list_nodegroups(clusterName=CLUSTER)["nodegroups"]:
            group = eks.describe_nodegroup(clusterName=CLUSTER, nodegroupName=name)["nodegroup"]
            [kind] = group["instanceTypes"]
            labels = {**group["labels"], "node.kubernetes.io/instance-type": kind}
            for number in range(group["scalingConfig"]["desiredSize"]):
                ready = {"conditions": [{"type": "Ready", "status": "True"}], "allocatable": ALLOCATABLE[kind]}
                node = {"metadata": {"labels": labels}, "spec": {}, "status": ready}
                self.add(f"/api/v1/nodes/{name}-{number}", node)

    def _start(self, jobset: Thing) -> None:
        """Its pods. What a job would wait for comes by itself nowhere here, so that the job fails at once."""
        [replicated] = jobset["spec"]["replicatedJobs"]
        job = replicated["template"]["spec"]
        if reason := self._lacks(jobset, job):
            failed = {"type": "Failed", "status": "True", "reason": "Unschedulable", "message": reason}
            jobset["status"] = {"conditions": [failed]}
            return
        template, port = job["template"], free_port()
        for node in range(job["completions"]):
            path = f"/api/v1/namespaces/seatrial/pods/{jobset['metadata']['name']}-{NODE}-0-{node}"
            meta = {"labels": template["metadata"]["labels"], "annotations": {INDEX: str(node)}}
            pod = self.add(path, {"metadata": meta, "spec": template["spec"], "status": {"phase": "Running"}})
            process = self._process(pod, node, port)
            self._running.append(process)
            self._threads.append(threading.Thread(target=self._follow, args=(jobset, pod, process)))
            self._threads[-1].start()

    def _lacks(self, jobset: Thing, job: Thing) -> str:
        """What its pods would wait for: queue, nodes, claims or image; nothing if all is there."""
        queue, spec = jobset["metadata"]["labels"]["kueue.x-k8s.io/queue-name"], job["template"]["spec"]
        if not any(path.endswith(f"/namespaces/seatrial/localqueues/{queue}") for path in self.objects):
            return f"there is no queue {queue}"
        self._look_at_nodes()
        nodes = [thing for path, thing in self.objects.items() if path.startswith("/api/v1/nodes/")]
        fit = [node for node in nodes if spec["nodeSelector"].items() <= node["metadata"]["labels"].items()]
        if len(fit) < job["parallelism"]:
            return f"{len(fit)} of {len(nodes)} nodes are available"
        for claim in [one["persistentVolumeClaim"] for one in spec["volumes"] if "persistentVolumeClaim" in one]:
            found = self.objects.get(f"/api/v1/namespaces/seatrial/persistentvolumeclaims/{claim['claimName']}")
            if found is None or found["status"]["phase"] != "Bound":
                return f"claim {claim['claimName']} is not bound"
        repository, _, tag = spec["containers"][0]["image"].partition("/")[2].partition(":")
        images = self.aws.client("ecr").list_images(repositoryName=repository)["imageIds"]
        return "" if tag in [one["imageTag"] for one in images] else f"there is no image {repository}:{tag}"

    def _process(self, pod: Thing, node: int, port: int) -> subprocess.Popen[str]:
        """A pod's container: Kubernetes' own replacements, loopback for the cluster's network, a folder for a claim."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        variables = {"NODE_RANK": str(node), "PATH": path, "PYTHONPATH": str(ROOT / "src")}
        for name, value in samples.env(pod["spec"]).items():
            if isinstance(value, str):
                variables[name] = samples.expand(value, variables)
        # One thread: this machine has fewer CPUs than the node that the pod has to itself.
        variables |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
        [container] = pod["spec"]["containers"]
        [fsx] = [one["mountPath"] for one in container["volumeMounts"] if one["name"].startswith("mount-")]
        variables["SEATRIAL_RUN"] = variables["SEATRIAL_RUN"].replace(fsx, str(self.folder), 1)
        command = [samples.expand(part, variables) for part in container["command"]]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=variables, stdout=pipe, stderr=subprocess.STDOUT, text=True)

    def _follow(self, jobset: Thing, pod: Thing, process: subprocess.Popen[str]) -> None:
        """Its log, its end, and that of the job with the last of its pods."""
        lines = self.logs.setdefault(pod["metadata"]["name"], [])
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                lines.append((f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", line.rstrip("\n")))
        pod["status"]["phase"] = "Failed" if process.wait() else "Succeeded"
        pods = [thing for path, thing in [*self.objects.items()] if "/pods/" in path]
        phases = {one["status"]["phase"] for one in pods if name_of(one) == name_of(jobset)}
        end = "Failed" if "Failed" in phases else "Completed" if phases == {"Succeeded"} else None
        if end:
            jobset["status"] = {"conditions": [{"type": end, "status": "True"}]}
