"""What is known of shell code without running it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.lint import shell
from seatrial.lint.script import Command


def commands(text: str) -> list[list[str]]:
    return [[word.text for word in command.words] for command in shell.parse(text).commands]


def only(text: str) -> Command:
    [command] = shell.parse(text).commands
    return command


WORDS = [
    ("run a 'b c' \"d e\"", ["run", "a", "b c", "d e"]),
    ("N=8\nrun --n=$N ${N} \"x${N}y\" '$N'", ["run", "--n=8", "8", "x8y", "$N"]),
    ("N=8\nN=4\nrun $N", ["run", "$N"]),  # two values: neither
    ("N=8\nN=8\nrun $N", ["run", "8"]),
    ("N=$(nproc)\nrun $N", ["run", "$N"]),
    ("if x; then N=1; fi\nN=2\nrun $N", ["run", "$N"]),
    ("run ${N:-8}", ["run", "8"]),
    ("N=4\nrun ${N:-8}", ["run", "4"]),
    ("N=4 run $N", ["run", "$N"]),  # the prefix is for the program, not for its words
    ('A=(x "y z")\nA+=(w)\nrun "${A[@]}" v', ["run", "x", "y z", "w", "v"]),
    ("run a > out b", ["run", "a", "b"]),
    ('run "a  $X  b" c', ["run", "a  $X  b", "c"]),
    ('run "\\$X" \\$Y', ["run", "$X", "$Y"]),
    ("run a \\\n  b", ["run", "a", "b"]),
]


@pytest.mark.parametrize(("text", "words"), WORDS, ids=[text for text, _ in WORDS])
def test_words(text, words):
    assert commands(text)[-1] == words


def test_a_word_says_whether_anything_is_left_to_expand():
    words = only("run a $X 'b' \"$Y\" 3").words
    assert [word.known for word in words] == [True, True, False, True, False, True]


def test_lines_count_from_the_first_line_of_the_file():
    script = shell.parse("a\nb \\\n  c\nX=1\n", line=10)
    assert [(w.text, w.line) for command in script.commands for w in command.words] == [("a", 10), ("b", 11), ("c", 12)]
    assert [(a.name, a.value, a.line) for a in script.assignments] == [("X", "1", 13)]


def test_the_script_inside_a_command_is_read_too():
    script = shell.parse("srun -N 2 bash -c 'export R=$SLURM_PROCID\nexec python train.py' &\n", line=5)
    inner = script.commands[-1]
    assert [w.text for w in inner.words] == ["exec", "python", "train.py"]
    assert inner.line == 6 and inner.outer is script.commands[0] and script.commands[0].background
    assert [(a.name, a.value) for a in script.assignments] == [("R", None)]


def test_assignments_of_every_form():
    text = "A=1\nexport B=2 C='3'\nD=4 run\nenv E=5 run\nmpirun -n 2 -x F=6 run\ndeclare -x G=7\nH=$A\nI=$J\nK+=1\n"
    assigned = [(a.name, a.value, a.line) for a in shell.parse(text).assignments]
    assert assigned == [
        ("A", "1", 1),
        ("B", "2", 2),
        ("C", "3", 2),
        ("D", "4", 3),
        ("E", "5", 4),
        ("F", "6", 5),
        ("G", "7", 6),
        ("H", "1", 7),
        ("I", None, 8),
        ("K", None, 9),
    ]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=${B:-1}\n", ["1"]),
        ("export A=${A:-warn}\n", ["warn"]),
        ("A=${A-}\n", [""]),
        ("A=${A:-$B}\n", [None]),
        ("A=${A:-x}/y\n", ["x/y"]),
        (': "${A:=1}"\n', ["1"]),
        (": ${A=$B}\nexport A\n", [None]),
        ("A=${A:+1}\n", [None]),
    ],
)
def test_an_assignment_gives_its_default(text, values):
    assert [a.value for a in shell.parse(text).assignments if a.name == "A"][: len(values)] == values


OPTIONS = [
    ("srun --ntasks=4 x", ("--ntasks", "-n"), "4"),
    ("srun --ntasks 4 x", ("--ntasks", "-n"), "4"),
    ("srun -n4 x", ("--ntasks", "-n"), "4"),
    ("srun -n 4 x", ("--ntasks", "-n"), "4"),
    ("torchrun --nproc-per-node=8", ("--nproc_per_node",), "8"),
    ("srun -n 4 -n 2 x", ("-n",), "2"),
    ("srun --ntasks-per-node=4 x", ("--ntasks",), None),
    ("srun --nodes", ("--nodes",), None),
]


@pytest.mark.parametrize(("text", "names", "value"), OPTIONS)
def test_options(text, names, value):
    found = only(text).option(*names)
    assert (found.text if found else None) == value


def test_uses_say_whether_they_provide_for_an_unset_variable():
    script = shell.parse("echo $A ${B} ${C:-1} ${D:?} \"${E[@]}\" $1 $? '$F' $ x\n")
    assert {use.name: use.optional for use in script.uses} == {
        "A": False,
        "B": False,
        "C": True,
        "D": True,
        "E": False,
        "1": False,
    }


def test_names_that_are_defined_without_an_assignment():
    text = """for a in 1; do :; done
IFS=: read -r b c
mapfile -t d
((e=0))
[ -z "$f" ]
printf -v g x
local h
i[0]=1
"""
    assert shell.parse(text).defined >= set("abcdefghi")


def test_background_is_seen_through_redirects_and_pipes():
    script = shell.parse("a > x &\nb | c &\nd\n")
    assert [(c.name, c.background) for c in script.commands] == [("a", True), ("b", True), ("c", True), ("d", False)]


def test_code_that_is_none_says_where():
    assert shell.parse("a\n").error is None
    assert shell.parse("a\nif x; then\n", line=3).error is not None
    assert shell.parse("a \\\n").error is None


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("ab=$\"'(){}[]<>|&;#\\ \n-:@0"), max_size=60))
def test_any_text_can_be_read(text):
    script = shell.parse(text, line=3)
    last = 3 + text.count("\n")
    assert all(3 <= word.line <= last for command in script.commands for word in command.words)
    assert all(3 <= assignment.line <= last for assignment in script.assignments)
    assert script.error is None or 3 <= script.error <= last


@settings(deadline=None)
@given(st.lists(st.from_regex(r"[A-Za-z0-9_./:=-]+", fullmatch=True), min_size=1, max_size=6))
def test_quoted_words_come_back_as_they_are(words):
    quoted = " ".join(f"'{word}'" for word in words)
    assert commands(f"run {quoted}")[-1] == ["run", *words]


DEEP = [
    'X=\'bash -c "$X"\'\nbash -c "$X"\n',
    "(" * 20_000,
    "$(" * 20_000,
    '"${a:-' * 3_000,
    "bash -c '" * 500,
    "if x; then " * 3_000,
]


@pytest.mark.parametrize("text", DEEP, ids=[text[:8] for text in DEEP])
def test_deep_nesting_ends(text):
    assert shell.parse(text).line == 1
