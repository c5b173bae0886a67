"""A Slurm cluster: units for the exporters of its nodes, and a Prometheus that finds the nodes that there are."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from seatrial import __version__, gpu_jobs
from seatrial.cluster import Cluster
from seatrial.observe.catalogue import EMITTERS
from seatrial.observe.rules import Rules, dump
from seatrial.observe.stack import dcgm, grafana, managed
from seatrial.observe.stack.nodes import Choice, expected, jobs
from seatrial.observe.stack.scraping import Prometheus, Scrape, alertmanager
from seatrial.plan import Command, Plan

FOLDER = "/etc/seatrial/observe"
"""Where files stand that the units read."""
STATE = "/var/lib/seatrial/observe"
TARGETS = f"{STATE}/targets.json"
"""The nodes that there are."""
TARGETS_SECONDS = 60
"""Between two lists of nodes: Prometheus reads the file again when it changes."""
TEXTFILES = "/var/lib/node_exporter/textfile"
"""What node_exporter reads; NCCL Inspector writes there."""
OURS = "seatrial-cluster"
"""Job of the exporter on the head node: runs, and what Slurm says."""
SLURM = {f"slurm-{kind}": f"/metrics/{kind}" for kind in ("nodes", "jobs", "partitions", "scheduler")}
"""Job -> where slurmctld serves it. https://slurm.schedmd.com/metrics.html (November 2026)."""


def render(cluster: Cluster, rules: Rules, choice: Choice) -> Plan:
    """Folder ``node`` is for every node, ``head`` for one that has Slurm's commands and reaches the nodes. Pure."""
    ports = jobs(cluster)
    asked = (*ports, *([OURS] if _told(cluster, choice) else []), *(SLURM if choice.slurm_metrics else ()))
    rules = replace(rules, jobs=asked, changed=expected(cluster, rules.changed))
    files = {f"node/{name}": text for name, text in _node(cluster, ports).items()}
    files |= {f"head/{name}": text for name, text in _head(cluster, ports, rules, choice).items()}
    elsewhere = managed.files(rules) if choice.agent else {}
    files |= {f"{managed.FOLDER}/{name}": text for name, text in elsewhere.items()}
    put = managed.commands(elsewhere, choice.remote_write)
    return Plan(files=files, commands=(*_commands(cluster, files), *put))


def _node(cluster: Cluster, ports: Mapping[str, int]) -> dict[str, str]:
    export = (cluster.python, "-m", "seatrial", "observe", "export", "--collect", "efa,health")
    textfiles = f"--collector.textfile.directory={TEXTFILES}"
    files = {
        "seatrial-exporter.service": _unit(
            "Metrics of EFA devices and of checks of this node", (*export, "--listen", f"0.0.0.0:{ports['seatrial']}")
        ),
        "seatrial-node-exporter.service": _unit(
            "Metrics of this node",
            ("node_exporter", f"--web.listen-address=:{ports['node']}", textfiles),
            before=("mkdir", "-p", TEXTFILES),
        ),
    }
    if "dcgm" in ports:
        mapping = ("--hpc-job-mapping-dir", gpu_jobs.FOLDER)
        files[dcgm.FILE] = dcgm.counters()
        files["seatrial-dcgm-exporter.service"] = _unit(
            "Metrics of this node's GPUs, and which job has them",
            ("dcgm-exporter", "--address", f":{ports['dcgm']}", "--collectors", f"{FOLDER}/{dcgm.FILE}", *mapping),
            before=("mkdir", "-p", gpu_jobs.FOLDER),
        )
    return files


def _head(cluster: Cluster, ports: Mapping[str, int], rules: Rules, choice: Choice) -> dict[str, str]:
    kept = {} if choice.agent else rules.files()
    rule_files = {f"rules/{name}": dump({"groups": groups}) for name, groups in kept.items()}
    prometheus = Prometheus(
        scrapes=[*_scrapes(cluster, ports, choice)],
        every=choice.every,
        cluster=cluster.name,
        rule_files=[*rule_files],
        alertmanager="" if choice.agent else "127.0.0.1:9093",
        remote_write=choice.remote_write,
        agent=choice.agent,
    )
    seatrial = (cluster.python, "-m", "seatrial", "observe")
    told = _told(cluster, choice)
    targets = (*seatrial, "targets", "--cluster", cluster.name, "--output", TARGETS)
    config = (f"{FOLDER}/prometheus.yml", f"{STATE}/prometheus", "127.0.0.1:9090")
    files = {
        "prometheus.yml": prometheus.configuration(),
        "seatrial-prometheus.service": _unit(
            "Prometheus of this cluster", prometheus.command("prometheus", *config), before=("mkdir", "-p", STATE)
        ),
        **rule_files,
        **grafana.provisioning("http://127.0.0.1:9090", f"{FOLDER}/grafana/dashboards", rules.runbooks),
    }
    if told:
        runs = ("--runs-dir", cluster.shared) if cluster.shared else ()
        argv = (*seatrial, "export", "--collect", ",".join(told), *runs)
        files["seatrial-cluster-exporter.service"] = _unit("Metrics of " + " and of ".join(told), argv)
    if choice.ec2_tag is None:
        files["seatrial-targets.service"] = _unit(
            "The nodes that there are now", targets, before=("mkdir", "-p", STATE), once=True
        )
        files["seatrial-targets.timer"] = _timer("The nodes that there are now")
    if not choice.agent:
        files["alertmanager.yml"] = alertmanager(choice.webhook)
        argv = ("alertmanager", f"--config.file={FOLDER}/alertmanager.yml", f"--storage.path={STATE}/alertmanager")
        listen = ("--web.listen-address=127.0.0.1:9093", "--cluster.listen-address=")
        files["seatrial-alertmanager.service"] = _unit(
            "Alertmanager of this cluster", (*argv, *listen), before=("mkdir", "-p", STATE)
        )
    return files


def _scrapes(cluster: Cluster, ports: Mapping[str, int], choice: Choice) -> Iterator[Scrape]:
    discovery, relabel = _by_tag(cluster, choice.ec2_tag, choice.region) if choice.ec2_tag else (_by_file(), [])
    for job, port in ports.items():
        yield Scrape(job=job, port=port, discovery=discovery, relabel=relabel, ours=job == "seatrial")
    here = {"static_configs": [{"targets": ["127.0.0.1"], "labels": {"cluster": cluster.name}}]}
    if _told(cluster, choice):
        yield Scrape(job=OURS, port=ports["seatrial"], discovery=here, ours=True)
    for job, path in SLURM.items() if choice.slurm_metrics else ():
        # `node` and `partition` are its own words about others.
        yield Scrape(job=job, port=EMITTERS["slurm"].port or 0, discovery=here, path=path, ours=True)
    yield Scrape(job="prometheus", port=9090, discovery=here)


def _told(cluster: Cluster, choice: Choice) -> list[str]:
    """Collectors of the head node's exporter."""
    return ["run"] * bool(cluster.shared) + ["slurm"] * (not choice.slurm_metrics)


def _by_file() -> dict[str, Any]:
    return {"file_sd_configs": [{"files": [TARGETS]}]}


def _by_tag(cluster: Cluster, tag: tuple[str, str], region: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Who asks is the instance by its role, which needs ec2:DescribeInstances."""
    filters = [
        {"name": f"tag:{tag[0]}", "values": [tag[1]]},
        {"name": "instance-state-name", "values": ["running"]},
    ]
    address = {"source_labels": ["__meta_ec2_private_ip"], "target_label": "__address__"}
    node = {"source_labels": ["__meta_ec2_private_dns_name"], "regex": r"([^.]+)\..*", "target_label": "node"}
    name = {"target_label": "cluster", "replacement": cluster.name}
    return {"ec2_sd_configs": [{"region": region, "filters": filters}]}, [address, node, name]


def _unit(title: str, argv: tuple[str, ...], before: tuple[str, ...] = (), once: bool = False) -> str:
    """A unit of systemd. Programs without a path are looked for in systemd's own."""
    service = ["Type=oneshot"] if once else ["Restart=always", "RestartSec=5"]
    path = "/opt/slurm/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    lines = [
        f"# Written by seatrial {__version__}.",
        "[Unit]",
        f"Description={title}",
        "Wants=network-online.target",
        "After=network-online.target",
        "",
        "[Service]",
        f"Environment=PATH={path}",
        f"WorkingDirectory=-{FOLDER}",
        *([f"ExecStartPre=/usr/bin/env {_words(before)}"] if before else []),
        f"ExecStart=/usr/bin/env {_words(argv)}",  # systemd of older distributions looks only where it was built to
        *service,
    ]
    if not once:
        lines += ["", "[Install]", "WantedBy=multi-user.target"]
    return "\n".join(lines) + "\n"


def _words(argv: tuple[str, ...]) -> str:
    """systemd expands % and $, and takes quotes as a shell does."""
    return shlex.join(argv).replace("%", "%%").replace("$", "$$")


def _timer(title: str) -> str:
    return f"""\
# Written by seatrial {__version__}.
[Unit]
Description={title}

[Timer]
OnBootSec=30
OnUnitActiveSec={TARGETS_SECONDS}
AccuracySec=1

[Install]
WantedBy=timers.target
"""


def _commands(cluster: Cluster, files: Mapping[str, str]) -> Iterator[Command]:
    for place, where in (("node", "on every node"), ("head", "on the head node")):
        mine = sorted(path for path in files if path.startswith(f"{place}/"))
        units = [path for path in mine if path.endswith((".service", ".timer"))]
        folders = sorted({path.removeprefix(f"{place}/").rpartition("/")[0] for path in mine})
        yield Command(argv=("sudo", "mkdir", "-p", *(f"{FOLDER}/{f}".rstrip("/") for f in folders)), title=where)
        for folder in folders:
            there = [p for p in mine if p not in units and p.removeprefix(f"{place}/").rpartition("/")[0] == folder]
            if there:
                to = f"{FOLDER}/{folder}".rstrip("/")
                yield Command(argv=("sudo", "install", "-m", "644", *there, to), title=where)
        yield Command(argv=("sudo", "install", "-m", "644", *units, "/etc/systemd/system"), title=where)
        enabled = [path.rpartition("/")[2] for path in units if not path.endswith("targets.service")]
        yield Command(argv=("sudo", "systemctl", "daemon-reload"), title=where)
        yield Command(argv=("sudo", "systemctl", "enable", "--now", *enabled), title=where)
    hooks = ("seatrial", "check", "hooks", "--on", cluster.name, "--output", "hooks")
    yield Command(argv=hooks, title="prolog and epilog, which tell the DCGM exporter the jobs of GPUs")
