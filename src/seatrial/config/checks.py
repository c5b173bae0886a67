"""What a cluster's table must be beyond its types, and the Cluster that is made of it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from seatrial import launchers, versions
from seatrial.cluster import Cluster, Mount, Software
from seatrial.config import images
from seatrial.config.tables import ClusterTable
from seatrial.config.validate import Path, dotted, json_schema, meaning_at, validate
from seatrial.errors import Problem, UserError, unknown
from seatrial.hardware import MIB, accelerators, instances
from seatrial.launchers import Launcher

SECRETS = ("*_TOKEN", "*_SECRET*", "*PASSWORD*", "*_KEY")
"""Names of variables that look like a secret's."""

OURS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_*", "SEATRIAL_*")
"""Names of variables that are set for each rank."""


def launcher_names() -> list[str]:
    """What `launcher` may be: this machine needs no table, and what cannot be imported is left out."""
    return [name for name in launchers.names() if _hands_over(name)]


def _hands_over(name: str) -> bool:
    with contextlib.suppress(UserError):
        return launchers.find(name).hands_over
    return False


def _launcher(name: str) -> tuple[Launcher | None, list[Problem]]:
    """The launcher of a table, or why it may not be named there."""
    if name not in launchers.built_in() and name not in launchers.names():  # which looks through every package
        return None, [unknown("launcher", name, launcher_names(), ".launcher")]
    try:
        found = launchers.find(name)
    except UserError as error:
        return None, [Problem(f"{name}: {p.where}: {p.what}", ".launcher", p.remedy) for p in error.problems]
    if found.hands_over:
        return found, []
    remedy = f"leave the table out: --on {name}"
    return None, [Problem("this machine is built in and needs no table", ".launcher", remedy)]


def read_cluster(name: str, table: ClusterTable, wrong: set[Path]) -> tuple[Cluster | None, list[Problem]]:
    """The cluster of a table, or everything that is wrong with it beyond `wrong`, its values of a wrong type.

    A rule is left out where a key that it looks at is among them: it could only repeat the complaint.
    """
    at = ("clusters", name)
    keys = {path[0] for path in wrong}
    launcher, found = (None, []) if "launcher" in keys else _launcher(table.launcher)
    problems = [replace(p, where=dotted(at) + p.where) for p in (*found, *_rules(table, launcher, keys))]
    if launcher is None:
        return None, problems
    options, more = _options(launcher, dict(table.options))
    problems += [replace(p, where=f"{dotted((*at, 'options'))}.{p.where}") for p in more]
    named, more = ({}, []) if keys & {"container", "registry", "image"} else _named_images(table, launcher)
    problems += [replace(p, where=dotted(at) + p.where) for p in more]
    if problems or wrong:
        return None, problems
    return _cluster(name, table, launcher, options, named), []


def _options(launcher: Launcher, raw: dict[str, Any]) -> tuple[Any, list[Problem]]:
    options, flaws = validate(launcher.Options, raw)
    bad = {path[0] for path in flaws}
    rest, _ = validate(launcher.Options, {key: value for key, value in raw.items() if key not in bad})
    more = [p for p in check_options(launcher, rest) if p.where.split(".")[0] not in bad]
    return options, [*flaws.values(), *more]


def check_options(launcher: Launcher, options: Any) -> Iterable[Problem]:
    """What the launcher itself finds wrong with its options; the place of a problem is the option's key."""
    problems = list(launcher.check_options(options))
    Options: Any = launcher.Options
    schema = json_schema(Options) if problems else {}
    return [replace(p, remedy=p.remedy or meaning_at(schema, tuple(p.where.split(".")))) for p in problems]


def what_fits(raw: Mapping[str, Any], wrong: set[Path]) -> ClusterTable:
    """The table without what has a wrong type."""
    kept: dict[str, Any] = {}
    for key, value in raw.items():
        below = {path[1] for path in wrong if path[0] == key and len(path) > 1}
        if isinstance(value, dict):
            kept[key] = {inner: v for inner, v in value.items() if inner not in below}
        elif not below:
            kept[key] = value
        if (key,) in wrong:
            kept.pop(key, None)
    table, flaws = validate(ClusterTable, {"launcher": "", "nodes": 1} | kept)
    assert isinstance(table, ClusterTable), flaws
    return table


def _rules(table: ClusterTable, launcher: Launcher | None, wrong: Collection[str | int]) -> Iterable[Problem]:
    """What all rules say; their places are relative to the cluster's table."""
    if not {"instance_type", "cpus_per_node", "processes_per_node"} & set(wrong):
        yield from _size(table)
    if launcher is not None:
        if not {"container", "registry", "image"} & set(wrong):
            yield from _image(table, launcher)
        yield from _mounts(table, launcher)
    yield from _software(table)
    yield from _environment(table)


def _size(table: ClusterTable) -> Iterable[Problem]:
    if table.instance_type is None and table.cpus_per_node is None:
        what = "neither instance_type nor cpus_per_node is given"
        yield Problem(what, "", 'add instance_type = "p5.48xlarge", or cpus_per_node where nodes are no EC2 instances')
    if table.instance_type is None:
        return
    try:
        instance = instances.instance(table.instance_type)
    except UserError as error:
        yield from (replace(p, where=".instance_type") for p in error.problems)
        return
    if (table.cpus_per_node or 0) > instance.vcpus:
        what = f"{table.cpus_per_node} CPUs, but {table.instance_type} has {instance.vcpus}"
        yield Problem(what, ".cpus_per_node", "leave it out, or say fewer where hyper-threading is off")
    # A Trainium chip takes at most one process for each core; by default several cores are one device.
    cores = accelerators.accelerator(instance.accelerator).cores_per_accelerator if instance.accelerator else 0
    most = instance.accelerators * cores
    if most and (table.processes_per_node or 1) > most:
        what = f"{table.processes_per_node} processes, but {table.instance_type} takes {most}"
        yield Problem(what, ".processes_per_node", f"{most} or fewer")


def _image(table: ClusterTable, launcher: Launcher) -> Iterable[Problem]:
    choices = launcher.containers
    container = table.container or choices[0]
    if container not in choices:
        what = f"{table.launcher} cannot start {container!r}"
        yield Problem(what, ".container", f"choose from: {', '.join(choices)}")
    elif container == "none":
        remedy = f'add container = "{choices[1]}"' if choices[1:] else "leave it out"
        own = {f".{dotted(('software', name))}.image": software.image for name, software in table.software.items()}
        images = {".image": table.image} | own
        yield from (Problem("there is an image, but nothing runs it", key, remedy) for key in images if images[key])
    elif table.image is None:
        yield Problem(f"{table.launcher} with container {container!r} needs an image", "", 'add image = "..."')
    if table.registry is not None and table.image is None:
        yield Problem("there is a registry, but no image", ".registry", 'add image = "...", or leave it out')


def _named_images(table: ClusterTable, launcher: Launcher) -> tuple[Mapping[str, str], list[Problem]]:
    """Images that the table names, not their references, and what is wrong with those."""
    container = table.container or launcher.containers[0]
    return ({}, []) if container == "none" else images.resolve(table, container)


def _mounts(table: ClusterTable, launcher: Launcher) -> Iterable[Problem]:
    for number, text in enumerate(table.mounts):
        if not launcher.mounts_claims and not text.startswith("/"):
            remedy = "give a folder of the node, such as /fsx:/fsx; only Kubernetes mounts claims"
            yield Problem(f"{mount(text).source!r} is not an absolute path", f".mounts[{number}]", remedy)


def _software(table: ClusterTable) -> Iterable[Problem]:
    for name, software in table.software.items():
        where = f".{dotted(('software', name))}"
        if name not in versions.ENVIRONMENTS:
            yield unknown("environment", name, versions.ENVIRONMENTS, where)
        if software.image is None and software.python is None:
            yield Problem("names neither image nor python", where, "add one of them, or leave the table out")


def _environment(table: ClusterTable) -> Iterable[Problem]:
    for name in table.environment:
        where = f".environment.{name}"
        if any(fnmatchcase(name.upper(), pattern) for pattern in SECRETS):
            remedy = "export it where you run seatrial, or use the cluster's secrets: no secret stands in a file"
            yield Problem("looks like a secret", where, remedy)
        elif any(fnmatchcase(name, pattern) for pattern in OURS):
            yield Problem("is set by Seatrial for each rank", where, "leave it out")


def mount(text: str) -> Mount:
    """The Mount of ``source:target`` or ``source:target:ro``."""
    source, target = re.sub(":ro$", "", text).split(":")
    return Mount(source=source, target=target, read_only=text.endswith(":ro"))


def _cluster(name: str, table: ClusterTable, launcher: Launcher, options: Any, named: Mapping[str, str]) -> Cluster:
    """`named`: images that are named, and what was recorded of them."""
    instance = instances.instance(table.instance_type) if table.instance_type else None
    cpus = table.cpus_per_node or (instance.vcpus if instance else 1)
    devices = instance.ranks if instance else 0
    versions = {key: getattr(table.stack, key) for key in table.stack.__dataclass_fields__}
    return Cluster(
        name=name,
        launcher=table.launcher,
        nodes=table.nodes,
        cpus_per_node=cpus,
        memory_per_node=instance.memory_mib * MIB if instance else None,
        accelerators_per_node=devices,
        processes_per_node=table.processes_per_node or devices or cpus,
        instance_type=table.instance_type,
        shared=table.shared,
        mounts=tuple(mount(text) for text in table.mounts),
        container=table.container or launcher.containers[0],
        image=_whole(table.image, table, named),
        python=table.python,
        software={
            environment: Software(
                image=_whole(own.image or table.image, table, named), python=own.python or table.python
            )
            for environment, own in table.software.items()
        },
        environment=dict(table.environment),
        stack={key: version for key, version in versions.items() if version is not None},
        options=options,
    )


def _whole(image: str | None, table: ClusterTable, named: Mapping[str, str]) -> str | None:
    if image is None or image in named:
        return image and named[image]
    return f"{table.registry.rstrip('/')}/{image}" if table.registry else image
