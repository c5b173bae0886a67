"""What is installed, as files and as commands that may each be run again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seatrial.architectures._kubernetes import plugins, queue, storage
from seatrial.architectures._kubernetes.charts import Chart, Manifests, charts, manifests
from seatrial.architectures._kubernetes.inside import AGENTS, Inside
from seatrial.cluster import Cluster
from seatrial.launchers.kubernetes.hooks import AGENT, hooks
from seatrial.launchers.kubernetes.options import Options
from seatrial.launchers.kubernetes.writer import documents
from seatrial.plan import Command, Plan

CHART = Path(__file__).with_name("chart.sh")
TIMEOUT = "--timeout=10m"


def installs(what: Inside) -> Plan:
    """All of it: namespaces, operators, the queue, plugins, the volume, the agent."""
    files: dict[str, str] = {}
    commands = [context(what)]
    for name, step in _steps(what).items():
        if isinstance(step, Chart):
            files |= {"chart.sh": CHART.read_text(encoding="utf-8"), f"{name}.yaml": values(step)}
            commands += chart_commands(what, step)
        elif isinstance(step, Manifests):
            commands += _manifests(what, step)
        else:
            files[f"{name}.yaml"] = step
            commands.append(_kubectl(what, f"apply {name}", *_APPLY, f"--filename={name}.yaml"))
    commands += _rollouts(what)
    return Plan(files=files, commands=tuple(commands))


_APPLY = ("apply", "--server-side", "--field-manager=seatrial")
"""As one owner: what another has written is not written over, but told."""


def _steps(what: Inside) -> dict[str, Chart | Manifests | str]:
    """Name -> a chart, manifests of others, or the text of our own; each behind what it needs."""
    found: dict[str, Chart | Manifests | str] = {"namespaces": documents(storage.namespaces())}
    found |= {one.name: one for one in manifests(what)}
    found |= {chart.name: chart for chart in charts(what)}
    found["queue"] = documents(queue.objects(what))
    daemons = plugins.objects(what)
    found |= {"plugins": documents(daemons)} if daemons else {}
    if what.lustre is not None and "fsx" not in what.brought:
        found["volume"] = documents(storage.volume(what.lustre))
    if what.agent is not None:
        found["agent"] = _agent(what, what.agent)
    return found


def context(what: Inside) -> Command:
    """The cluster as a context of the kubeconfig, under its name."""
    choice = ("--region", what.region, *(("--profile", what.profile) if what.profile else ()))
    argv = ("aws", "eks", "update-kubeconfig", "--name", what.cluster, "--alias", what.cluster, *choice)
    return Command(argv=argv, title="the kubeconfig's context")


def _kubectl(what: Inside, title: str, *argv: str, programs: tuple[str, ...] = ()) -> Command:
    return Command(argv=("kubectl", "--context", what.cluster, *argv), title=title, programs=programs)


def chart_commands(what: Inside, chart: Chart) -> Iterator[Command]:
    """The chart, and that what it defines is there."""
    pinned = (chart.pin.url, chart.pin.version, chart.pin.sha256 or "unknown")
    argv = ("sh", "chart.sh", chart.name, *pinned, chart.namespace, what.cluster)
    yield Command(argv=argv, title=f"{chart.name} {chart.pin.version}", programs=("helm",))
    definitions = (f"crd/{name}" for name in chart.crds)
    wait = ("wait", "--for=condition=Established", TIMEOUT, *definitions)
    yield _kubectl(what, f"the kinds of {chart.name} are there", *wait)


def _manifests(what: Inside, one: Manifests) -> Iterator[Command]:
    # kubectl fetches by git.
    yield _kubectl(what, f"{one.name} {one.pin.version}", *_APPLY, f"--kustomize={one.url}", programs=("git",))
    wait = ("rollout", "status", f"deployment/{one.deployment}", f"--namespace={one.namespace}", TIMEOUT)
    yield _kubectl(what, f"{one.name} runs", *wait)


def _rollouts(what: Inside) -> Iterator[Command]:
    """Waits until every DaemonSet of ours runs on the nodes that there are."""
    daemons = [(plugin.name, plugins.NAMESPACE) for plugin in plugins.needed(what)]
    daemons += [(AGENT, AGENTS)] if what.agent else []
    for name, namespace in daemons:
        wait = ("rollout", "status", f"daemonset/{name}", f"--namespace={namespace}", TIMEOUT)
        yield _kubectl(what, f"{name} runs", *wait)


def values(chart: Chart) -> str:
    """The file of its values."""
    return f"# {chart.pin.url} {chart.pin.version}\n{documents([dict(chart.values)])}"


def _agent(what: Inside, image: str) -> str:
    """The agent of `seatrial check hooks`, on all nodes: by itself it tells what instance each is."""
    options = Options(context=what.cluster, namespace=AGENTS, hyperpod=what.hyperpod, hyperpod_repair=what.repair)
    everywhere = Cluster(
        name=what.cluster, launcher="kubernetes", nodes=1, cpus_per_node=1, image=image, options=options
    )
    return hooks(everywhere).files["agent.yaml"]
