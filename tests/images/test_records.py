"""What is known of images that were made."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.errors import UserError
from seatrial.images import records
from seatrial.images.records import Record

BUILT = Record(
    kind="built", name="fsdp", tag="cuda13-0", stack="cuda13", architecture="x86_64", digest="sha256:1", by="buildah",
    reference="seatrial/fsdp:cuda13-0", settings={"efa_installer": "1"}, arguments={"BASE": "a:1"},
)  # fmt: skip
TEXTS = {"name": "x", "tag": "", "stack": "", "reference": "", "by": "", "architecture": "x86_64", "kind": "built"}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "seatrial/images"


def noted(record: Record, when: str) -> Record:
    """As if it had been written then."""
    written = records.write(record)
    path = records.folder() / record.name / record.place
    path.write_text(json.dumps(json.loads(path.read_text()) | {"made": when}))
    return replace(written, made=when)


def test_a_record_is_read_as_it_was_written_by_nobody_else(state):
    written = records.write(BUILT)
    assert written == replace(BUILT, made=written.made) and written.made.endswith("+00:00")
    assert records.read() == records.read("fsdp") == [written] and records.read("jax") == []
    (path,) = state.rglob("*.json")
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_the_same_thing_is_recorded_once_and_others_beside_it():
    records.write(BUILT)
    records.write(BUILT)
    records.write(replace(BUILT, tag="cuda13-1", reference="seatrial/fsdp:cuda13-1"))
    records.write(replace(BUILT, kind="pushed", reference="r/fsdp:cuda13-0"))
    records.write(replace(BUILT, kind="ami", reference="ami-1", region="us-east-1"))
    records.write(replace(BUILT, kind="ami", reference="ami-2", region="us-west-2"))
    assert len(records.read()) == 5


def test_the_newest_is_found_by_kind_and_processor():
    old = noted(BUILT, "2026-01-01T00:00:00+00:00")
    arm = noted(replace(BUILT, architecture="arm64"), "2026-01-02T00:00:00+00:00")
    new = noted(replace(BUILT, tag="cuda13-1"), "2026-01-03T00:00:00+00:00")
    known = records.read("fsdp")
    assert known == [new, arm, old]
    assert records.newest(known, "built") == new == records.newest(known, "built", architecture="x86_64")
    assert records.newest(known, "built", architecture="arm64") == arm
    assert records.newest(known, "pushed") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        json.dumps({"kind": "built", "name": "x"}),
        json.dumps(TEXTS | {"kind": "sold"}),
        json.dumps(TEXTS | {"architecture": "pdp11"}),
        json.dumps(TEXTS | {"name": 3}),
        json.dumps(TEXTS | {"of_a_later_version": ""}),
    ],
)
def test_every_file_that_is_no_record_is_named(state, text):
    records.write(BUILT)
    for name in ("a", "b"):
        (state / "fsdp" / f"{name}.json").write_text(text)
    with pytest.raises(UserError) as caught:
        records.read()
    assert [Path(problem.where).name for problem in caught.value.problems] == ["a.json", "b.json"]
    assert all("build, push or import the image again" in problem.remedy for problem in caught.value.problems)


def test_a_digest_takes_the_place_of_the_tag():
    pushed = replace(BUILT, kind="pushed", reference="host:5000/a/fsdp:cuda13-0", digest="sha256:2")
    assert pushed.pinned == "host:5000/a/fsdp@sha256:2"


def test_caches_see_that_something_was_recorded(state):
    before = records.state()
    records.write(BUILT)
    after = records.state()
    assert before != after and before[1] == []
    (next(state.rglob("*.json"))).unlink()
    assert records.state() == before
