"""seatrial.toml: what it may hold, every mistake with its line, and the clusters that come of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial import catalog, config, launchers
from seatrial.binding import bind
from seatrial.cluster import Cluster, Mount, Software
from seatrial.config.checks import launcher_names, mount
from seatrial.config.describe import keys, reference, schema_text
from seatrial.config.example import example
from seatrial.config.file import parse
from seatrial.config.init import SCHEMA_FILE, init
from seatrial.config.tables import (
    ClusterTable,
    FileTable,
    MlflowTable,
    SoftwareTable,
    StackTable,
    TrackingTable,
    WandbTable,
)
from seatrial.errors import UserError
from seatrial.findings import Verdict
from seatrial.hardware import instances
from tests.conftest import UPDATE_GOLDEN

DOCS = Path(__file__).parents[1] / "docs"

FAKE = '''
from __future__ import annotations
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from seatrial.errors import Problem, UserError
from seatrial.findings import Finding, Verdict
from seatrial.launchers import Engine, Launcher
from seatrial.cluster import LauncherOptions

@dataclass(frozen=True, kw_only=True, slots=True)
class Options(LauncherOptions):
    """Options of a launcher that is not there."""

    queue: str = "main"
    """Queue to wait in."""
    tries: int | None = None
    """Times to try."""
    speed: Literal["slow", "none"] = "slow"
    """How fast."""
    words: tuple[str, ...] = ()
    """More words."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels."""
    polite: bool = False
    """Whether to ask."""

def check_options(options):
    if options.queue == "closed":
        yield Problem("is closed", "queue")

def check(cluster):
    if cluster.options.queue == "gone":
        raise UserError(Problem("cannot be reached", "fake", "plug it in"))
    words = [Verdict(word) for word in cluster.options.words]
    return [Finding(check="cluster.fake", verdict=v, observed=f"saw {v}", remedy=f"mend {v}") for v in words]

LAUNCHER = Launcher(
    name="fake",
    Options=Options,
    executor=Engine(submit=None, lookup=None, standings=None, collect=None, cancel=None),
    check_job=None,
    render=None,
    check=check,
    check_options=check_options,
    containers=("none", "pyxis", "docker"),
)
'''


@pytest.fixture
def fake_launcher(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A launcher called fake, found as all others are: by being in the folder."""
    folder = tmp_path_factory.mktemp("launchers")
    (folder / "fake.py").write_text(FAKE)
    monkeypatch.setattr(launchers, "__path__", [*launchers.__path__, str(folder)])
    yield
    sys.modules.pop("seatrial.launchers.fake", None)


def problems(text: str) -> list[tuple[str, str, str]]:
    with pytest.raises(UserError) as caught:
        parse(text, "f")
    return [(p.where, p.what, p.remedy) for p in caught.value.problems]


def table(**more: Any) -> str:
    values = {"launcher": "fake", "nodes": 2, "cpus_per_node": 4} | more
    return "[clusters.c]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in values.items() if value is not None)


def toml(value: Any) -> str:
    """A value as TOML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key, ensure_ascii=False)} = {toml(v)}" for key, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float) and value != value:
        return "nan"
    return str(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


# --- what a table becomes


def test_a_full_table_becomes_a_cluster(fake_launcher):
    text = table(
        cpus_per_node=None,
        instance_type="ml.p5.48xlarge",
        shared="/fsx/seatrial",
        mounts=["/fsx:/fsx", "/opt/tools:/tools:ro"],
        container="pyxis",
        registry="registry.example/",
        image="seatrial:1",
        python="/venv/bin/python",
        software={"pytorch": {"image": "torch:1"}},
        environment={"NCCL_DEBUG": "WARN", "HF_TOKEN_PATH": "/x"},
        stack={"nccl": "2.28.3"},
        options={"queue": "p5", "words": ["a", "b"], "labels": {"team": "x"}},
    )
    found = parse(text, "f")["c"]
    assert found == Cluster(
        name="c",
        launcher="fake",
        nodes=2,
        cpus_per_node=192,
        memory_per_node=2048 * 2**30,
        accelerators_per_node=8,
        processes_per_node=8,
        instance_type="ml.p5.48xlarge",
        shared="/fsx/seatrial",
        mounts=(Mount(source="/fsx", target="/fsx"), Mount(source="/opt/tools", target="/tools", read_only=True)),
        container="pyxis",
        image="registry.example/seatrial:1",
        python="/venv/bin/python",
        software={"pytorch": Software(image="registry.example/torch:1", python="/venv/bin/python")},
        environment={"NCCL_DEBUG": "WARN", "HF_TOKEN_PATH": "/x"},
        stack={"nccl": "2.28.3"},
        options=launchers.find("fake").Options(queue="p5", words=("a", "b"), labels={"team": "x"}),
    )


@pytest.mark.parametrize(
    ("more", "cpus", "accelerators", "processes"),
    [
        ({"cpus_per_node": 6}, 6, 0, 6),
        ({"cpus_per_node": 6, "processes_per_node": 2}, 6, 0, 2),
        ({"cpus_per_node": None, "instance_type": "hpc6a.48xlarge"}, 96, 0, 96),
        # hyper-threading is off
        ({"cpus_per_node": 96, "instance_type": "p5.48xlarge"}, 96, 8, 8),
        ({"cpus_per_node": 36, "instance_type": "c5n.18xlarge"}, 36, 0, 36),
        ({"cpus_per_node": None, "instance_type": "g5.12xlarge", "processes_per_node": 2}, 48, 4, 2),
        # two devices a chip, four of paired cores a chip, and all eight cores one by one
        ({"cpus_per_node": None, "instance_type": "trn1.32xlarge"}, 128, 32, 32),
        ({"cpus_per_node": None, "instance_type": "trn2.48xlarge"}, 192, 64, 64),
        ({"cpus_per_node": None, "instance_type": "trn2.48xlarge", "processes_per_node": 128}, 192, 64, 128),
    ],
)
def test_sizes_follow_from_the_instance_type(fake_launcher, more, cpus, accelerators, processes):
    found = parse(table(**more), "f")["c"]
    assert (found.cpus_per_node, found.accelerators_per_node, found.processes_per_node) == (
        cpus,
        accelerators,
        processes,
    )


def test_an_image_without_a_registry_stays_as_it_is(fake_launcher):
    assert parse(table(container="docker", image="a/b@sha256:1"), "f")["c"].image == "a/b@sha256:1"


@pytest.mark.parametrize("launcher", launcher_names())
def test_every_launchers_example_is_a_cluster(launcher):
    (found,) = parse(example(launcher), "f").values()
    assert found.launcher == launcher
    assert found.container == launchers.find(launcher).containers[0]
    assert launchers.restore(asdict(found)) == found
    job = bind(*catalog.recipe("cpu-ddp/two-node"), found)
    assert list(launchers.find(launcher).check_job(job, found)) == []


@pytest.mark.parametrize("launcher", launcher_names())
def test_what_is_commented_out_in_an_example_is_right_too(launcher):
    text = re.sub(r"^# ([\w.]+ = )", r"\1", example(launcher), flags=re.M)
    assert text != example(launcher)
    assert parse(text, "f")


# --- what is refused: each with its line


def test_all_mistakes_of_a_file_at_once_by_line(fake_launcher):
    text = """\
foo = 1
[clusters.a]
luncher = "fake"
nodes = 0
instance_type = "p5.48xlage"
shared = "fsx"
mounts = [
    "/fsx:/fsx",
    3, "a:b"]
container = "pixis"
[clusters.a.environment]
NCCL_DEBUG = 1
HF_TOKEN = "hidden"
"A B" = "x"
[clusters.a.stack]
ncl = "2"
[clusters.a.software]
"a b".image = "x"
pytorch.image = 1
[clusters.b]
launcher = "fale"
nodes = 2
cpus_per_node = 4
image = "x"
[clusters.c]
launcher = "fake"
nodes = 2024-01-01
cpus_per_node = 2
options = {quewe = "x", tries = "1", queue = "closed"}
[clusters]
local.nodes = 1
"""
    found = problems(text)
    assert [(where, what) for where, what, _ in found] == [
        ("f:1: foo", "no key is called 'foo'"),
        ("f:2: clusters.a.launcher", "is missing"),
        ("f:3: clusters.a.luncher", "no key is called 'luncher'"),
        ("f:4: clusters.a.nodes", "must be greater than or equal to 1, not 0"),
        ("f:5: clusters.a.instance_type", "no instance type is called 'p5.48xlage'"),
        ("f:6: clusters.a.shared", "cannot be 'fsx'"),
        ("f:7: clusters.a.mounts[1]", "must be a valid string, not 3"),
        ("f:7: clusters.a.mounts[2]", "cannot be 'a:b'"),
        ("f:10: clusters.a.container", "must be 'none', 'pyxis' or 'docker', not 'pixis'"),
        ("f:12: clusters.a.environment.NCCL_DEBUG", "must be a valid string, not 1"),
        ("f:13: clusters.a.environment.HF_TOKEN", "looks like a secret"),
        ('f:14: clusters.a.environment."A B"', "'A B' cannot be a name here"),
        ("f:16: clusters.a.stack.ncl", "no key is called 'ncl'"),
        ('f:18: clusters.a.software."a b"', "no environment is called 'a b'"),
        ("f:19: clusters.a.software.pytorch.image", "must be a valid string, not 1"),
        ("f:21: clusters.b.launcher", "no launcher is called 'fale'"),
        ("f:27: clusters.c.nodes", "must be a valid integer, not {'date or time': '2024-01-01'}"),
        ("f:29: clusters.c.options.tries", "must be a valid integer, not '1'"),
        ("f:29: clusters.c.options.quewe", "no key is called 'quewe'"),
        ("f:29: clusters.c.options.queue", "is closed"),
        ("f:31: clusters.local", "is built in: this machine"),
    ]
    assert all(remedy for _, _, remedy in found)
    assert "hidden" not in str(found)
    remedies = {where: remedy for where, _, remedy in found}
    assert "launcher" in remedies["f:3: clusters.a.luncher"]
    assert "p5.48xlarge" in remedies["f:5: clusters.a.instance_type"]
    assert remedies["f:16: clusters.a.stack.ncl"] == "did you mean nccl?"
    assert remedies["f:29: clusters.c.options.tries"] == "Times to try."


@pytest.mark.parametrize(
    ("more", "where", "what"),
    [
        ({"launcher": "local"}, "f:2: clusters.c.launcher", "needs no table"),
        ({"cpus_per_node": None}, "f:1: clusters.c", "neither instance_type nor cpus_per_node"),
        (
            {"instance_type": "p5.48xlarge", "cpus_per_node": 193},
            "f:4: clusters.c.cpus_per_node",
            "193 CPUs, but p5.48xlarge has 192",
        ),
        (
            {"cpus_per_node": None, "instance_type": "p5.48xlarge", "processes_per_node": 9},
            "f:5: clusters.c.processes_per_node",
            "takes 8",
        ),
        ({"image": "x"}, "f:5: clusters.c.image", "nothing runs it"),
        ({"container": "pyxis"}, "f:1: clusters.c", "needs an image"),
        ({"software": {"pytorch": {"image": "x"}}}, "f:5: clusters.c.software.pytorch.image", "nothing runs it"),
        ({"software": {"pytorsh": {"python": "x"}}}, "f:5: clusters.c.software.pytorsh", "no environment is called"),
        ({"software": {"pytorch": {}}}, "f:5: clusters.c.software.pytorch", "neither image nor python"),
        ({"software": {"pytorch": {"python": "a b"}}}, "f:5: clusters.c.software.pytorch.python", "cannot be 'a b'"),
        ({"registry": "x"}, "f:5: clusters.c.registry", "no image"),
        ({"launcher": "slurm", "mounts": ["claim:/fsx"]}, "f:5: clusters.c.mounts[0]", "'claim' is not an absolute"),
        ({"environment": {"api_key": "x"}}, "f:5: clusters.c.environment.api_key", "looks like a secret"),
        ({"environment": {"MY_SECRET_2": "x"}}, "f:5: clusters.c.environment.MY_SECRET_2", "looks like a secret"),
        ({"environment": {"DBPASSWORD": "x"}}, "f:5: clusters.c.environment.DBPASSWORD", "looks like a secret"),
        ({"environment": {"RANK": "0"}}, "f:5: clusters.c.environment.RANK", "is set by Seatrial"),
        ({"environment": {"SEATRIAL_X": "0"}}, "f:5: clusters.c.environment.SEATRIAL_X", "is set by Seatrial"),
        ({"environment": {"MASTER_PORT": "1"}}, "f:5: clusters.c.environment.MASTER_PORT", "is set by Seatrial"),
        ({"shared": "/fsx\n#SBATCH --x"}, "f:5: clusters.c.shared", "cannot be"),
        ({"python": "a b"}, "f:5: clusters.c.python", "cannot be 'a b'"),
        ({"environment": {"A": "\0"}}, "f:5: clusters.c.environment.A", "cannot be"),
        ({"nodes": True}, "f:3: clusters.c.nodes", "must be a valid integer, not True"),
        ({"nodes": "2"}, "f:3: clusters.c.nodes", "must be a valid integer, not '2'"),
        ({"cpus_per_node": "4"}, "f:4: clusters.c.cpus_per_node", "not '4'"),
        ({"container": "pyxis", "image": 3}, "f:6: clusters.c.image", "not 3"),
        ({"options": 3}, "f:5: clusters.c.options", "not 3"),
        ({"options": {"queue": "closed"}}, "f:5: clusters.c.options.queue", "is closed"),
    ],
)
def test_a_single_mistake(fake_launcher, more, where, what):
    ((found_where, found_what, remedy),) = problems(table(**more))
    assert found_where == where
    assert what in found_what
    assert remedy


@pytest.mark.parametrize("launcher", [name for name in ("kubernetes", "batch") if name in launcher_names()])
def test_some_launchers_bring_their_own_container_and_need_an_image(launcher):
    text = table(
        launcher=launcher, container="pyxis", image="x:1", options={"queue": "q"} if launcher == "batch" else {}
    )
    assert f"{launcher} cannot start 'pyxis'" in problems(text)[0][1]
    without = text.replace('container = "pyxis"\nimage = "x:1"\n', "")
    assert "needs an image" in problems(without)[0][1]
    assert parse(text.replace('container = "pyxis"\n', ""), "f")["c"].container == "docker"


@pytest.mark.parametrize("name", ["a b", "-x", "", "ü"])
def test_a_clusters_name_is_plain(fake_launcher, name):
    text = table().replace("[clusters.c]", f"[clusters.{json.dumps(name, ensure_ascii=False)}]")
    assert "cannot be a name here" in problems(text)[0][1]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a = ", "is not TOML: Invalid value (at end of document)"),
        ("\n[clusters.a\n", "(at line 2"),
        ("a = " + "[" * 5000, "cannot be read"),
        ("clusters.a.options.b = " + "[" * 250 + "]" * 250, "cannot be read"),
        ("clusters." + "a." * 5000 + "b = 1", "cannot be read"),
        ("a = " + "9" * 5000, "cannot be read"),
        ("a = 0x" + "9" * 9000, "cannot be read"),
        ("clusters = 3", "not 3"),
        ("clusters = []", "not []"),
        ("[[clusters.a]]", "not [{}]"),
        ("clusters.a = 3", "not 3"),
    ],
)
def test_what_is_no_table_of_clusters_is_one_clear_message(text, what):
    ((where, found, _),) = problems(text)
    assert where.startswith("f") and what in found


def test_a_file_that_cannot_be_read(tmp_path, monkeypatch):
    path = tmp_path / "x.toml"
    path.write_bytes(b"a = \xff")
    monkeypatch.setenv("SEATRIAL_CONFIG", str(path))
    with pytest.raises(UserError, match="is not UTF-8 at byte 4"):
        config.clusters()
    monkeypatch.setenv("SEATRIAL_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(UserError, match="there is no such file"):
        config.clusters()


# --- properties

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
NAMES = st.sampled_from([f.name for f in keys(ClusterTable)] + [f.name for f in keys(StackTable)] + ["", "a.b", "RANK"])
WORDS = st.sampled_from(["slurm", "kubernetes", "batch", "p5.48xlarge", "/fsx", "/a:/b:ro", "c:/d", "pyxis", "1"])
VALUES = st.recursive(
    SCALARS.filter(lambda v: v is not None) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(st.text())
def test_no_text_crashes_the_reader(text):
    try:
        assert isinstance(parse(text, "f"), dict)
    except UserError as error:
        assert error.problems


@given(st.dictionaries(st.sampled_from(["a", "b", "local", ""]), st.dictionaries(NAMES, VALUES, max_size=9) | VALUES))
def test_no_table_crashes_the_reader(tables):
    try:
        found = parse(f"clusters = {toml(tables)}", "f")
        assert set(found) == set(tables)
    except UserError as error:
        assert all(p.where.startswith("f") and p.what for p in error.problems)


LAUNCHERS = launcher_names()
FOLDERS = st.from_regex(r"/[a-z ü$'\"]{0,6}", fullmatch=True)


@st.composite
def valid_tables(draw: st.DrawFn) -> dict[str, Any]:
    launcher = draw(st.sampled_from(LAUNCHERS))
    container = draw(st.sampled_from(launchers.find(launcher).containers))
    mounts = st.builds("{}:{}{}".format, FOLDERS, FOLDERS, st.sampled_from(["", ":ro"]))
    instance = draw(st.sampled_from(instances.INSTANCES).map(lambda i: i.name) | st.none())
    found = {
        "launcher": launcher,
        "nodes": draw(st.integers(1, 10_000)),
        "instance_type": instance,
        "cpus_per_node": None if instance else draw(st.integers(1, 512)),
        "shared": draw(FOLDERS | st.none()),
        "mounts": draw(st.lists(mounts, max_size=3)),
        "container": container,
        "image": None if container == "none" else "seatrial:1",
        "software": draw(st.sampled_from([{}, {"pytorch": {"python": "/venv/bin/python"}}])),
        "environment": draw(st.dictionaries(st.from_regex(r"X[A-Z]{0,3}[0-9]", fullmatch=True), FOLDERS, max_size=2)),
        "stack": draw(st.dictionaries(st.sampled_from([k.name for k in keys(StackTable)]), st.just("1.2"))),
        "options": {"queue": "q"} if launcher == "batch" else {},
    }
    return {key: value for key, value in found.items() if value is not None}


@given(valid_tables())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_valid_cluster_is_read_as_it_stands_and_survives_storing(table):
    found = parse(f"clusters.c = {toml(table)}", "f")["c"]
    assert launchers.restore(asdict(found)) == found
    assert (found.nodes, found.shared, found.environment) == (
        table["nodes"],
        table.get("shared"),
        table["environment"],
    )
    assert found.stack == table["stack"]
    own = {"pytorch": Software(image=found.image, python="/venv/bin/python")}
    assert found.software == (own if table["software"] else {})
    written = [f"{m.source}:{m.target}" + ":ro" * m.read_only for m in found.mounts]
    assert written == table["mounts"]
    assert found.processes_per_node >= max(1, found.accelerators_per_node)
    validator().validate({"clusters": {"c": table}})


@cache
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(config.schema())


@given(FOLDERS, FOLDERS, st.booleans())
def test_a_mount_is_split_at_its_colons(source, target, read_only):
    text = f"{source}:{target}" + ":ro" * read_only
    assert mount(text) == Mount(source=source, target=target, read_only=read_only)


# --- finding the file


@pytest.fixture
def folders(tmp_path, monkeypatch):
    (tmp_path / "project/deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project/deep")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path


def test_the_nearest_file_counts(folders, monkeypatch):
    assert config.find_file() is None
    home = put(folders / "home/.config/seatrial/seatrial.toml")
    assert config.find_file() is None
    monkeypatch.setenv("XDG_CONFIG_HOME", "")
    assert config.find_file() == home
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folders / "xdg"))
    xdg = put(folders / "xdg/seatrial/seatrial.toml")
    assert config.find_file() == xdg
    above = put(folders / "project/seatrial.toml")
    assert config.find_file() == above
    put(folders / "project/deep/seatrial.toml")
    assert config.find_file() == Path("seatrial.toml")
    named = put(folders / "named.toml")
    monkeypatch.setenv("SEATRIAL_CONFIG", str(named))
    assert config.find_file() == named


def test_an_unknown_cluster_is_told_with_the_file(folders, fake_launcher):
    with pytest.raises(UserError, match=r"no cluster is called 'lokal'\n.*local.*seatrial cluster init"):
        config.cluster("lokal")
    Path("seatrial.toml").write_text(table())
    assert list(config.clusters()) == ["local", "c"]
    assert config.cluster("c").nodes == 2
    with pytest.raises(UserError, match=r"seatrial.toml: no cluster is called 'd'\n.*choose from: c, local") as caught:
        config.cluster("d")
    assert "init" not in str(caught.value)


def test_this_machine_needs_no_file_and_no_pydantic(folders):
    Path("seatrial.toml").write_text("broken")
    code = "import sys; from seatrial import config; config.cluster('local'); print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


# --- options on the command line


def with_options(*texts: str, queue: str = "main") -> Any:
    return config.with_options(parse(table(options={"queue": queue, "tries": 3}), "f")["c"], texts).options


def test_options_are_converted_to_their_types(fake_launcher):
    changed = with_options(
        "queue=a=b", "tries=4", "speed=none", 'words=["x", "y"]', 'labels={team = "z"}', "polite=yes"
    )
    assert changed == launchers.find("fake").Options(
        queue="a=b", tries=4, speed="none", words=("x", "y"), labels={"team": "z"}, polite=True
    )
    assert with_options("tries=none").tries is None
    assert with_options("queue=none").queue == "none"  # a text that cannot be None
    assert with_options().queue == "main"


def test_all_wrong_options_at_once(fake_launcher):
    with pytest.raises(UserError) as caught:
        with_options("quewe=x", "tries=many", "words=[1, 2", "speed", "labels={a = 1}")
    found = [(p.where, p.what) for p in caught.value.problems]
    assert {where for where, _ in found} == {
        "--option",
        "--option quewe",
        "--option tries",
        "--option words",
        "--option labels.a",
    }
    assert dict(found)["--option"] == "'speed' is not KEY=VALUE"
    assert "did you mean queue?" in str(caught.value)


def test_the_launcher_itself_judges_options(fake_launcher):
    with pytest.raises(UserError, match="--option queue: is closed\n    Queue to wait in"):
        with_options("queue=closed")
    with pytest.raises(UserError, match="--option a: no key is called 'a'\n    choose from: hang_seconds"):
        config.with_options(config.cluster("local"), ["a=b"])


# --- checks


def test_a_look_that_fails_is_unknown(fake_launcher):
    cluster = parse(table(options={"queue": "gone"}), "f")["c"]
    (finding,) = config.check(cluster)
    assert finding.verdict is Verdict.UNKNOWN
    assert (finding.evidence, finding.remedy) == ("fake", "plug it in")
    assert "cannot be reached" in finding.observed


def test_this_machine_tells_its_cpus_and_gpus():
    local = Cluster(name="local", launcher="local", nodes=1, cpus_per_node=3, processes_per_node=12)
    cpus, gpus = config.check(local)
    assert (cpus.verdict, cpus.observed) == (Verdict.PASS, "3 CPUs, 12 processes at most")
    assert gpus.verdict is Verdict.SKIP
    _, gpus = config.check(Cluster(name="local", launcher="local", nodes=1, cpus_per_node=3, accelerators_per_node=2))
    assert (gpus.verdict, gpus.observed) == (Verdict.PASS, "2 NVIDIA GPUs")


# --- schema, documents, first file


def synced(path: Path, text: str) -> None:
    if os.environ.get(UPDATE_GOLDEN):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, f"{path} is not up to date: make goldens"


def test_the_schema_is_valid_and_in_the_documents():
    jsonschema.Draft202012Validator.check_schema(config.schema())
    synced(DOCS / "seatrial.schema.json", schema_text())


def test_every_key_is_documented():
    tables = [
        FileTable,
        ClusterTable,
        SoftwareTable,
        StackTable,
        TrackingTable,
        MlflowTable,
        WandbTable,
        *(launchers.find(name).Options for name in launcher_names()),
    ]
    assert [(cls, key.name) for cls in tables for key in keys(cls) if not key.meaning] == []


def test_the_page_is_up_to_date():
    path = DOCS / "clusters.md"
    by_hand = path.read_text(encoding="utf-8").partition("-->\n\n")
    assert by_hand[1], "the mark after which the page is made from the code"
    synced(path, by_hand[0] + by_hand[1] + reference())


def test_the_pages_examples_are_right():
    import tomllib

    blocks = re.findall(r"^```toml\n(.*?)^```$", (DOCS / "clusters.md").read_text(encoding="utf-8"), re.M | re.S)
    assert len(blocks) == len(launcher_names())
    for block in blocks:
        assert parse(block, "docs/clusters.md")
        validator().validate(tomllib.loads(block))


@pytest.mark.parametrize(
    "tracking", [{"to": ["mlfow"]}, {"to": "mlflow"}, {"mlflow": {"url": "x"}}, {"wandb": {"project": 3}}], ids=str
)
def test_trackers_that_the_reader_refuses_the_schema_refuses(tracking):
    with pytest.raises(jsonschema.ValidationError):
        validator().validate({"tracking": tracking})
    with pytest.raises(UserError):
        parse(f"tracking = {toml(tracking)}", "f")


def test_the_table_of_trackers_is_read_once_and_has_defaults(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    nothing = {"to": (), "mlflow": {"uri": None, "experiment": None}, "wandb": {"project": None, "entity": None}}
    assert config.tracking() == nothing
    (tmp_path / "seatrial.toml").write_text('[tracking]\nto = ["wandb"]\n[tracking.wandb]\nproject = "p"\n')
    for _ in range(2):  # the second time from the cache
        found = config.tracking()
        assert ([*found["to"]], found["wandb"]) == (["wandb"], {"project": "p", "entity": None})


@pytest.mark.parametrize("address", ["g.example", "https://user:word@g.example", 'https://g.example/"x', 3, ""])
def test_addresses_that_are_none_are_refused_by_the_reader_and_the_schema(address):
    with pytest.raises(jsonschema.ValidationError):
        validator().validate({"observe": {"grafana": address}})
    with pytest.raises(UserError, match=r"observe\.grafana"):
        parse(f"observe.grafana = {toml(address)}", "f")


@pytest.mark.parametrize("asked", [[], *([name] for name in launcher_names())], ids=str)
def test_the_first_file_is_right_and_overwrites_nothing(tmp_path, asked):
    import tomllib

    path = tmp_path / "seatrial.toml"
    assert init(path, asked) == [path, tmp_path / SCHEMA_FILE]
    text = path.read_text()
    assert text.startswith(f"#:schema ./{SCHEMA_FILE}\n")
    written_schema = json.loads((tmp_path / SCHEMA_FILE).read_text())
    jsonschema.validate(tomllib.loads(text), written_schema)
    assert sorted(c.launcher for c in parse(text, "f").values()) == sorted(asked or launcher_names())
    path.write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        init(path, asked)
    assert path.read_text() == "mine"


def test_the_first_file_needs_a_known_launcher_and_a_folder(tmp_path):
    with pytest.raises(UserError, match="--launcher: no launcher is called 'slrm'"):
        init(tmp_path / "x.toml", ["slurm", "slrm"])
    with pytest.raises(UserError, match=r"nowhere/x.toml: cannot be written"):
        init(tmp_path / "nowhere/x.toml", ["slurm"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "more",
    [
        {"launcher": "slrm"},
        {"nodes": 0},
        {"nodes": "2"},
        {"instance_type": "p5.48xlage", "cpus_per_node": None},
        {"cpus_per_node": None},
        {"mounts": ["/fsx"]},
        {"shared": "fsx"},
        {"environment": {"A B": "x"}},
        {"stack": {"ncl": "1"}},
        {"options": {"partiton": "x"}},
        {"software": {"pytorsh": {"python": "x"}}},
        {"software": {"pytorch": {}}},
        {"stak": {}},
    ],
    ids=str,
)
def test_the_schema_refuses_what_the_reader_refuses(more):
    values = {"launcher": "slurm", "nodes": 2, "cpus_per_node": 4} | more
    good = {key: value for key, value in values.items() if value is not None}
    with pytest.raises(jsonschema.ValidationError):
        validator().validate({"clusters": {"c": good}})
    assert problems(f"clusters.c = {toml(good)}")
