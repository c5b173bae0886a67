"""Somebody else's code takes no command down, passes for nothing, and is told in one line with its place."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from seatrial import catalog, launchers, loading, reading
from seatrial.binding import bind
from seatrial.config.checks import launcher_names
from seatrial.config.file import parse
from seatrial.errors import Problem, UserError
from tests.clusters import LOCAL

GOOD = """
from dataclasses import replace
from seatrial.cases.cpu_ddp import CASE as DDP
CASE = replace(DDP, name="mine")
"""
DEEP = "def deep():\n    import json\n    return json.loads('{')\ndeep()\n"
BROKEN = {
    "an exit that looks like success": ("import sys\n\nsys.exit(0)\n", 3, "SystemExit: 0"),
    "an exit without a word": ("exit()\n", 1, "SystemExit"),
    "a syntax error": ("x = 1\nCASE = Case(\n", 2, "SyntaxError: '(' was never closed"),
    "a wrong keyword": (
        "from seatrial.spec import Case\n\nCASE = Case(nam='x')\n",
        3,
        "TypeError: Case.__init__() got an unexpected keyword argument 'nam'",
    ),
    "an import": ("import nothing_of_that_name\n", 1, "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
    "a mistake below it": (DEEP, 3, "JSONDecodeError: Expecting property name enclosed in double quotes: line 1"),
    "a generator's end": ("raise GeneratorExit\n", 1, "GeneratorExit"),
    "many lines": ("raise ValueError('a\\n\\n  b')\n", 1, "ValueError: a b"),
    "a novel": ("raise ValueError('x' * 5000)\n", 1, f"ValueError: {'x' * loading.LONGEST} ..."),
}


def problem(call, *args) -> Problem:
    with pytest.raises(UserError) as caught:
        call(*args)
    [found] = caught.value.problems
    assert "\n" not in found.what
    return found


@pytest.mark.parametrize(("text", "line", "said"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_cannot_be_imported_is_one_line_with_its_place(tmp_path, text, line, said):
    path = tmp_path / "mine.py"
    path.write_text(text)
    found = problem(catalog.case, str(path))
    assert found.where == f"{path}:{line}"
    assert found.what.startswith(f"cannot be imported: {said}")
    assert found.remedy == f"the whole traceback: python {path}"


def test_the_place_is_in_what_lies_beside_it_too(tmp_path):
    (tmp_path / "helper_of_mine.py").write_text("\n\n1 / 0\n")
    (tmp_path / "mine.py").write_text("import helper_of_mine\n")
    assert problem(catalog.case, str(tmp_path / "mine.py")).where == f"{tmp_path / 'helper_of_mine.py'}:3"


def test_a_file_that_cannot_be_read_is_told_by_its_name(tmp_path):
    (tmp_path / "mine.py").write_bytes(b"x = '\xff'\n")
    assert problem(catalog.case, str(tmp_path / "mine.py")).where.startswith(str(tmp_path / "mine.py"))


def test_what_we_refuse_a_file_has_its_place_too(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("from seatrial.hardware import instances\ninstances.instance('p9')\n")
    found = problem(catalog.case, str(path))
    assert found.where == f"{path}:2" and found.what == "no instance type is called 'p9'"


def test_ctrl_c_stays_what_it_is(tmp_path):
    (tmp_path / "mine.py").write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        catalog.case(str(tmp_path / "mine.py"))


def test_a_file_imports_what_lies_beside_it_and_nothing_of_ours_is_found_there_instead(tmp_path):
    (tmp_path / "beside_mine.py").write_text("NAME = 'from beside'\n")
    (tmp_path / "click.py").write_text("raise RuntimeError('not this one')\n")
    (tmp_path / "mine.py").write_text(f"import click\nfrom beside_mine import NAME\n{GOOD}".replace('"mine"', "NAME"))
    assert catalog.case(str(tmp_path / "mine.py")).name == "from beside"


FUNCTIONS = {
    "check": "lambda args, layout: 1 / 0",
    "workload": "lambda args, layout: exit(0)",
    "secrets": "lambda args: 1 / 0",
    "fidelity_of": "lambda args, layout: args.nothing",
}


@pytest.mark.parametrize(("name", "function"), FUNCTIONS.items())
def test_a_function_of_a_case_neither_takes_a_verb_down_nor_ends_it_well(tmp_path, name, function):
    path = tmp_path / "mine.py"
    path.write_text(GOOD.replace('"mine"', f'"mine", {name}={function}'))
    case, recipe = catalog.recipe(str(path))
    found = problem(lambda: bind(case, recipe, LOCAL))
    assert found.where == f"{path}:4"
    assert found.what.startswith(f"{name} of mine failed: ")


def test_what_a_preflight_yields_before_it_breaks_is_not_taken_for_all(tmp_path):
    path = tmp_path / "mine.py"
    early = "def early(args):\n    yield 1\n    raise OSError('gone')\n"
    path.write_text(early + GOOD.replace('"mine"', '"mine", preflight=early'))
    case, recipe = catalog.recipe(str(path))
    assert problem(case.preflight, recipe.args).what == "preflight of mine failed: OSError: gone"


@pytest.mark.parametrize("value", ["exits:CASE", "no_module_of_that_name", "1 + 1", "exits.below"])
def test_an_entry_point_that_leads_nowhere(tmp_path, monkeypatch, value):
    (tmp_path / "exits.py").write_text("\nraise SystemExit(0)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    point = EntryPoint("theirs", value, catalog.ENTRY_POINTS)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point] if group == point.group else [])
    found = problem(catalog.case, "theirs")
    assert found.where == (f"{tmp_path / 'exits.py'}:2" if value.startswith("exits") else value)


def test_a_launcher_that_cannot_be_imported_is_told_where_it_is_named_and_nowhere_else(tmp_path, monkeypatch):
    (tmp_path / "their_launcher.py").write_text("\n1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    point = EntryPoint("theirs", "their_launcher", launchers.ENTRY_POINTS)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point] if group == point.group else [])
    assert "theirs" in launchers.names() and "theirs" not in launcher_names()
    place = f"{tmp_path / 'their_launcher.py'}:2"
    assert problem(launchers.find, "theirs").where == place
    found = problem(parse, '[clusters.c]\nlauncher = "theirs"\nnodes = 1\ncpus_per_node = 1\n', "f")
    assert found.where == "f:2: clusters.c.launcher"
    assert found.what == f"theirs: {place}: cannot be imported: ZeroDivisionError: division by zero"


def test_a_package_whose_list_cannot_be_read_hides_no_other(tmp_path, monkeypatch):
    for name, text in (("a", "[seatrial.cases]\nnonsense\n"), ("b", "[seatrial.cases]\nb-case = b\n")):
        info = tmp_path / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "b-case" in catalog.case_names()


@pytest.mark.parametrize("reader", ["no_module_of_that_name:Reader", "json:Reader", "json:loads"])
def test_a_reader_of_logs_that_cannot_be_had(tmp_path, reader):
    path = tmp_path / "mine.py"
    path.write_text(GOOD.replace('"mine"', f'"mine", log_reader="{reader}"'))
    case, recipe = catalog.recipe(str(path))
    assert problem(reading.reader, case, bind(case, recipe, LOCAL)).where == reader


def test_what_a_file_prints_does_not_get_into_json(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(f"print('hello')\n{GOOD}")
    command = [sys.executable, "-m", "seatrial", "show", str(path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["case"] == "mine" and done.stderr == "hello\n"


@pytest.mark.parametrize("verb", ["run", "render", "show"])
def test_a_file_that_ends_the_process_does_not_pass(tmp_path, verb):
    path = tmp_path / "mine.py"
    path.write_text("import sys\nsys.exit(0)\n")
    command = [sys.executable, "-m", "seatrial", verb, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.splitlines()[0] == f"error: {path}:2: cannot be imported: SystemExit: 0"
    assert not (tmp_path / "runs").exists()
