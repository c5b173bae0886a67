"""Instructions of a Dockerfile, with their lines and their shell code."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.lint import dockerfile, documents
from seatrial.lint.docker_stages import stages
from seatrial.lint.judge import judge
from seatrial.lint.rules import Tree

TEXT = """# syntax=docker/dockerfile:1
ARG BASE=ubuntu:24.04
FROM ${BASE} AS build
RUN --mount=type=cache,target=/x apt-get update && \\
    # a comment inside

    apt-get install -y curl
RUN ["pip", "install", "torch"]
RUN <<EOF
make -j
make install
EOF
FROM build
COPY --from=build /a /b
CMD exec python train.py
"""


def test_instructions_with_lines():
    items = dockerfile.load(TEXT)
    assert [(item.name, item.line) for item in items] == [
        ("ARG", 2),
        ("FROM", 3),
        ("RUN", 4),
        ("RUN", 8),
        ("RUN", 9),
        ("FROM", 13),
        ("COPY", 14),
        ("CMD", 15),
    ]


def test_commands_with_lines():
    scripts = [item.script for item in dockerfile.load(TEXT) if item.name in ("RUN", "CMD") and item.script]
    found = [(" ".join(word.text for word in c.words), c.line) for script in scripts for c in script.commands]
    assert found == [
        ("apt-get update", 4),
        ("apt-get install -y curl", 7),
        ("pip install torch", 8),
        ("make -j", 10),
        ("make install", 11),
        ("exec python train.py", 15),
    ]
    assert [script.error for script in scripts] == [None] * 4


def test_build_arguments_are_filled_in():
    text = "FROM x\nARG A=1\nENV B=v${A}\nRUN fetch $B ${C}\n"
    assert [word.text for word in dockerfile.load(text)[3].script.commands[0].words] == ["fetch", "v1", "${C}"]


def test_images_that_come_from_outside():
    text = "ARG V=25.06\nFROM nvcr.io/x:$V AS a\nFROM a\nFROM $UNKNOWN\nFROM --platform=linux/arm64 b:1@sha256:0\n"
    images = [stage.image for stage in stages(dockerfile.load(text)) if stage.base is None]
    assert images == ["nvcr.io/x:25.06", "$UNKNOWN", "b:1@sha256:0"]


@settings(deadline=None)
@given(st.lists(st.from_regex(r"[a-z]{1,8}( [a-z0-9=./-]{1,8}){0,3}", fullmatch=True), min_size=1, max_size=5))
def test_continued_commands_keep_their_lines(commands):
    text = "FROM x:1\nRUN " + " && \\\n    ".join(commands) + "\n"
    items = dockerfile.load(text)
    assert [item.name for item in items] == ["FROM", "RUN"]
    names = {"if", "for", "while", "until", "case", "select", "function", "time", "do", "done", "fi", "in", "esac"}
    if not any(command.split()[0] in names or "=" in command for command in commands):
        assert [c.line for c in items[1].script.commands][: len(commands)] == list(range(2, 2 + len(commands)))


def script_of(text, index=-1):
    return dockerfile.load(text)[index].script


def words_of(text, index=-1):
    script = script_of(text, index)
    return [(" ".join(word.text for word in c.words), c.line) for c in script.commands] if script else None


def test_the_escape_directive_names_what_continues_a_line():
    text = "# syntax=docker/dockerfile:1\n# escape=`\nFROM x\nCOPY a `\n  b\nRUN powershell -c \\\nCMD x\n"
    items = dockerfile.load(text)
    assert [(item.name, item.line) for item in items] == [("FROM", 3), ("COPY", 4), ("RUN", 6), ("CMD", 7)]
    assert items[2].script is None  # the shell of Windows is not read
    assert dockerfile.load("FROM x\n# escape=`\nRUN a \\\n b\n")[1].value == "a  b"


def test_two_backslashes_continue_no_line():
    assert [item.name for item in dockerfile.load("FROM x\nRUN dir c:\\\\\nCMD y\n")] == ["FROM", "RUN", "CMD"]


def test_a_file_of_windows_with_a_mark():
    text = "\ufeffFROM x:1\r\nRUN a && \\\r\n  b\r\nRUN <<EOF\r\nc\r\nEOF\r\n"
    assert words_of(text, 1) == [("a", 2), ("b", 3)]
    assert words_of(text) == [("c", 5)]


def test_what_a_shell_gets_from_a_here_document_is_read():
    assert words_of('FROM x\nRUN bash -ex -o pipefail <<"E"\nmake\nE\n') == [("make", 3)]
    assert words_of("FROM x\nRUN <<E sh\nmake\nE\nCMD y\n", 1) == [("make", 3)]
    assert words_of("FROM x\nRUN <<E python3\nimport os\nE\n") == [("python3", 2)]
    assert words_of("FROM x\nRUN <<E\n#!/usr/bin/perl\nprint 1;\nE\n") is None
    assert words_of("FROM x\nONBUILD RUN --mount=type=ssh \\\n  make\n") == [("make", 3)]


def test_a_here_document_without_an_end_is_none():
    items = dockerfile.load("FROM x\nRUN cat <<EOF\nCOPY a b\n")
    assert [item.name for item in items] == ["FROM", "RUN", "COPY"]


def test_only_an_instruction_that_cannot_be_read_is_lost():
    items = dockerfile.load("FROM x\nINCLUDE a \\\n  b\nRUN make\nFROM\n")
    assert [(item.problem, item.unread) for item in items if item.problem] == [
        ("'INCLUDE' is no instruction", 2),
        ("FROM names no image", 1),
    ]
    assert words_of("FROM x\nINCLUDE a\nRUN make\n") == [("make", 3)]


VALUES = [
    ("A=1 B=2", {"A": "1", "B": "2"}),
    ("A the rest $K", {"A": "the rest known"}),
    ("A=\"x $K\" B='x $K' C=\\$K", {"A": "x known", "B": "x $K", "C": "$K"}),
    ("A=gfx90a;gfx942 B=$(date)", {"A": "gfx90a;gfx942", "B": "$(date)"}),
    ("A=${K:+y:${K}} B=${K:-no} C=${U:-no}", {"A": "y:known", "B": "known", "C": "no"}),
    ("A=$U B=${U:+x} C=${K%n}", {}),
    ("A=1 B=$A", {"A": "1"}),
    ("A=${E:-d} B=${E:+d} C=$E", {"A": "d", "B": "", "C": ""}),
]


@pytest.mark.parametrize(("code", "values"), VALUES)
def test_values_of_variables(code, values):
    assert script_of(f"FROM x\nENV K=known E=\nENV {code}\n").values == values


def test_variables_keep_their_lines():
    text = "FROM x\nENV A=1 \\\n  # why\n  B=2\\\n    C=3\n"
    assert [(a.name, a.line) for a in script_of(text).assignments] == [("A", 2), ("B", 4), ("C", 5)]


def test_what_is_known_in_a_stage():
    text = "ARG V=1\nFROM x AS a\nARG V\nENV W=2\nRUN f $V $W\nFROM y\nRUN f $V $W\nFROM a\nRUN f $V $W\n"
    runs = [words_of(text, index)[0][0] for index in (4, 6, 8)]
    assert runs == ["f 1 2", "f $V $W", "f 1 2"]


CASES = sorted(Path(__file__).with_name("cases").glob("*.Dockerfile"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_comments_and_empty_lines_between_instructions_change_nothing(path):
    text = path.read_text(encoding="utf-8")
    starts = {item.line for item in dockerfile.load(text)}
    lines = text.splitlines()
    spread = [line for at, row in enumerate(lines, 1) for line in (("# note", "", row) if at in starts else (row,))]
    moved = {at: at + 2 * sum(start <= at for start in starts) for at in range(1, len(lines) + 1)}
    [before], [after] = (documents.parse(path, "dockerfile", t) for t in (text, "\n".join(spread)))
    found = [(f.check, moved[f.scope["line"]], f.verdict) for f in judge(Tree((before,)))]
    assert [(f.check, f.scope["line"], f.verdict) for f in judge(Tree((after,)))] == found


@settings(deadline=None)
@given(st.text(alphabet="FROMRUNENVa \n\\'\"${}<<EOF#[]=-:`", max_size=80))
def test_any_text_is_divided_into_lines_that_follow_each_other(text):
    items = dockerfile.load(text)
    lines = [item.line for item in items]
    assert lines == sorted(set(lines))
    assert all(item.text in text.replace("\r", "") for item in items)


def test_a_variable_stands_behind_the_comments_before_it():
    _, item = dockerfile.load("FROM x\nENV A=1 \\\n# one\n# two\nB=2 \\\n  C=3\n")
    assert [(a.name, a.line) for a in item.script.assignments] == [("A", 2), ("B", 5), ("C", 6)]
