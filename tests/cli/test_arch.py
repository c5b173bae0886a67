"""seatrial arch, as far as it asks nothing of AWS; tests/trials/architectures has the rest, against moto's server."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from seatrial import architectures
from seatrial.cli import cli
from seatrial.cli.arch_deploying import agreed, confirmed, print_change, teller
from seatrial.cli.completing import complete_deployment
from seatrial.deploying import Change, Event, Row
from seatrial.errors import UserError
from seatrial.findings import Verdict

MODIFIED = Row(action="Modify", type="AWS::EC2::VPC", logical_id="Vpc", properties=("CidrBlock",), replacement="True")
LOST = Row(action="Remove", type="AWS::S3::Bucket", logical_id="Bucket", holds_data=True)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    return tmp_path


def call(*args: str, expect: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["arch", *args])
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == expect, result.output
    return result


def test_list_names_every_architecture_and_the_deployments_of_the_file(home):
    (home / "seatrial.toml").write_text('[architectures.data]\nkind = "s3"\n')
    rows = {row["architecture"]: row for row in json.loads(call("list", "--json").output)}
    assert list(rows) == architectures.names()
    assert rows["s3"]["deployments"] == ["data"]
    assert rows["storage"]["needs"] == {"network": "vpc", "bucket": "s3"}
    assert [line.split()[0] for line in call("list").output.splitlines()[1:]] == architectures.names()


OWN = """
from seatrial.architectures import Architecture, ArchitectureParams
from seatrial.plan import Command, Plan

apply = Command(argv=("kubectl", "apply", "-f", "a b.yaml"), title="objects", env={"KUBECONFIG": "ours"})
ARCHITECTURE = Architecture(
    name="own",
    title="Own",
    Params=ArchitectureParams,
    render=lambda params, facts: Plan(files={f"{facts.stack}.yaml": "Resources: {}"}),
    installs=lambda params, facts, outputs: Plan(files={"a b.yaml": outputs["Name"]}, commands=(apply,)),
)
"""


def test_render_shows_what_is_installed_and_from_where(home):
    (home / "own.py").write_text(OWN)
    (home / "seatrial.toml").write_text('[architectures.mine]\nkind = "./own.py"\n')
    rendered = json.loads(call("render", "mine", "--json").output)
    assert rendered["files"]["install/mine/a b.yaml"] == "{Name}"
    assert rendered["commands"][-1]["argv"] == [
        "sh",
        "-c",
        "cd install/mine && KUBECONFIG=ours kubectl apply -f 'a b.yaml'",
    ]


@pytest.mark.parametrize("name", architectures.names())
def test_params_have_a_meaning_each(name):
    rows = json.loads(call("params", name, "--json").output)
    assert {row["key"] for row in rows} == set(architectures.find(name).Params.__dataclass_fields__)
    assert all(row["meaning"] for row in rows)


def test_show_has_stacks_instances_and_costs_that_say_what_is_unknown(home):
    shown = call("show", "parallelcluster", "--cost", "--picture", "mine.svg").output
    for text in ("seatrial-vpc", "seatrial-parallelcluster", "head node", "queue gpu", "at least", "unknown"):
        assert text in shown
    assert (home / "mine.svg").read_text().startswith("<svg")
    record = json.loads(call("show", "parallelcluster", "--cost", "--json").output)
    assert [stack["stack"] for stack in record["stacks"]][-1] == "seatrial-parallelcluster"
    assert record["cost"]["at_most"] > record["cost"]["at_least"] > 0 and not record["cost"]["complete"]


def test_render_shows_one_or_all_and_writes_what_it_shows(home):
    assert list(json.loads(call("render", "storage", "--json").output)["files"]) == ["seatrial-storage.yaml"]
    call("render", "storage", "--all", "-o", "plan")
    written = sorted(path.name for path in (home / "plan").iterdir())
    assert written == ["commands.sh", "seatrial-s3.yaml", "seatrial-storage.yaml", "seatrial-vpc.yaml"]
    commands = (home / "plan" / "commands.sh").read_text()
    assert commands.index("seatrial-vpc") < commands.index("--stack-name seatrial-storage")


def test_diff_against_a_template_needs_no_account(home):
    call("render", "storage", "-o", "plan")
    against = ("--against", "plan/seatrial-storage.yaml", "--json")
    assert json.loads(call("diff", "storage", *against).output)["anything"] is False
    found = json.loads(call("diff", "storage", "--set", "lustre_gib=2400", *against).output)
    assert ["Modify", "Lustre", ["StorageCapacity"]] in [
        [row["action"], row["logical_id"], row["properties"]] for row in found["rows"]
    ]


def test_lint_offline_is_cfn_lint_alone():
    record = json.loads(call("lint", "storage", "--offline", "--json").output)
    assert [f["check"] for f in record["findings"]] == ["arch.template"] * 3
    assert record["verdict"] == Verdict.PASS


def test_lint_says_what_cfn_lint_says(home):
    (home / "odd.py").write_text(ODD)
    assert "E3006" in call("lint", "./odd.py", "--offline", expect=1).output


ODD = '''
from dataclasses import dataclass
from seatrial.architectures import Architecture, ArchitectureParams
from seatrial.plan import Plan

@dataclass(frozen=True, kw_only=True, slots=True)
class Params(ArchitectureParams):
    """None."""

def render(params, facts):
    return Plan(files={f"{facts.stack}.yaml": "Resources: {Odd: {Type: 'AWS::S3::Buckett'}}"})

ARCHITECTURE = Architecture(name="odd", title="Odd.", Params=Params, render=render)
'''


# --- how changes are shown and agreed to


def change(*rows: Row) -> Change:
    return Change(deployment="vpc", stack="seatrial-vpc", new=False, anything=True, rows=rows)


def test_a_change_is_shown_with_what_is_replaced_and_what_is_lost(capsys):
    print_change(change(MODIFIED, LOST))
    told = capsys.readouterr().out
    assert "Modify  Vpc       AWS::EC2::VPC    yes       CidrBlock" in told
    assert "Bucket (AWS::S3::Bucket) holds data and would be removed" in told


def test_yes_does_not_answer_for_what_holds_data(capsys):
    assert agreed(yes=True, quiet=False)(change(MODIFIED))
    with pytest.raises(UserError, match="would remove or replace what holds data: Bucket"):
        agreed(yes=True, quiet=False)(change(LOST))
    with pytest.raises(UserError, match="add --yes"):
        agreed(yes=False, quiet=True)(change(MODIFIED))


def test_ctrl_c_at_a_question_is_an_interrupt(monkeypatch):
    def abort(*args, **kwargs):
        raise click.Abort

    monkeypatch.setattr(click, "confirm", abort)
    with pytest.raises(KeyboardInterrupt):
        confirmed("Delete?", default=False)


def test_events_are_lines_without_repetitions(capsys):
    show = teller(quiet=False)
    for status, reason in (("CREATE_IN_PROGRESS", "Resource creation Initiated"), ("CREATE_FAILED", "no such zone")):
        show(
            Event(
                at=datetime.now(UTC),
                deployment="vpc",
                logical_id="Vpc",
                type="AWS::EC2::VPC",
                status=status,
                reason=reason,
            )
        )
    [line] = capsys.readouterr().out.splitlines()
    assert line.endswith("CREATE_FAILED        Vpc (AWS::EC2::VPC)  no such zone")


def test_completion_offers_architectures_and_deployments(home):
    (home / "seatrial.toml").write_text('[architectures.sailing]\nkind = "s3"\n')
    offered = [item.value for item in complete_deployment(None, None, "s")]  # type: ignore[arg-type]
    assert offered == ["s3", "sailing", "storage"]
