"""This machine: whatever of Prometheus, Alertmanager, node_exporter and Grafana is installed, on loopback."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from seatrial.observe.catalogue import EMITTERS
from seatrial.observe.rules import Rules, dump
from seatrial.observe.stack import grafana
from seatrial.observe.stack.scraping import Prometheus, Scrape, alertmanager
from seatrial.plan import Command, Plan

HOST = "127.0.0.1"
PORTS: Mapping[str, int] = {
    "exporter": EMITTERS["run"].port or 0,
    "prometheus": 9090,
    "alertmanager": 9093,
    "node-exporter": EMITTERS["node_exporter"].port or 0,
    "grafana": 3000,
}
"""Program -> port that it has by default."""

PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "prometheus": ("prometheus",),
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),
    "node-exporter": ("prometheus-node-exporter", "node_exporter"),
    "grafana": ("grafana",),
}
"""Program -> its names: Debian's, then its project's own."""

HOMEPATH = "/usr/share/grafana"
"""Where Grafana's packages put what it serves."""

READY: Mapping[str, str] = {
    "exporter": "/",
    "prometheus": "/-/ready",
    "alertmanager": "/-/ready",
    "node-exporter": "/",
    "grafana": "/api/health",
}
"""Program -> what answers once it serves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What a plan for this machine depends on."""

    host: str
    """Its name, without the domain."""
    python: str
    programs: Mapping[str, str]
    """Those that are installed -> path."""
    runs: Path
    """Folder of all runs, absolute."""
    collect: str = "run"
    """Collectors of our exporter, with commas between."""
    ports: Mapping[str, int]
    every: str = "5s"
    webhook: str = ""
    """Where Alertmanager sends alerts; empty: nowhere, they are seen on its page."""

    def address(self, program: str) -> str:
        """Where it listens."""
        return f"{HOST}:{self.ports[program]}"

    def url(self, program: str) -> str:
        """For a browser."""
        return f"http://{self.address(program)}"


def installed() -> dict[str, str]:
    """Program -> its path, of those that are there. Debian keeps some out of a user's PATH."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    found = {
        name: next(filter(None, (shutil.which(n, path=path) for n in names)), "") for name, names in PROGRAMS.items()
    }
    return {name: where for name, where in found.items() if where}


def render(machine: Machine, rules: Rules) -> Plan:
    """The plan of this machine: paths are relative to the folder that its commands are started in. Pure."""
    jobs = {"seatrial": "exporter", "node": "node-exporter", "prometheus": "prometheus", "alertmanager": "alertmanager"}
    there = {job: name for job, name in jobs.items() if name == "exporter" or name in machine.programs}
    links = rules.grafana or (machine.url("grafana") if "grafana" in machine.programs else "")
    served = replace(rules, jobs=tuple(there), grafana=links)
    files = {f"rules/{name}": dump({"groups": groups}) for name, groups in served.files().items()}
    prometheus = _prometheus(machine, there, [*files])
    files["prometheus.yml"] = prometheus.configuration()
    files |= grafana.provisioning(machine.url("prometheus"), "grafana/dashboards", rules.runbooks)
    if "alertmanager" in machine.programs:
        files["alertmanager.yml"] = alertmanager(machine.webhook)
    return Plan(files=files, commands=tuple(_commands(machine, prometheus)))


def _prometheus(machine: Machine, jobs: Mapping[str, str], rule_files: list[str]) -> Prometheus:
    labels = {"cluster": "local", "node": machine.host}
    scrapes = [
        Scrape(
            job=job,
            port=machine.ports[name],
            discovery={"static_configs": [{"targets": [HOST], "labels": labels}]},
            ours=job == "seatrial",
        )
        for job, name in jobs.items()
    ]
    where = machine.address("alertmanager") if "alertmanager" in machine.programs else ""
    return Prometheus(scrapes=scrapes, every=machine.every, cluster="local", rule_files=rule_files, alertmanager=where)


def _commands(machine: Machine, prometheus: Prometheus) -> Iterator[Command]:
    export = (machine.python, "-m", "seatrial", "observe", "export", "--collect", machine.collect)
    yield Command(
        argv=(*export, "--listen", machine.address("exporter"), "--runs-dir", str(machine.runs)), title="exporter"
    )
    programs = machine.programs
    if path := programs.get("prometheus"):
        argv = prometheus.command(path, "prometheus.yml", "data/prometheus", machine.address("prometheus"))
        yield Command(argv=argv, title="prometheus")
    if path := programs.get("alertmanager"):
        where = (f"--web.listen-address={machine.address('alertmanager')}", "--storage.path=data/alertmanager")
        alone = "--cluster.listen-address="  # it would take a port to find others of its kind
        yield Command(argv=(path, "--config.file=alertmanager.yml", *where, alone), title="alertmanager")
    if path := programs.get("node-exporter"):
        yield Command(argv=(path, f"--web.listen-address={machine.address('node-exporter')}"), title="node-exporter")
    if path := programs.get("grafana"):
        yield Command(argv=(path, "server", "--homepath", HOMEPATH), env=_grafana(machine), title="grafana")


def _grafana(machine: Machine) -> dict[str, str]:
    """Its configuration, which it takes from variables GF_SECTION_KEY, too."""
    return {
        "GF_SERVER_HTTP_ADDR": HOST,
        "GF_SERVER_HTTP_PORT": str(machine.ports["grafana"]),
        "GF_PATHS_DATA": "data/grafana",
        "GF_PATHS_LOGS": "logs",
        "GF_PATHS_PROVISIONING": "grafana/provisioning",
    }
