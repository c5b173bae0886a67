"""What lies in the folder of the bucket from which nodes run what makes them part of the cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from seatrial.architectures._architecture import Facts
from seatrial.architectures._hyperpod import Group
from seatrial.architectures.hyperpod_slurm import Params
from seatrial.architectures.hyperpod_slurm.provisioning import files
from seatrial.cluster import Cluster
from seatrial.hardware import instances

SCRIPTS = Path(__file__).with_name("lifecycle")
START = "on_create.sh"
"""What SageMaker runs on each node."""
PYTHON = "/opt/seatrial/venv/bin/python"
"""Python on the nodes that has what `package` names."""


def bundle(params: Params, facts: Facts) -> dict[str, str]:
    """Path -> text of every file."""
    found = {**dict(_scripts()), **files(params, facts)}
    if params.health_checks:
        found |= _hooks(params, facts)
    if params.observability:
        found |= _observed(params, facts)
    return found


def _hooks(params: Params, facts: Facts) -> dict[str, str]:
    """What Slurm runs around jobs. Each group checks that its nodes are of their type."""
    from seatrial.launchers.slurm.hooks import hooks  # not wanted by default, and slow to import

    plans = {group.name: hooks(_cluster((group,), facts)) for group in params.workers}
    return {path: text for name, plan in plans.items() for path, text in _below(f"hooks/{name}", plan.files).items()}


def _observed(params: Params, facts: Facts) -> dict[str, str]:
    """Exporters and Prometheus. No Grafana runs on the nodes."""
    from seatrial.observe.rules import Rules  # not wanted by default, and slow to import
    from seatrial.observe.stack import slurm
    from seatrial.observe.stack.nodes import Choice

    rendered = slurm.render(_cluster(params.workers, facts), Rules(), Choice()).files
    return _below("observe", {path: text for path, text in rendered.items() if "/grafana/" not in path})


def _scripts() -> Iterator[tuple[str, str]]:
    for path in sorted((*SCRIPTS.glob("*.py"), SCRIPTS / START)):
        name = path.name if path.name == START else f"{SCRIPTS.name}/{path.name}"
        yield name, path.read_text(encoding="utf-8")


def _below(folder: str, files: Mapping[str, str]) -> dict[str, str]:
    return {f"{folder}/{path}": text for path, text in files.items()}


def _cluster(groups: Sequence[Group], facts: Facts) -> Cluster:
    """Groups of workers as their nodes see themselves; where they are of several types, none is told."""
    from seatrial.launchers.slurm.options import Options

    types = {group.instance_type: instances.instance(group.instance_type) for group in groups}
    return Cluster(
        name=facts.deployment,
        launcher="slurm",
        nodes=sum(group.count for group in groups),
        cpus_per_node=max(instance.vcpus for instance in types.values()),
        accelerators_per_node=max(instance.ranks for instance in types.values()),
        instance_type=next(iter(types)) if len(types) == 1 else None,
        shared="/fsx/seatrial",
        python=PYTHON,
        options=Options(),
    )
