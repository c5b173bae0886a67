"""Rules for Amazon Managed Service for Prometheus: the same files, within its quotas, each a namespace.

https://docs.aws.amazon.com/prometheus/latest/userguide/AMP_quotas.html (November 2026): 20 rules in a group, 100 groups
in a workspace, 10 namespaces, 1 MB in a file. All but the last can be raised on request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath

from seatrial.errors import Problem, UserError
from seatrial.observe.rules import MOST, Rules, dump
from seatrial.observe.stack.scraping import WORKSPACE
from seatrial.plan import Command

FOLDER = "amp"
NAMESPACES, GROUPS, BYTES = 10, 100, 10**6


def files(rules: Rules) -> dict[str, str]:
    """Name -> text. Raises UserError with everything that is beyond a quota."""
    found = rules.files()
    texts = {name: dump({"groups": groups}) for name, groups in found.items()}
    problems = [
        Problem(f"group {group['name']!r} has {len(group['rules'])} rules, {MOST} are allowed", name, "split it")
        for name, groups in found.items()
        for group in groups
        if len(group["rules"]) > MOST
    ]
    problems += [
        Problem(f"is larger than {BYTES} bytes", name, "split it") for name, t in texts.items() if len(t) > BYTES
    ]
    for what, count, most in (("files", len(found), NAMESPACES), ("groups", sum(map(len, found.values())), GROUPS)):
        if count > most:
            problems.append(Problem(f"{count} {what}, {most} are allowed", "--rules", "put rules together"))
    if problems:
        raise UserError(problems)
    return texts


def commands(names: Iterable[str], remote_write: str) -> Iterator[Command]:
    """What puts them into the workspace that the samples go to; none for another place."""
    workspace = WORKSPACE.fullmatch(remote_write)
    if workspace is None:
        return
    where: Mapping[str, str] = {"--region": workspace[1], "--workspace-id": workspace[2]}
    for name in names:
        told = {**where, "--name": PurePath(name).stem, "--data": f"fileb://{FOLDER}/{name}"}
        words = (word for pair in told.items() for word in pair)
        title = "the first time; later put-rule-groups-namespace"
        yield Command(argv=("aws", "amp", "create-rule-groups-namespace", *words), title=title)
