"""Debian's docker-registry on loopback: takes what is pushed, as ECR would."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import poll


@dataclass(frozen=True)
class Registry:
    """A running one."""

    host: str

    def manifest(self, repository: str, reference: str) -> tuple[str, dict[str, object]]:
        """Digest and content."""
        url = f"http://{self.host}/v2/{repository}/manifests/{reference}"
        accepted = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(url, headers={"Accept": accepted})) as answer:
            return answer.headers["Docker-Content-Digest"], json.load(answer)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Registry]:
    """One with nothing in it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    text = f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
    (folder / "registry.yml").write_text(f"{text}http: {{addr: '127.0.0.1:{port}'}}\n")
    program = shutil.which("docker-registry")
    assert program is not None
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([program, "serve", folder / "registry.yml"], stdout=log, stderr=log)
    try:
        poll(lambda: _listens(port), 30, "the registry")
        yield Registry(f"127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
