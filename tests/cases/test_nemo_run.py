"""The nemo-run case without NeMo-Run: rules, recipes, the log that it reads, settings of executors."""

from __future__ import annotations

import inspect
import math
import os
import signal
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.binding import bind
from seatrial.cases import megatron_lm, nemo_run
from seatrial.cases.nemo_run import CASE, RECIPES, Args
from seatrial.cases.nemo_run.executors import skypilot_settings, variables
from seatrial.cases.nemo_run.log import Reader
from seatrial.cases.nemo_run.megatron import megatron_args
from seatrial.cases.nemo_run.models import MODELS
from seatrial.cases.nemo_run.rules import check, preflight
from seatrial.cluster import Cluster, Mount
from seatrial.errors import ExitCode, UserError
from seatrial.events import Step, Validation
from seatrial.hardware import instances
from seatrial.launchers import kubernetes
from seatrial.models import DEEPSEEK
from seatrial.rank.lines import clean
from seatrial.spec import Layout
from tests.clusters import LOCAL, P5
from tests.waiting import poll

RECORDED = Path(__file__).with_name("recorded")
TINY = CASE.recipe("tiny")
TWO_RANKS = Layout(nodes=1, processes_per_node=2, device="cpu")
GPUS = Layout(nodes=1, processes_per_node=8, device="cuda")


def problems(layout: Layout, recipe: str = "tiny", **changes: Any) -> list[str]:
    changed = replace(CASE.recipe(recipe).args, **changes)
    return [str(problem) for problem in (*changed.problems(), *check(changed, layout))]


# --- rules ---


@pytest.mark.parametrize(
    ("recipe", "changes", "layout", "says"),
    [
        ("tiny", {"model": "llama-3"}, TWO_RANKS, "model: no model is called 'llama-3'"),
        ("tiny", {"steps": 0}, TWO_RANKS, "steps: 0 is less than 1"),
        ("tiny", {"min_learning_rate": 1.0}, TWO_RANKS, "min_learning_rate: 1.0 is not between 0 and learning_rate"),
        ("tiny", {"virtual_pipeline": 0}, TWO_RANKS, "virtual_pipeline: 0 is less than 1"),
        ("tiny", {"model": "llama3.1-8b"}, GPUS, "model: only NeMo trains llama3.1-8b"),
        ("tiny", {"task": "lora"}, TWO_RANKS, "task: only NeMo does it"),
        ("tiny", {"virtual_pipeline": 2}, TWO_RANKS, "virtual_pipeline: only NeMo does it"),
        ("tiny", {"async_checkpoints": True}, TWO_RANKS, "async_checkpoints: only NeMo does it"),
        ("tiny", {"global_batch_size": 6}, TWO_RANKS, "global_batch_size: 6 do not divide into 2 data-parallel ranks"),
        ("tiny", {"context_parallel": 2}, TWO_RANKS, "context_parallel: runs on GPUs only"),  # megatron-lm says so
        (
            "tiny",
            {"tensor_parallel": 3},
            Layout(nodes=1, processes_per_node=3, device="cpu"),
            "tensor_parallel: 3 ranks cannot share a vocabulary that is padded to 128",
        ),
        ("tiny-nemo", {"tensor_parallel": 4}, Layout(nodes=1, processes_per_node=4, device="cpu"), "2 query groups"),
        ("tiny-nemo", {"context_parallel": 2}, TWO_RANKS, "context_parallel: runs on GPUs only: only Transformer"),
        ("tiny-nemo", {"sequence_parallel": True}, TWO_RANKS, "sequence_parallel: runs on GPUs only"),
        ("tiny-nemo", {"dataset": "synthetic"}, TWO_RANKS, "dataset: runs on GPUs only: NeMo's mock data"),
        ("tiny-nemo", {"dataset": "squad"}, TWO_RANKS, "dataset: 'squad' is data to fine-tune on"),
        ("tiny-nemo", {"task": "lora", "dataset": "squad"}, TWO_RANKS, "model: nobody published weights of llama-tiny"),
        ("tiny-nemo", {"restore": "/ckpt"}, TWO_RANKS, "restore: pre-training begins with weights of its own"),
        ("tiny-nemo", {"expert_parallel": 2}, TWO_RANKS, "expert_parallel: llama-tiny has no experts"),
        ("tiny-nemo", {"virtual_pipeline": 2}, TWO_RANKS, "virtual_pipeline: there is no pipeline"),
        ("tiny-nemo", {"sequence_length": 4096}, TWO_RANKS, "sequence_length: 4096 is more than the 2048 tokens"),
        ("llama3.1-8b", {}, TWO_RANKS, "model: llama3.1-8b runs on GPUs only"),
        ("llama3.1-8b", {"tensor_parallel": 3}, GPUS, "tensor_parallel: 32 attention heads do not divide"),
        ("llama3.1-8b", {"sequence_parallel": True}, GPUS, "sequence_parallel: there is no tensor parallelism"),
        ("llama3.1-8b", {"task": "sft"}, GPUS, "dataset: 'synthetic' is no data to fine-tune on"),
        ("llama3.1-8b", {"context_parallel": 3}, GPUS, "degrees"),
        ("llama3.1-70b-lora", {"virtual_pipeline": 3}, GPUS, "80 layers do not divide by pipeline_parallel x virtual"),
        ("llama3.1-405b", {"virtual_pipeline": 9}, Layout(nodes=16, processes_per_node=8, device="cuda"), "128 layers"),
        ("mixtral-8x7b", {"expert_parallel": 3}, Layout(nodes=8, processes_per_node=8, device="cuda"), "8 experts"),
        (
            "mixtral-8x7b",
            {"expert_parallel": 8, "tensor_parallel": 2, "global_batch_size": 8},
            GPUS,
            "expert_parallel: 4 data- and context-parallel ranks do not divide into groups of 8",
        ),
    ],
)
def test_what_cannot_be(recipe: str, changes: dict[str, Any], layout: Layout, says: str) -> None:
    found = problems(layout, recipe, **changes)
    wanted = "ranks do not divide into groups" if says == "degrees" else says
    assert any(wanted in text for text in found), found


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_recipe_holds_at_its_own_scale(recipe: Any) -> None:
    if recipe.instance_type is None:
        assert problems(TWO_RANKS, recipe.name) == []
        return
    ranks = instances.instance(recipe.instance_type).ranks
    assert problems(Layout(nodes=recipe.nodes, processes_per_node=ranks, device="cuda"), recipe.name) == []


def test_what_is_wrong_on_this_machine(tmp_path: Path) -> None:
    nemo = CASE.recipe("tiny-nemo").args
    [problem] = preflight(nemo)
    assert "seatrial env create nemo" in str(problem)
    [problem] = preflight(replace(nemo, python="/none"))
    assert str(problem).startswith("python /none: there is no such Python")
    (tmp_path / "python").touch()
    assert list(preflight(replace(nemo, python=str(tmp_path / "python")))) == []
    assert list(preflight(TINY.args)) == []
    [lost] = preflight(replace(TINY.args, tokenizer="/none/tokenizer.json"))
    assert lost.where == "/none/tokenizer.json"


def test_secrets() -> None:
    lora = CASE.recipe("llama3.1-70b-lora").args
    assert CASE.secrets(lora) == ("HF_TOKEN",)
    assert CASE.secrets(replace(lora, restore="/fsx/llama")) == ()
    assert CASE.secrets(CASE.recipe("llama3.1-8b").args) == CASE.secrets(TINY.args) == ()


# --- recipes ---

LAYOUTS = {
    # GPUs, global and micro-batch, sequence, TP/PP/CP/VP/EP, micro-batches that are accumulated: the published table
    "llama3.1-8b": (8, 128, 1, 8192, "1/1/2/1/1", 32),
    "llama3.1-8b-b200": (8, 128, 2, 8192, "1/1/1/1/1", 8),
    "llama3.1-70b": (64, 128, 1, 8192, "4/8/1/5/1", 64),
    "llama3.1-70b-b200": (64, 128, 1, 8192, "2/4/2/5/1", 32),
    "llama3.1-405b": (128, 64, 1, 8192, "8/8/2/8/1", 64),
    "mixtral-8x7b": (64, 256, 2, 4096, "1/1/1/1/8", 2),
    "deepseek-v3": (256, 2048, 1, 4096, "2/16/1/1/8", 256),
    "llama3.1-8b-sft": (8, 8, 1, 16_384, "1/1/1/1/1", 1),
    "llama3.1-70b-sft": (32, 32, 1, 4096, "2/4/1/5/1", 8),
    "llama3.1-70b-lora": (8, 32, 1, 4096, "1/4/1/20/1", 16),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_are_those_of_the_published_table(name: str) -> None:
    recipe = CASE.recipe(name)
    args, ranks = recipe.args, instances.instance(recipe.instance_type).ranks
    layout = Layout(nodes=recipe.nodes, processes_per_node=ranks, device="cuda")
    degrees = "/".join(
        str(getattr(args, f"{word}_parallel")) if word != "virtual" else str(args.virtual_pipeline)
        for word in ("tensor", "pipeline", "context", "virtual", "expert")
    )
    workload = CASE.workload(args, layout)
    assert workload is not None
    batches = args.global_batch_size, args.micro_batch_size, args.sequence_length
    assert (layout.world_size, *batches, degrees, workload.micro_batches) == LAYOUTS[name]


def test_models_are_what_they_are_called() -> None:
    assert {name: model.padded.parameters() for name, model in MODELS.items()} == {
        "llama-tiny": 885_888,
        "llama3.1-180m": 179_915_520,
        "llama3.1-8b": 8_030_261_248,
        "llama3.1-70b": 70_553_706_496,
        "llama3.1-405b": 405_853_388_800,
        "mixtral-8x7b": 46_702_792_704,
        "deepseek-v3": 671_026_404_352,
    }
    deepseek = DEEPSEEK["deepseek-v3"]  # arXiv:2412.19437: 671 B, of which 37 B work on a token
    assert round(deepseek.parameters(active_only=True) / 1e9) == 38  # with both embeddings
    assert round(deepseek.matmul_parameters() / 1e9) == 37
    assert deepseek.expert_parameters() == 58 * 256 * 3 * 7168 * 2048
    assert deepseek.flops_per_token(4096)["full"] == pytest.approx(
        6 * deepseek.matmul_parameters() + 6 * 61 * 128 * (192 + 128) * 4096
    )


def test_the_published_figure_stays_with_its_hardware() -> None:
    l40s = replace(P5, instance_type="g6e.24xlarge", accelerators_per_node=4)
    recipe = CASE.recipe("llama3.1-180m")
    [figure] = bind(CASE, recipe, l40s).published
    assert figure.value == round(512 * 1024 / 47.0 / 4)
    assert bind(CASE, recipe, P5).published == ()
    assert bind(CASE, recipe, l40s, settings={"micro_batch_size": "2"}).published == ()


def test_fidelity_says_which_program_trains() -> None:
    def told(name: str, layout: Layout) -> tuple[str, str]:
        assert CASE.fidelity_of is not None
        return CASE.fidelity_of(CASE.recipe(name).args, layout)

    assert told("tiny", TWO_RANKS)[0] == "real-core" and "instead of NeMo's recipe; gloo" in told("tiny", TWO_RANKS)[1]
    assert told("tiny-nemo", TWO_RANKS)[0] == "real-core" and "llm.pretrain" in told("tiny-nemo", TWO_RANKS)[1]
    assert told("llama3.1-8b", GPUS) == ("real", "")


# --- the engine megatron-core ---


def test_every_argument_reaches_megatron() -> None:
    """The same word means the same there, and what only NeMo has is refused."""
    args = replace(TINY.args, beta1=0.5, beta2=0.6, grad_clip=2.0, seed=7, checkpoint_keep=3, log_every=2)
    given = megatron_args(args)
    common = {field.name for field in fields(Args)} & {field.name for field in fields(given)}
    assert {name for name in common if getattr(given, name) != getattr(args, name)} == set()
    assert {field.name for field in fields(Args)} - common == {
        "engine", "python", "task", "restore", "virtual_pipeline", "expert_parallel", "async_checkpoints",
    }  # fmt: skip


def test_the_model_is_the_same_in_every_layout() -> None:
    for degree in (1, 2):
        given = megatron_args(replace(TINY.args, tensor_parallel=degree))
        assert given.make_vocab_size_divisible_by * degree == 128
        layout = Layout(nodes=1, processes_per_node=2, device="cpu")
        workload = megatron_lm.CASE.workload(given, layout)
        assert workload is not None and workload.parameters == TINY.parameters


# --- executors ---

EKS = replace(
    P5,
    launcher="kubernetes",
    image="registry/nemo:1",
    shared="/fsx/seatrial",
    mounts=(Mount(source="fsx-claim", target="/fsx"), Mount(source="/data", target="/data", read_only=True)),
    environment={"NCCL_DEBUG": "INFO"},
    options=kubernetes.Options(context="eks"),
)


def test_skypilot_gets_what_our_own_manifest_has() -> None:
    job = bind(CASE, CASE.recipe("llama3.1-8b"), EKS, nodes=2)
    settings = skypilot_settings(job, EKS)
    assert settings["container_image"] == "docker:registry/nemo:1" and settings["infra"] == "k8s/eks"
    assert (settings["gpus"], settings["gpus_per_node"], settings["num_nodes"]) == ("H100", 8, 2)
    manifest = kubernetes.LAUNCHER.render(job, EKS, "run-1").files["manifest.yaml"]
    for name, value in settings["env_vars"].items():
        assert f"name: {name}" in manifest and value in manifest
    [container] = settings["cluster_config_overrides"]["kubernetes"]["pod_config"]["spec"]["containers"]
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/dev/shm", "/fsx", "/data"]
    assert container["resources"]["limits"] == {"vpc.amazonaws.com/efa": "32"}
    assert "vpc.amazonaws.com/efa: 32" in manifest.replace('"', "")


def test_a_variable_in_small_letters_is_refused() -> None:
    """NeMo-Run writes names in capitals, so that the ranks would never see it."""
    cluster = replace(EKS, environment={"http_proxy": "http://proxy"})
    with pytest.raises(UserError, match=r"environment\.http_proxy: NeMo-Run would write it in capitals"):
        variables(bind(CASE, CASE.recipe("llama3.1-8b"), cluster), cluster)


def test_what_sky_pilot_cannot_do_without_is_said() -> None:
    job = bind(CASE, CASE.recipe("llama3.1-8b"), EKS)
    with pytest.raises(UserError, match=r"clusters\.p5\.image: is missing"):
        skypilot_settings(job, replace(EKS, image=None))


# --- the log ---

LINE = (
    "Training epoch 1, iteration 10/999 | lr: 4.498e-06 | global_batch_size: 512 | global_step: 29 | "
    "reduced_train_loss: 11.03 | train_step_timing in s: 46.84 | consumed_samples: 15360"
)


def read(*lines: str, args: Args | None = None) -> list[Any]:
    reader = Reader(args or CASE.recipe("llama3.1-180m").args, 4)
    return [event for line in lines for event in reader.read(clean(line))]


def test_a_metric_line_is_a_step() -> None:
    assert read(LINE) == [Step(step=30, loss=11.03, learning_rate=4.498e-6, count=512 * 1024, seconds=46.84)]


def test_lines_of_engines() -> None:
    for prefix in ("(pretraining, pid=4112) ", "0: ", "[default0]:", "ranks/0 [default0]:", "pretrain-x/0 [default0]:"):
        assert read(prefix + LINE) == read(LINE), prefix
    assert read(f"\x1b[32mranks/0\x1b[0m [default0]:{LINE}\r\n") == read(LINE)


def test_gradient_norm_and_validation() -> None:
    told = f"{LINE} | grad_norm: 1.25 | val_loss: 10.5"
    validation, step = sorted(read(told), key=lambda event: event.step)
    assert step.grad_norm == 1.25
    assert isinstance(validation, Validation) and validation.metrics == {"loss": 10.5} and validation.step == 29
    assert [type(event) for event in read(told, told)] == [Step, Validation, Step]  # until the next one it is repeated
    again = read(told, "Validation: iteration 1/2", "Validation: iteration 2/2", told)
    assert [type(event) for event in again] == [Step, Validation, Step, Validation]  # though its loss is the same
    [broken] = read(LINE.replace("11.03", "nan"))
    assert math.isnan(broken.loss)


def test_no_metric_line_is_lost_in_silence() -> None:
    """Cut anywhere, or run into by another rank's line: it is read whole, or it is reported."""
    first, last = len("Training epoch 1"), LINE.index(" | consumed_samples")
    for end in range(first, len(LINE)):
        for torn in (LINE[:end] + LINE, LINE[:end] + "[rank1]: Traceback" + LINE[end:]):
            with pytest.raises(ValueError, match=r"."):
                read(torn)
    for end in range(first, last - len("46.84")):
        with pytest.raises(ValueError, match=r"."):
            read(LINE[:end])


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Scheduled async checkpoint save for /run/checkpoints/nemo/step=20.ckpt",
        "Async checkpoint save for step 20 (/run/step=20.ckpt) finalized successfully.",
        "Validation: iteration 1/2",
    ],
)
def test_other_lines_say_nothing(line: str) -> None:
    assert read(line) == []


def test_what_was_recorded_is_read_whole() -> None:
    """Of NeMo 2.7.3, on two CPU ranks."""
    lines = (RECORDED / "nemo_run.log").read_text().splitlines()
    args = CASE.recipe("tiny-nemo").args
    events = read(*lines, args=args)
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.step for step in steps] == list(range(1, 13))
    assert [step.loss for step in steps][:3] == [5.933, 5.33, 4.827]
    assert all(step.seconds > 0 and step.count == 8 * 128 and step.learning_rate for step in steps)
    validations = [event for event in events if isinstance(event, Validation)]
    assert [(v.step, v.metrics["loss"]) for v in validations] == [(5, 4.003), (10, 3.463)]


def test_megatron_core_s_lines_are_read_as_its_own_case_does() -> None:
    lines = (RECORDED / "megatron.log").read_text().splitlines()
    events = read(*(f"ranks/0 [default0]:{line}" for line in lines), args=TINY.args)
    assert len([event for event in events if isinstance(event, Step)]) > 5


# --- the programs ---


def test_the_readme_names_every_recipe_and_file() -> None:
    folder = Path(inspect.getfile(nemo_run)).parent
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert [recipe.name for recipe in RECIPES if f"`{recipe.name}`" not in text] == []
    assert [
        path.name for path in folder.glob("*.py") if path.name not in ("__init__.py",) and f"`{path.name}`" not in text
    ] == []


def test_it_runs_on_this_machine_once_per_node() -> None:
    from seatrial.launchers import local

    plan = local.LAUNCHER.render(bind(CASE, TINY, LOCAL), LOCAL, "run-1")
    assert [command.title for command in plan.commands] == ["node 0"]
    assert isinstance(LOCAL, Cluster) and plan.commands[0].env["NPROC_PER_NODE"] == "2"


def test_what_torchrun_told_is_the_exit_code_of_the_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from seatrial.cases.nemo_run import train

    outcome = tmp_path / "outcome"
    assert train._told(outcome) == ExitCode.FAILED  # torchrun was killed before it could tell
    outcome.write_text("75\nRoot Cause (first observed failure):\n")
    assert train._told(outcome) == ExitCode.STOPPED
    assert "Root Cause" in capsys.readouterr().out


def test_the_torchrun_that_nemo_run_finds_is_of_the_ranks_python(tmp_path: Path) -> None:
    from seatrial.cases.nemo_run import train

    witness = tmp_path / "a python"
    witness.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    witness.chmod(0o755)
    folder = train._torchrun(str(witness), tmp_path)
    done = subprocess.run([folder / "torchrun", "--nnodes", "1 2"], capture_output=True, text=True, check=True)
    assert done.stdout == "-m|seatrial.cases.nemo_run.torchrun|--nnodes|1 2|"


RANKS = '''
import os, subprocess, sys, time
from types import ModuleType
from pathlib import Path

RANK = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
print("ready", flush=True)
time.sleep(60)
"""

def rank():
    child = subprocess.Popen([sys.executable, "-c", RANK], stdout=subprocess.PIPE, start_new_session=True)
    child.stdout.readline()
    Path(sys.argv[1]).write_text(str(child.pid))
    code = child.wait()
    if code:
        failed = ChildFailedError()
        failed.code = code
        raise failed

class Failure:
    def __init__(self, exitcode):
        self.exitcode = exitcode

class ChildFailedError(Exception):
    def get_first_failure(self):
        return 0, Failure(self.code)

for name in ("torch", "torch.distributed", "torch.distributed.run", "torch.distributed.elastic",
             "torch.distributed.elastic.multiprocessing", "torch.distributed.elastic.multiprocessing.errors"):
    sys.modules[name] = ModuleType(name)
sys.modules["torch.distributed"].run = sys.modules["torch.distributed.run"]
sys.modules["torch.distributed.run"].main = rank
sys.modules["torch.distributed.elastic.multiprocessing.errors"].ChildFailedError = ChildFailedError
from seatrial.cases.nemo_run import torchrun
torchrun.main()
'''


def torchrun(folder: Path, program: str = RANKS) -> tuple[subprocess.Popen[bytes], int]:
    """Our torchrun over a stand-in for torch's, with one rank; its process, and the rank's number."""
    place = folder / "pid"
    environment = {**os.environ, "SEATRIAL_TORCHRUN_OUTCOME": str(folder / "outcome")}
    place.unlink(missing_ok=True)
    process = subprocess.Popen([sys.executable, "-c", program, str(place)], env=environment)
    poll(lambda: place.exists() and place.read_text() != "", 30, "the rank runs")
    return process, int(place.read_text())


@pytest.mark.parametrize(("number", "told"), [(signal.SIGTERM, 75), (signal.SIGKILL, 1), (signal.SIGUSR1, 1)])
def test_a_request_reaches_the_ranks_and_their_code_comes_back(tmp_path: Path, number: int, told: int) -> None:
    process, rank = torchrun(tmp_path)
    os.kill(rank if number == signal.SIGKILL else process.pid, number)
    assert process.wait(timeout=30) == told
    assert (tmp_path / "outcome").read_text().splitlines()[0] == str(told)


def test_a_rank_that_could_not_save_yet_ends_by_the_request(tmp_path: Path) -> None:
    """So that the launcher calls the run stopped, not failed."""
    plain = RANKS.replace("signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))", "")
    process, _ = torchrun(tmp_path, plain)
    process.terminate()
    assert process.wait(timeout=30) == 1
    assert (tmp_path / "outcome").read_text().splitlines()[0] == str(-signal.SIGTERM)


def test_no_rank_outlives_who_started_torchrun(tmp_path: Path) -> None:
    """Killed without a chance to say so: torchrun ends by itself, with the rank, which is in a session of its own."""
    waits = "import subprocess, sys; subprocess.Popen(sys.argv[1:]).wait()"
    environment = {**os.environ, "SEATRIAL_TORCHRUN_OUTCOME": str(tmp_path / "outcome")}
    command = [sys.executable, "-c", waits, sys.executable, "-c", RANKS, str(tmp_path / "pid")]
    parent = subprocess.Popen(command, env=environment)
    place = tmp_path / "pid"
    poll(lambda: place.exists() and place.read_text() != "", 30, "the rank runs")
    parent.kill()
    parent.wait()
    poll(lambda: not Path(f"/proc/{place.read_text()}").exists(), 30, "the rank is gone")
