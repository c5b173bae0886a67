"""seatrial prices: a list with sources and dates, and a table of one's own."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from seatrial.cli.prices import command
from seatrial.errors import UserError
from seatrial.prices import Price, refreshing, table


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def call(*args):
    result = CliRunner().invoke(command, args)
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_list_says_where_from_and_when():
    header, *rows = call("list", "--region", "us-west-2").splitlines()
    assert header.split() == ["REGION", "ITEM", "USD", "FOR", "A", "AS", "OF", "SOURCE"]
    [row] = [row.split() for row in rows if " ec2/p5.48xlarge " in row]
    assert row[:4] == ["us-west-2", "ec2/p5.48xlarge", "55.04", "hour"] and row[-1].startswith("https://")


def test_list_as_json_holds_numbers():
    rows = json.loads(call("list", "--json"))
    assert {row["region"] for row in rows} == {"us-east-1", "us-east-2", "us-west-2"}
    assert {type(row["usd"]) for row in rows} == {float}


def test_an_unknown_region_is_told_with_the_nearest():
    with pytest.raises(UserError, match="did you mean us-west-2"):
        call("list", "--region", "us-west-9")


def test_refresh_says_how_many_and_where(monkeypatch):
    one = Price(usd=1.0, unit="hour", source="AWS pricing API", date="2026-11-20")
    monkeypatch.setattr(refreshing, "refresh", lambda regions, profile: {region: {"x": one} for region in regions})
    assert call("refresh", "--region", "us-west-2", "--region", "eu-west-3").splitlines() == [
        "us-west-2: 1 prices",
        "eu-west-3: 1 prices",
        f"wrote {table.path()}",
    ]
    told = json.loads(call("refresh", "--region", "us-west-2", "--json"))
    assert told["regions"]["us-west-2"]["x"]["usd"] == 1.0 and told["path"] == str(table.path())
