"""Clusters written into seatrial.toml: read again they are the same, and all else in the file is as it was."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.cluster import Cluster, Software
from seatrial.config.checks import launcher_names
from seatrial.config.example import example
from seatrial.config.file import parse
from seatrial.config.init import HEADER
from seatrial.config.write import put, write
from seatrial.errors import UserError
from tests.test_config import toml, valid_tables

EXAMPLES = "\n".join([HEADER, *map(example, launcher_names())])
OPTIONS = {
    "slurm": {"ssh_options": ["-F", "a b"], "time": "4:00:00", "exclusive": False, "stop_seconds": 60},
    "kubernetes": {"node_selector": {"a/b": 'x"y'}, "tolerations": ["t"], "kind": "job", "hyperpod": True},
    "batch": {"queue": "q", "tags": {"a b": "ü\n"}, "max_restarts": 0},
}
quick = settings(suppress_health_check=[HealthCheck.too_slow], max_examples=20)


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    table = draw(valid_tables())
    more: dict[str, Any] = {"python": draw(st.sampled_from(["python3", "/venv/bin/python"]))}
    if draw(st.booleans()):
        more |= {"processes_per_node": 1, "options": OPTIONS[table["launcher"]]}
    if table["container"] != "none":
        more["software"] = draw(st.sampled_from([{}, {"pytorch": {"image": "torch:1"}}]))
    text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
    cluster = parse(f"clusters.c = {toml(table | more)}", "f")["c"]
    return replace(cluster, environment=draw(st.dictionaries(st.sampled_from(["A", "B"]), text)))


@given(clusters())
@quick
def test_a_cluster_is_read_as_it_was_written(cluster: Cluster) -> None:
    assert parse(put("", cluster, "f"), "f") == {"c": cluster}


@given(clusters(), clusters(), st.sampled_from(["\n", "\r\n"]))
@quick
def test_adding_and_replacing_leave_all_else_untouched(first: Cluster, second: Cluster, newline: str) -> None:
    """The new one stands in the middle, and is replaced there."""
    before = EXAMPLES.replace("\n", newline)
    with_first = put(before, first, "f")
    assert with_first.startswith(before)
    after = "# mine" + newline + example("slurm").replace("clusters.p5", "clusters.other").replace("\n", newline)
    changed = put(with_first + after, second, "f")
    assert changed.startswith(before) and changed.endswith(after)
    assert parse(changed, "f") == parse(before + after, "f") | {"c": second}
    assert put(changed, second, "f") == changed


MINE = """\
# first
[clusters.a]  # where we train
nodes = 4 # until May
launcher = 'slurm'
# instance_type = "p4d.24xlarge"
instance_type = "p5.48xlarge"
container = "none"   # not yet
shared = "/fsx"
software.pytorch.python = "/x/python" # old
[clusters.a.environment]
# NCCL_DEBUG = "INFO"
[clusters.a.options]
partition = "p5" # ours
time = "1:00"
# and next door
[clusters.b]
nodes=2
launcher="slurm"
cpus_per_node=0x10
shared = "/b"
"""


def test_comments_and_what_means_the_same_stay_in_a_table_that_is_replaced() -> None:
    cluster = parse(MINE, "f")["a"]
    changed = replace(
        cluster,
        nodes=8,
        shared=None,
        software={"pytorch": Software(image=None, python="/y/python")},
        environment={"A": "1"},
        options=replace(cluster.options, time=None, account="x"),
    )
    expected = MINE.replace("nodes = 4 #", "nodes = 8 #").replace('shared = "/fsx"\n', "").replace("/x/", "/y/")
    expected = expected.replace('"INFO"\n', '"INFO"\nA = "1"\n').replace('time = "1:00"', 'account = "x"')
    assert put(MINE, changed, "f") == expected


def test_an_equal_cluster_changes_nothing() -> None:
    assert put(MINE, parse(MINE, "f")["a"], "f") is MINE


@pytest.mark.parametrize(
    "text",
    [
        'clusters = {a = {launcher = "slurm", nodes = 2, cpus_per_node = 4}} # one\n',
        '[clusters]\nb.launcher = "slurm"\nb.nodes = 2\nb.cpus_per_node = 4 # four\n',
        '[clusters."a"] # one\nlauncher = "slurm"\nnodes = 2\ncpus_per_node = 4',
        "# nothing yet",
    ],
)
def test_an_unusual_layout_is_kept(text: str) -> None:
    cluster = parse(MINE, "f")["a"]
    changed = put(text, cluster, "f")
    assert parse(changed, "f") == parse(text, "f") | {"a": cluster}
    assert text[text.index("#") :].splitlines()[0] in changed


@pytest.mark.parametrize(
    "text",
    [
        'clusters = {b = {launcher = "slurm", nodes = 2, cpus_per_node = 4}}\n',  # to which nothing can be added
        '[clusters]\na = {launcher = "slurm", nodes = 2, cpus_per_node = 4}\n',
        'clusters.a.launcher = "slurm"\nclusters.a.nodes = 2\nclusters.a.cpus_per_node = 4\n',
        '[clusters.a]\nlauncher = "slurm"\nnodes = 1\ncpus_per_node = 1\n'
        '[clusters.b]\nlauncher = "slurm"\nnodes = 1\ncpus_per_node = 1\n[clusters.a.stack]\nnccl="1"\n',
    ],
)
def test_what_cannot_be_kept_is_left_alone(text: str) -> None:
    with pytest.raises(UserError, match=r"f: a cannot be put .*\n.* by hand:\n\[clusters.a\]"):
        put(text, parse(MINE, "f")["a"], "f")


def test_a_cluster_that_no_table_gives_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="cannot say this"):
        put("", replace(parse(MINE, "f")["a"], accelerators_per_node=7), "f")


def test_fewer_cpus_than_the_instance_type_has_are_written() -> None:
    cluster = replace(parse(MINE, "f")["a"], cpus_per_node=96)
    assert 'instance_type = "p5.48xlarge"\ncpus_per_node = 96\n' in put("", cluster, "f")
    assert "cpus_per_node" not in put("", replace(cluster, cpus_per_node=192), "f")


def test_a_file_is_changed_at_once_or_not_at_all(tmp_path: Path) -> None:
    cluster = parse(MINE, "f")["a"]
    real, link = tmp_path / "real.toml", tmp_path / "seatrial.toml"
    link.symlink_to(real)
    write(link, cluster)
    assert parse(real.read_text(), "f") == {"a": cluster}
    real.chmod(0o640)
    write(link, replace(cluster, nodes=9))
    assert link.is_symlink() and real.stat().st_mode & 0o777 == 0o640
    real.write_text("nodes = 1\n")
    with pytest.raises(UserError, match=r"real\.toml:1: nodes: no key"):
        write(link, cluster)
    assert real.read_text() == "nodes = 1\n" and sorted(os.listdir(tmp_path)) == ["real.toml", "seatrial.toml"]
    with pytest.raises(UserError, match="cannot be written"):
        write(tmp_path / "nowhere/x.toml", cluster)
