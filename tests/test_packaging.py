"""What holds the package together: pins, the public surface, the command's start, what may stand in a file."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable
from operator import itemgetter
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from seatrial import __version__, versions
from seatrial.cli import cli

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HEAVY = PYPROJECT["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-module-level-imports"]


def requirements() -> list[Requirement]:
    project = PYPROJECT["project"]
    lists = [
        PYPROJECT["build-system"]["requires"],
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *PYPROJECT["dependency-groups"].values(),
    ]
    return [Requirement(text) for texts in lists for text in texts]


# --- pins


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_pin_is_in_the_range(requirement):
    assert requirement.specifier.contains(versions.DIRECT[requirement.name])


def test_no_direct_pin_is_unused():
    assert set(versions.DIRECT) == {requirement.name for requirement in requirements()}


def test_oldest_versions_agree_with_pyproject():
    assert PYPROJECT["project"]["requires-python"] == f">={versions.PYTHON}"
    [torch] = [requirement for requirement in requirements() if requirement.name == "torch"]
    assert torch.specifier.contains(versions.TORCH_OLDEST)
    assert Version(versions.TORCH_OLDEST) <= Version(versions.TORCH)


def test_changelog_knows_the_versions():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(\S+)\]", text, re.MULTILINE)
    assert newest and newest[1] == __version__
    for version in (versions.TORCH, versions.UV):
        assert version in text


# --- imports


def imported_by(code: str) -> list[str]:
    """Which of the heavy modules a fresh interpreter has loaded once it ran `code`."""
    names = [*HEAVY, "numpy", "rich"]
    code += f"\nimport json, sys\nprint(json.dumps([m for m in {names} if m in sys.modules]))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded: list[str] = json.loads(run.stdout.splitlines()[-1])
    return loaded


@pytest.mark.parametrize(
    "argv", [["--help"], ["--version"], ["list"], ["list", "--json"], ["runs", "--runs-dir", "none"], ["run", "--help"]]
)
def test_command_starts_without_heavy_imports(argv):
    invoke = "from click.testing import CliRunner; from seatrial.cli import cli; result = CliRunner().invoke(cli, {})"
    assert imported_by(f"{invoke.format(argv)}; assert result.exit_code == 0, result.output") == []


def test_modules_import_without_what_is_banned():
    """Every module but the training programs and the library they run on; of a case what the command itself imports."""
    source = ROOT / "src"
    files = [path.relative_to(source) for path in (source / "seatrial").rglob("*.py")]
    light = [f for f in files if "train" not in f.parts and f.name != "__main__.py"]
    light = [f for f in light if "cases" not in f.parts or f.name in ("__init__.py", "log.py")]
    light = [f for f in light if "architectures" not in f.parts or f.name in ("__init__.py", "_architecture.py")]
    names = sorted(".".join(f.with_suffix("").parts).removesuffix(".__init__") for f in light)
    loaded = imported_by(f"import importlib\nfor name in {names}: importlib.import_module(name)")
    assert [module for module in loaded if module in HEAVY] == []


# --- the command's surface


def test_verbs_and_options_are_frozen(golden):
    verbs = surface(cli)
    usual = usual_options(verbs.values())
    lines = ["# After a verb, by name: options that are what they are here.", *usual.values(), ""]
    for verb, options in verbs.items():
        known = [name for name, line in options.items() if usual.get(name) == line]
        lines.append(" ".join([verb, *known]))
        lines += [line for name, line in options.items() if name not in known]
    golden("cli_surface.txt", "\n".join(lines) + "\n")


def usual_options(verbs: Iterable[dict[str, str]]) -> dict[str, str]:
    """Of each option that two verbs or more have alike what it mostly is."""
    found = Counter((name, line) for options in verbs for name, line in options.items())
    often = {name: line for (name, line), times in sorted(found.items(), key=itemgetter(1)) if times > 1}
    return dict(sorted(often.items()))


def surface(group: click.Group, prefix: str = "") -> dict[str, dict[str, str]]:
    """Each verb with its arguments -> name of an option -> its line: metavar and default."""
    verbs: dict[str, dict[str, str]] = {}
    for verb in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), verb)
        assert command is not None, verb
        context = click.Context(command, info_name=verb)
        if not isinstance(command, click.Group) or command.invoke_without_command:
            arguments = [p.make_metavar(context) for p in command.params if isinstance(p, click.Argument)]
            options = {
                max(p.opts, key=len): option_line(p, context) for p in command.params if isinstance(p, click.Option)
            }
            verbs[" ".join([f"{prefix}{verb}", *arguments])] = dict(sorted(options.items()))
        if isinstance(command, click.Group):
            verbs |= surface(command, f"{prefix}{verb} ")
    return verbs


def option_line(option: click.Option, context: click.Context) -> str:
    parts = ["   ", "/".join([*option.opts, *option.secondary_opts])]
    if not option.is_flag:
        parts.append(option.make_metavar(context))
    default = option.to_info_dict()["default"]
    if default not in (None, False, ""):
        parts.append(f"= {default}")
    if option.multiple:
        parts.append("(repeatable)")
    if option.required:
        parts.append("(required)")
    if option.envvar:
        parts.append(f"${option.envvar}")
    return " ".join(parts)


# --- texts


def texts() -> dict[Path, str]:
    """The repository's text files: what git holds, or would take."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    found = {}
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        content = path.read_bytes() if path.is_file() else b"\0"
        if b"\0" not in content:
            found[Path(name)] = content.decode("utf-8")
    return found


def test_no_text_names_a_place_of_one_machine():
    # Put together here, since this file is a text of the repository, too.
    private = re.compile("|".join(rf"(?<![\w.~-])/{place}/" for place in ("work", "tmp/w", "root")))
    hits = [f"{path}: {match[0]}" for path, text in texts().items() for match in private.finditer(text)]
    assert hits == []


def test_python_is_indented_with_spaces():
    assert [str(path) for path, text in texts().items() if path.suffix == ".py" and "\t" in text] == []


def test_golden_files_stay_short_enough_for_a_diff_to_be_read():
    """One for each launcher and shape, one for each case: their number grows by sums, not by products, and what is like
    another is told by what differs. A limit that is too low is a reason to tell something shorter.
    """
    golden = [text for path, text in texts().items() if "golden" in path.parts]
    assert 0 < sum(text.count("\n") for text in golden) <= 7450


def test_lines_end_in_one_newline():
    recorded = Path("tests/checks/recorded")  # as tools print it, some without an end of line
    endings = {path: text for path, text in texts().items() if text and not path.is_relative_to(recorded)}
    assert [str(p) for p, text in endings.items() if "\r\n" in text or not text.endswith("\n")] == []
