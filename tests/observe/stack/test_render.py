"""Plans of this machine and of clusters: who is asked, and whether systemd, Kubernetes and Prometheus can read them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial import gpu_jobs
from seatrial.cluster import Cluster, Mount
from seatrial.errors import UserError
from seatrial.launchers import kubernetes as kubernetes_launcher
from seatrial.launchers import slurm as slurm_launcher
from seatrial.observe.rules import FILE, MOST, Rules, dump
from seatrial.observe.stack import kubernetes, local, managed, slurm
from seatrial.observe.stack.nodes import Choice
from seatrial.observe.stack.scraping import WORKSPACE, check_url
from seatrial.plan import Plan
from tests.launchers.kubernetes import schemas

MACHINE = local.Machine(
    host="sea",
    python="/venv/bin/python",
    programs={name: f"/usr/bin/{names[0]}" for name, names in local.PROGRAMS.items()},
    runs=Path("/home/user/runs"),
    ports=local.PORTS,
)
CLUSTER = Cluster(
    name="p5",
    launcher="slurm",
    nodes=4,
    cpus_per_node=192,
    accelerators_per_node=8,
    instance_type="p5.48xlarge",
    image="registry.example.com/seatrial:1",
    shared="/fsx/runs",
    mounts=(Mount(source="fsx", target="/fsx"),),
    options=slurm_launcher.Options(),
)
EKS = replace(CLUSTER, launcher="kubernetes", options=kubernetes_launcher.Options(namespace="ml"))
DEFAULT = Choice()
AMP = "https://aps-workspaces.us-east-1.amazonaws.com/workspaces/ws-1/api/v1/remote_write"


@cache
def on_slurm(choice: Choice = DEFAULT) -> Plan:
    return slurm.render(CLUSTER, Rules(), choice)


def jobs(plan: Plan, path: str) -> dict[str, Any]:
    return {job["job_name"]: job for job in yaml.safe_load(plan.files[path])["scrape_configs"]}


def alert(text: str, name: str) -> dict[str, Any]:
    [found] = [r for g in yaml.safe_load(text)["groups"] for r in g["rules"] if r.get("alert") == name]
    return found


def test_this_machine_asks_what_is_installed() -> None:
    plan = local.render(MACHINE, Rules())
    assert [*jobs(plan, "prometheus.yml")] == ["seatrial", "node", "prometheus", "alertmanager"]
    assert [c.title for c in plan.commands] == ["exporter", "prometheus", "alertmanager", "node-exporter", "grafana"]
    assert all("0.0.0.0" not in word for command in plan.commands for word in command.argv)
    seatrial = jobs(plan, "prometheus.yml")["seatrial"]
    assert seatrial["honor_labels"] and seatrial["static_configs"][0]["labels"] == {"cluster": "local", "node": "sea"}
    assert len([path for path in plan.files if path.startswith("grafana/dashboards/")]) == 9
    absent = alert(plan.files[f"rules/{FILE}"], "ExporterAbsent")
    assert absent["expr"].count("absent(") == 4
    assert absent["annotations"]["dashboard_url"].startswith("http://127.0.0.1:3000/d/")


def test_without_the_others_it_is_prometheus_alone() -> None:
    plan = local.render(replace(MACHINE, programs={"prometheus": "/usr/bin/prometheus"}), Rules())
    assert [c.title for c in plan.commands] == ["exporter", "prometheus"] and "alertmanager.yml" not in plan.files
    assert "alerting" not in yaml.safe_load(plan.files["prometheus.yml"])


def test_nodes_of_slurm_are_found_by_a_file_and_know_their_devices() -> None:
    plan = on_slurm()
    found = jobs(plan, "head/prometheus.yml")
    assert [*found] == ["seatrial", "node", "dcgm", "seatrial-cluster", "prometheus"]
    assert found["dcgm"]["file_sd_configs"] == [{"files": [slurm.TARGETS]}]
    assert found["dcgm"]["relabel_configs"][-1]["replacement"] == "${1}:9400"
    assert f"--hpc-job-mapping-dir {gpu_jobs.FOLDER}" in plan.files["node/seatrial-dcgm-exporter.service"]
    assert f"--output {slurm.TARGETS}" in plan.files["head/seatrial-targets.service"]
    rules = plan.files[f"head/rules/{FILE}"]
    assert alert(rules, "GpuMissing")["expr"].endswith(", 8)")
    assert alert(rules, "EfaDeviceMissing")["expr"].endswith(", 32)")
    changed = slurm.render(CLUSTER, Rules(changed={"GpuMissing": {"expected": "4"}}), Choice())
    assert alert(changed.files[f"head/rules/{FILE}"], "GpuMissing")["expr"].endswith(", 4)")


def test_counters_of_dcgm_have_three_fields() -> None:
    lines = on_slurm().files["node/dcgm-counters.csv"].splitlines()
    assert all(line.count(",") == 2 for line in lines)
    assert {"DCGM_EXP_XID_ERRORS_COUNT", "DCGM_FI_DEV_ROW_REMAP_FAILURE"} <= {line.split(",")[0] for line in lines}


def test_a_cluster_without_gpus_has_no_dcgm() -> None:
    plan = slurm.render(replace(CLUSTER, instance_type="trn1.32xlarge"), Rules(), Choice())
    assert "dcgm" not in jobs(plan, "head/prometheus.yml") and "node/dcgm-counters.csv" not in plan.files


def test_nodes_are_found_by_a_tag() -> None:
    choice = Choice(ec2_tag=("parallelcluster:cluster-name", "sea"), region="us-east-1")
    plan = on_slurm(choice)
    [found] = jobs(plan, "head/prometheus.yml")["node"]["ec2_sd_configs"]
    assert found["region"] == "us-east-1" and found["filters"][0]["values"] == ["sea"]
    assert not [path for path in plan.files if "targets" in path]


def test_slurm_is_asked_itself_where_it_can_be() -> None:
    plan = on_slurm(Choice(slurm_metrics=True))
    found = jobs(plan, "head/prometheus.yml")
    asked = {job: found[job] for job in slurm.SLURM}
    assert {one["metrics_path"] for one in asked.values()} == set(slurm.SLURM.values())
    assert all(one["relabel_configs"][-1]["replacement"] == "${1}:6817" for one in asked.values())
    assert " --collect run " in plan.files["head/seatrial-cluster-exporter.service"]  # its own metrics have our names
    assert "slurm-jobs" in alert(plan.files[f"head/rules/{FILE}"], "ExporterAbsent")["expr"]
    alone = slurm.render(replace(CLUSTER, shared=None), Rules(), Choice(slurm_metrics=True))
    assert "head/seatrial-cluster-exporter.service" not in alone.files
    assert slurm.OURS not in jobs(alone, "head/prometheus.yml")


def test_an_agent_signs_what_it_passes_on_and_leaves_the_rules_to_amazon() -> None:
    plan = slurm.render(CLUSTER, Rules(), Choice(remote_write=AMP, agent=True))
    config = yaml.safe_load(plan.files["head/prometheus.yml"])
    assert config["remote_write"][0]["sigv4"] == {"region": "us-east-1"}
    assert "rule_files" not in config and "alerting" not in config
    assert "--enable-feature=agent" in plan.files["head/seatrial-prometheus.service"]
    [put] = [c.argv for c in plan.commands if c.argv[0] == "aws"]
    assert "ws-1" in put and f"fileb://amp/{FILE}" in put and f"amp/{FILE}" in plan.files
    kept = slurm.render(CLUSTER, Rules(), Choice(remote_write="https://mimir.example.com/push"))
    config = yaml.safe_load(kept.files["head/prometheus.yml"])
    assert "sigv4" not in config["remote_write"][0] and config["rule_files"]


def test_quotas_of_managed_prometheus_are_held() -> None:
    group = {"name": "large", "rules": [{"record": f"a:b{i}", "expr": "vector(1)"} for i in range(MOST + 1)]}
    with pytest.raises(UserError, match=r"'large' has 21 rules, 20 are allowed"):
        managed.files(Rules(more={"mine.yml": dump({"groups": [group]})}))
    few = {f"{i}.yml": dump({"groups": [{"name": "g", "rules": group["rules"][:1]}]}) for i in range(10)}
    with pytest.raises(UserError, match=r"11 files, 10 are allowed"):
        managed.files(Rules(more=few))


@pytest.mark.parametrize("version", schemas.VERSIONS[-1:])
def test_every_manifest_is_one_for_kubernetes(version: str) -> None:
    plan = kubernetes.render(EKS, Rules(), Choice())
    documents = [thing for text in plan.files.values() for thing in yaml.safe_load_all(text)]
    kinds = [thing["kind"] for thing in documents]
    assert kinds[:5] == ["DaemonSet", "Deployment", "PodMonitor", "ServiceMonitor", "PrometheusRule"]
    assert kinds[5:] == ["ConfigMap"] * 9
    for thing in documents:
        schemas.validate(thing, version)
        assert thing["metadata"]["namespace"] == "ml"


def test_a_cluster_without_an_image_is_refused() -> None:
    with pytest.raises(UserError, match="names no image"):
        kubernetes.render(replace(EKS, image=None), Rules(), Choice())


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mimir", "is no URL"),
        ("https://user:word@mimir/push", "password"),
        ("https://aps-workspaces.us-east-1.amazonaws.com/workspaces/ws-1", "is not where a workspace takes samples"),
    ],
)
def test_a_url_that_cannot_work_is_refused(url: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        check_url(url, "--remote-write")
    check_url(AMP, "--remote-write")
    assert WORKSPACE.fullmatch(AMP)
