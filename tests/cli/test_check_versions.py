"""seatrial check versions, and seatrial check env as far as it starts nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seatrial.cli import cli
from seatrial.cli.check_env import recipe
from seatrial.errors import UserError
from tests.checks.software.roots import efa
from tests.clusters import LOCAL, P5


def invoke(*args: str) -> Result:
    result = CliRunner().invoke(cli, args)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_root_file_system_is_told_beside_the_host(tmp_path: Path) -> None:
    result = invoke("check", "versions", "--path", str(efa(tmp_path)), "--instance", "p5.48xlarge", "-v")
    assert "HOST" in result.stdout and "2.6.0amzn1.0" in result.stdout
    assert "PASS    NCCL 2.31.2 on p5.48xlarge" in result.stdout
    assert result.exit_code == 3, "the driver of this host cannot be seen"


def test_the_json_is_what_check_read_reads(tmp_path: Path) -> None:
    result = invoke("check", "versions", "--path", str(efa(tmp_path / "root")), "--instance", "p5.48xlarge", "--json")
    record = json.loads(result.stdout)
    assert record["image"]["found"]["nccl"][0]["version"] == "2.31.2" and record["findings"]
    (tmp_path / "kept.json").write_text(result.stdout)
    again = invoke("check", "read", "versions", str(tmp_path / "kept.json"), "--instance", "p5.48xlarge", "--json")
    [read] = json.loads(again.stdout)
    verdicts = [[(f["check"], f["verdict"]) for f in findings] for findings in (record["findings"], read["findings"])]
    assert verdicts[0] == verdicts[1]


def test_an_image_is_looked_at_where_the_engine_mounts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine is a script that says where: podman's own answer to `image mount` is that path."""
    root = efa(tmp_path / "root")
    engine = tmp_path / "bin/podman"
    engine.parent.mkdir()
    engine.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/calls\necho {root}\n')
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", str(engine.parent), prepend=":")
    result = invoke("check", "versions", "--image", "registry/x:1")
    assert "registry/x:1" in result.stdout and "1.21.1" in result.stdout
    assert (tmp_path / "calls").read_text() == "image mount registry/x:1\nimage unmount registry/x:1\n"
    engine.write_text("#!/bin/sh\necho 'must execute `podman unshare` first' >&2\nexit 125\n")
    with pytest.raises(UserError, match="podman unshare seatrial check versions"):
        invoke("check", "versions", "--image", "registry/x:1")


def test_without_an_engine_it_is_said_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="docker export"):
        invoke("check", "versions", "--image", "registry/x:1")
    with pytest.raises(UserError, match="two roots"):
        invoke("check", "versions", "--image", "registry/x:1", "--path", str(tmp_path))


def test_the_recipe_of_check_env_fits_the_cluster() -> None:
    assert recipe(LOCAL, 1) == "tiny"
    assert (recipe(P5, 1), recipe(P5, 256)) == ("node", "cluster")
    assert recipe(replace(P5, instance_type="trn1.32xlarge", accelerators_per_node=32), 4) == "tiny"


@pytest.mark.torch
def test_check_env_is_a_run_that_passes_on_cpus(tmp_path: Path, command: object) -> None:
    out = command("check", "env", "--json")  # type: ignore[operator]
    record = json.loads(out)
    assert record["verdict"] == "PASS" and record["world_size"] == 2
    equal = [f for f in record["findings"] if f["check"] == "env.ranks-equal"]
    assert equal[0]["observed"].startswith("all 2 ranks equal in ")
    assert (Path(record["path"]) / "facts.jsonl").read_text().count("\n") == 2
