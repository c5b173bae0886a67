"""Instructions of a Dockerfile, with their lines and their shell code."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.lint import dockerfile
from seatrial.lint.docker_stages import stages

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
