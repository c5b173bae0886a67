"""seatrial forecast: simulate."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from seatrial.cli import cli
from seatrial.errors import UserError
from tests import stories
from tests.pictures import texts

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


@pytest.mark.parametrize(("option", "many"), [("--draws", "10000001"), ("--spares", "1000000000000")])
def test_more_draws_or_spares_than_memory_holds_are_refused(option: str, many: str) -> None:
    done = simulate("--accelerators", "8", "--days", "1", option, many)
    assert str(done.exception).startswith("draws, spares: ") and "10,000,000 in all can be kept" in str(done.exception)


def test_its_picture_that_cannot_be_written_and_a_seed_below_0_are_said(tmp_path: Path) -> None:
    done = simulate(*FEW, "-o", str(tmp_path / "nowhere/x.svg"))
    assert str(done.exception).endswith("nowhere/x.svg cannot be written: No such file or directory")
    below = CliRunner().invoke(cli, ["forecast", "simulate", *FEW, "--seed", "-1"])
    assert below.exit_code == 2 and "-1 is not in the range x>=0" in below.stderr


# --- of a target


@pytest.fixture(autouse=True)
def nothing_of_one_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def told(*args: str) -> str:
    done = CliRunner().invoke(cli, ["forecast", *args])
    if isinstance(done.exception, UserError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_target_s_page_has_memory_time_and_what_they_rest_on() -> None:
    text = told("nemo-run/llama3.1-8b")
    assert text.startswith("Forecast of nemo-run/llama3.1-8b on 1 x p5.48xlarge\n")
    for words in ("Memory of a rank", "optimizer's states", "Time of a step", "matrix products", "nearest to this job"):
        assert words in text
    assert re.search(r"Memory (fits|tight|does not fit): \d+(\.\d)? of 80 GiB \(", text)


def test_as_json_it_holds_bytes_and_seconds_that_add_up() -> None:
    record = json.loads(told("megatron-lm/gpt-7.5b", "--json"))
    [stage] = record["memory"]["stages"]
    parts = ("parameters", "gradients", "optimizer", "activations", "logits", "gathered")
    assert sum(stage[name] for name in parts) == pytest.approx(stage["allocated"])
    model = record["time"]["model"]
    assert sum(value for name, value in model.items() if name != "step") == pytest.approx(model["step"])
    rate = record["time"]["tokens_per_second"]
    assert rate["low"] < rate["expected"] < rate["high"] and record["unknown"] == {}


def test_another_instance_and_other_arguments_are_forecast() -> None:
    fewer = json.loads(told("fsdp/llama3.1-8b", "--json", "--set", "recompute=full"))
    more = json.loads(told("fsdp/llama3.1-8b", "--json", "--set", "recompute=none"))
    assert fewer["memory"]["stages"][0]["activations"] < more["memory"]["stages"][0]["activations"]
    faster = json.loads(told("fsdp/llama3.1-8b", "--json", "--instance", "p6-b200.48xlarge", "--nodes", "1"))
    assert faster["place"] == "p6-b200.48xlarge"
    assert faster["time"]["tokens_per_second"]["expected"] > fewer["time"]["tokens_per_second"]["expected"]


def test_what_does_not_fit_says_what_would() -> None:
    text = told("fsdp/llama3.1-70b", "--nodes", "1", "--instance", "p5.48xlarge")
    assert "Memory does not fit:" in text


def test_on_cpus_the_time_is_unknown_and_said_to_be() -> None:
    text = told("fsdp/tiny")
    assert re.search(r"\nMiB +each rank\n", text) and re.search(r"\nparameters +1\.66\n", text), "not 0.00 GiB"
    assert "Not known" in text and "time: the rates of its processors are not known: seatrial forecast" in text


def test_a_search_names_the_best_and_how_to_take_it() -> None:
    text = told("nemo-run/llama3.1-70b", "--search", "--nodes", "8..16")
    assert "332,640 layouts" not in text and "layouts, " in text and "What forbids the others" in text
    assert "\ntake the first: seatrial run nemo-run/llama3.1-70b --nodes 16 --set " in text


def test_a_picture_of_memory_and_step_is_written_with_the_step_of_a_run(tmp_path: Path) -> None:
    path = tmp_path / "forecast.svg"
    steps = [(1.2 * n, stories.step(n, seconds=1.2, count=4 * 8 * 8192)) for n in range(1, 9)]
    stories.write_run(tmp_path, [(0.0, stories.start(world_size=32)), *steps], name="here")
    page = told("fsdp/llama3.1-8b", "-o", str(path), "--measured", "here", "--runs-dir", str(tmp_path))
    assert page.endswith(f"\nwrote {path}\n")
    said = texts(ElementTree.fromstring(path.read_text(encoding="utf-8")))
    assert said[0] == "Forecast of fsdp/llama3.1-8b on 4 x p5.48xlarge" and "80 GiB available" in said
    assert any(one.startswith("Measured: 1.2 s, ") and one.endswith(": here") for one in said)
    assert json.loads(told("fsdp/llama3.1-8b", "-o", str(path), "--json"))["unknown"] == {}
    assert "step, measured" not in path.read_text(encoding="utf-8")


def test_a_picture_of_a_search_has_its_frontier(tmp_path: Path) -> None:
    path = tmp_path / "frontier.svg"
    page = told("fsdp/llama3.1-8b", "--search", "--nodes", "1..2", "-o", str(path))
    assert page.endswith(f"\nwrote {path}\n")
    said = texts(ElementTree.fromstring(path.read_text(encoding="utf-8")))
    assert said[0].startswith("Layouts of fsdp/llama3.1-8b on 1 or 2 x p5.48xlarge") and "A" in said


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("fsdp/llama3.1-8b", "--measured", "here"), "is drawn in the picture of one layout"),
        (
            ("fsdp/llama3.1-8b", "--search", "-o", "x.svg", "--measured", "here"),
            "is drawn in the picture of one layout",
        ),
        (("fsdp/tiny", "-o", "x.svg", "--measured", "here"), "there is no step to hold it against: the rates of its"),
        (("fsdp/llama3.1-8b", "-o", "x.svg", "--measured", "here"), "has 4.1K tokens, one of this job 262K tokens"),
        (("fsdp/llama3.1-8b", "-o", "x.svg", "--measured", "short"), "short has no steady step"),
        (("fsdp/llama3.1-8b", "-o", "nowhere/x.svg"), "nowhere/x.svg cannot be written: No such file"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    args: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stories.write_run(tmp_path, stories.whole_run(), name="here")
    stories.write_run(tmp_path, [(0.0, stories.start())], name="short")
    with pytest.raises(UserError) as caught:
        told(*args, "--runs-dir", str(tmp_path))
    assert said in str(caught.value) and not (tmp_path / "x.svg").exists()


def test_the_first_of_a_search_is_forecast_as_the_search_says() -> None:
    found = json.loads(told("megatron-lm/gpt-39.1b", "--search", "--nodes", "8", "--json"))
    best = found["best"][0]
    settings = [word for name, value in best["settings"].items() for word in ("--set", f"{name}={value}")]
    again = json.loads(told("megatron-lm/gpt-39.1b", "--nodes", "8", "--json", *settings))
    assert again["time"] == best["time"] and again["memory"] == best["memory"]
    steps = [one["step"] for one in found["best"]]
    assert steps == sorted(steps)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("fsdp/tiny", "--search"), "layouts are searched on accelerators"),
        (("fsdp/llama3.1-8b", "--nodes", "1..4"), "1..4 is a range"),
        (("fsdp/llama3.1-8b", "--nodes", "x"), "'x' is neither a number nor a range"),
        (("fsdp/llama3.1-8b", "--nodes", "4..2"), "'4..2' is no range of nodes"),
        (("fsdp/llama3.1-8b", "--search", "--nodes", "1..1" + "0" * 400), "is no range of nodes, from 1 to 1,000,000"),
        (("jax/tiny", "--search", "--instance", "p5.48xlarge"), "and jax/tiny on p5.48xlarge takes none"),
        (("fsdp/llama3.1-8b", "--deadline", "1", "--budget", "1"), "--budget: is for --search"),
        (("fsdp/llama3.1-8b", "--search", "--budget", "1"), "what a node costs is unknown"),
        (("fsdp/llama3.1-8b", "--on", "x", "--instance", "p5.48xlarge"), "a cluster has instances of its own"),
        (
            ("fsdp/llama3.1-8b", "--set", "global_batch_size=1000000000000"),
            "4 nodes: the run never ends: no checkpoint",
        ),
        (("collectives/tiny",), "collectives says nothing of what its jobs compute"),
        (("simulat",), "simulat"),
    ],
)
def test_bad_input_is_said_at_once(args: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    with pytest.raises(UserError) as caught:
        told(*args)
    assert said in str(caught.value)


def test_amounts_that_cannot_be_are_said_together() -> None:
    amounts = {"--storage": "0", "--start": "nan", "--deadline": "-1", "--budget": "inf"}
    with pytest.raises(UserError) as caught:
        told("fsdp/llama3.1-8b", "--search", *[word for pair in amounts.items() for word in pair], "--measured", "here")
    said = [f"{name}: {value} is not from 1e-06 to 1e+12" for name, value in amounts.items()]
    assert str(caught.value).splitlines()[:5] == [*said, "--measured: is drawn in the picture of one layout"]


def test_a_start_of_no_time_can_be() -> None:
    assert json.loads(told("fsdp/llama3.1-8b", "--start", "0", "--storage", "10", "--json"))["run"]["complete"]


def test_the_usage_of_a_target_names_the_command_once() -> None:
    assert told("fsdp", "--help").startswith("Usage: cli forecast [OPTIONS] CASE[/RECIPE]|FILE.py\n")


def test_a_search_keeps_the_processes_that_were_asked_for() -> None:
    words = ("nemo-run/llama3.1-8b", "--search", "--nodes", "2", "--processes", "4")
    assert {one["time"]["accelerators"] for one in json.loads(told(*words, "--json"))["best"]} == {8}
    assert re.search(r"\ntake the first: seatrial run nemo-run/llama3.1-8b --nodes 2 .*--processes 4\n", told(*words))


def test_what_a_search_says_to_take_is_where_it_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cluster = '[clusters.p5]\nlauncher = "slurm"\nnodes = 8\ninstance_type = "p5.48xlarge"\n'
    (tmp_path / "seatrial.toml").write_text(cluster, encoding="utf-8")
    text = told("fsdp/llama3.1-8b", "--search", "--on", "p5")
    assert text.endswith("take the first: seatrial run fsdp/llama3.1-8b --nodes 4 --set recompute=selective --on p5\n")


def test_a_search_that_finds_nothing_says_so() -> None:
    text = told("fsdp/llama3.1-8b", "--search", "--deadline", "1e-6")
    assert "layouts, none of which can be.\n" in text and "take the first" not in text


def test_a_budget_is_held_where_prices_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    found = json.loads(told("fsdp/llama3.1-8b", "--search", "--nodes", "1..4", "--budget", "1", "--json"))
    assert found["best"] == [] and found["forbidden"]["budget"] > 0


# --- two of them


def test_two_layouts_side_by_side_say_what_is_different_and_what_follows() -> None:
    text = told("compare", "nemo-run/llama3.1-70b", "--with", "pipeline_parallel=4", "--with", "context_parallel=2")
    for line in (
        r"pipeline_parallel +8 +4",
        r"context_parallel +1 +2",
        r"pipeline bubble .* -\d+ ms",
        r"activations +\d+\.\d+ +\d+\.\d+ +-\d+\.\d+",  # fewer stages hold fewer of them
        r"verdict +\w+ +\w+",
    ):
        assert re.search(rf"(?m)^{line}$", text), line
    assert "tensor_parallel  " not in text, "it is the same"


def test_the_parts_of_both_are_those_of_each_alone() -> None:
    both = json.loads(told("compare", "fsdp/llama3.1-8b", "--with", "recompute=selective", "--json"))
    alone = json.loads(told("fsdp/llama3.1-8b", "--set", "recompute=selective", "--json"))
    assert both["b"]["memory"] == alone["memory"] and both["b"]["time"] == alone["time"]
    assert both["different"] == {"recompute": ["full", "selective"]}
    assert both["a"]["time"]["step"] > both["b"]["time"]["step"]


def test_what_is_said_of_the_second_alone_wins() -> None:
    both = json.loads(
        told("compare", "fsdp/llama3.1-8b", "--set", "recompute=none", "--with", "recompute=selective", "--json")
    )
    assert both["different"] == {"recompute": ["none", "selective"]}


def test_the_same_job_is_not_different_from_itself() -> None:
    assert "Nothing: they are the same job." in told("compare", "fsdp/llama3.1-8b", "fsdp/llama3.1-8b")


def test_steps_of_other_sizes_are_not_held_together() -> None:
    text = told("compare", "fsdp/llama3.1-8b", "--with", "global_batch_size=64")
    assert "compare rates, not seconds" in text


def test_where_a_time_is_unknown_only_memory_is_compared() -> None:
    text = told("compare", "fsdp/tiny", "--with", "micro_batch_size=1")
    assert text.count("the rates of its processors are not known: seatrial") == 2 and "pipeline bubble" not in text
    one = told("compare", "fsdp/tiny", "fsdp/llama3.1-8b")
    assert "Unknown of A: the rates of its processors" in one and "Unknown of B" not in one
    assert re.search(r"\nMiB +A +B +B - A\n", text) and re.search(r"\nGiB +A +B +B - A\n", one)
