"""seatrial forecast: simulate."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from seatrial.cli import cli
from seatrial.errors import UserError

FEW = ("--accelerators", "1024", "--days", "10", "--draws", "50")


def simulate(*args: str) -> Result:
    done = CliRunner().invoke(cli, ["forecast", "simulate", *args])
    if isinstance(done.exception, UserError):
        return done
    assert done.exit_code == 0, done.output
    return done


def test_it_says_what_is_left_and_where_the_rest_goes() -> None:
    text = simulate(*FEW).stdout
    assert "run            1,024 accelerators for 10 days" in text and "arXiv:2407.21783, table 5" in text
    for part in ("useful", "checkpoints", "lost work", "detection", "waiting", "restart", "stragglers"):
        assert f"\n{part} " in text


def test_as_json_holds_numbers_and_their_origin() -> None:
    record = json.loads(
        simulate(*FEW, "--json", "--failures", "meta-rsc-1", "--interval", "900", "--spares", "2").stdout
    )
    assert record["scenario"]["source"].startswith("arXiv:2410.21680") and record["scenario"]["spares"] == 2
    assert record["interval"] == 900 and record["by_component"].keys() == {"node"}
    assert record["goodput"]["low"] <= record["goodput"]["expected"] <= record["goodput"]["high"] < 1
    total = sum(part["expected"] for part in record["seconds"].values())
    assert total == pytest.approx(10 * 86_400)


def test_the_same_seed_prints_the_same() -> None:
    assert simulate(*FEW, "--seed", "3").stdout == simulate(*FEW, "--seed", "3").stdout
    assert simulate(*FEW, "--seed", "3").stdout != simulate(*FEW, "--seed", "4").stdout


def test_a_picture_is_written(tmp_path: Path) -> None:
    path = tmp_path / "run.svg"
    assert simulate(*FEW, "-o", str(path)).stdout.endswith(f"wrote {path}\n")
    assert ElementTree.fromstring(path.read_text(encoding="utf-8")).tag.endswith("svg")


def test_all_that_cannot_be_is_said_at_once() -> None:
    done = simulate("--accelerators", "0", "--days", "10", "--slowdown", "2", "--spares", "-1")
    assert str(done.exception).splitlines() == [
        "accelerators: 0 is not above 0",
        "spares: -1 is not 0 or more",
        "slowdown: 2 is not in [0, 1)",
    ]
