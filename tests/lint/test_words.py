"""What a word of shell code is, where the grammar's nodes do not say it directly."""

from __future__ import annotations

import pytest

from seatrial.lint import shell


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ('echo "$A ${B} ${C[*]} $1 $0"', ["0", "1", "A", "B", "C"]),
        ('echo "in ${A} ${B} ${C}"', ["A", "B", "C"]),
        ("echo $A/${C:-$D}", ["A", "C", "D"]),
        ("echo $X_1", ["X_1"]),
        ("echo $_ $? $# $@ $$", []),
        ("echo 'no $A' \\$B", []),
    ],
)
def test_every_variable_that_is_expanded(code, names):
    assert sorted(use.name for use in shell.parse(code).uses) == names


@pytest.mark.parametrize(
    ("code", "text", "known"),
    [
        ('cut -d " " x', " ", True),
        ('cut -d "a b" x', "a b", True),
        ("cut -d 'a \"b' x", 'a "b', True),
        ('cut -d "a\\"b" x', 'a"b', True),
        ('cut -d "a\\nb" x', "a\\nb", True),
        ('cut -d "a $X" x', "a $X", False),
        ('X=1; cut -d "a $X" x', "a 1", True),
        ('X=1; Y=2; cut -d "$X $Y  ${X} ${Z:-3}" x', "1 2  1 3", True),
        ("cut -d a\\ b x", "a b", True),
        ('X=1; cut -d "a $X " x', "a 1 ", True),
        ('X=1; cut -d "$X ${Y} " x', "1 ${Y} ", False),
        ('X=1; cut -d "$Xé ${X}é" x', "1é 1é", True),
        ('X=1; cut -d "$X$((1+2))" x', "1$((1+2))", False),
        ('X=1; cut -d "\\$X $X" x', "$X 1", True),
    ],
)
def test_the_text_of_a_word(code, text, known):
    word = shell.parse(code).commands[-1].words[2]
    assert (word.text, word.known) == (text, known)


@pytest.mark.parametrize(
    ("word", "name"), [("srun", "srun"), ("/usr/bin/srun", "srun"), ("./a/", "a"), (".", "."), ("/", ""), ("..", "..")]
)
def test_the_name_of_a_program(word, name):
    [command] = shell.parse(f"{word} x").commands
    assert command.name == name and command.find(name) == 0 and command.find("other") is None


def test_the_first_of_several_programs():
    [command] = shell.parse("srun -n 1 /opt/bin/env X=1 torchrun srun").commands
    assert command.find("torchrun", "env") == 3 and command.find("srun") == 0


def test_a_script_knows_which_of_its_commands_name_a_program():
    script = shell.parse("srun -n 2 /opt/bin/torchrun x.py\necho srun\ntrue\nbash -c 'srun hostname'\n")
    assert [command.line for command in script.naming("torchrun")] == [1]
    assert [command.line for command in script.naming("srun", "true")] == [1, 2, 3, 4]
    assert [command.line for command in script.naming("mpirun", "true")] == [3]
    assert list(script.naming("mpirun")) == []
