"""[architectures.NAME]: which deployment a name means, and everything that is wrong with it in one go."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from seatrial import config
from seatrial.config.deployments import deployment, deployments
from seatrial.config.file import parse
from seatrial.errors import UserError
from tests.test_config import validator

# Two architectures in files: one that is needed, and one that needs it.
BASE = '''
from dataclasses import dataclass
from seatrial.architectures import Architecture, ArchitectureParams
from seatrial.errors import Problem
from seatrial.plan import Plan

@dataclass(frozen=True, kw_only=True, slots=True)
class Params(ArchitectureParams):
    """Parameters."""

    zones: tuple[str, ...] = ()
    """Zones."""
    size: int = 1
    """GiB."""

def check(params, facts):
    if params.size > 10:
        yield Problem(f"{params.size} GiB are more than 10", "size", "fewer")

def render(params, facts):
    return Plan(files={f"{facts.stack}.yaml": "Resources: {}"})

ARCHITECTURE = Architecture(name="base", title="Base.", Params=Params, render=render, check=check)
'''
ABOVE = BASE.replace('"""Parameters."""', '"""Parameters."""\n\n    on: str | None = "base"\n    """Base."""').replace(
    'name="base", title="Base."', 'name="above", title="Above.", needs={"on": "base"}'
)
TABLES = """
[architectures.base]
kind = "base.py"

[architectures.mine]
kind = "above.py"
region = "eu-north-1"
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "base.py").write_text(BASE)
    (tmp_path / "above.py").write_text(ABOVE)
    (tmp_path / "seatrial.toml").write_text(TABLES)
    return tmp_path


def problems(name: str, **settings: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        deployment(name, {key.replace("__", "."): value for key, value in settings.items()})
    return [f"{problem.where}: {problem.what}" for problem in caught.value.problems]


def test_what_is_needed_takes_part_with_the_region_of_who_needs_it():
    made = deployment("mine", {"base.size": "3", "zones": '["a", "b"]'})
    assert [one.name for one in made.order()] == ["base", "mine"]
    assert [one.stack for one in made.order()] == ["seatrial-base", "seatrial-mine"]
    assert made.params.zones == ("a", "b")
    base = made.needs["on"].params
    assert (base.region, base.size) == ("eu-north-1", 3)
    assert deployments() == {"base": "base.py", "mine": "above.py"}


def test_none_leaves_out_what_is_needed():
    assert deployment("mine", {"on": "none"}).needs == {}


def test_the_region_comes_from_the_environment_last(monkeypatch):
    assert "the region of base is not known" in problems("base")[0]
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert deployment("base").params.region == "us-west-2"
    assert deployment("mine").params.region == "eu-north-1"


def test_an_architecture_without_a_table_has_its_own_name():
    assert deployment("s3", {"region": "us-west-2"}).stack == "seatrial-s3"
    assert deployment("base.py", {"region": "us-west-2"}).stack == "seatrial-base"


def test_every_mistake_is_told_at_once_with_its_line_or_option(home):
    (home / "seatrial.toml").write_text(TABLES + 'size = "many"\nzone = ["a"]\n')
    found = problems("mine", base__size="much", other__size="1")
    assert [text.split(": ")[0] for text in found] == [
        "seatrial.toml:8",
        "seatrial.toml:9",
        "--set base.size",
        "--set other.size",
    ]
    assert "no key is called 'zone'" in found[1]


def test_rules_of_what_is_needed_are_told_too(home):
    (home / "seatrial.toml").write_text(TABLES + "size = 11\n")
    assert problems("mine", base__size="12") == [
        "--set base.size: 12 GiB are more than 10",
        "seatrial.toml:8: architectures.mine.size: 11 GiB are more than 10",
    ]


def test_two_regions_cannot_import_from_each_other():
    [found] = problems("mine", base__region="us-east-1")
    assert "region is eu-north-1, but that of base, which on names, is us-east-1" in found


@pytest.mark.parametrize(
    ("name", "said"), [("bass", "no deployment is called 'bass'"), ("none.py", "there is no such file")]
)
def test_unknown_names_are_refused(name, said):
    assert said in problems(name)[0]


def test_what_needs_itself_or_another_kind_is_refused():
    assert "mine needs itself" in problems("mine", on="mine")[0]
    assert "s3 is of the architecture s3, not base" in problems("mine", on="s3")[0]


def test_an_architecture_of_a_file_that_fails_is_one_line(home):
    (home / "base.py").write_text(BASE.replace("if params.size > 10", "if params.sizes > 10"))
    [found] = problems("base", region="us-west-2")
    assert "check of base failed: AttributeError" in found and "base.py:17" in found


@pytest.mark.parametrize(
    ("table", "right"),
    [
        ({"s3": {"region": "us-west-2", "upload_days": 3}}, True),
        ({"s3": {}}, True),  # AWS_REGION
        ({"data": {"kind": "s3", "bucket": "mine"}}, True),
        ({"data": {"bucket": "mine"}}, False),
        ({"s3": {"upload_day": 3}}, False),
        ({"s3": {"upload_days": 0}}, False),
        ({"Data": {"kind": "s3"}}, False),
    ],
    ids=str,
)
def test_the_schema_knows_the_parameters(table, right):
    assert validator().is_valid({"architectures": table}) == right


def test_a_name_that_cannot_be_a_stack_is_refused_in_the_file():
    with pytest.raises(UserError, match="cannot be a name here"):
        parse("[architectures.My_Cluster]\n", "f")


def test_a_wrong_parameter_stops_no_run(home):
    """Clusters can be used while a deployment's table is wrong."""
    (home / "seatrial.toml").write_text(
        '[clusters.c]\nlauncher = "slurm"\nnodes = 1\ncpus_per_node = 1\n[architectures.s3]\nbucket = 3\n'
    )
    assert config.names() == ["local", "c"]
    assert "bucket" in problems("s3", region="us-west-2")[0]


def test_without_troposphere_what_installs_it_is_told(monkeypatch):
    for name in [name for name in sys.modules if name.endswith((".template", "._cloudformation"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "troposphere", None)
    with pytest.raises(UserError, match="troposphere is not installed") as caught:
        deployment("s3", {"region": "us-west-2"}).render()
    assert "[architectures]" in caught.value.problems[0].remedy
