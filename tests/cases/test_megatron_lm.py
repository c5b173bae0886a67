"""The megatron-lm case without megatron-core: rules, recipes, the command line it writes, the log that it reads."""

from __future__ import annotations

import inspect
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.binding import bind
from seatrial.cases import megatron_lm
from seatrial.cases.megatron_lm import CASE, RECIPES, Args
from seatrial.cases.megatron_lm.flags import flags, profiling
from seatrial.cases.megatron_lm.log import Reader
from seatrial.cases.megatron_lm.options import parse
from seatrial.cases.megatron_lm.rules import check, preflight
from seatrial.cases.megatron_lm.sizes import SIZES, padded
from seatrial.errors import UserError
from seatrial.events import Step, Validation
from seatrial.profiling import Profile
from seatrial.rank.lines import clean
from seatrial.spec import Layout, Recipe
from tests.clusters import LOCAL, P5

FOLDER = Path(inspect.getfile(megatron_lm)).parent
RECORDED = Path(__file__).with_name("recorded")
TINY = CASE.recipe("tiny")
TWO_RANKS = Layout(nodes=1, processes_per_node=2, device="cpu")
TWO_GPUS = Layout(nodes=1, processes_per_node=2, device="cuda")


def problems(layout: Layout = TWO_RANKS, **changes: Any) -> list[str]:
    changed = replace(TINY.args, **changes)
    return [str(problem) for problem in (*changed.problems(), *check(changed, layout))]


# --- rules ---


@pytest.mark.parametrize(
    ("changes", "layout", "says"),
    [
        ({"sequence_length": 0}, TWO_RANKS, "sequence_length: 0 is less than 1"),
        ({"steps": 0}, TWO_RANKS, "steps: 0 is less than 1"),
        ({"checkpoint_keep": 0}, TWO_RANKS, "checkpoint_keep: 0 is less than 1"),
        ({"make_vocab_size_divisible_by": 0}, TWO_RANKS, "make_vocab_size_divisible_by: 0 is less than 1"),
        ({"tensor_parallel": 0}, TWO_RANKS, "tensor_parallel: 0 is less than 1"),
        ({"data_tokens": -1}, TWO_RANKS, "data_tokens: -1 is less than 0"),
        ({"num_workers": -1}, TWO_RANKS, "num_workers: -1 is less than 0"),
        ({"grad_clip": math.nan}, TWO_RANKS, "grad_clip: nan is less than 0"),
        ({"validation_batches": 0}, TWO_RANKS, "validation_batches: 0 is less than 1"),
        ({"learning_rate": math.inf}, TWO_RANKS, "learning_rate: inf is not a positive number"),
        ({"min_learning_rate": 1.0}, TWO_RANKS, "min_learning_rate: 1.0 is not between 0 and learning_rate"),
        ({"beta2": 1.0}, TWO_RANKS, "beta2: 1.0 is not in [0, 1)"),
        ({"dropout": -0.1}, TWO_RANKS, "dropout: -0.1 is not in [0, 1)"),
        ({"model": "gpt-7b"}, TWO_RANKS, "model: no model is called 'gpt-7b'"),
        ({"sequence_length": 4096}, TWO_RANKS, "sequence_length: 4096 is more than the 2048 tokens gpt-tiny was made"),
        (
            {"tensor_parallel": 2, "pipeline_parallel": 2},
            TWO_RANKS,
            "tensor_parallel, pipeline_parallel, context_parallel: 2 ranks do not divide",
        ),
        (
            {"tensor_parallel": 8},
            Layout(nodes=1, processes_per_node=8, device="cuda"),
            "tensor_parallel: 4 attention heads do not divide by tensor_parallel=8",
        ),
        (
            {"model": "llama-tiny", "tensor_parallel": 4},
            Layout(nodes=1, processes_per_node=4, device="cuda"),
            "tensor_parallel: 2 query groups do not divide by tensor_parallel=4",
        ),
        (
            {"pipeline_parallel": 3},
            Layout(nodes=1, processes_per_node=3, device="cuda"),
            "pipeline_parallel: 4 layers do not divide by pipeline_parallel=3",
        ),
        ({"global_batch_size": 6}, TWO_RANKS, "global_batch_size: 6 do not divide into 2 data-parallel ranks x 2"),
        (
            {"tensor_parallel": 2, "global_batch_size": 7},
            TWO_RANKS,
            "global_batch_size: 7 do not divide into 1 data-parallel ranks x 2",
        ),
        ({"sequence_parallel": True}, TWO_GPUS, "sequence_parallel: there is no tensor parallelism"),
        (
            {"sequence_parallel": True, "tensor_parallel": 2, "sequence_length": 127},
            TWO_GPUS,
            "tensor_parallel: 127 tokens of a sequence do not divide",
        ),
        (
            {"context_parallel": 2, "sequence_length": 130},
            TWO_GPUS,
            "2 x context_parallel: 130 tokens of a sequence do not divide",
        ),
        ({"overlap_param_gather": True}, TWO_RANKS, "overlap_param_gather: Megatron wants use_distributed_optimizer"),
        # What a CPU cannot do is refused with the reason, not found out by a crash of each rank.
        (
            {"sequence_parallel": True, "tensor_parallel": 2},
            TWO_RANKS,
            "sequence_parallel: runs on GPUs only: torch's own LayerNorm does not know it",
        ),
        ({"context_parallel": 2}, TWO_RANKS, "context_parallel: runs on GPUs only: only Transformer Engine"),
        ({"precision": "fp16"}, TWO_RANKS, "precision: runs on GPUs only"),
        ({"source": "/workspace/Megatron-LM"}, TWO_RANKS, "source: runs on GPUs only"),
    ],
    ids=str,
)
def test_each_rule_has_its_message(changes: dict[str, Any], layout: Layout, says: str) -> None:
    found = problems(layout, **changes)
    assert len(found) == 1, found
    assert found[0].startswith(says)


@pytest.mark.parametrize(
    ("changes", "layout"),
    [
        ({}, Layout(nodes=1, processes_per_node=1, device="cpu")),
        ({"steps": 1, "warmup_steps": 6}, TWO_RANKS),
        ({"grad_clip": 0.0, "min_learning_rate": 0.0, "validation_every": 0, "validation_batches": 0}, TWO_RANKS),
        ({"precision": "bf16", "recompute": "full", "dropout": 0.1}, TWO_RANKS),
        ({"overlap_grad_reduce": True, "overlap_param_gather": True}, TWO_RANKS),
        ({"precision": "fp16", "source": "/workspace/Megatron-LM"}, TWO_GPUS),
        ({"context_parallel": 2}, TWO_GPUS),
        ({"sequence_parallel": True, "tensor_parallel": 2}, TWO_GPUS),
    ],
    ids=str,
)
def test_what_works_is_let_through(changes: dict[str, Any], layout: Layout) -> None:
    assert problems(layout, **changes) == []


# --- recipes ---


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
class TestEachRecipe:
    """What holds for all of them."""

    def test_needs_no_secret_and_runs_the_real_core(self, recipe: Recipe) -> None:
        job = bind(CASE, recipe, P5 if recipe.instance_type else LOCAL)
        assert job.secrets == ()
        assert job.fidelity == "real-core"

    def test_is_the_size_that_its_name_says(self, recipe: Recipe) -> None:
        assert recipe.parameters is not None
        if recipe.name.startswith("gpt-"):
            assert recipe.parameters / 1e9 == pytest.approx(float(recipe.name[4:-1]), abs=0.06)

    def test_reaches_its_checkpoints(self, recipe: Recipe) -> None:
        assert 0 < recipe.args.checkpoint_every <= recipe.args.steps
        assert 0 < recipe.args.warmup_steps < recipe.args.steps

    def test_its_command_line_is_one_that_the_driver_takes(self, recipe: Recipe) -> None:
        options = parse(command_line(recipe.args, "cuda" if recipe.instance_type else "cpu"))
        size = SIZES[recipe.args.model]
        assert options.ffn_hidden_size == size.intermediate_size
        assert options.seq_length == recipe.args.sequence_length
        assert options.tensor_model_parallel_size == recipe.args.tensor_parallel
        assert options.global_batch_size == recipe.args.global_batch_size


def test_the_names() -> None:
    assert [recipe.name for recipe in RECIPES] == [
        *("tiny", "tiny-tp2", "tiny-pp2", "tiny-bf16"),
        *("gpt-1.7b", "gpt-3.6b", "gpt-7.5b", "gpt-18.4b", "gpt-39.1b", "gpt-76.1b", "gpt-145.6b", "gpt-310.1b"),
        *("llama2-7b", "llama2-13b", "llama2-70b"),
    ]


def test_all_tiny_recipes_train_the_same_model() -> None:
    tiny = [recipe for recipe in RECIPES if recipe.name.startswith("tiny")]
    models = {padded(recipe.args) for recipe in tiny}
    assert [model.vocab_size for model in models] == [384]


def test_a_run_of_before_the_degrees_had_one_word_is_refused_with_the_word() -> None:
    """Its folder is read; only going on from it would need its arguments."""
    with pytest.raises(UserError, match="did you mean tensor_parallel"):
        bind(CASE, TINY, LOCAL, settings={"tensor_model_parallel_size": 1})


def test_fidelity_is_that_of_the_program() -> None:
    gpt = CASE.recipe("gpt-1.7b")
    checkout = {"source": "/workspace/Megatron-LM"}
    assert bind(CASE, gpt, P5, settings=checkout).fidelity == "real"
    assert "instead of pretrain_gpt.py" in bind(CASE, gpt, P5).fidelity_note
    assert "gloo instead of NCCL" in bind(CASE, TINY, LOCAL).fidelity_note


# --- before anything starts ---


def test_tiny_works_on_any_machine() -> None:
    assert list(preflight(TINY.args)) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"source": "/nowhere"}, "/nowhere: there is no pretrain_gpt.py"),
        ({"dataset": "stdlibs"}, "dataset: no source of data is called 'stdlibs'"),
        ({"model": "llama-tiny", "tokenizer": "/none/tokenizer.json"}, "/none/tokenizer.json: the tokenizer does not"),
    ],
)
def test_what_is_wrong_on_this_machine(changes: dict[str, Any], says: str) -> None:
    (problem,) = preflight(replace(TINY.args, **changes))
    assert str(problem).startswith(says)


def test_a_prepared_data_set_has_two_files(tmp_path: Path) -> None:
    args = replace(TINY.args, dataset=f"indexed:{tmp_path}/text_document", tokenizer="meta-llama/Llama-2-7b")
    assert [problem.where for problem in preflight(args)] == [
        f"{tmp_path}/text_document.bin",
        f"{tmp_path}/text_document.idx",
    ]
    for suffix in ("bin", "idx"):
        (tmp_path / f"text_document.{suffix}").touch()
    assert list(preflight(args)) == []
    assert CASE.secrets(args) == ()  # its tokens are there already
    assert CASE.secrets(replace(args, dataset="stdlib")) == ("HF_TOKEN",)


# --- the command line ---


def command_line(args: Args, device: Any = "cuda", **changes: Any) -> list[str]:
    folders = {"data": Path("/d/text_document"), "cache": Path("/d/index"), "checkpoints": Path("/r/checkpoints")}
    return flags(args, device=device, **(folders | {"transformer_engine": device == "cuda"} | changes))


def test_the_flags_of_llama2_70b() -> None:
    text = " ".join(command_line(CASE.recipe("llama2-70b").args))
    for wanted in (
        "--num-layers 80 --hidden-size 8192 --ffn-hidden-size 28672 --num-attention-heads 64",
        "--group-query-attention --num-query-groups 8",
        "--position-embedding-type rope --normalization RMSNorm",
        "--swiglu --disable-bias-linear --untie-embeddings-and-output-weights",
        "--micro-batch-size 1 --global-batch-size 2048 --train-iters 50 --lr 0.00015 --min-lr 1.5e-05",
        "--tensor-model-parallel-size 4 --pipeline-model-parallel-size 4 --context-parallel-size 1 --sequence-parallel",
        "--use-distributed-optimizer --overlap-grad-reduce --overlap-param-gather --distributed-backend nccl",
        "--tokenizer-type NullTokenizer --vocab-size 31999",
        "--save /r/checkpoints --load /r/checkpoints --save-interval 50 --ckpt-format torch_dist",
        "--transformer-impl transformer_engine",
        "--bf16",
    ):
        assert f" {wanted} " in f" {text} ", wanted
    assert "fp16" not in text and "None" not in text and "True" not in text


def test_flags_that_depend_on_where_it_runs() -> None:
    cpu = command_line(TINY.args, "cpu")
    assert "--use-cpu-initialization" in cpu and cpu[cpu.index("--transformer-impl") + 1] == "local"
    assert cpu[cpu.index("--distributed-backend") + 1] == "gloo"
    bare = command_line(TINY.args, "cuda", transformer_engine=False)
    assert "--use-cpu-initialization" not in bare and "--no-masked-softmax-fusion" in bare
    assert not {"--save", "--load", "--save-interval"} & set(command_line(TINY.args, checkpoints=None))


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"precision": "fp16"}, {"fp16": True, "bf16": False}),
        ({"precision": "fp32"}, {"fp16": False, "bf16": False}),
        ({"recompute": "selective"}, {"recompute_granularity": "selective", "recompute_method": None}),
        ({"recompute": "full"}, {"recompute_granularity": "full", "recompute_method": "uniform"}),
        ({}, {"eval_iters": 2, "eval_interval": 30, "save_interval": 20, "log_throughput": True}),
        ({"validation_every": 0, "checkpoint_every": 0}, {"eval_iters": 0, "eval_interval": 61, "save_interval": 61}),
        ({"steps": 3, "warmup_steps": 9}, {"lr_warmup_iters": 2, "lr_decay_iters": 3}),
        ({"dropout": 0.25}, {"attention_dropout": 0.25, "hidden_dropout": 0.25}),
    ],
    ids=str,
)
def test_a_setting_reaches_its_flag(changes: dict[str, Any], wanted: dict[str, Any]) -> None:
    options = vars(parse(command_line(replace(TINY.args, **changes), "cuda")))
    assert {name: options[name] for name in wanted} == wanted


def test_a_profile_reaches_megatrons_own_flags() -> None:
    traced = profiling(Profile(steps=(20, 30), ranks=(0, 2)), 4, Path("/run/profiles"))
    assert " ".join(traced) == (
        "--profile --profile-step-start 19 --profile-step-end 30 --use-pytorch-profiler "
        "--tensorboard-dir /run/profiles --profile-ranks 0 2"
    )
    captured = profiling(Profile(tool="nsys", steps=(1, 2), ranks=None), 2, Path("/run/profiles"))
    assert " ".join(captured) == "--profile --profile-step-start 0 --profile-step-end 2 --profile-ranks 0 1"
    assert profiling(Profile(tool="nsys", delay=1.0, duration=2.0), 2, Path()) == []


def test_a_flag_that_the_driver_does_not_know_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse([*command_line(TINY.args), "--num-experts", "8"])
    assert "unrecognized arguments: --num-experts 8" in capsys.readouterr().err


# --- the log ---

LINE = (
    " iteration       25/73242187 | consumed samples:           50 | elapsed time per iteration (ms): 87.0 | "
    "learning rate: 1.638E-08 | global batch size:     2 | lm loss: 1.086954E+01 | loss scale: 4294967296.0 | "
    "grad norm: 0.000 | number of skipped iterations:   0 | number of nan iterations:   0 |"
)
THROUGHPUT = LINE.replace("| learning", "| throughput per GPU (TFLOP/s/GPU): 412.3 | learning").replace(" 25/", " 26/")
VALIDATION = " validation loss at iteration 30 | lm loss value: 3.416302E+00 | lm loss PPL: 3.045659E+01 | "
MEMORY = (
    "[Rank 0] (after 1 iterations) memory (MB) | allocated: 1024.0 | max allocated: 2048.5 | reserved: 3000.0 | "
    "max reserved: 3000.0"
)


def read(*lines: str) -> list[Any]:
    reader = Reader(TINY.args, 2)
    return [event for line in lines for event in reader.read(clean(line))]


def test_a_metric_line_is_a_step() -> None:
    assert read(LINE) == [
        Step(step=25, loss=10.86954, learning_rate=1.638e-8, grad_norm=0.0, count=2 * 128, seconds=0.087)
    ]


def test_lines_of_other_versions_and_engines() -> None:
    stamped = f" [2026-11-22 02:38:13.123456]{LINE}"
    for line in (LINE, stamped, f"15: {LINE}", f"[default15]:{LINE}", f"\x1b[32m{LINE}\x1b[0m", f"{LINE}  \r\n"):
        assert read(line) == read(LINE), line
    more = THROUGHPUT.replace("| number of skipped", "| num zeros: 12 | params norm: 1.5 | number of skipped")
    assert read(more)[0].step == 26


def test_what_every_rank_prints_counts_once_but_a_restart_counts_again() -> None:
    assert [s.step for s in read(LINE, LINE, THROUGHPUT, LINE)] == [25, 26, 25]


def test_a_skipped_step_has_no_loss_and_one_that_is_nan_has() -> None:
    skipped = LINE.replace("lm loss: 1.086954E+01 | ", "").replace(
        "iterations:   0 | number", "iterations:   1 | number"
    )
    assert read(skipped) == []
    (step,) = read(LINE.replace("1.086954E+01", "NAN").replace("grad norm: 0.000", "grad norm: nan"))
    assert math.isnan(step.loss) and math.isnan(step.grad_norm)
    with pytest.raises(ValueError, match="tells no lm loss, though no iteration was skipped"):
        read(LINE.replace("lm loss: 1.086954E+01 | ", ""))


def test_a_value_that_is_told_twice_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="is not a field of its own"):
        read(LINE.replace("| loss scale", "| lm loss: 1.0E+01 | loss scale"))


def test_validation_and_memory() -> None:
    before, validation, after = read(LINE, VALIDATION, MEMORY, THROUGHPUT)
    assert isinstance(validation, Validation) and validation.step == 30
    assert validation.metrics == {"loss": 3.416302, "perplexity": 30.45659}
    assert before.memory_bytes is None and after.memory_bytes == round(2048.5 * 2**20)
    newer = VALIDATION.replace("30 |", "30 on validation set |")
    assert [e.step for e in read(newer)] == [30]
    assert read(VALIDATION.replace("30 |", "30 on test set |")) == []


@pytest.mark.parametrize("line", [LINE, THROUGHPUT, VALIDATION.rstrip()], ids=["step", "throughput", "validation"])
def test_no_metric_line_is_lost_in_silence(line: str) -> None:
    """Cut anywhere, or run into by another rank's line: it is read, or it is reported, or it does not begin yet."""
    first = line.index("/" if "iteration " in line[:11] else "loss at ") + len("loss at ")
    for end in range(first, len(line)):
        with pytest.raises(ValueError, match=r"."):
            read(line[:end])
        with pytest.raises(ValueError, match=r"."):
            read(line[:end] + LINE)
        with pytest.raises(ValueError, match=r"."):
            read(line[:end] + "[rank1]: Traceback" + line[end:])


@pytest.mark.parametrize(
    "line", ["", " saving checkpoint at iteration      20 to /fsx/run in torch_dist format", "iteration"]
)
def test_other_lines_say_nothing(line: str) -> None:
    assert read(line) == []


@pytest.mark.parametrize("name", ["megatron.log", "megatron_fp16.log"])
def test_what_was_recorded_is_read_whole(name: str) -> None:
    lines = (RECORDED / name).read_text().splitlines()
    events = read(*lines)
    steps = [event for event in events if isinstance(event, Step)]
    metric_lines = [line for line in lines if line.startswith(" iteration") and "lm loss" in line]
    assert len(steps) == len(metric_lines) > 5
    assert [step.step for step in steps] == [int(line.split()[1].rstrip("/")) for line in metric_lines]
    assert all(step.loss > 0 and step.seconds > 0 and step.learning_rate is not None for step in steps)
