"""What holds for any launch file."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from seatrial.lint import documents, shell, statements
from seatrial.lint.judge import judge
from seatrial.lint.rules import Tree, all_rules

PIECES = [
    "a=$(( b + 10#$c ))",
    'rest="${text:$length+1}"',
    ': "${x:=$(( (24 + ${b} - 1) / ${b} ))}"',
    "if ! out=$(here=$(pwd) 2>&1); then exit 1; fi",
    "for i do echo $i; done",
    "shopt -s extglob",
    "ls !(a|b)",
    "m[$a,$b]=3",
    "((gzip -c a) | gzip -d)",
    "cat <<EOF |\nit's $x\nEOF\n  sort",
    "cat <<'E O' && true\n` \" '\nE O",
    "case $x in\n ?*' '?*) one ;;&\n b) two ;;\nesac",
    "f() {\n  [ a b ] || return 1\n}",
    'while read -r line; do\n  echo "$line"\ndone < <(ls !(c))',
    "{ a && b; } 2>&1 | tee log &",
    "# it's a comment with ( and \"",
    "echo 'several\nlines' \"and $(more 'of '\"them\")\"",
    "coproc cat",
    "exec {fd}<>file",
    'echo ${x//["\']/} `date +"%s"`',
]


@settings(deadline=None, max_examples=60)
@example([PIECES[index] for index in (7, 19, 11, 15, 14, 2)], "")
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6), st.sampled_from(["", "if true; then", "g() {"]))
def test_what_bash_accepts_is_never_wholly_unreadable(pieces, around):
    inner = "\n".join(pieces)
    text = (
        "first --n=1\n"
        + {"": inner, "g() {": f"g() {{\n{inner}\n}}"}.get(around, f"{around}\n{inner}\nfi")
        + "\nlast\n"
    )
    assume(subprocess.run(["bash", "-O", "extglob", "-n"], input=text.encode(), check=False).returncode == 0)
    script = shell.parse(text)
    assert [script.commands[0].name, script.commands[-1].name] == ["first", "last"]
    assert script.unread <= text.count("\n") - 2


SHELL = [text for rule in all_rules() if rule.kinds[0] in ("shell", "sbatch") for text in (rule.bad, rule.good)]


def found(text: str) -> list[tuple[str, int]]:
    kind = documents.kind_of(Path("job.sh"), text) or "shell"
    made = documents.parse(Path("no-such-folder/job.sh"), kind, text)
    return sorted((finding.check, finding.scope["line"]) for finding in judge(Tree(tuple(made))))


@pytest.mark.parametrize("text", SHELL, ids=range(len(SHELL)))
@pytest.mark.parametrize("added", ["", "# a remark, said by nobody's $x"])
def test_a_comment_or_a_blank_line_changes_no_finding(text, added):
    before = found(text)
    ends = {text.count("\n", 0, end) for _, end in statements._pieces(text) if text[end - 1] == "\n"}
    lines = text.split("\n")
    for at in sorted(ends - {0}):
        if lines[at - 1].rstrip().endswith("\\") or any(name == "launch.merge-marker" for name, _ in before):
            continue
        after = found("\n".join([*lines[:at], added, *lines[at:]]))
        assert after == [(name, line + (line > at)) for name, line in before], f"behind line {at}"
