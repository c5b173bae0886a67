"""Writing a cluster into seatrial.toml. Everything else in the file stays as it is, to the last byte."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seatrial import launchers
from seatrial.cluster import Cluster, Mount, Software
from seatrial.config.file import parse, statements, text_of
from seatrial.errors import Problem, UserError
from seatrial.hardware import instances
from seatrial.runs import replace_text


def write(path: Path, cluster: Cluster) -> None:
    """Add the cluster's table to a file, or replace the one of its name; a file that is not there is made.

    The file changes at once or not at all. Raises UserError if it cannot be read or written, or is wrong already.
    """
    path = path.resolve()  # a link stays a link
    mode = path.stat().st_mode if path.exists() else None
    text = put(text_of(path) if mode is not None else "", cluster, str(path))
    try:
        replace_text(path, text)
        if mode is not None:
            path.chmod(mode)
    except OSError as error:
        remedy = "name a file in a folder that is there and can be written to"
        raise UserError(Problem(f"cannot be written: {error.strerror}", str(path), remedy)) from None


def put(text: str, cluster: Cluster, where: str) -> str:
    """The text of a file with the cluster in it. Pure; `where` is the file's name in problems.

    In a table that is there, what means the same already stays as it was written, with its comments. Raises UserError
    if the text is wrong, or holds its tables in a way that cannot be added to; ValueError for a cluster that no table
    gives, such as one whose accelerators are not those of its instance type.
    """
    alone = _table_text(cluster)
    if parse(alone, where) != {cluster.name: cluster}:
        raise ValueError(f"seatrial.toml cannot say this: {cluster}")
    before = parse(text, where)
    if before.get(cluster.name) == cluster:
        return text
    changed = _replaced(text, cluster) if cluster.name in before else _added(text, alone)
    if not _says(changed, before | {cluster.name: cluster}):
        remedy = f"write each cluster as a table, [clusters.NAME], its parts behind it; or put in by hand:\n{alone}"
        raise UserError(Problem(f"{cluster.name} cannot be put between what is there", where, remedy))
    return changed


def _says(text: str, clusters: Mapping[str, Cluster]) -> bool:
    try:
        return parse(text, "") == clusters
    except UserError:
        return False


def _added(text: str, table: str) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    between = "" if not text else newline if text.endswith("\n") else 2 * newline
    return text + between + table.replace("\n", newline)


def _replaced(text: str, cluster: Cluster) -> str:
    """The text as it is if the cluster's tables do not stand together, or not under headers of their own."""
    import tomlkit

    pieces = list(statements(text))
    own = [place for place, (statement, data) in enumerate(pieces) if _belongs(statement, data, cluster.name)]
    # Comments behind the last of them belong to what follows.
    first, last = own[0], own[-1] + 1
    before, block, after = ("".join(s for s, _ in part) for part in (pieces[:first], pieces[first:last], pieces[last:]))
    document: Any = tomlkit.parse(block)
    if list(document) != ["clusters"] or list(document["clusters"]) != [cluster.name]:
        return text
    _update(document["clusters"][cluster.name], _sparse(cluster), _full(cluster))
    return (before + tomlkit.dumps(document) + after)[:-1]


def _belongs(statement: str, data: Mapping[str, Any], name: str) -> bool:
    """Whether a statement is one about a cluster, and no comment or blank line."""
    return statement.lstrip()[:1] not in ("", "#") and name in data.get("clusters", {})


def _update(table: MutableMapping[str, Any], wanted: Mapping[str, Any], same: Mapping[str, Any]) -> None:
    """Give a table the values that are wanted. What it holds beyond them stays where it is among the same."""
    for key, item in list(table.items()):
        if isinstance(item, dict) and isinstance(same.get(key), dict):
            _update(item, wanted.get(key, {}), same[key])
        elif key in wanted:
            if item != wanted[key]:
                table[key] = wanted[key]  # in place, with the comment behind it
        elif item != same.get(key):
            del table[key]
    for key, value in wanted.items():
        if key not in table:
            table[key] = value


def _table_text(cluster: Cluster) -> str:
    import tomlkit

    return tomlkit.dumps({"clusters": {cluster.name: _sparse(cluster)}})


def _sparse(cluster: Cluster) -> dict[str, Any]:
    """The table of a cluster, without what it gets by itself."""
    full, defaults = _full(cluster), _defaults(cluster)
    kept = {key: value for key, value in full.items() if value != defaults.get(key, {})}
    options, given = kept.get("options", {}), asdict(type(cluster.options)())
    kept["options"] = {key: value for key, value in options.items() if value != _plain(given[key])}
    kept["software"] = {name: _sparse_software(own, cluster) for name, own in cluster.software.items()}
    return {key: value for key, value in kept.items() if value != {}}


def _sparse_software(own: Software, cluster: Cluster) -> dict[str, str]:
    image = {} if own.image in (None, cluster.image) else {"image": str(own.image)}
    return image if image and own.python == cluster.python else {**image, "python": own.python}


def _defaults(cluster: Cluster) -> dict[str, Any]:
    """What a table gives where it says nothing."""
    devices = instances.instance(cluster.instance_type).ranks if cluster.instance_type else 0
    container = launchers.find(cluster.launcher).containers[0]
    processes = devices or cluster.cpus_per_node
    cpus = {"cpus_per_node": instances.instance(cluster.instance_type).vcpus} if cluster.instance_type else {}
    return {**cpus, "processes_per_node": processes, "mounts": [], "container": container, "python": "python3"}


def _full(cluster: Cluster) -> dict[str, Any]:
    """Every key that says what the cluster is, in the order of the documents."""
    found = {
        "launcher": cluster.launcher,
        "nodes": cluster.nodes,
        "instance_type": cluster.instance_type,
        "cpus_per_node": cluster.cpus_per_node,
        "processes_per_node": cluster.processes_per_node,
        "shared": cluster.shared,
        "mounts": [_mount_text(mount) for mount in cluster.mounts],
        "container": cluster.container,
        "image": cluster.image,
        "python": cluster.python,
        "software": {name: _plain(asdict(own)) for name, own in cluster.software.items()},
        "environment": dict(cluster.environment),
        "stack": dict(cluster.stack),
        "options": _plain(asdict(cluster.options)),
    }
    return {key: value for key, value in found.items() if value is not None}


def _mount_text(mount: Mount) -> str:
    return f"{mount.source}:{mount.target}{':ro' if mount.read_only else ''}"


def _plain(value: Any) -> Any:
    """As TOML has it: lists, and no key without a value."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items() if inner is not None}
    return list(value) if isinstance(value, tuple) else value
