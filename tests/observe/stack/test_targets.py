"""Nodes as Prometheus finds them by a file."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.observe.stack.targets import SINFO, Target, file_sd, parse, targets

# Made after man sinfo of Slurm 22.05: NodeName, NodeAddr, StateLong with its flag, Partition.
PRINTED = """\
p5-1|10.0.0.1|idle|dev
p5-1|10.0.0.1|idle|small
p5-2|10.0.0.2|down*|dev
p5-3|p5-3|idle~|dev
p5-4|p5-4|powering_down%|dev
p5-5.example.com|10.0.0.5|allocated|dev
"""


def test_nodes_that_are_powered_down_are_left_out() -> None:
    found = parse(PRINTED)
    assert [target.node for target in found] == ["p5-1", "p5-2", "p5-5.example.com"]
    assert found[0] == Target("p5-1", "10.0.0.1", ("dev", "small"))


def test_the_file_has_a_group_for_each_node() -> None:
    value = json.loads(file_sd(targets(lambda command: PRINTED if command == SINFO else ""), "sea"))
    assert value[0] == {
        "targets": ["10.0.0.1"],
        "labels": {"cluster": "sea", "node": "p5-1", "partitions": ",dev,small,"},
    }
    assert value[2]["labels"]["node"] == "p5-5" and file_sd([], "sea") == "[]\n"


@pytest.mark.parametrize("line", ["p5-1|10.0.0.1|idle", "|10.0.0.1|idle|dev", "p5-1|a b|idle|dev", "slurm_load: error"])
def test_what_cannot_be_understood_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match="cannot be understood"):
        parse(PRINTED + line)


@given(st.text())
def test_any_text_is_nodes_or_an_error(text: str) -> None:
    try:
        found = parse(text)
    except ValueError:
        return
    json.loads(file_sd(found, "sea"))
