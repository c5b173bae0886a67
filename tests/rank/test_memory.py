"""Kills by the kernel's OOM killer, as the counters of memory cgroups tell them.

The kernel's own counter is looked at in tests/trials/local; here the files of a root that is made after both versions.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.rank.memory import OomKills

V1 = "5:cpu,cpuacct:/a/b\n4:memory:/a/b\n0::/\n"
V1_COUNTER = "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"
V2_COUNTER = "low 0\nhigh 0\nmax 93\noom 1\noom_kill {}\noom_group_kill 7\n"


def root(folder: Path, cgroup: str, counters: dict[str, str]) -> Path:
    for name, text in {"proc/self/cgroup": cgroup, **counters}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("cgroup", "place", "counter"),
    [
        (V1, "sys/fs/cgroup/memory/a/b/memory.oom_control", V1_COUNTER),
        (V1, "sys/fs/cgroup/memory/memory.oom_control", V1_COUNTER),  # a container that sees its own cgroup only
        ("0::/a/b\n", "sys/fs/cgroup/a/b/memory.events", V2_COUNTER),
        ("0::/a/b\n", "sys/fs/cgroup/a/memory.events", V2_COUNTER),  # b has no memory control
        ("0::/\n", "sys/fs/cgroup/memory.events", V2_COUNTER),
    ],
)
def test_what_is_counted_since_then_is_told(tmp_path: Path, cgroup: str, place: str, counter: str) -> None:
    where = root(tmp_path, cgroup, {place: counter.format(3)})
    kills = OomKills(where)
    assert kills.said() == "", "those of before are another's"
    (where / place).write_text(counter.format(4))
    assert f"OOM killer ended 1 process of this memory cgroup ({where / place}: oom_kill 4)" in kills.said()
    (where / place).write_text(counter.format(5))
    assert "ended 2 processes" in kills.said()


def test_the_nearest_cgroup_counts(tmp_path: Path) -> None:
    counters = {f"sys/fs/cgroup/{path}memory.events": V2_COUNTER.format(0) for path in ("a/b/", "a/", "")}
    kills = OomKills(root(tmp_path, "0::/a/b\n", counters))
    (tmp_path / "sys/fs/cgroup/a/memory.events").write_text(V2_COUNTER.format(1))
    assert kills.said() == "", "a sibling's kill"
    (tmp_path / "sys/fs/cgroup/a/b/memory.events").write_text(V2_COUNTER.format(1))
    assert "sys/fs/cgroup/a/b/memory.events" in kills.said()


@pytest.mark.parametrize("text", ["", "oom_kill_disable 0\nunder_oom 0\n", "oom_kill x\n", "\udcff"])
def test_a_counter_that_is_missing_or_unreadable_tells_nothing(tmp_path: Path, text: str) -> None:
    """As of Linux before 4.13, which does not count."""
    where = root(tmp_path, V1, {})
    counter = where / "sys/fs/cgroup/memory/a/b/memory.oom_control"
    counter.parent.mkdir(parents=True)
    counter.write_bytes(text.encode("utf-8", "surrogateescape"))
    kills = OomKills(where)
    assert kills.said() == ""
    counter.unlink()
    assert kills.said() == "" and OomKills(where).said() == ""


@pytest.mark.parametrize("cgroup", ["", "memory", "0::/../x\n"])
def test_whatever_stands_in_the_list_of_cgroups(tmp_path: Path, cgroup: str) -> None:
    assert OomKills(root(tmp_path, cgroup, {})).said() == ""


def test_here_nothing_was_killed_since() -> None:
    assert OomKills().said() == ""
