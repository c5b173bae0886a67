"""The cluster that KUBECONFIG names, or else an API server of our own, where there is one to start."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.trials.kubernetes.server import ApiServer, program


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server of our own."""
    missing = [name for name in ("etcd", "kube-apiserver", "openssl") if program(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}: sh scripts/kube_apiserver.sh")
    with ApiServer(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def kubeconfig(request: pytest.FixtureRequest) -> str:
    """Of the cluster that KUBECONFIG names, or else of our own."""
    return os.environ.get("KUBECONFIG") or str(request.getfixturevalue("server").kubeconfig)
