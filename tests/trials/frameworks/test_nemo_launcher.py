"""The nemo-launcher case on Hydra and megatron-core: the tree, sizes, the same numbers in all layouts, its stages."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.cases.nemo_launcher import CASE, RECIPES, mapping, tree
from seatrial.cases.nemo_launcher.configuration import cluster
from seatrial.cases.nemo_launcher.rules import composed
from seatrial.errors import ExitCode
from seatrial.events import CheckpointLoaded, EventLog, Heartbeat, RunStart, Step, Validation
from seatrial.findings import Finding
from seatrial.runs import Run
from seatrial.spec import Layout
from tests.trials.frameworks.driver import Driver, losses

SHORT = {"steps": "10", "checkpoint_every": "4", "validation_every": "5", "data_tokens": "200000", "warmup_steps": "2"}


@pytest.fixture(scope="module")
def driver(frameworks: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    driver = Driver(frameworks, "nemo_launcher_ranks", CASE, tmp_path_factory.mktemp("nemo"), settings=SHORT)
    yield driver
    driver.close()


@pytest.fixture(scope="module")
def undisturbed(driver: Driver) -> EventLog:
    assert driver.run("undisturbed") == [0, 0], driver.logs("undisturbed")
    return events(driver, "undisturbed")


def events(driver: Driver, name: str) -> EventLog:
    log = driver.events(name)
    assert not log.of(Finding), log.of(Finding)
    return log


# --- the tree ---

ACCEPTED = [
    "training.model.optim.lr=1e-4 +training.model.rotary_base=500000",
    "'training.model.optim.betas=[0.9, 0.99]' ~training.exp_manager.log_step_timing",
    "++training.model.num_layers=6 training.run.name='a name'",
    "data_preparation.run.name=pile conversion.command=[true]",
]
REFUSED = {
    "training.model.optim.lrr=1": "lrr",
    "training.model.bias=${nowhere}": "nowhere",
    "training.model.data.splits_string=[1": "splits_string",
    "training.model.hidden_size=???": "training.model.hidden_size: is not given",
}


@pytest.fixture(scope="module")
def compositions(driver: Driver) -> dict[str, Any]:
    folder = driver.prepare("compositions")
    (folder / "asked.json").write_text(json.dumps([*ACCEPTED, *REFUSED]))
    assert driver.start("compositions", "compositions", world_size=1) == [0], driver.logs("compositions")
    found: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return found


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_what_is_read_before_a_run_is_what_hydra_composes(compositions: dict[str, Any], recipe: Any) -> None:
    device: Any = "cuda" if recipe.instance_type else "cpu"
    layout = Layout(nodes=recipe.nodes, processes_per_node=recipe.processes_per_node or 8, device=device)
    agree(composed(recipe.args, layout), compositions["recipes"][recipe.name])


@pytest.mark.parametrize("text", ACCEPTED)
def test_overrides_are_read_as_hydra_reads_them(compositions: dict[str, Any], text: str) -> None:
    layout = Layout(nodes=1, processes_per_node=2, device="cpu")
    agree(composed(replace(RECIPES[0].args, overrides=text), layout), compositions["overrides"][text])


def agree(ours: dict[str, Any], hydra: dict[str, Any]) -> None:
    assert ours.keys() == hydra.keys()
    assert tree.MISSING not in map(str, hydra.values())
    known = {key: value for key, value in ours.items() if "${" not in str(value)}
    assert known == {key: hydra[key] for key in known}
    assert known.keys() >= {f"training.{key}" for key in mapping.MAPPED}


@pytest.mark.parametrize("text", REFUSED)
def test_what_hydra_refuses_is_one_clear_line(compositions: dict[str, Any], text: str) -> None:
    said = compositions["overrides"][text]
    assert isinstance(said, str) and REFUSED[text] in said
    assert "Traceback" not in said and len(said.splitlines()) <= 2


def test_sizes_are_what_megatron_itself_says(driver: Driver) -> None:
    folder = driver.prepare("sizes")
    assert driver.start("sizes", "sizes", world_size=1) == [0], driver.logs("sizes")
    found = json.loads((folder / "found.json").read_text())
    assert found == {recipe.name: recipe.parameters for recipe in RECIPES}


# --- parity ---

LAYOUTS: dict[str, dict[str, Any]] = {
    # First, since the distributed optimizer has nothing to save before its first step.
    "dp2": {"overrides": "training.model.optim.name=fused_adam"},
    "dp2, sharded and overlapped": {},
    "dp2, not overlapped": {"overrides": "training.model.optim.overlap_param_sync=false"},
    "dp2, recomputed": {"overrides": "training.model.activations_checkpoint_granularity=full"},
    "tp2": {"tensor_parallel": 2, "overrides": "training.model.make_vocab_size_divisible_by=64"},
    "pp2": {"pipeline_parallel": 2, "overrides": "training.model.optim.name=fused_adam"},
}


@pytest.mark.parametrize("model", ["gpt3/tiny", "llama/tiny"])
def test_every_layout_gives_the_same_loss_and_gradient(driver: Driver, model: str) -> None:
    name = f"layouts-{model.partition('/')[0]}"
    folder = driver.prepare(name, steps="4", training=model, validation_every="0", warmup_steps="1")
    layouts = LAYOUTS if model == "gpt3/tiny" else {layout: LAYOUTS[layout] for layout in ("dp2", "tp2", "pp2")}
    (folder / "layouts.json").write_text(json.dumps(layouts))
    assert driver.start(name, "layouts") == [0, 0], driver.logs(name)
    first, second = (json.loads((folder / f"layouts-{rank}.json").read_text()) for rank in (0, 1))
    assert first == second  # the same floats on both ranks
    wanted = first["dp2"]
    assert wanted[-1][0] < wanted[0][0] - 0.1  # it learns, so that the later steps compare updates too
    for layout in layouts:
        for (loss, norm), (wanted_loss, wanted_norm) in zip(first[layout], wanted, strict=True):
            assert loss == pytest.approx(wanted_loss, rel=2e-6), layout
            assert norm == pytest.approx(wanted_norm, rel=2e-5), layout


# --- whole runs ---


def stage(folder: Path, name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((folder / "stages" / f"{name}.json").read_text())
    return record


def test_a_run_completes_and_its_ranks_agree(driver: Driver, undisturbed: EventLog) -> None:
    folder = driver.root / "undisturbed"
    assert sorted(losses(undisturbed)) == list(range(1, 11))
    assert losses(undisturbed)[10] < losses(undisturbed)[1] - 0.5
    end = undisturbed.end()
    assert end is not None and (end.outcome, end.step, end.ranks_agree) == ("completed", 10, True)
    step = undisturbed.of(Step)[-1]
    assert step.count == 8 * 128 and step.seconds > 0 and step.grad_norm > 0 and step.learning_rate > 0
    assert [v.step for v in undisturbed.of(Validation)] == [5, 10]
    assert stage(folder, "training")["ranks_agree"] is True and stage(folder, "data_preparation")["digest"]
    assert "micro_batch_size: 2" in (folder / "stages" / "training.yaml").read_text()
    job = Run(folder).job
    assert job.fidelity == "stand-in" and "instead of NeMo" in job.fidelity_note


def test_a_killed_run_goes_on_as_if_nothing_had_happened(driver: Driver, undisturbed: EventLog) -> None:
    folder = driver.prepare("killed")
    assert driver.start("killed", when='"type": "step", "step": 6') == [-signal.SIGKILL] * 2
    before = (folder / "stages" / "data_preparation.json").stat().st_mtime_ns
    assert not (folder / "stages" / "training.json").exists()
    assert driver.start("killed") == [0, 0], driver.logs("killed")
    log = events(driver, "killed")
    loaded = log.last(CheckpointLoaded)
    assert loaded is not None and loaded.step == 4
    assert losses(log) == losses(undisturbed)  # to the last bit
    assert (folder / "stages" / "data_preparation.json").stat().st_mtime_ns == before  # not done again
    assert "data_preparation: done before" in [beat.phase for beat in log.of(Heartbeat)]


def test_stages_come_one_after_the_other_and_a_failed_one_stops_the_rest(driver: Driver, tmp_path: Path) -> None:
    """Training stopped and resumed, converted; then an evaluation that fails, and that is run again alone."""
    flag = tmp_path / "flag"
    look = tmp_path / "look.py"
    look.write_text(f"import sys, pathlib; sys.exit(0 if pathlib.Path({str(flag)!r}).exists() else 3)")
    names = "data_preparation,training,conversion,evaluation"
    folder = driver.prepare("stages", stages=names, overrides=f"evaluation.command=[python,{look}]")
    codes = driver.start("stages", when='"type": "step", "step": 5', number=signal.SIGTERM)
    assert codes == [ExitCode.STOPPED] * 2, driver.logs("stages")
    assert not (folder / "stages" / "conversion.json").exists()

    codes = driver.start("stages")
    assert codes == [ExitCode.USAGE] * 2, driver.logs("stages")
    end = driver.events("stages").end()
    assert end is not None and end.final and "stage evaluation" in end.reason and "did not end well" in end.reason
    weights = folder / "results" / "convert_gpt3_tiny" / "weights.pt"
    converted = weights.stat().st_mtime_ns
    log = (folder / "rank-0.log").read_text()
    assert "1,104,640 parameters of step 10 in" in log

    flag.touch()
    assert driver.start("stages") == [0, 0], driver.logs("stages")
    log_of_events = events(driver, "stages")
    assert sorted(losses(log_of_events)) == list(range(1, 11))  # none twice: training was not done again
    assert [start.start_step for start in log_of_events.of(RunStart)][-1] == 10
    last = log_of_events.end()
    assert last is not None and (last.outcome, last.ranks_agree) == ("completed", True)
    assert weights.stat().st_mtime_ns == converted


def test_a_benchmark_has_mock_data_and_leaves_its_figures(driver: Driver) -> None:
    codes = driver.run("benchmark", stages="training", benchmark="true", dataset="mock", tensor_parallel="2")
    assert codes == [0, 0], driver.logs("benchmark")
    log = events(driver, "benchmark")
    assert sorted(losses(log)) == list(range(1, 11)) and not log.of(Validation)
    folder = driver.root / "benchmark"
    assert not list((folder / "checkpoints").iterdir())
    [result] = (folder / "results").glob("gpt3_tiny-*Z.json")
    figures = json.loads(result.read_text())
    assert figures["steady_steps"] == 8
    assert figures["tokens_per_second"] == pytest.approx(8 * 128 / figures["step_seconds"])


# --- NeMo's own program ---

PRETRAINING = """
import re
import sys
from pathlib import Path

import torch.distributed as dist
from omegaconf import OmegaConf

folder, name = (word.partition("=")[2] for word in sys.argv[1:])
cfg = OmegaConf.load(Path(folder, name))
assert cfg.cluster_type == "BCP" and cfg.trainer.accelerator == "gpu" and cfg.trainer.devices == 2
assert cfg.exp_manager.resume_if_exists and cfg.model.data.data_impl == "mmap"
checkpoints = Path(cfg.exp_manager.checkpoint_callback_params.dirpath)
assert dist.is_initialized()
first = max((int(re.search("step=([0-9]+)", path.name)[1]) for path in checkpoints.glob("*")), default=0)
last = 4 if first == 0 else cfg.trainer.max_steps  # the first start is asked to stop
if dist.get_rank() == 0:
    shown = ""
    for n in range(first + 1, last + 1):
        for text in (shown, f", reduced_train_loss={9 - n / 10:.3f}, global_step={n - 1:.2f}, "
                            f"consumed_samples={8.0 * (n - 1)}, train_step_timing in s=0.500"):
            shown = text
            sys.stdout.write(f"\\rEpoch 0: :  {n}%|#   | {n}/{cfg.trainer.max_steps} [00:01<00:09{text}]")
    if last == cfg.trainer.max_steps:
        sys.stdout.write("\\n`Trainer.fit` stopped: `max_steps=10` reached.\\n")
    else:
        sys.stdout.write("\\n")
        (checkpoints / f"megatron_gpt--step={last}-consumed_samples=32.0-last").mkdir()
dist.barrier()
if last < cfg.trainer.max_steps:
    sys.exit(0)
"""


def test_nemos_program_gets_its_configuration_and_is_read_stopped_and_resumed(driver: Driver, tmp_path: Path) -> None:
    """A stand-in for megatron_gpt_pretraining.py, which needs NeMo's container: YAML, bars, stopping, resuming."""
    program = tmp_path / "examples" / "nlp" / "language_modeling" / "megatron_gpt_pretraining.py"
    program.parent.mkdir(parents=True)
    program.write_text(PRETRAINING)
    driver.prepare("nemo", source=str(tmp_path), dataset=f"indexed:{tmp_path}/text_document", stages="training")
    assert driver.start("nemo", "pretrain") == [ExitCode.STOPPED] * 2, driver.logs("nemo")
    end = events(driver, "nemo").end()
    assert end is not None and (end.outcome, end.step) == ("stopped", 4)
    assert driver.start("nemo", "pretrain") == [0, 0], driver.logs("nemo")
    log = events(driver, "nemo")
    assert losses(log) == pytest.approx({n: 9 - n / 10 for n in range(1, 11)})
    assert [start.start_step for start in log.of(RunStart)] == [0, 4]
    assert {step.seconds for step in log.of(Step)} == {0.5}


def test_without_nemo_the_image_is_named(driver: Driver, tmp_path: Path) -> None:
    driver.prepare("bare", source=str(tmp_path), dataset=f"indexed:{tmp_path}/text_document", stages="training")
    assert driver.start("bare", "pretrain") == [ExitCode.USAGE] * 2
    end = driver.events("bare").end()
    assert end is not None and end.final and "nvcr.io/nvidia/nemo:24.12" in end.reason


def test_the_tree_has_both_clusters() -> None:
    assert {cluster(Layout(nodes=1, processes_per_node=1, device=device)) for device in ("cpu", "cuda")} == {
        path.stem for path in (tree.CONF / "cluster").iterdir()
    }
