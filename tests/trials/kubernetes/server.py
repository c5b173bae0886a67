"""A kube-apiserver with its etcd on this machine: no kubelet, no controllers, no nodes but those that a test makes.

etcd is Debian's etcd-server; scripts/kube_apiserver.sh makes the other of Debian's sources.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

from tests.trials.slurm.configuration import free_ports
from tests.waiting import poll

HERE = Path(__file__).parents[3] / ".make/kubernetes"
"""Where scripts/kube_apiserver.sh puts it."""
TOKEN = "administrator"
START_SECONDS = 60


def program(name: str) -> str | None:
    """Where it is; None: nowhere."""
    return shutil.which(name, path=str(HERE)) or shutil.which(name)


class ApiServer:
    """Both daemons, from entering to leaving."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.kubeconfig = folder, folder / "kubeconfig"
        self._daemons: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> ApiServer:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stop()

    def as_user(self, token: str, name: str) -> Path:
        """A kubeconfig of whoever has this token."""
        path = self.folder / f"kubeconfig-{name}"
        path.write_text(_kubeconfig(self._url, self.folder / "certificates/apiserver.crt", token))
        return path

    def _start(self) -> None:
        client = free_ports(3)
        peer, port = client + 1, client + 2
        etcd, url = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
        own = ("--listen-peer-urls", url, "--initial-advertise-peer-urls", url, "--initial-cluster", f"default={url}")
        self._daemon(
            "etcd", "--data-dir", str(self.folder / "etcd"), "--listen-client-urls", etcd,
            "--advertise-client-urls", etcd, *own,
        )  # fmt: skip
        key = self.folder / "service-accounts.key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        tokens = self.folder / "tokens.csv"
        tokens.write_text(f'{TOKEN},administrator,1,"system:masters"\n')
        self._url = f"https://127.0.0.1:{port}"
        self._daemon(
            "kube-apiserver", f"--etcd-servers={etcd}", f"--secure-port={port}", "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none", "--authorization-mode=RBAC",
            f"--cert-dir={self.folder / 'certificates'}", f"--token-auth-file={tokens}",
            "--service-cluster-ip-range=10.0.0.0/24", "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-signing-key-file={key}", f"--service-account-key-file={key}",
        )  # fmt: skip
        poll(self._ready, START_SECONDS, "the API server is ready")
        self.kubeconfig = self.as_user(TOKEN, "administrator")

    def _daemon(self, name: str, *argv: str) -> None:
        found = program(name)
        assert found, name
        with (self.folder / f"{name}.log").open("wb") as log:
            self._daemons.append(subprocess.Popen([found, *argv], stdout=log, stderr=log, cwd=self.folder))

    def _ready(self) -> bool:
        for daemon in self._daemons:
            if daemon.poll() is not None:
                name = Path(str(daemon.args[0] if isinstance(daemon.args, list) else daemon.args)).name
                raise RuntimeError(f"{name} ended: {(self.folder / f'{name}.log').read_text()[-2000:]}")
        import ssl

        certificate = self.folder / "certificates/apiserver.crt"
        if not certificate.exists():
            return False
        trusted = ssl.create_default_context(cafile=str(certificate))
        request = urllib.request.Request(f"{self._url}/readyz", headers={"Authorization": f"Bearer {TOKEN}"})
        try:
            with urllib.request.urlopen(request, context=trusted, timeout=5) as answer:
                return bool(answer.read() == b"ok")
        except (urllib.error.URLError, OSError):
            return False

    def _stop(self) -> None:
        for daemon in reversed(self._daemons):
            daemon.terminate()
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def _kubeconfig(url: str, certificate: Path, token: str) -> str:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "here", "cluster": {"server": url, "certificate-authority": str(certificate)}}],
        "users": [{"name": "somebody", "user": {"token": token}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "somebody"}}],
        "current-context": "here",
    }
    return json.dumps(config)
