"""A case in a file goes with its job: what is read, what is refused, and what a resumed run goes on with."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner

from seatrial import catalog
from seatrial.binding import bind
from seatrial.cli import cli
from seatrial.errors import UserError
from seatrial.history import History
from seatrial.job import Job, digest
from seatrial.shipping import MOST_BYTES, changed, shipped
from tests.clusters import LOCAL
from tests.command import Command

MINE = '''
"""A case in one file, with something beside it."""
import os, sys
from dataclasses import dataclass
from pathlib import Path
from seatrial.arguments import CaseArgs
from seatrial.spec import Case, Recipe
from beside import WORD

@dataclass(frozen=True, kw_only=True)
class Args(CaseArgs):
    steps: int = 3
    """Steps."""

CASE = Case(name="mine", title="", framework="none", Args=Args, program=__file__, files=("*.py",), resumable=True,
            recipes=(Recipe(name="tiny", title="", args=Args(), processes_per_node=1),))

if __name__ == "__main__":
    run = Path(os.environ["SEATRIAL_RUN"])
    with (run / "ran").open("a") as file:
        print(Path(__file__).relative_to(run), WORD, file=file)
    sys.exit(75)
'''


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / "beside.py").write_text("WORD = 'first'\n")
    (folder / "mine.py").write_text(MINE)
    return folder / "mine.py"


def job_of(path: Path) -> Job:
    return bind(*catalog.recipe(str(path)), LOCAL)


def problems(call, *args) -> list[str]:
    with pytest.raises(UserError) as caught:
        call(*args)
    return [str(problem) for problem in caught.value.problems]


def test_the_file_and_what_lies_beside_it_go_with_the_job(mine):
    job = job_of(mine)
    assert job.ships and job.program == "mine.py"
    assert {path: file.text for path, file in job.files.items()} == {"mine.py": MINE, "beside.py": "WORD = 'first'\n"}
    assert next(iter(job.files)) == "mine.py"


def test_job_json_has_the_digests_and_not_the_texts(mine):
    job = job_of(mine)
    text = job.to_json()
    assert "WORD" not in text and json.loads(text)["files"]["beside.py"] == job.files["beside.py"].sha256
    assert Job.from_json(text) == job
    without = replace(job, files={})
    assert "files" not in json.loads(without.to_json()) and Job.from_json(without.to_json()) == without


def test_the_digest_is_of_the_content_and_not_of_names(mine):
    job = job_of(mine)
    assert job.digest != digest("mine", job.args)
    other = mine.with_name("other.py")
    mine.rename(other)
    assert job_of(other).digest == job.digest
    other.write_text(MINE + "# a comment\n")
    assert job_of(other).digest != job.digest


@pytest.mark.parametrize(
    ("program", "files", "found"),
    [
        ("'train.py'", "()", ["mine.py", "train.py"]),
        ("'below/train.py'", "('below/**/*',)", ["mine.py", "below/train.py", "below/deep/x.json"]),
        ("str(Path(__file__).with_name('train.py'))", "('*.json',)", ["mine.py", "train.py", "a.json"]),
        ("str(Path(__file__).resolve())", "('**/*.json', 'a.json')", ["mine.py", "a.json", "below/deep/x.json"]),
        ("'seatrial.cases.cpu_ddp.train'", "()", ["mine.py"]),
        ("'/fsx/train.py'", "()", ["mine.py"]),
    ],
)
def test_which_files_go(mine, program, files, found):
    """Hidden ones and what Python compiled do not; a module, or a program elsewhere, is what the nodes have."""
    folder = mine.parent
    for name in ("train.py", "below/train.py", "a.json", "below/deep/x.json", "below/.env", "below/.git/x.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    (folder / "below/__pycache__").mkdir()
    (folder / "below/__pycache__/train.pyc").write_bytes(b"\xff")
    mine.write_text(MINE.replace("__file__,", f"{program},", 1).replace('("*.py",)', files))
    case, _ = catalog.recipe(str(mine))
    assert [*case.shipped] == found
    ours = case.program in case.shipped
    assert ours is (case.program not in ("seatrial.cases.cpu_ddp.train", "/fsx/train.py"))
    assert job_of(mine).ships is ours
    assert (job_of(mine).digest == digest("mine", {"steps": 3})) is not ours


def test_runs_beside_the_file_do_not_go(mine):
    """Else a job would be another one after each run."""
    mine.write_text(MINE.replace('"*.py"', '"**/*.py", "**/*.json"'))
    (mine.parent / "runs").mkdir()
    (mine.parent / "runs/notes.json").write_text("{}")
    run = History(mine.parent / "runs").create(job_of(mine), "one")
    for path in (mine, run.case_file):
        assert [*job_of(path).files] == ["mine.py", "beside.py", "runs/notes.json"]


def test_a_folder_may_be_reached_by_a_link(mine, tmp_path):
    (tmp_path / "link").symlink_to(mine.parent)
    assert job_of(tmp_path / "link/mine.py").program == "mine.py"
    mine.write_text(MINE.replace("__file__,", "str(Path(__file__).resolve()),", 1))
    assert job_of(tmp_path / "link/mine.py").program == "mine.py"


def test_what_cannot_go_is_said_all_at_once(mine):
    (mine.parent / "weights.bin").write_bytes(b"\xff\xfe")
    (mine.parent / "zero.txt").write_text("a\0b")
    (mine.parent / "large.txt").write_text("x" * MOST_BYTES)
    globs = '"*.bin", "*.txt", "*.none", "/etc/*", "../*"'
    mine.write_text(MINE.replace("__file__,", "'gone.py',", 1).replace('"*.py"', globs))
    found = "\n".join(problems(catalog.case, str(mine)))
    assert f"{mine}: its program gone.py is no file" in found
    for pattern in ("*.none", "/etc/*"):
        assert f"{mine}: files: {pattern!r}: matches no file" in found
    for name in ("weights.bin", "zero.txt"):
        assert f"{mine.with_name(name)}: is no UTF-8 text, and only text goes with a job" in found
    assert "1,000,000 can go with a job, and the largest is large.txt" in found
    assert "put it on a file system that the nodes share, or into the image" in found


def test_nothing_above_the_folder_goes(mine, tmp_path):
    (tmp_path / "above.py").write_text("")
    mine.write_text(MINE.replace('"*.py"', '"../*.py"'))
    assert "matches no file" in problems(catalog.case, str(mine))[0]


@pytest.mark.parametrize(
    ("given", "instead", "said"),
    [
        ("__file__,", "Path(__file__),", "the program of its CASE is no str"),
        ('("*.py",)', '("*.py")', "the files of its CASE is no tuple"),
        ('("*.py",)', '("",)', "files: '': matches no file"),
        ("args=Args()", "args={}", "not all recipes of its CASE have its Args"),
        ("Args=Args", "Args=Args()", "the Args of its CASE"),
    ],
)
def test_a_slip_in_a_case_is_said(mine, given, instead, said):
    mine.write_text(MINE.replace(given, instead, 1))
    [problem] = problems(catalog.case, str(mine))
    assert problem.startswith(f"{mine}: ") and said in problem


def test_a_program_that_cannot_go_is_refused_and_not_written_into_a_job(mine, tmp_path):
    (tmp_path / "above.py").write_text("")
    mine.write_text(MINE.replace("__file__,", "'../above.py',", 1))
    [problem] = problems(catalog.case, str(mine))
    assert "its program ../above.py is not below the folder of this file" in problem


def test_a_package_that_is_its_own_program_is_run_as_a_module(mine, monkeypatch):
    """Its place is this machine's business; the nodes have the package."""
    mine.rename(mine.with_name("theirs_alone.py"))
    monkeypatch.syspath_prepend(str(mine.parent))
    for value in ("theirs_alone", "theirs_alone:CASE"):
        point = EntryPoint("theirs", value, catalog.ENTRY_POINTS)
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group, point=point: [point])
        job = bind(*catalog.recipe("theirs"), LOCAL)
        assert (job.program, job.files) == ("theirs_alone", {})


def test_only_content_counts_as_a_change(mine):
    case = shipped(replace(catalog.case(str(mine)), program="mine.py"), mine)
    renamed = {f"x{name}": file for name, file in case.shipped.items()}
    assert changed(case.shipped, renamed) == [] == changed({}, {})
    mine.with_name("beside.py").write_text("WORD = 'second'\n")
    assert changed(case.shipped, catalog.case(str(mine)).shipped) == ["beside.py"]


def test_a_run_has_its_own_copy(mine, tmp_path):
    run = History(tmp_path / "runs").create(job_of(mine), "one")
    assert run.case_file == run.path / "program/mine.py" and run.case_file.read_text() == MINE
    run.save_job(run.job)  # read from job.json, so without texts
    assert run.case_file.read_text() == MINE
    run.case_file.unlink()
    assert run.case_file is None


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path / "runs")


def refused(command: Command, *args: str) -> str:
    with pytest.raises(UserError) as caught:
        CliRunner().invoke(cli, [*args, "--runs-dir", str(command.root)], catch_exceptions=False)
    return str(caught.value)


def test_a_run_goes_on_with_the_file_that_it_began_with(mine, command):
    """From its own copy: whatever became of the file, and never with another one."""
    command("run", str(mine), "--name", "one", expect=75)
    run = command.find("one")
    assert (run.path / "ran").read_text() == "program/mine.py first\n"

    mine.with_name("beside.py").write_text("WORD = 'second'\n")
    said = refused(command, "run", str(mine), "--resume", "one")
    assert f"{mine}: one began with another program: beside.py is not the same" in said
    own = f"{run.path / 'program/mine.py'}:tiny"
    again = f"seatrial run {own} --resume one --runs-dir {command.root}"
    assert f"go on as it began: {again}; or start a new run" in said
    assert refused(command, "run", str(mine), "--resume")  # the newest is the same one

    command("run", own, "--resume", "one", expect=75)
    moved = mine.parent.rename(mine.parent.with_name("elsewhere"))
    command("run", str(mine), "--resume", "one", expect=75)  # the file is gone
    (moved / "beside.py").write_text("WORD = 'first'\n")
    shutil.move(moved / "mine.py", moved / "another.py")
    command("run", str(moved / "another.py"), "--resume", expect=75)  # moved, and with another name
    assert (run.path / "ran").read_text() == "program/mine.py first\n" * 4

    (run.path / "program/beside.py").write_text("WORD = 'third'\n")
    said = refused(command, "run", own, "--resume", "one")
    assert "put it back as it was, or start a new run" in said
    assert "there is no such file" in refused(command, "run", str(mine), "--resume")
    assert (run.path / "ran").read_text() == "program/mine.py first\n" * 4


def test_a_recipe_of_a_file_is_told_by_the_file(mine, command):
    other = 'Recipe(name="other", title="", args=Args(), processes_per_node=1),))'
    mine.write_text(MINE.replace("processes_per_node=1),))", f"processes_per_node=1), {other}"))
    command("run", f"{mine}:other", "--name", "one", expect=75)
    own = f"{command.find('one').path / 'program/mine.py'}:other"
    assert f"seatrial run {own} --resume one" in refused(command, "run", str(mine), "--resume", "one")


def test_editing_the_file_does_a_run_no_harm(mine, command):
    """A restart starts the copy."""
    waits = """
    import time
    from seatrial.events import EventWriter, Step
    again = (run / "ran").read_text().count("program/mine.py") > 1
    if not again:
        EventWriter(run / "events.jsonl").write(Step(step=1, loss=1.0, learning_rate=0.1, count=1, seconds=0.1))
        while not (run / "go on").exists():
            time.sleep(0.01)
    sys.exit(0 if again else 1)
"""
    mine.write_text(MINE.replace("    sys.exit(75)\n", waits))
    process, run = command.begin("run", str(mine), name="one")
    mine.write_text("a syntax error\n")
    (run.path / "go on").touch()
    process.communicate(timeout=60)
    assert (run.path / "ran").read_text() == "program/mine.py first\n" * 2
