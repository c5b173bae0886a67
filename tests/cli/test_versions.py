"""seatrial versions show, check: what they print, their exit codes, and what wrong input gets."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from seatrial.cli.versions import command
from seatrial.errors import UserError
from seatrial.versions import STACKS
from seatrial.versions.table import entries


def called(*arguments: str) -> Result:
    result = CliRunner().invoke(command, arguments)
    if isinstance(result.exception, UserError):
        raise result.exception
    return result


def test_show_has_every_version():
    told = json.loads(called("show", "--json").output)
    assert [row["component"] for row in told] == [entry.name for entry in entries()]
    assert all(row["source"] and row["version"] for row in told)
    text = called("show").output
    assert all(f"\n{name} " in text for name in STACKS)


@pytest.mark.parametrize("stack", STACKS)
def test_show_a_stack(stack):
    told = {row["component"]: row["version"] for row in json.loads(called("show", stack, "--json").output)}
    assert told == STACKS[stack].pins
    assert called("show", stack).output.startswith(f"{stack}: {STACKS[stack].title}")


def test_show_a_component():
    [kueue] = json.loads(called("show", "kueue", "--json").output)
    assert kueue["component"] == "charts/kueue"
    nccl = json.loads(called("show", "nccl", "--json").output)
    assert {row["component"] for row in nccl} >= {"nccl", "nccl of cuda13"}


def test_check_judges_all_stacks():
    result = called("check", "--json")
    told = json.loads(result.output)
    assert result.exit_code == 0 and [one["stack"] for one in told] == [*STACKS]
    assert all(one["components"] == STACKS[one["stack"]].pins and one["findings"] for one in told)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["cuda13", "--set", "nccl=2.18.0"], 1, "torch {torch}, NCCL 2.18.0"),
        (["--set", "driver=535.54.03"], 1, "CUDA {cuda}, NVIDIA driver 535.54.03"),
        (["cuda13", "--set", "torch=9.9.9"], 3, "what torch 9.9.9 is built with is not in the table"),
        (["cuda13", "--instance", "p6-b200.48xlarge", "--set", "cuda=12.6"], 1, "12.8.0 or newer for B200"),
        (["--instance", "p5.48xlarge"], 0, "cuda13: PASS"),
        (["--instance", "trn1.32xlarge"], 0, "neuron: PASS"),
        (["--instance", "c5.2xlarge"], 0, "cpu: PASS"),
        (["cuda13", "--set", "efa_installer=1.43.2", "-v"], 0, "libfabric 2.1.0amzn5.0"),
    ],
)
def test_check_ends_with_the_verdict_and_names_both_sides(arguments, code, said):
    result = called("check", *arguments)
    assert (result.exit_code, said.format(**STACKS["cuda13"].pins) in result.output) == (code, True), result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "nkcl"], "did you mean nccl"),
        (["show", "cuda31"], "did you mean cuda13"),
        (["check", "cuda31"], "did you mean cuda13"),
        (["check", "--instance", "p5.48xlrge"], "did you mean p5.48xlarge"),
        (["check", "--set", "nccl"], "'nccl' sets nothing"),
        (["check", "--set", "nccl=latest"], "'latest' holds no version"),
        (["check", "--set", "nccl=2.29.7", "--set", "nccl=2.30.0"], "nccl is set twice"),
        (["check", "cpu", "--set", "nccl=2.29.7"], "no component is called 'nccl'"),
        (["check", "cuda13", "--set", "efa_installer=9.9.9"], "what the EFA installer 9.9.9 brings is unknown"),
        (["outdated", "trch"], "did you mean torch"),
    ],
)
def test_wrong_input_gets_one_message_with_the_remedy(arguments, said):
    with pytest.raises(UserError) as error:
        called(*arguments)
    assert said in str(error.value) and all(problem.remedy for problem in error.value.problems)


def test_all_wrong_settings_are_told_at_once():
    with pytest.raises(UserError) as error:
        called("check", "--set", "nccl=latest", "--set", "foo", "--set", "efa_instaler=1.51.0")
    assert len(error.value.problems) == 3
