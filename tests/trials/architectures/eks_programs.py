"""kubectl, helm and docker, as far as `eks` and its page use them: python -m tests.trials.architectures.eks_programs.

kubectl talks to the API server of its context. helm brings the definitions of a chart there, and none of what runs by
them. docker builds nothing: what it pushes is a manifest in the repository.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import yaml

APPLIED = "application/apply-patch+yaml"
"""Type of what is applied server-side."""
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

CRDS = Path(__file__).parents[2] / "launchers/kubernetes/crds"
DAEMONS = "/apis/apps/v1/namespaces/{}/daemonsets"


class Server:
    """The API server that a context of the kubeconfig leads to."""

    def __init__(self, context: str) -> None:
        config = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
        named = {kind: {one["name"]: one for one in config[kind]} for kind in ("contexts", "clusters", "users")}
        chosen = named["contexts"][context]["context"]
        self._url = named["clusters"][chosen["cluster"]]["cluster"]["server"]
        self._token = named["users"][chosen["user"]]["user"]["token"]

    def ask(self, method: str, path: str, body: Any = None) -> None:
        """Ends this program with what the server says, where it refuses."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": APPLIED}
        request = urllib.request.Request(f"{self._url}{path}", json.dumps(body).encode(), headers, method=method)
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).close()
        except urllib.error.HTTPError as error:
            sys.exit(f"Error from server: {json.load(error)['message']}")

    def apply(self, thing: dict[str, Any]) -> None:
        """Server-side."""
        api, meta = thing["apiVersion"], thing["metadata"]
        place = f"/namespaces/{meta['namespace']}" if "namespace" in meta else ""
        root = f"/apis/{api}" if "/" in api else f"/api/{api}"
        self.ask("PATCH", f"{root}{place}/{thing['kind'].lower()}s/{meta['name']}", thing)


def kubectl(words: list[str]) -> None:
    """apply, wait until definitions are there, rollout status of a DaemonSet."""
    parser = ArgumentParser("kubectl")
    parser.add_argument("--context", required=True)
    commands = parser.add_subparsers(dest="command", required=True)
    apply = commands.add_parser("apply")
    apply.add_argument("--server-side", action="store_true", required=True)
    apply.add_argument("--field-manager", choices=("seatrial",), required=True)
    apply.add_argument("--filename", type=Path, required=True)
    wait = commands.add_parser("wait")
    wait.add_argument("--for", choices=("condition=Established",), required=True)
    rollout = commands.add_parser("rollout")
    rollout.add_argument("status", choices=("status",))
    rollout.add_argument("--namespace", required=True)
    for one in (wait, rollout):
        one.add_argument("--timeout", required=True)
        one.add_argument("things", nargs="+" if one is wait else 1)
    asked = parser.parse_args(words)
    server = Server(asked.context)
    if asked.command == "apply":
        for thing in yaml.safe_load_all(asked.filename.read_text()):
            server.apply(thing)
        return
    for thing in asked.things:
        kind, _, name = thing.partition("/")
        crd = asked.command == "wait"
        assert kind == ("crd" if crd else "daemonset")
        server.ask("GET", f"{DEFINITIONS if crd else DAEMONS.format(asked.namespace)}/{name}")


def helm(words: list[str]) -> None:
    """version, pull, upgrade."""
    from seatrial.architectures._kubernetes.charts import CHARTS

    command, *rest = words
    if command == "pull":
        (Path(rest[rest.index("--destination") + 1]) / "chart.tgz").write_text("no chart")
    elif command == "upgrade":
        [chart] = [one for one in CHARTS if one.name == rest[0]]
        assert yaml.safe_load(Path(rest[rest.index("--values") + 1]).read_text()) == chart.values
        server = Server(rest[rest.index("--kube-context") + 1])
        for name in chart.crds:
            server.apply(yaml.safe_load((CRDS / f"{name.partition('.')[0]}.yaml").read_text()))
    else:
        assert words == ["version", "--short"]
        print("v3.19.0")


def docker(words: list[str]) -> None:
    """build, login, push."""
    import boto3

    command, *rest = words
    if command == "build":
        platform, processor, option, tag, file, dockerfile, context = rest
        assert (platform, option, file) == ("--platform", "--tag", "--file")
        assert processor == "linux/amd64" and tag.endswith(":1")
        copied = [line.split()[1:-1] for line in Path(dockerfile).read_text().splitlines() if line.startswith("COPY ")]
        assert copied and all((Path(context) / one).exists() for names in copied for one in names)
    elif command == "login":
        assert rest[:3] == ["--username", "AWS", "--password-stdin"] and sys.stdin.read().strip()
        print("Login Succeeded")
    else:
        assert command == "push"
        repository, _, tag = rest[0].partition("/")[2].partition(":")
        manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"})
        ecr = boto3.client("ecr", region_name=os.environ["AWS_REGION"])
        ecr.put_image(repositoryName=repository, imageManifest=manifest, imageTag=tag)


if __name__ == "__main__":
    {"kubectl": kubectl, "helm": helm, "docker": docker}[sys.argv[1]](sys.argv[2:])
