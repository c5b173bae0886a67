"""Names of images in seatrial.toml: what each stands for, on each kind of cluster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial import config
from seatrial.config.file import parse
from seatrial.errors import UserError
from seatrial.images import records
from seatrial.images.records import Record

PUSHED = Record(
    kind="pushed", name="fsdp", tag="cuda13-0", stack="cuda13", architecture="x86_64", by="docker", digest="sha256:aa",
    reference="reg.example/seatrial/fsdp:cuda13-0",
)  # fmt: skip
BY_DIGEST = "reg.example/seatrial/fsdp@sha256:aa"
IMPORTED = replace(PUSHED, kind="imported", reference="/fsx/images/fsdp+cuda13-0.sqsh", by="enroot", digest=None)
NEMO = replace(PUSHED, name="nemo-run", environment="nemo-run", reference="reg.example/seatrial/nemo-run:cuda13-0")
MORE = {
    "kubernetes": "",
    "batch": 'options.queue = "q"\n',
    "docker": 'container = "docker"\n',
    "pyxis": 'container = "pyxis"\n',
}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("SEATRIAL_CONFIG", str(tmp_path / "seatrial.toml"))
    return tmp_path


def table(where: str, image: str = 'image = "fsdp"', instance: str = "p5.48xlarge") -> str:
    launcher = "slurm" if where in ("docker", "pyxis") else where
    lines = f'launcher = "{launcher}"\nnodes = 2\ninstance_type = "{instance}"\n{image}\n{MORE[where]}'
    return f"[clusters.c]\n{lines}"


def image(where: str, *lines: str, **more: str) -> str | None:
    return parse(table(where, "\n".join(lines) or 'image = "fsdp"', **more), "f")["c"].image


def problem(where: str, *lines: str, **more: str) -> str:
    with pytest.raises(UserError) as caught:
        image(where, *lines, **more)
    (found,) = caught.value.problems
    return str(found)


@pytest.mark.parametrize("where", ["kubernetes", "batch", "docker"])
def test_a_name_is_what_was_pushed_by_its_digest(where):
    records.write(PUSHED)
    records.write(IMPORTED)
    assert image(where) == BY_DIGEST


def test_pyxis_gets_the_squash_file_or_else_enroots_spelling_of_the_registry():
    records.write(PUSHED)
    assert image("pyxis") == "reg.example#seatrial/fsdp:cuda13-0"
    records.write(IMPORTED)
    assert image("pyxis") == "/fsx/images/fsdp+cuda13-0.sqsh"


def test_a_squash_file_that_is_older_than_what_was_pushed_is_not_taken(monkeypatch):
    times = iter(("2026-01-01", "2026-01-02", "2026-01-03"))

    class Clock:
        @staticmethod
        def now(_: object) -> object:
            return type("Now", (), {"isoformat": staticmethod(lambda **_: next(times))})

    monkeypatch.setattr(records, "datetime", Clock)
    records.write(replace(IMPORTED, tag="cuda13-old"))
    records.write(PUSHED)
    assert image("pyxis") == "reg.example#seatrial/fsdp:cuda13-0"
    records.write(replace(IMPORTED, tag="cuda13-new", reference="/fsx/new.sqsh"))
    assert image("pyxis") == "/fsx/new.sqsh"


def test_what_was_not_pushed_says_how(state):
    assert problem("kubernetes") == (
        "f:5: clusters.c.image: no image fsdp for x86_64 was pushed from here\n"
        "    seatrial image push fsdp; an image of your own has a tag or a digest"
    )
    assert "was pushed or imported from here\n    seatrial image push fsdp, or seatrial image import" in problem(
        "pyxis"
    )
    records.write(IMPORTED)
    records.write(replace(PUSHED, kind="built", reference="seatrial/fsdp:cuda13-0"))
    assert "was pushed from here" in problem("batch")


def test_a_registry_chooses_among_those_it_was_pushed_to():
    records.write(PUSHED)
    records.write(replace(PUSHED, reference="other.example/fsdp:cuda13-0", digest="sha256:bb"))
    lines = ('image = "fsdp"', 'registry = "other.example/"')
    assert image("kubernetes", *lines) == "other.example/fsdp@sha256:bb"
    assert "was pushed into reg" in problem("kubernetes", 'image = "fsdp"', 'registry = "reg"')


def test_processors_of_another_kind_need_an_image_of_theirs():
    records.write(PUSHED)
    assert "no image fsdp for arm64" in problem("kubernetes", instance="p6e-gb200.36xlarge")
    records.write(replace(PUSHED, architecture="arm64", digest="sha256:cc"))
    assert image("kubernetes", instance="p6e-gb200.36xlarge") == "reg.example/seatrial/fsdp@sha256:cc"


@pytest.mark.parametrize("text", ["seatrial:1", "a/b", "fsdp@sha256:1", "./fsdp", "fsdp.sqsh"])
def test_what_is_no_name_stays_as_it_is(text):
    records.write(PUSHED)
    assert image("kubernetes", f'image = "{text}"') == text


def test_an_image_runs_the_jobs_of_its_environment_alone():
    records.write(PUSHED)
    records.write(NEMO)
    own = 'software.nemo-run.image = "nemo-run"'
    found = parse(table("kubernetes", f'image = "fsdp"\n{own}'), "f")["c"]
    assert found.image == BY_DIGEST
    assert found.software["nemo-run"].image == "reg.example/seatrial/nemo-run@sha256:aa"
    assert problem("kubernetes", 'image = "nemo-run"') == (
        "f:5: clusters.c.image: the image nemo-run is for jobs of the environment nemo-run\n"
        '    write software.nemo-run.image = "nemo-run"'
    )
    assert problem("kubernetes", 'image = "fsdp"', 'software.nemo-run.image = "fsdp"') == (
        "f:6: clusters.c.software.nemo-run.image: the image fsdp is for jobs of cases without an environment\n"
        '    write image = "fsdp"'
    )


def test_an_unreadable_record_is_a_problem_of_who_names_the_image():
    records.write(PUSHED)
    path = records.folder() / "fsdp/broken.json"
    path.write_text("{")
    assert problem("kubernetes").startswith(f"f:5: clusters.c.image: {path}: is no record of an image")


def test_the_file_is_read_anew_when_something_was_pushed(state):
    (state / "seatrial.toml").write_text(table("kubernetes"))
    records.write(PUSHED)
    assert config.cluster("c").image == BY_DIGEST == config.cluster("c").image
    records.write(replace(PUSHED, digest="sha256:dd"))
    assert config.cluster("c").image == "reg.example/seatrial/fsdp@sha256:dd"
    for path in records.folder().glob("fsdp/*"):
        path.unlink()
    with pytest.raises(UserError, match="no image fsdp"):
        config.cluster("c")
