"""What is known of shell code without running it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.lint import environment, rules_early, rules_placeholders, shell
from seatrial.lint.script import Command


def commands(text: str) -> list[list[str]]:
    return [[word.text for word in command.words] for command in shell.parse(text).commands]


def only(text: str) -> Command:
    [command] = shell.parse(text).commands
    return command


WORDS = [
    ("cd $A/$B/c", ["cd", "$A/${B}/c"]),
    ("cd $A/$B/$C.d-$D", ["cd", "$A/${B}/${C}.d-$D"]),
    ("cd x\\$A/\\$B/c $C", ["cd", "x$A/$B/c", "$C"]),
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


REFUSED = [
    "x=$(( 10#$month + 1 ))",
    'y="${text:$width+1}"',
    'z=("${all[@]:$n:2}")',
    ': "${batch:=$(( (a + ${b}) / 2 ))}"',
    "out=$(here=$(pwd) 2>&1)",
    "for argument do\n  echo $argument\ndone",
    'save () { for i do echo "$i"; done; }',
    "cat <<EOF > x;\nit's\nEOF",
    "cat <<\\EOF ||\nit's\nEOF\nfalse",
    "case $x in\n a) b ;;&\n *) c ;;\nesac",
]


@pytest.mark.parametrize("text", REFUSED)
def test_bash_that_the_grammar_refuses_is_read_whole(text):
    script = shell.parse(f"first\n{text}\nlast")
    assert (script.error, script.unread) == (None, 0)
    assert [script.commands[at].name for at in (0, -1)] == ["first", "last"]
    assert script.commands[-1].line == 3 + text.count("\n")


UNREAD = [
    ("ls !(a|b)", {2}),
    ("if true; then\n  ls !(a|b)\n  inside\nfi", {3}),
    ("((gzip -c a) | gzip -d)", {2}),
    ("case $x in\n ?*' '?*) one ;;\n b) inside ;;\nesac", {3}),
    ("f() {\n  ls !(a|b) && inside\n}", {3}),
]


@pytest.mark.parametrize(("text", "rows"), UNREAD)
def test_only_the_statement_is_unknown(text, rows):
    script = shell.parse(f"first\n{text}\nlast --n=1\n")
    assert (script.error, script.unread) == (min(rows), len(rows))
    names = [command.name for command in script.commands]
    assert names[0] == "first" and names[-1] == "last" and ("inside" in names) == ("inside" in text)


def test_names_in_what_was_not_read_count_as_set():
    assert "a" in shell.parse("read a < <(ls !(b))\necho $a\n").defined


NAMES = [
    ('export "$k"="$v"', set(), True),
    ("export $(cat .env)", set(), True),
    ("eval $settings", set(), True),
    ('eval set -- "$options"', set(), False),
    ("local -n there=$1", set(), True),
    ('printf -v "$name" x', set(), True),
    ("read -r a b", set(), False),
    ("module load cuda", set(), True),
    ("X=1 ./run.sh", {"X"}, False),
    ("export A B=2", {"A", "B"}, False),
    ("declare -x C=1", {"C"}, False),
    ("declare D=1", set(), False),
    ("sbatch --export=ALL,E=1,F job.sh", {"ALL", "E", "F"}, False),
    ("docker run -e G -e H=1 --env I=2 image", {"G", "H", "I"}, False),
    ("mpirun -x K program", {"K"}, False),
    ("set -o allexport\nL=1", {"L"}, False),
]


@pytest.mark.parametrize(("text", "handed", "dynamic"), NAMES, ids=[text for text, _, _ in NAMES])
def test_names_that_are_handed_on(text, handed, dynamic):
    script = shell.parse(text)
    assert (script.handed, script.dynamic) == (handed, dynamic)


@pytest.mark.parametrize(
    ("text", "exported"),
    [
        ("export A=1 B", {"A", "B"}),
        ("declare -x A=1\ntypeset -rx B=2", {"A", "B"}),
        ("A=1\nB=2", set()),
        ("set -a\nA=1\nA=2\n[[ $B ]]", {"A"}),
        ("X=1 ./run.sh\nsrun --export=ALL,Y=1 ./run.sh", set()),
    ],
)
def test_names_that_every_program_gets(text, exported):
    assert shell.parse(text).exported == exported


def test_what_another_shell_expands_is_no_use():
    text = "bash -c 'echo $A'\nssh host \"echo \\$B\"\ncat <<'EOF'\n$C\nEOF\ncat <<EOF\n\\$D $E\nEOF\n"
    assert [use.name for use in shell.parse(text).uses] == ["E"]


def test_rules_ask_for_no_nodes_that_are_not_kept():
    source = "".join(path.read_text() for path in Path(shell.__file__).parent.glob("*.py"))
    asked = set(re.findall(r"nodes\.get\(\"(\w+)\"", source))
    several = {*environment._ARMS, *rules_early._EXPANDED, *rules_placeholders._PLAIN}
    assert "array" in asked and asked | several <= set(shell.NODES)


def test_where_nothing_helps_only_the_lines_of_the_errors_are_unknown():
    script = shell.parse("| { |\nfi | $( ", line=5)
    assert (script.error, script.unread) == (5, 1)
