"""docs/kubernetes.md, as it stands, with a stand-in for the API server. No pod runs there: a job waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.session import DOCS, play
from tests.launchers.kubernetes.fake_api import FakeApi

NAMESPACE = "/api/v1/namespaces/default"
ALLOCATABLE = {
    "cpu": "191500m",
    "memory": "2000Gi",
    "hugepages-2Mi": "5128Mi",
    "nvidia.com/gpu": "8",
    "vpc.amazonaws.com/efa": "32",
}
"""Of a p5.48xlarge."""


class Cluster(FakeApi):
    """What the page's seatrial.toml describes; its user may do everything."""

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, headers: Any) -> tuple[int, Any]:
        code, answer = super().answer(method, path, query, body, headers)
        if path.endswith("/selfsubjectaccessreviews"):
            answer["status"]["allowed"] = True
        return code, answer


@pytest.fixture
def api() -> Iterator[FakeApi]:
    fake = Cluster()
    fake.add(NAMESPACE, {})
    fake.add(f"{NAMESPACE}/secrets/seatrial", {})
    fake.add(f"{NAMESPACE}/persistentvolumeclaims/fsx", {"status": {"phase": "Bound"}})
    ready = {"conditions": [{"type": "Ready", "status": "True"}], "allocatable": ALLOCATABLE}
    labels = {"node.kubernetes.io/instance-type": "p5.48xlarge"}
    for number in range(4):
        fake.add(f"/api/v1/nodes/node-{number}", {"metadata": {"labels": labels}, "spec": {}, "status": ready})
    yield fake
    fake.close()


def test_kubernetes(api: FakeApi, tmp_path: Path):
    assert play(DOCS / "kubernetes.md", tmp_path / "project", env={"KUBECONFIG": str(api.kubeconfig(tmp_path))})
