"""run --dry-run, and render: the plan, what it costs, and nothing that was started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from seatrial import catalog, loading
from seatrial.cli import cli, forecasting
from seatrial.errors import UserError
from seatrial.rank import machine
from seatrial.report.format import bytes_, quantity
from seatrial.spec import Layout

CLUSTERS = """
[clusters.p5]
launcher = "slurm"
nodes = 4
instance_type = "p5.48xlarge"
shared = "/fsx/seatrial"

[clusters.here]
launcher = "slurm"
nodes = 2
cpus_per_node = 8
shared = "/fsx/seatrial"
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "seatrial.toml").write_text(CLUSTERS)
    return tmp_path


def call(*args: str) -> Result:
    result = CliRunner().invoke(cli, args)
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def test_a_dry_run_shows_the_plan_and_its_cost_and_starts_nothing(home, monkeypatch):
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    result = call("run", "cpu-ddp/two-node", "--on", "p5", "--dry-run")
    assert "# --- job.sbatch" in result.stdout and "nothing was started" in result.stderr
    assert "costs 2 x p5.48xlarge: $110.08/h" in result.stderr
    assert not (home / "runs").exists()


def test_a_cost_that_is_not_known_says_why():
    told = call("run", "cpu-ddp/two-node", "--on", "p5", "--dry-run").stderr
    assert "costs unknown: which region cluster p5 is in" in told
    assert "costs" not in call("render", "cpu-ddp/two-node", "--on", "p5").stderr
    assert "costs" not in call("run", "cpu-ddp/two-node", "--on", "here", "--dry-run").stderr


def test_the_cost_is_in_the_json(monkeypatch):
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    record = json.loads(call("run", "cpu-ddp/two-node", "--on", "p5", "--dry-run", "--json").stdout)
    assert record["state"] == "RENDERED" and record["cost"]["hourly"] == pytest.approx(110.08)


def test_a_dry_run_finds_what_is_wrong_as_a_run_does():
    with pytest.raises(UserError, match="loss_decreas"):
        call("run", "cpu-ddp", "--dry-run", "--expect", "loss_decreas=1")
    with pytest.raises(UserError, match="--dry-run"):
        call("run", "--all", "tiny", "--dry-run")


def expects(*args: str) -> str:
    """The line that tells what is expected; empty: nothing is."""
    return next((line for line in call(*args).stderr.splitlines() if line.startswith("expects ")), "")


def test_both_tell_what_is_expected_of_the_job_as_its_forecast_does(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    told = expects("render", "fsdp/llama3.1-8b", "--on", "p5")
    assert told == expects("run", "fsdp/llama3.1-8b", "--on", "p5", "--dry-run")
    known = json.loads(call("render", "fsdp/llama3.1-8b", "--on", "p5", "--json").stdout)["expected"]
    forecast = json.loads(call("forecast", "fsdp/llama3.1-8b", "--on", "p5", "--json").stdout)
    each, accelerators = forecast["time"]["tokens_per_second"]["expected"], forecast["time"]["accelerators"]
    assert known["rate"]["expected"] == pytest.approx(each * accelerators)
    assert f"expects {quantity(known['rate']['expected'])} (" in told
    assert f"a peak of {bytes_(known['memory']['expected'])} on a GPU" in told


def test_nothing_is_expected_of_what_says_nothing_of_its_work():
    assert not expects("render", "rates", "--on", "here")
    assert "expected" not in json.loads(call("render", "rates", "--on", "here", "--json").stdout)


def test_what_is_expected_is_kept_until_anything_changes_that_it_is_made_of(home, monkeypatch):
    words = "render", "fsdp/llama3.1-8b", "--on", "p5"
    first, made = expects(*words), forecasting._expected
    monkeypatch.setattr(forecasting, "_expected", lambda *_: pytest.fail("it was made anew"))
    assert expects(*words) == first

    def makes_anew() -> str:
        calls = []
        monkeypatch.setattr(forecasting, "_expected", lambda *args: (calls.append(args), made(*args))[1])
        told = expects(*words)
        assert len(calls) == 1
        return told

    (home / "seatrial.toml").write_text(CLUSTERS.replace("p5.48xlarge", "p5en.48xlarge"))
    assert makes_anew() != first
    (home / "cache" / "seatrial" / "forecast").mkdir()
    (home / "cache" / "seatrial" / "forecast" / "own.json").write_text("[]")
    makes_anew()
    monkeypatch.setattr(forecasting, "year", lambda: 2022.9)
    assert makes_anew() != first
    words = *words, "--set", "recompute=selective"
    assert makes_anew() != first
    words = *words, "--nodes", "2"
    makes_anew()


def test_a_plan_is_made_of_its_arguments_alone():
    files = json.loads(call("render", "fsdp/llama3.1-8b", "--on", "p5", "--json").stdout)["files"]
    assert "expected" not in json.loads(files["job.json"])


def test_what_is_expected_changes_with_the_code_of_a_case_and_on_cpus_with_the_processor(tmp_path, monkeypatch):
    path = tmp_path / "mine.py"
    path.write_text("class Args: ...")
    mine = SimpleNamespace(Args=loading.file(path).Args)
    cpu, cuda = (Layout(nodes=1, processes_per_node=1, device=device) for device in ("cpu", "cuda"))

    def rests_on() -> list[list[object]]:
        return [list(forecasting._rests_on(mine, layout)) for layout in (cpu, cuda)]

    before = rests_on()
    assert rests_on() == before
    os.utime(path, ns=(1, 1))
    edited = rests_on()
    assert edited[0] != before[0] and edited[1] != before[1]
    monkeypatch.setattr(machine, "processor", lambda: "another")
    elsewhere = rests_on()
    assert elsewhere[0] != edited[0] and elsewhere[1] == edited[1]


def test_a_plan_that_was_made_before_needs_no_numpy(home):
    words = ["render", "fsdp/llama3.1-8b", "--on", "p5"]
    end = f"cli({words}, standalone_mode=False); print('numpy' in sys.modules)"
    program = [sys.executable, "-c", f"import sys; from seatrial.cli import cli; {end}"]
    done = [subprocess.run(program, cwd=home, capture_output=True, text=True, check=True) for _ in range(2)]
    assert [one.stdout.splitlines()[-1] for one in done] == ["True", "False"]
    assert "expects " in done[1].stderr and done[0].stderr == done[1].stderr


@pytest.mark.parametrize("name", catalog.case_names())
def test_what_a_job_is_known_by_is_the_same_in_another_process(name):
    for recipe in catalog.case(name).recipes:
        layout = Layout(nodes=recipe.nodes, processes_per_node=recipe.processes_per_node or 8, device="cuda")
        assert " at 0x" not in repr((recipe.args, layout, catalog.case(name).workload(recipe.args, layout)))
