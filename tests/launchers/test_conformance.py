"""What every launcher keeps to: those that are built in, and one that a package offers."""

from __future__ import annotations

from dataclasses import asdict, fields, is_dataclass, replace

import pytest

from seatrial import catalog, config, launchers
from seatrial.binding import bind
from seatrial.cluster import Cluster, LauncherOptions
from seatrial.config.checks import check_options, launcher_names
from seatrial.config.describe import file_schema, keys
from seatrial.config.example import example
from seatrial.config.file import parse
from seatrial.errors import Problem, UserError
from seatrial.launchers import Engine, Launcher, Supervisor
from tests.launchers import fake

BUILT_IN = launchers.names()


@pytest.fixture(params=[*BUILT_IN, "memory"])
def launcher(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Launcher:
    if request.param not in BUILT_IN:
        fake.offer(monkeypatch, fake.launcher(fake.Memory()))
    return launchers.find(request.param)


@pytest.fixture
def cluster(launcher: Launcher) -> Cluster:
    if isinstance(launcher.executor, Supervisor):
        return launcher.executor.machine()
    [found] = parse(example(launcher.name), "example").values()
    return found


def test_it_is_found_by_its_own_name(launcher):
    assert launcher.name in launchers.names()
    assert isinstance(launcher.executor, Engine | Supervisor)
    assert launcher.hands_over is (launcher.name in launcher_names())
    assert launcher.hands_over is (f"{launcher.name}.Options" in file_schema()["$defs"])


def test_its_options_are_documented_and_right_as_they_are(launcher, cluster):
    assert issubclass(launcher.Options, LauncherOptions) and is_dataclass(launcher.Options)
    assert [key.name for key in keys(launcher.Options) if not key.meaning or key.required] == []
    assert {key.name for key in keys(launcher.Options)} == {f.name for f in fields(launcher.Options)}
    assert list(check_options(launcher, cluster.options)) == []
    assert "max_restarts" in {key.name for key in keys(launcher.Options)}  # what --max-restarts sets


def test_its_cluster_comes_back_from_a_record(launcher, cluster):
    assert cluster.launcher == launcher.name and cluster.container == launcher.containers[0]
    assert launchers.restore(asdict(cluster)) == cluster


def test_it_renders_without_looking_at_the_world(launcher, cluster):
    job = bind(*catalog.recipe("cpu-ddp/tiny"), cluster, processes_per_node=1)
    assert list(launcher.check_job(job, cluster)) == []
    plan = launcher.render(job, cluster, "a run")
    assert plan == launcher.render(job, cluster, "a run") and plan.files


def test_a_submission_becomes_runs_of_different_names(launcher, cluster):
    [only] = launcher.elements("run", cluster)
    assert (only.name, only.cluster, only.suffix) == ("run", cluster, "")


def test_it_is_named_where_a_table_may_name_it(launcher):
    text = f'[clusters.c]\nlauncher = "{launcher.name}"\nnodes = 1\ncpus_per_node = 1\n'
    if launcher.hands_over:
        assert config.cluster(launchers.HERE).launcher != launcher.name
    else:
        with pytest.raises(UserError, match="needs no table"):
            parse(text, "f")


def test_what_is_no_launcher_is_said(monkeypatch):
    fake.offer(monkeypatch, object())
    with pytest.raises(UserError, match=r"their.module: defines no LAUNCHER"):
        launchers.find("memory")
    with pytest.raises(UserError, match="did you mean memory"):
        launchers.find("memry")


def test_the_rules_of_another_package_are_asked_each_time(tmp_path, monkeypatch):
    """They may have changed since the file was found right; those of Seatrial itself change with its files."""
    (tmp_path / "seatrial.toml").write_text('[clusters.c]\nlauncher = "memory"\nnodes = 1\ncpus_per_node = 1\n')
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("SEATRIAL_CONFIG", str(tmp_path / "seatrial.toml"))
    theirs = fake.launcher(fake.Memory())
    fake.offer(monkeypatch, theirs)
    assert config.cluster("c").options == fake.Options()
    fake.offer(monkeypatch, replace(theirs, check_options=lambda options: [Problem("is too few", "max_restarts")]))
    with pytest.raises(UserError, match="is too few"):
        config.cluster("c")
