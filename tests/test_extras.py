"""What is missing is named, with the one command that works in this interpreter, in every verb."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seatrial import environments, extras
from seatrial.binding import bind
from seatrial.cli import cli
from seatrial.cli.running import preflight
from seatrial.errors import Problem, UserError
from seatrial.extras import Absent, installing, missing, needed
from tests.test_binding import CASE, LOCAL, TINY

PYTHON = shlex.quote(sys.executable)
FOLDER = Path(__file__).parents[1]

EXTRAS = {
    "boto3": "aws",
    "kubernetes": "kubernetes",
    "msgspec": "profile",
    "prometheus_client": "observe",
    "wandb": "wandb",
    "torch": "train",
    "numpy": "train",
    "sklearn": "train",
    "uv": "train",
    "datasets": "hub",
    "tokenizers": "hub",
    "transformers": "hub",
}


class Installed:
    """Seatrial as pip has installed it from an index, or from a folder in development mode."""

    requires = metadata.requires("seatrial")

    def __init__(self, folder: str | None = None) -> None:
        self.folder = folder

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        url = {"url": f"file://{self.folder}", "dir_info": {"editable": True}}
        return json.dumps(url) if self.folder else None


@pytest.fixture
def tools(monkeypatch):
    """Which of pip, uv and ensurepip there are."""

    def choose(*there: str, folder: str | None = None) -> None:
        for name in {"pip", "ensurepip"} - {*there}:
            monkeypatch.setitem(sys.modules, name, None)
        for name in {"pip", "ensurepip"} & {*there}:
            monkeypatch.setitem(sys.modules, name, pytest)  # any module that is there
        monkeypatch.setattr(extras, "uv", lambda: "/a place/uv" if "uv" in there else None)
        monkeypatch.setattr(metadata, "distribution", lambda name: Installed(folder))

    return choose


@pytest.mark.parametrize(
    ("there", "command"),
    [
        (("pip", "uv"), f"{PYTHON} -m pip install 'seatrial[aws]'"),
        (("uv", "ensurepip"), f"'/a place/uv' pip install --python {PYTHON} 'seatrial[aws]'"),
        (
            ("ensurepip",),
            f"this Python has no pip: {PYTHON} -m ensurepip && {PYTHON} -m pip install 'seatrial[aws]'",
        ),
        (
            (),
            "this Python has no pip: https://pip.pypa.io/en/stable/installation; "
            f"then: {PYTHON} -m pip install 'seatrial[aws]'",
        ),
    ],
)
def test_the_command_is_one_that_works_here(tools, there, command):
    tools(*there)
    assert installing("boto3") == command


@pytest.mark.parametrize(("module", "extra"), EXTRAS.items())
def test_a_module_comes_by_its_extra(tools, module, extra):
    tools("pip")
    assert installing(module).endswith(f"pip install 'seatrial[{extra}]'")
    tools("pip", folder="/a%20checkout")
    assert installing(module).endswith(f"pip install -e '/a checkout[{extra}]'")


def test_every_extra_is_known():
    """A name that only looks like one is not taken for it."""
    assert {module: installing(module).partition("[")[2].partition("]")[0] for module in EXTRAS} == EXTRAS
    assert "[" not in installing("torchao") and "[" not in installing("data")


def test_where_seatrial_is_not_installed_the_package_itself_is_named(tools, monkeypatch):
    tools("pip")

    def none(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", none)
    assert installing("sklearn") == f"{PYTHON} -m pip install scikit-learn"


def test_a_command_that_is_advised_is_one_of_this_interpreter():
    """Its first word is a program that is there."""
    program = shlex.split(installing("boto3").removeprefix("this Python has no pip: "))[0]
    assert Path(program).exists() and sys.executable in installing("boto3")


def test_what_one_command_installs_is_one_problem(tools, monkeypatch):
    tools("pip")
    for name in ("torch", "sklearn"):
        monkeypatch.setitem(sys.modules, name, None)
    train = f"{PYTHON} -m pip install 'seatrial[train]'"
    assert missing(["torch", "json", "sklearn", "no_such.module"], "here") == [
        Absent("torch and sklearn are not installed", "here", train),
        Absent("no_such.module is not installed", "here", f"{PYTHON} -m pip install no_such.module"),
    ]


def test_what_a_package_lacks_itself_is_named(tools):
    tools("pip")
    with pytest.raises(UserError) as caught, needed("boto3", "here"):
        import nothing_of_that_name  # noqa: F401
    [problem] = caught.value.problems
    assert problem.what == "nothing_of_that_name is not installed, which boto3 needs"
    assert "seatrial[aws]" in problem.remedy
    with pytest.raises(UserError, match="boto3 does not load: cannot import name 'nothing'"), needed("boto3", "here"):
        from json import nothing  # noqa: F401


def test_what_only_the_command_lacks_is_no_matter_where_ranks_run_with_another_python():
    wrong, absent = Problem("wrong"), Absent("x is not installed")
    case = replace(CASE, preflight=lambda args: [wrong, absent], requires=("no_such_module",), environment="pytorch")
    job = bind(case, TINY, LOCAL)
    assert not environments.runs_here(job) and preflight(case, job) == [wrong]
    here = replace(job, requires=("json",))
    assert environments.runs_here(here) and preflight(case, here) == [wrong, absent]


ALL = ("boto3", "botocore", "kubernetes", "torch", "numpy", "sklearn", "datasets", "tokenizers", "transformers", "uv")
CLUSTERS = """
[clusters.p5]
launcher = "kubernetes"
nodes = 2
instance_type = "p5.48xlarge"
image = "r/i:1"
[clusters.b]
launcher = "batch"
nodes = 2
instance_type = "m5.2xlarge"
image = "r/i:1"
[clusters.b.options]
queue = "q"
region = "us-east-1"
"""
WORKS = [
    "list", "list --json", "show fsdp", "runs", "env list", "cluster list", "cluster show b", "completion bash",
    "network show --instance p5.48xlarge", "render cpu-ddp --on b", "render cpu-ddp --on p5 --processes 1",
    "render fsdp", "report RUN", "status RUN", "logs RUN", "compare RUN RUN", "read torchtitan LOG",
    f"lint {FOLDER}/tests/lint/tree/Dockerfile",
]  # fmt: skip
TOLD = [
    ("run cpu-ddp", "cpu-ddp: torch and numpy and sklearn are not installed", "train"),
    ("run fsdp", "fsdp: torch and numpy are not installed", "train"),
    ("run fsdp --set tokenizer=nobody/nothing", "nobody/nothing: transformers is not installed", "hub"),
    ("run fsdp --set tokenizer=a.json", "a.json: tokenizers is not installed", "hub"),
    ("run fsdp --set dataset=hf:a/b", "hf:a/b: datasets is not installed", "hub"),
    ("run cpu-ddp --on b --detach", "clusters.b: boto3 is not installed", "aws"),
    ("run cpu-ddp --on p5 --processes 1", "launcher kubernetes: kubernetes is not installed", "kubernetes"),
]


@pytest.fixture
def without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Result]:
    """The command where nothing of these is installed, in a folder with clusters, a run that is over, and a log."""
    (tmp_path / "seatrial.toml").write_text(CLUSTERS)
    shutil.copytree(FOLDER / "tests/recorded_runs", tmp_path / "runs")
    (tmp_path / "a.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def call(words: str) -> Result:
        given = words.replace("RUN", "restarted").replace("LOG", str(FOLDER / "tests/cases/recorded/torchtitan.log"))
        with monkeypatch.context() as patch:
            for name in ALL:
                patch.setitem(sys.modules, name, None)
            return CliRunner().invoke(cli, given.split())

    return call


@pytest.mark.parametrize("words", WORKS)
def test_a_verb_that_needs_no_extra_works_without_all(without, words):
    result = without(words)
    assert isinstance(result.exception, SystemExit | None) and result.exit_code in (0, 1, 3), result.output
    assert "not installed" not in result.output


@pytest.mark.parametrize(("words", "said", "extra"), TOLD, ids=[words for words, *_ in TOLD])
def test_a_verb_that_needs_one_says_which_and_how_to_get_it(without, words, said, extra):
    error = without(words).exception
    assert isinstance(error, UserError)
    [problem] = [problem for problem in error.problems if f"{problem.where}: {problem.what}" == said]
    assert re.search(rf"install .*\[{extra}\]", problem.remedy)
    assert sorted(path.name for path in Path("runs").iterdir()) == ["restarted", "stopped", "submitted"]


@pytest.mark.parametrize("words", ["cluster check b", "cluster check p5"])
def test_a_check_says_so_as_a_finding(without, words):
    result = without(words)
    assert isinstance(result.exception, SystemExit) and "is not installed" in result.stdout
