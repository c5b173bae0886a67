"""An AWS account of a test's own: moto's server in a process of its own, with stacks that behave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

REGION = "us-west-2"
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Account:
    """The account, and what it takes to reach it."""

    endpoint: str

    def variables(self, folder: Path) -> dict[str, str]:
        """Environment of whoever uses it: nothing of the caller's own settings."""
        return {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_CONFIG_FILE": str(folder / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.endpoint,
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    def client(self, service: str) -> Any:
        """A client of the test's own."""
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        return boto3.Session(region_name=REGION, **keys).client(service, endpoint_url=self.endpoint)

    def isolate(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        """This process uses the account, and nothing of the caller's own settings."""
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in self.variables(folder).items():
            patch.setenv(name, value)

    def faults(self, **what: Any) -> None:
        """What goes wrong from now on: see moto_engine."""
        self._post("faults", json.dumps(what).encode())

    def foreign_stack(self, name: str) -> None:
        """A stack that somebody else made."""
        template = json.dumps({"Resources": {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}})
        cloudformation = self.client("cloudformation")
        asked = {"StackName": name, "ChangeSetName": "theirs"}
        cloudformation.create_change_set(**asked, ChangeSetType="CREATE", TemplateBody=template)
        cloudformation.execute_change_set(**asked)

    def reset(self) -> None:
        """Everything is gone, and nothing goes wrong any more."""
        self.faults(reset=True)
        self._post("moto-api/reset", b"")

    def _post(self, path: str, body: bytes) -> None:
        request = urllib.request.Request(f"{self.endpoint}/{path}", body, method="POST")
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).close()


@contextmanager
def account(log: Path) -> Iterator[Account]:
    """The server, as long as it is needed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    command = [sys.executable, "-m", "tests.trials.architectures.moto_engine"]
    with log.open("wb") as errors:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors)
    try:
        assert server.stdout is not None
        port = server.stdout.readline().decode().strip()
        assert port, log.read_text()
        yield Account(f"http://127.0.0.1:{port}")
    finally:
        server.kill()
        server.communicate()
