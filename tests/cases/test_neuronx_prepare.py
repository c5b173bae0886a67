"""What is prepared for trainings on Trainium: rules, the trial run under the compiler's eyes, tokens packed once."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.binding import bind
from seatrial.cases import neuronx_distributed
from seatrial.cases.neuronx_distributed.data import folder_of
from seatrial.cases.neuronx_prepare import CASE, Args, check, fidelity_of, preflight, prepare, secrets, trained
from seatrial.errors import UserError
from seatrial.events import read_events
from seatrial.findings import Finding, Verdict
from seatrial.history import History
from seatrial.spec import Layout
from seatrial.verdict import judge
from tests.clusters import LOCAL, for_recipe
from tests.ranks import Left, leaving_is_an_exception, making

TINY = CASE.recipe("tiny").args
GRAPHS = CASE.recipe("llama3-70b").args
ONE = Layout(nodes=1, processes_per_node=1, device="cpu")
SIXTEEN_NODES = Layout(nodes=16, processes_per_node=32, device="neuron")


@pytest.mark.parametrize(
    ("args", "layout", "says"),
    [
        (TINY, replace(ONE, processes_per_node=2), "processes: one process on CPUs tokenises, the job has 2"),
        (GRAPHS, ONE, "stage: neuron_parallel_compile needs the nodes that will train"),
        (replace(GRAPHS, kv_replicator=2), SIXTEEN_NODES, "kv_replicator: 8 key/value heads x kv_replicator=2"),
    ],
    ids=["processes", "device", "as the training's"],
)
def test_each_rule_has_its_message(args: Args, layout: Layout, says: str) -> None:
    [found] = [str(problem) for problem in (*args.problems(), *check(args, layout))]
    assert found.startswith(says)


def test_what_works_is_let_through_and_asks_for_no_more_than_it_needs(tmp_path: Path, monkeypatch: Any) -> None:
    assert list(check(TINY, ONE)) == list(check(GRAPHS, SIXTEEN_NODES)) == []
    assert fidelity_of(TINY, ONE)[0] == fidelity_of(GRAPHS, SIXTEEN_NODES)[0] == "real"
    tokens = CASE.recipe("llama3-tokens").args
    assert (list(secrets(TINY)), list(secrets(tokens)), list(secrets(GRAPHS))) == ([], ["HF_TOKEN"], [])
    monkeypatch.setenv("PATH", str(tmp_path))
    [missing] = [str(problem) for problem in preflight(GRAPHS)]
    assert missing.startswith("neuron_parallel_compile: is not installed here")
    assert list(preflight(TINY)) == []


@pytest.mark.parametrize("recipe", [r for r in CASE.recipes if r.instance_type], ids=lambda recipe: recipe.name)
def test_graphs_are_those_of_the_training_and_so_are_its_tokens(recipe: Any, tmp_path: Path) -> None:
    training = neuronx_distributed.CASE.recipe(recipe.name)
    assert trained(recipe.args) == training.args
    assert (recipe.nodes, recipe.instance_type) == (training.nodes, training.instance_type)
    tokens = CASE.recipe("llama3-tokens").args
    assert folder_of(trained(tokens), tmp_path) == folder_of(training.args, tmp_path), "one stage serves all recipes"


# --- the compiler


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[prepare.Node]:
    monkeypatch.delenv("NEURON_COMPILE_CACHE_URL", raising=False)
    for name, value in {"NODE_RANK": "3", "MASTER_ADDR": "node-0", "MASTER_PORT": "29500"}.items():
        monkeypatch.setenv(name, value)
    with making(prepare.Node, tmp_path / "run", monkeypatch) as make:
        yield make(launch="node", nodes=16, processes_per_node=32, device="neuron", args=asdict(GRAPHS), pins={"a": 1})


def test_the_trial_run_is_the_training_of_few_steps_on_the_same_ranks(
    node: prepare.Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = prepare.command(node)
    assert words[:4] == ["neuron_parallel_compile", sys.executable, "-m", "torch.distributed.run"]
    assert {"--nnodes=16", "--nproc-per-node=32", "--node-rank=3", "--master-addr=node-0"} <= set(words)
    assert words[-2:] == ["-m", neuronx_distributed.CASE.program]
    found = prepare.environment(GRAPHS, node)
    job = json.loads(found["SEATRIAL_JOB"])
    args = neuronx_distributed.Args(**job["args"])
    assert args == replace(trained(GRAPHS), steps=10, checkpoint_every=0, log_every=1)
    assert (job["launch"], job["pins"], job["device"]) == ("rank", {}, "neuron")
    assert found["SEATRIAL_CHECKPOINTS"] == "0" and Path(found["SEATRIAL_RUN"]).parent == node.run
    assert found["NEURON_COMPILE_CACHE_URL"] == str(node.data / "neuron-compile-cache"), "where the training looks"
    monkeypatch.setenv("NEURON_COMPILE_CACHE_URL", "s3://mine")
    assert prepare.environment(GRAPHS, node)["NEURON_COMPILE_CACHE_URL"] == "s3://mine"


def test_the_cache_is_where_the_training_looks() -> None:
    text = Path(neuronx_distributed.__file__).with_name("neuron.py").read_text()
    assert f'"{prepare.CACHE}"' in text


PRINTED = """\
2025-06-12 10:00:00.000001:  1  INFO ||NEURON_PARALLEL_COMPILE||: {
    "compilation_summary": {
2025-06-12 10:00:00.000002:  1  INFO ||NEURON_PARALLEL_COMPILE||: Total graphs: 12
2025-06-12 10:00:00.000003:  1  INFO ||NEURON_PARALLEL_COMPILE||: Total successful compilations: 12
2025-06-12 10:00:00.000004:  1  INFO ||NEURON_PARALLEL_COMPILE||: Total failed compilations: 0
"""


@pytest.mark.parametrize(
    ("printed", "verdict", "observed"),
    [
        (PRINTED, Verdict.PASS, "12 graphs: 12 compiled, 0 failed"),
        (PRINTED.replace("compilations: 12", "compilations: 11"), Verdict.FAIL, "12 graphs: 11 compiled, 0 failed"),
        (PRINTED.replace(": 0\n", ": 1\n"), Verdict.FAIL, "12 graphs: 12 compiled, 1 failed"),
        (PRINTED.replace(": 12", ": 0"), Verdict.FAIL, "0 graphs: 0 compiled, 0 failed"),
        (PRINTED[:300], Verdict.UNKNOWN, "it printed no summary"),
    ],
    ids=["good", "missing", "failed", "none", "torn"],
)
def test_the_compilers_summary_is_judged(printed: str, verdict: Verdict, observed: str) -> None:
    found = prepare.summary(printed.splitlines(keepends=True))
    assert (found.verdict, found.observed) == (verdict, observed)


def test_what_the_compiler_prints_is_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    lines = prepare.run_compiler(["sh", "-c", "echo one; echo two >&2; echo $ONE"], {"ONE": "1"}, lambda: None)
    assert "".join(lines) == capsys.readouterr().out == "one\ntwo\n1\n"
    with pytest.raises(RuntimeError, match="sh ended with code 3"):
        prepare.run_compiler(["sh", "-c", "exit 3"], {}, lambda: None)
    with pytest.raises(UserError, match="is not installed here"):
        prepare.run_compiler(["neuron_parallel_compile_is_nowhere"], {}, lambda: None)


def test_a_compiler_that_prints_nothing_can_be_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "POLL_SECONDS", 0.01)

    def stop() -> None:
        if (tmp_path / "begun").exists():
            raise Left(4)

    script = f"trap 'touch {tmp_path}/told; exit' TERM; touch {tmp_path}/begun; while :; do sleep 0.02; done"
    with pytest.raises(Left):
        prepare.run_compiler(["sh", "-c", script], {"PATH": "/usr/bin:/bin"}, stop)
    assert (tmp_path / "told").exists()


# --- whole runs


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    variables = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "NODE_RANK": "0", "MASTER_ADDR": "here"}
    for name, value in {**variables, "MASTER_PORT": "1", "SEATRIAL_DATA": str(tmp_path / "data")}.items():
        monkeypatch.setenv(name, value)
    history = History(tmp_path / "runs")

    def start(job: Any, name: str) -> tuple[Any, Any]:
        run = history.create(job, name)
        monkeypatch.setenv("SEATRIAL_RUN", str(run.path))
        with pytest.raises(Left) as caught:
            prepare.main()
        return caught.value.code, run

    with leaving_is_an_exception(monkeypatch):
        yield start


def test_tokens_are_packed_once(start: Any, tmp_path: Path) -> None:
    small = replace(TINY, sequence_length=16, sequences=50, global_batch_size=8)
    job = replace(bind(CASE, CASE.recipe("tiny"), LOCAL), args=small)
    code, run = start(job, "first")
    assert code == 0 and {f.check: f.verdict for f in judge(run)}["data.checksums"] is Verdict.PASS
    [folder] = [path for path in (tmp_path / "data").iterdir() if path.is_dir()]
    assert folder == folder_of(trained(small), tmp_path / "data")
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.bin")}
    code, _ = start(job, "again")
    assert code == 0 and {path.name: path.stat().st_mtime_ns for path in folder.glob("*.bin")} == before


def test_graphs_are_compiled_under_the_run(start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "bin/neuron_parallel_compile"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\necho $SEATRIAL_RUN $NEURON_COMPILE_CACHE_URL\ncat <<'END'\n{PRINTED}END\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:/usr/bin:/bin")
    recipe = CASE.recipe("llama3-70b")
    job = replace(bind(CASE, recipe, for_recipe(recipe)), pins={})
    code, run = start(job, "graphs")
    [found] = read_events(run.events_path).of(Finding)
    assert code == 0 and (found.check, found.verdict) == ("compile.graphs", Verdict.PASS)
