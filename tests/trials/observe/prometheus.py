"""A real Prometheus on loopback, of the distribution's package."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from tests.waiting import poll

PROGRAMS = ("prometheus", "promtool")


def missing() -> list[str]:
    """Programs that are not installed."""
    return [name for name in PROGRAMS if not shutil.which(name)]


def free_port() -> int:
    """A port of loopback that nobody had a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Prometheus:
    """Scrapes what it is told to, every second."""

    def __init__(self, folder: Path, scrapes: list[dict[str, Any]]) -> None:
        folder.mkdir(parents=True)
        self.folder, self.port = folder, free_port()
        config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": scrapes}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))

    def __enter__(self) -> Self:
        config = self.folder / "prometheus.yml"
        checked = subprocess.run(["promtool", "check", "config", config], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        words = [f"--config.file={config}", f"--storage.tsdb.path={self.folder / 'data'}"]
        words.append(f"--web.listen-address=127.0.0.1:{self.port}")
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(["prometheus", *words], stdout=log, stderr=log)
        poll(self._ready, 60, "Prometheus is ready")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(timeout=60)

    def _ready(self) -> bool:
        assert self._process.poll() is None, (self.folder / "log").read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def query(self, promql: str) -> dict[frozenset[tuple[str, str]], float]:
        """Labels without the name -> value, of what an expression gives now."""
        words = urllib.parse.urlencode({"query": promql})
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/query?{words}", timeout=10) as answer:
            result = json.load(answer)["data"]["result"]
        return {
            frozenset((k, v) for k, v in each["metric"].items() if k != "__name__"): float(each["value"][1])
            for each in result
        }
