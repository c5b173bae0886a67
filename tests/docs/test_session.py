"""How pages are tried: the test of a page can fail."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.runs import process_started
from tests.docs.session import DOCS, Command, File, Shell, difference, parse, play
from tests.waiting import poll

TESTS = Path(__file__).parents[1]
PAGE = """\
# A page

`greeting.txt`; a file:

```toml
name = "sea"
```

```toml
no = "file"
```

```console
$ cat greeting.txt
name = "sea"
$ cat <<END |
> one
> END
> tr a-z A-Z
ONE
$ echo a \\
  b
a b
```

```console exit=3
$ (exit 3)
```
"""


def test_a_page_is_files_and_commands():
    assert parse(PAGE) == [
        File("greeting.txt", 'name = "sea"\n'),
        Command(14, "cat greeting.txt", 'name = "sea"\n'),
        Command(16, "cat <<END |\none\nEND\ntr a-z A-Z", "ONE\n"),
        Command(21, "echo a \\\n  b", "a b\n"),
        Command(27, "(exit 3)", "", code=3),
    ]


def test_a_console_block_begins_with_a_command():
    with pytest.raises(ValueError, match="line 2: a console block begins with a command"):
        parse("```console\nhello\n```\n")


def test_a_page_is_done_in_its_order_and_its_folder(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert play(page, tmp_path / "one", changes={'"sea"': '"ocean"'})[-1] == "(exit 3)"
    assert (tmp_path / "one/greeting.txt").read_text() == 'name = "ocean"\n'
    with pytest.raises(AssertionError, match=r"page.md does not say lake"):
        play(page, tmp_path / "two", changes={"lake": "pond"})


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("```console\n$ echo two\none\n```", "page.md:2: \\$ echo two\n.*-one\n\\+two"),
        ("```console\n$ echo one\n```", "\\+one"),
        ("```console\n$ true\none\n```", "-one"),
        ("```console\n$ echo one >&2; false\none\n```", "exit code 1 instead of 0\none"),
        ("```console exit=1\n$ false\n$ false\n```", "page.md:2: .*exit code 1 instead of 0"),
        ("```console exit=1\n$ true\n```", "exit code 0 instead of 1"),
        ("```console\n$ if\n...\n```", "exit code 2 instead of 0"),
        ("```console\n$ exit 4\n```", "the shell ended"),
    ],
)
def test_a_page_that_is_wrong_fails(tmp_path: Path, page, said):
    path = tmp_path / "page.md"
    path.write_text(f"{page}\n")
    with pytest.raises(AssertionError) as caught:
        play(path, tmp_path / "project")
    assert re.search(said, str(caught.value), re.DOTALL)


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("step ... of 9\n", "step 4 of 9\n"),
        ("...\n", ""),
        ("...\n", "a\nb\n"),
        ("a\n...\nd\n", "a\nb\nc\nd\n"),
        ("a\n...\nd\n", "a\nd\n"),
        ("a\n", "a  \n"),
        ("", ""),
    ],
)
def test_three_points_stand_for_anything(expected, printed):
    assert difference(expected, printed) == ""


@pytest.mark.parametrize(
    ("expected", "printed"),
    [("step ... of 9\n", "step 4 of 8\n"), ("a...\n", "a\nb\n"), ("a\n...\nd\n", "a\nd\ne\n"), ("a.\n", "ab\n")],
)
def test_nothing_else_does(expected, printed):
    assert difference(expected, printed)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")))))
def test_a_text_is_what_it_is(lines):
    text = "".join(f"{line}\n" for line in lines)
    assert difference(text, text) == ""
    assert difference(text, f"{text}one more\n") or "..." in text


def test_a_difference_shows_only_what_differs():
    shown = difference("a ...\n...\nc\nd\n", "a 1\nb\nc\nx\n")
    assert sorted(line for line in shown.splitlines()[2:] if line[0] in "+-") == ["+b", "+x", "-...", "-d"]


def test_the_shell_ends_what_it_started(tmp_path: Path):
    with Shell(tmp_path / "project", {}) as shell:
        printed, _ = shell.type("cd /; sleep 1000 & echo $!")
        assert shell.type("pwd; seatrial --version; printf x") == (f"/\n{shell.type('seatrial --version')[0]}x", 0)
    poll(lambda: process_started(int(printed)) is None, 60, "sleep is gone")


def test_every_page_with_a_session_is_tried():
    pages = {path.stem for path in DOCS.glob("*.md") if any(isinstance(s, Command) for s in parse(path.read_text()))}
    tests = (path.read_text() for path in TESTS.rglob("test_*.py"))
    tried = {page for text in tests for page in re.findall(r'play\(DOCS / "([\w-]+)\.md"', text)}
    assert pages == tried and pages
