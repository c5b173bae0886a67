"""What is installed once a stack stands: by real commands, in a folder of the plan's files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.architectures import Deployment, Facts
from seatrial.deploying.cloud import Cloud
from seatrial.deploying.events import Event
from seatrial.deploying.installing import install
from seatrial.errors import UserError
from seatrial.plan import Command, Plan
from tests.deploying.recorded import SMALL, Recorded, stack

OUTPUTS = {"Outputs": [{"OutputKey": "ClusterName", "OutputValue": "ours"}]}


def deployment(*commands: Command, files: dict[str, str] | None = None) -> Deployment:
    def installs(_: Any, __: Facts, outputs: Mapping[str, str]) -> Plan:
        texts = files or {"objects/name.txt": outputs["ClusterName"]}
        return Plan(files=texts, commands=commands)

    return replace(SMALL, architecture=replace(SMALL.architecture, installs=installs))


def sh(script: str, title: str = "a step") -> Command:
    return Command(argv=("sh", "-c", script), title=title, env={"HELM_DEBUG": "1"})


def installed(wanted: Deployment, patch: pytest.MonkeyPatch) -> list[Event]:
    Recorded(patch, describe_stacks=stack("CREATE_COMPLETE", **OUTPUTS))
    events: list[Event] = []
    install(Cloud(wanted, lambda seconds: None), events.append)
    return events


def test_commands_find_the_files_by_outputs_of_the_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = tmp_path / "told"
    first = sh(f'printf "%s %s" "$(cat objects/name.txt)" "$HELM_DEBUG" > {told}', "the first")
    events = installed(deployment(first, sh(f"pwd >> {told}", "the second")), monkeypatch)
    text, folder = told.read_text().removesuffix("\n").split("/", 1)
    assert text == "ours 1" and not Path(f"/{folder}").exists()
    states = [(event.logical_id, event.status) for event in events]
    assert states == [(n, f"INSTALL_{s}") for n in ("the first", "the second") for s in ("IN_PROGRESS", "COMPLETE")]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (sh("echo nothing; echo no route to host >&2; exit 1"), "no route to host"),
        (sh("echo wrong digest; exit 1"), "wrong digest"),
        (sh("exit 3"), "sh ended with 3"),
        (Command(argv=("no-such-program",), title="a step"), "No such file or directory: 'no-such-program'"),
    ],
)
def test_the_first_failure_ends_it_and_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: Command, reason: str
) -> None:
    later = tmp_path / "later"
    with pytest.raises(UserError) as raised:
        installed(deployment(command, sh(f"touch {later}")), monkeypatch)
    (problem,) = raised.value.problems
    assert problem.what.startswith("a step: ") and problem.what.endswith(reason)
    assert (problem.where, problem.remedy) == (
        "architectures.small",
        "repair the cause, then: seatrial arch deploy small",
    )
    assert not later.exists()


def test_nothing_is_installed_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert installed(SMALL, monkeypatch) == []
    assert SMALL.installs() == Plan()


def test_a_dry_run_knows_outputs_by_their_names() -> None:
    assert deployment().installs().files == {"objects/name.txt": "{ClusterName}"}
