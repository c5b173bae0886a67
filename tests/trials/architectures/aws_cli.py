"""AWS's command line, as far as pages use it: python -m tests.trials.architectures.aws_cli SERVICE ...

Services, operations and options are those of botocore, from which AWS's own command makes them, as are its pages. A
session of Systems Manager (start-session) leads to the port of this machine that SESSIONS_LEAD_TO names, but for a node
of HyperPod only if there is that node. AWS's command has two more that pages use: eks update-kubeconfig, whose cluster
is here the API server that CLUSTERS_ARE_AT names, and ecr get-login-password.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import botocore.session
import jmespath
from botocore import xform_name

from tests.launchers.kubernetes.fake_api import TOKEN

PORT = "SESSIONS_LEAD_TO"
API_SERVER = "CLUSTERS_ARE_AT"
GLOBAL = ("region", "profile", "query", "output")
OTHER_NAMES = {"s3api": "s3"}
"""Services that botocore calls otherwise."""
NODE = re.compile(r"sagemaker-cluster:(?P<cluster>[^_]+)_(?P<group>.+)-(?P<id>i-[0-9a-f]+)")
"""https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-run-jobs-slurm-access-nodes.html"""


class Call(NamedTuple):
    """What an operation is asked."""

    service: str
    operation: str
    params: dict[str, Any]
    settings: dict[str, str]


def parse(words: Sequence[str]) -> Call:
    """A command's words behind ``aws``. Raises ValueError for what AWS's command would not take."""
    service, name, *rest = words
    service = OTHER_NAMES.get(service, service)
    model = botocore.session.get_session().get_service_model(service)
    operations = {xform_name(one, "-"): one for one in model.operation_names}
    if name not in operations:
        raise ValueError(f"aws {service} has no {name}")
    shape = model.operation_model(operations[name]).input_shape
    members = {xform_name(member, "-"): member for member in (shape.members if shape else ())}
    params, settings = dict[str, Any](), dict[str, str]()
    while rest:
        option, *rest = rest
        key = option.removeprefix("--")
        positive = key.removeprefix("no-")
        if not option.startswith("--") or not {key, positive} & {*members, *GLOBAL}:
            raise ValueError(f"aws {service} {name} takes no {option}")
        if positive in members and shape.members[members[positive]].type_name == "boolean":
            params[members[positive]] = key == positive
            continue
        value, *rest = rest
        if key in GLOBAL:
            settings[key] = value
        else:
            params[members[key]] = Path(value[8:]).read_bytes() if value.startswith("fileb://") else value
    if lacking := [one for one in (shape.required_members if shape else ()) if one not in params]:
        raise ValueError(f"aws {service} {name} lacks {lacking}")
    return Call(service, xform_name(operations[name]), params, settings)


def session(port: int) -> None:
    """Standard input and output, connected with a port of this machine: what a session for ssh is."""

    def send(source: BinaryIO) -> None:
        while data := source.raw.read(65536):  # type: ignore[attr-defined]
            connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)

    with socket.create_connection(("127.0.0.1", port)) as connection:
        threading.Thread(target=send, args=(sys.stdin.buffer,), daemon=True).start()
        while data := connection.recv(65536):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()


def update_kubeconfig(words: Sequence[str]) -> None:
    """A kubeconfig whose context leads to a cluster that is there."""
    import boto3

    parser = ArgumentParser("aws eks update-kubeconfig", allow_abbrev=False)
    for option in ("--name", "--alias", "--region"):
        parser.add_argument(option, required=True)
    asked = parser.parse_args(words)
    arn = boto3.client("eks", region_name=asked.region).describe_cluster(name=asked.name)["cluster"]["arn"]
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": arn, "cluster": {"server": os.environ[API_SERVER]}}],
        "users": [{"name": arn, "user": {"token": TOKEN}}],
        "contexts": [{"name": asked.alias, "context": {"cluster": arn, "user": arn}}],
        "current-context": asked.alias,
    }
    Path(os.environ["KUBECONFIG"]).write_text(json.dumps(config))
    print(f"Added new context {asked.alias} to {os.environ['KUBECONFIG']}")


def login_password() -> None:
    """What docker logs in with."""
    import boto3

    [data] = boto3.client("ecr", region_name=os.environ["AWS_REGION"]).get_authorization_token()["authorizationData"]
    print(base64.b64decode(data["authorizationToken"]).decode().partition(":")[2])


def answers(call: Call, client: Any) -> Iterator[str]:
    """What is printed: of text the query is asked of each page, of JSON once of all."""
    text = call.settings.get("output") == "text"
    if client.can_paginate(call.operation):
        pages = client.get_paginator(call.operation).paginate(**call.params)
        found = [*pages] if text else [pages.build_full_result()]
    else:
        found = [getattr(client, call.operation)(**call.params)]
    for answer in found:
        answer.pop("ResponseMetadata", None)
        asked = jmespath.search(call.settings["query"], answer) if "query" in call.settings else answer
        if text:
            yield from lines(asked)
        elif answer:
            yield json.dumps(asked, default=str, indent=4)


def lines(value: Any) -> Iterator[str]:
    """A list as text: lists in it are lines of their own."""
    rows = value if isinstance(value, list) else [value]
    if plain := [str(one) for one in rows if not isinstance(one, list)]:
        yield "\t".join(plain)
    for row in rows:
        if isinstance(row, list):
            yield from lines(row)


def there(target: str, client: Any) -> None:
    """Raises an error unless there is such a node of HyperPod."""
    node = NODE.fullmatch(target)
    if node is None:
        raise ValueError(f"no node is called {target}")
    arns = (one["ClusterArn"] for one in client.list_clusters()["ClusterSummaries"])
    cluster = next(arn for arn in arns if arn.endswith(f"/{node['cluster']}"))
    found = client.describe_cluster_node(ClusterName=cluster, NodeId=node["id"])["NodeDetails"]
    if found["InstanceGroupName"] != node["group"]:
        raise ValueError(f"{node['id']} is in {found['InstanceGroupName']}")


def main() -> None:
    """Does it, and prints the answer."""
    if sys.argv[1:3] == ["eks", "update-kubeconfig"]:
        return update_kubeconfig(sys.argv[3:])
    if sys.argv[1:] == ["ecr", "get-login-password"]:
        return login_password()
    call = parse(sys.argv[1:])
    leads = call.operation == "start_session"
    if leads and not call.params["Target"].startswith("sagemaker-cluster:"):
        return session(int(os.environ[PORT]))
    import boto3  # late, since ssh waits for a session

    region = call.settings.get("region", os.environ.get("AWS_REGION"))
    client = boto3.Session(region_name=region).client("sagemaker" if leads else call.service)
    if leads:
        there(call.params["Target"], client)
        return session(int(os.environ[PORT]))
    for answer in answers(call, client):
        print(answer)


if __name__ == "__main__":
    main()
