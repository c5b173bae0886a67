"""What of a rendered text is the launcher's own, and every recipe of the catalogue by that."""

from __future__ import annotations

import re
from collections.abc import Callable

from seatrial import __version__, catalog, launchers
from seatrial.binding import bind
from seatrial.cluster import Cluster
from seatrial.job import Job
from seatrial.plan import Plan
from tests.clusters import for_recipe
from tests.compact import folded

NOT_ITS_OWN = {
    r"""(value"?: )(["'])\{.*"?digest.*\}\2""": r"\1{job.json}",  # inside a manifest or a request
    r'("jobDefinition(?:Name)?": )"seatrial-[^"]*"': r'\1"{name}"',  # of a request with job.json inside
    r'("SEATRIAL_FILES",\s*"value": )"[^"]*"': r'\1"{files}"',  # what zlib makes of them depends on its version
    rf"(Written by seatrial) {re.escape(__version__)}": r"\1 {version}",
}
"""Pattern -> what stands for it."""
POD = re.compile(r"^( *)template:\n((?:\1  (?! *template:$).*\n)+)(?!\1  )", re.MULTILINE)
"""A template in which there is no other: its indentation, and what it is of."""


def own_text(plan: Plan) -> str:
    """A plan for reading, without job.json: a new argument, or a new version, is no change of a launcher's."""
    files = {path: folded(content) for path, content in plan.files.items() if path != "job.json"}
    found = Plan(files=files, commands=plan.commands).text()
    for pattern, stand_in in NOT_ITS_OWN.items():
        found = re.sub(pattern, stand_in, found)
    return found


def pods_apart(text: str) -> str:
    """A plan for reading, with each pod of a manifest below it, once: they are alike, however deep they stand."""
    pods: list[str] = []

    def put_below(found: re.Match[str]) -> str:
        indent, pod = found[1], re.sub(rf"^{found[1]}  ", "", found[2], flags=re.MULTILINE)
        if pod not in pods:
            pods.append(pod)
        return f"{indent}template: (pod {pods.index(pod) + 1})\n"

    text = POD.sub(put_below, text)
    return text + "".join(f"\n# --- pod {number}\n{pod}" for number, pod in enumerate(pods, 1))


def catalogue(cluster: Cluster) -> list[tuple[Job, Plan]]:
    """Every recipe on a cluster, under one name, its nodes Trainium's for recipes that are made for those.

    Of a cluster without accelerators every recipe for one CPU node; of HyperPod's own kind none whose program starts
    its ranks itself, which it refuses.
    """
    launcher = launchers.find(cluster.launcher)
    jobs = [
        (bind(case, recipe, its_own, secrets=None), its_own)
        for case in catalog.cases()
        for recipe in case.recipes
        for its_own in [for_recipe(recipe, cluster)]
        if case.launch != "node" or getattr(cluster.options, "kind", "") != "hyperpodpytorchjob"
        if cluster.accelerators_per_node or (recipe.nodes == 1 and recipe.instance_type is None)
    ]
    return [(job, launcher.render(job, its_own, "run-1")) for job, its_own in jobs]


def distinct(cluster: Cluster, part: Callable[[Plan], str] = own_text) -> list[tuple[Job, Plan]]:
    """Of the recipes that become the same text, but for the names of recipe and program, the first.

    What reads the text cannot tell them apart, so that one of them stands for all.
    """
    found: dict[str, tuple[Job, Plan]] = {}
    everything = catalogue(cluster)
    for job, plan in everything:
        same = part(plan).replace(job.label, "{recipe}").replace(job.program, "{program}")
        found.setdefault(same, (job, plan))
    assert 1 < len(found) < len(everything)
    return list(found.values())
