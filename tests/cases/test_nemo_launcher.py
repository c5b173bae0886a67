"""The nemo-launcher case without Hydra and megatron-core: overrides, the tree, NeMo's keys as flags, the log."""

from __future__ import annotations

import inspect
import itertools
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.binding import bind
from seatrial.cases import megatron_lm, nemo_launcher
from seatrial.cases.megatron_lm.flags import flags as megatron_flags
from seatrial.cases.megatron_lm.flags import kernels
from seatrial.cases.megatron_lm.options import parse
from seatrial.cases.nemo_launcher import CASE, RECIPES, Args, configuration, mapping, overrides, tree
from seatrial.cases.nemo_launcher.log import Reader
from seatrial.cases.nemo_launcher.rules import check, composed, preflight
from seatrial.errors import UserError
from seatrial.events import Step, Validation
from seatrial.rank.lines import clean
from seatrial.rank.reading import Reading
from seatrial.spec import Layout, Recipe
from tests.clusters import LOCAL, P5

FOLDER = Path(inspect.getfile(nemo_launcher)).parent
RECORDED = Path(__file__).with_name("recorded")
TINY = CASE.recipe("tiny")
TWO_RANKS = Layout(nodes=1, processes_per_node=2, device="cpu")
TWO_GPUS = Layout(nodes=1, processes_per_node=2, device="cuda")


def problems(layout: Layout = TWO_RANKS, **changes: Any) -> list[str]:
    changed = replace(TINY.args, **changes)
    return [str(problem) for problem in (*changed.problems(), *check(changed, layout))]


def training(layout: Layout = TWO_RANKS, **changes: Any) -> dict[str, Any]:
    return mapping.of_training(composed(replace(TINY.args, **changes), layout))


# --- overrides ---


def test_an_override_of_what_is_an_argument_becomes_that_argument() -> None:
    """So that steps in the report, batches in the forecast and the digest know of it."""
    text = "training.trainer.max_steps=20 training.model.micro_batch_size=1 training.model.optim.lr=1e-4"
    by_key, by_name = (
        bind(CASE, TINY, LOCAL, settings=changes)
        for changes in (
            {"overrides": text},
            {"steps": "20", "micro_batch_size": "1", "overrides": "training.model.optim.lr=1e-4"},
        )
    )
    assert by_key.args == by_name.args and by_key.digest == by_name.digest
    assert by_key.args["steps"] == 20 and by_key.args["overrides"] == "training.model.optim.lr=1e-4"


VALUES = {
    "stages": ("[training]", "training"),
    "training": ("llama/tiny", "llama/tiny"),
    "training.trainer.precision": ("bf16-mixed", "bf16"),
    "training.model.sequence_parallel": ("True", True),
}


@pytest.mark.parametrize("key", overrides.OWNED)
def test_every_key_that_is_an_argument_is_in_the_tree(key: str) -> None:
    value, wanted = VALUES.get(key, ("7", 7))
    name, _ = overrides.OWNED[key]
    assert getattr(replace(TINY.args, overrides=f"{key}={value}"), name) == wanted
    assert key in {**tree.keys("gpt3/tiny", "cpu"), "training": ""}


def test_all_that_the_tree_leaves_open_is_given_and_nothing_else() -> None:
    for name in tree.trainings():
        for cluster, layout in (("cpu", TWO_RANKS), ("gpu", TWO_GPUS)):
            keys = tree.keys(name, cluster)
            filled = configuration.given(replace(TINY.args, training=name), layout)
            assert {key for key, value in keys.items() if value == tree.MISSING} == filled.keys(), name


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("training.model.optim.lrr=1", "the tree has no such key\n    did you mean training.model.optim.lr"),
        ("training.optim.lr=1e-4", "the tree has no such key\n    did you mean training.model.optim.lr?"),
        ("trainer.gradient_clip_val=1", "did you mean training.trainer.gradient_clip_val?"),
        ("zzz=1", "the tree has no such key\n    To add a key that NeMo knows, write +zzz=VALUE"),
        ("~training.model.zzz", "the tree has no such key"),
        ("~training.trainer.max_time", "is null, which Hydra takes for not there"),
        ("training.model.optim.lr", "is not KEY=VALUE"),
        ("training.run.name='a", "No closing quotation"),
        ("training.model.optim.lr=1e-4,2e-4", "would be several jobs"),
        ("training.model.data.splits_string=[1", "has brackets that do not match"),
        ("training.model.num_layers=range(1,5)", "would be several jobs"),
        ("training.model.optim=null", "is a section of the tree"),
        ("+training.model.bias=true", "is there already"),
        ("training.trainer.num_nodes=2", "is decided elsewhere\n    --nodes"),
        ("cluster=gpu", "is decided elsewhere\n    --on CLUSTER"),
        ("cluster.num_nodes=2", "is decided elsewhere"),
        ("training.model.data.data_impl=mock", "is decided elsewhere\n    --set dataset=mock"),
        ("training.trainer.max_steps=many", "cannot be, since it decides the argument steps"),
        ("training.trainer.precision=64", "cannot be, since it decides the argument precision"),
        ("+training.trainer.max_steps=5", "cannot be, since it decides the argument steps"),
        ("~training.trainer.max_steps", "cannot be, since it decides the argument steps"),
        # What the stand-in would train otherwise than NeMo is refused, never ignored.
        ("+training.model.rotary_base=5e5", "training.model.rotary_base: no flag of Megatron is known for it"),
        ("training.model.virtual_pipeline_model_parallel_size=2", "2 is for NeMo itself"),
        ("training.model.fp8=true", "training.model.fp8: True is for NeMo itself"),
        ("training.model.pre_process=1", "training.model.pre_process: 1 is for NeMo itself"),
        ("training.model.activation=reglu", "training.model.activation: 'reglu' cannot be"),
        ("training.model.optim.lr=fast", "training.model.optim.lr: 'fast' cannot be"),
        ("training.model.optim.lr=${nowhere}", "training.model.optim.lr: '${nowhere}' cannot be"),
        ("training.model.optim.betas=0.9", "training.model.optim.betas: 0.9 cannot be"),
        ("training.model.optim.sched.name=NoamAnnealing", "sched.name: 'NoamAnnealing' cannot be"),
        ("training.model.optim.sched.constant_steps=54", "no step is left between the warm-up and these"),
        ("training.model.num_attention_heads=0", "num_attention_heads: 0 cannot be: a whole number of at least 1"),
        ("training.model.num_query_groups=x", "num_query_groups: 'x' cannot be: a whole number of at least 1"),
        ("training.model.num_query_groups=3", "query groups: 4 attention heads do not divide by query groups=3"),
        ("training.model.ub_tp_comm_overlap=true ~training.model.bias", "training.model.bias: is missing"),
    ],
)
def test_what_is_wrong_with_an_override_is_said_before_anything_starts(text: str, says: str) -> None:
    found = problems(overrides=text)
    assert len(found) == 1, found
    assert says in found[0]


def test_all_that_is_wrong_is_said_at_once() -> None:
    found = problems(overrides="zzz=1 training.model.yyy=2 cluster=gpu", stages="train", steps=0)
    assert len(found) == 7, found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "training.model.optim.lr=1e-4 'training.model.optim.betas=[0.9, 0.99]'",
        "training.model.ub_tp_comm_overlap=true training.model.gc_interval=100",
        "conversion.command=[python,-m,mine]",
    ],
)
def test_what_works_is_let_through(text: str) -> None:
    assert problems(overrides=text) == []


def test_in_nemos_container_keys_that_only_nemo_knows_are_let_through() -> None:
    text = "+training.model.rotary_base=500000 training.model.fp8=true"
    assert problems(TWO_GPUS, overrides=text) == []
    assert len(problems(TWO_GPUS, overrides=text, source=None)) == 2  # our driver on GPUs


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("training.model.num_layers=${elsewhere}", "num_layers: '${elsewhere}' cannot be"),
        ("~training.model.hidden_size", "training.model.hidden_size: is missing"),
        ("training.model.activations_checkpoint_granularity=some", "granularity: 'some' cannot be"),
    ],
)
def test_a_model_of_unknown_size_is_refused_everywhere(text: str, says: str) -> None:
    for layout in (TWO_GPUS, TWO_RANKS):
        [found] = problems(layout, overrides=text)
        assert says in found


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_overrides(text: str) -> None:
    try:
        given_ = overrides.parse(text)
    except ValueError as error:
        assert str(error)
        return
    for override in given_:
        overrides.literal(override.value or "")
    moved, rest = overrides.taken(text)
    kept = overrides.parse(rest)
    assert len(kept) + len({o.key for o in given_ if o.key in overrides.OWNED and o not in kept}) <= len(given_)
    assert set(moved) <= {name for name, _ in overrides.OWNED.values()}


# --- rules ---


@pytest.mark.parametrize(
    ("changes", "layout", "says"),
    [
        ({"steps": 0}, TWO_RANKS, "steps: 0 is less than 1"),
        ({"vocab_size": 0}, TWO_RANKS, "vocab_size: 0 is less than 1"),
        ({"warmup_steps": -1}, TWO_RANKS, "warmup_steps: -1 is less than 0"),
        ({"training": "gpt3/5bn"}, TWO_RANKS, "training: no model is called 'gpt3/5bn'\n    did you mean gpt3/5b"),
        ({"stages": "data_preparation"}, TWO_RANKS, "stages: nothing is trained"),
        ({"stages": "training"}, TWO_RANKS, "stages: training depends on data_preparation, since stdlib"),
        ({"stages": "data_prep,training", "dataset": "mock"}, TWO_RANKS, "stages: no stage is called 'data_prep'"),
        (
            {"stages": "data_preparation,training,conversion", "checkpoint_every": 0},
            TWO_RANKS,
            "checkpoint_every: there is no checkpoint",
        ),
        (
            {"stages": "data_preparation,training,conversion", "benchmark": True},
            TWO_RANKS,
            "checkpoint_every: there is no checkpoint",
        ),
        (
            {"stages": "data_preparation,training,conversion"},
            TWO_GPUS,
            "conversion.command: reads checkpoints of our driver",
        ),
        ({"stages": "data_preparation,training,evaluation"}, TWO_RANKS, "evaluation.command: is not given"),
        ({"sequence_length": 4096}, TWO_RANKS, "sequence_length: 4096 is more than the 2048 tokens gpt3/tiny was"),
        ({"tensor_parallel": 2, "pipeline_parallel": 2}, TWO_RANKS, "tensor_parallel, pipeline_parallel"),
        ({"global_batch_size": 6}, TWO_RANKS, "global_batch_size: 6 do not divide into 2 data-parallel ranks x 2"),
        ({"sequence_parallel": True}, TWO_GPUS, "sequence_parallel: there is no tensor parallelism"),
        (
            {"training": "llama/tiny", "tensor_parallel": 4},
            Layout(nodes=1, processes_per_node=4, device="cuda"),
            "tensor_parallel: 2 query groups do not divide",
        ),
        ({"pipeline_parallel": 3}, Layout(nodes=1, processes_per_node=3, device="cuda"), "pipeline_parallel: 4 layers"),
        ({"tensor_parallel": 2, "sequence_parallel": True}, TWO_RANKS, "sequence_parallel: runs on GPUs only"),
        ({"context_parallel": 2}, TWO_RANKS, "context_parallel: runs on GPUs only"),
        ({"precision": "fp16"}, TWO_RANKS, "precision: runs on GPUs only"),
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
        ({"steps": 1}, TWO_RANKS),
        ({"stages": "training", "dataset": "mock"}, TWO_RANKS),
        ({"stages": "training,data_preparation", "validation_every": 0}, TWO_RANKS),
        ({"training": "llama/tiny", "precision": "bf16"}, TWO_RANKS),
        ({"tensor_parallel": 2, "sequence_parallel": True}, TWO_GPUS),
        ({"context_parallel": 2, "precision": "fp16"}, TWO_GPUS),
        (
            {"stages": "data_preparation,training,conversion", "overrides": "conversion.command=[true]"},
            TWO_GPUS,
        ),
        ({"stages": "data_preparation,training,evaluation", "overrides": "evaluation.command=[true]"}, TWO_RANKS),
    ],
    ids=str,
)
def test_layouts_and_stages_that_work(changes: dict[str, Any], layout: Layout) -> None:
    assert problems(layout, **changes) == []


# --- recipes ---


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
class TestEachRecipe:
    """What holds for all of them."""

    def test_fidelity_is_that_of_the_program(self, recipe: Recipe) -> None:
        job = bind(CASE, recipe, P5 if recipe.instance_type else LOCAL)
        assert job.fidelity == ("real" if recipe.instance_type else "stand-in")
        assert job.secrets == ()

    def test_is_the_size_that_its_name_says(self, recipe: Recipe) -> None:
        assert recipe.parameters is not None
        size = recipe.name.rpartition("-")[2]
        if size[-1] in "mb" and size[:-1].isdigit():
            billions = float(size[:-1]) / (1000 if size[-1] == "m" else 1)
            assert recipe.parameters / 1e9 == pytest.approx(billions, rel=0.04)

    def test_its_name_is_that_of_its_file(self, recipe: Recipe) -> None:
        """A script for 70B that says 7B cannot be."""
        assert recipe.args.training in tree.trainings()
        if recipe.instance_type:
            wanted = "_".join(recipe.args.training.removeprefix("llama/").split("/"))
            assert recipe.name.replace("-", "_") == wanted
            assert training(TWO_GPUS, training=recipe.args.training)["run.name"] == wanted


def test_the_names() -> None:
    assert [recipe.name for recipe in RECIPES] == [
        *("tiny", "tiny-tp2", "tiny-pp2", "tiny-stages"),
        *("gpt3-126m", "gpt3-5b", "gpt3-40b", "gpt3-175b", "llama2-7b", "llama2-70b"),
    ]


def test_published_figures_that_can_be_true() -> None:
    """1.27 steps/s of 256 sequences on 16 GPUs; 1.9 s for 640 sequences of a 5B model on 16 A100 cannot be."""
    [(name, [figure])] = [(recipe.name, recipe.published) for recipe in RECIPES if recipe.published]
    assert name == "gpt3-126m" and figure.value == pytest.approx(1.27 * 256 * 2048 / 16, rel=1e-3)
    job = bind(CASE, CASE.recipe(name), replace(P5, instance_type="p4de.24xlarge"))
    assert job.published == (figure,)
    flops = figure.value * job.flops_per_token["causal"]
    assert flops < 312e12
    flops = 640 / 1.9 * 2048 / 16 * bind(CASE, CASE.recipe("gpt3-5b"), P5).flops_per_token["causal"]
    assert flops > 4 * 312e12


def test_all_tiny_recipes_train_the_same_model() -> None:
    tiny = [recipe for recipe in RECIPES if recipe.name.startswith("tiny")]
    models = {
        mapping.decoder(mapping.of_training(composed(recipe.args, TWO_RANKS)), recipe.args.vocab_size)
        for recipe in tiny
    }
    assert [model.vocab_size for model in models] == [384]


def test_a_benchmark_neither_validates_nor_saves() -> None:
    job = bind(CASE, TINY, LOCAL, settings={"benchmark": "true"})
    assert (job.args["validation_every"], job.args["checkpoint_every"]) == (0, 0)
    keys = training(benchmark=True)
    assert keys["trainer.limit_val_batches"] == 0 and keys["exp_manager.create_checkpoint_callback"] is False


# --- before anything starts ---


def test_tiny_works_on_any_machine() -> None:
    assert list(preflight(TINY.args)) == [] and list(preflight(replace(TINY.args, dataset="mock"))) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"dataset": "stdlibs"}, "dataset: no source of data is called 'stdlibs'"),
        ({"dataset": "indexed:/none/text_document"}, "/none/text_document.bin: there is no such file"),
        ({"vocab_size": 100}, "tokenizer bytes: 257 tokens do not fit the model's vocabulary of 100"),
    ],
)
def test_what_is_wrong_on_this_machine(changes: dict[str, Any], says: str) -> None:
    first, *_ = preflight(replace(TINY.args, **changes))
    assert str(first).startswith(says)


def test_a_gated_tokenizer_needs_a_token_even_for_mock_data() -> None:
    assert CASE.secrets(replace(TINY.args, tokenizer="meta-llama/Llama-2-7b", dataset="mock")) == ("HF_TOKEN",)


# --- NeMo's keys as Megatron's flags ---


def test_every_key_of_the_tree_is_mapped_fixed_or_known_to_have_no_effect() -> None:
    tables = [set(mapping.MAPPED), set(mapping.FIXED), set(mapping.WITHOUT_EFFECT)]
    for one, other in itertools.combinations(tables, 2):
        assert not one & other
    for name in tree.trainings():
        assert set(mapping.of_training(tree.keys(name, "cpu"))) == set.union(*tables), name


CHANGED: dict[str, Any] = {
    "trainer.precision": "bf16",
    "model.sequence_parallel": True,
    "model.num_query_groups": 2,
    "model.normalization": "rmsnorm",
    "model.bias": False,
    "model.activation": "fast-swiglu",
    "model.position_embedding_type": "rope",
    "model.share_embeddings_and_output_weights": False,
    "model.activations_checkpoint_granularity": "selective",
    "model.optim.name": "fused_adam",
    "model.optim.overlap_grad_sync": False,
    "model.optim.overlap_param_sync": False,
    "model.optim.betas": [0.8, 0.7],
    "model.optim.sched.constant_steps": 5,
    "model.data.splits_string": "80,20,0",
    "model.data.data_prefix": [1.0, "/elsewhere/text_document"],
}
"""Another value for each key that is no number."""
TOGETHER = {"model.activations_checkpoint_method": "block", "model.activations_checkpoint_num_layers": 3}
"""Keys that say something of full recomputation only."""
ONE_VALUE = {"model.optim.sched.name"}
"""Keys of which only one value is mapped: any other is refused."""


@pytest.mark.parametrize("key", sorted(set(mapping.MAPPED) - ONE_VALUE))
def test_a_key_that_changes_changes_its_flag_and_no_other(key: str) -> None:
    keys = training()
    if key in TOGETHER:
        keys["model.activations_checkpoint_granularity"] = "full"
    value = {**TOGETHER, **CHANGED}.get(key, (keys[key] or 0) + 1 if key not in TOGETHER | CHANGED else None)
    before, after = (vars(parse(line(changed))) for changed in (keys, keys | {key: value}))
    different = {name for name in before if before[name] != after[name]}
    assert different == FLAG.get(key, {key.rpartition(".")[2]}), different


FLAG: dict[str, set[str]] = {
    "trainer.precision": {"bf16"},
    "trainer.max_steps": {"train_iters", "lr_decay_iters"},
    "trainer.log_every_n_steps": {"log_interval"},
    "trainer.val_check_interval": {"eval_interval"},
    "trainer.limit_val_batches": {"eval_iters"},
    "trainer.gradient_clip_val": {"clip_grad"},
    "exp_manager.checkpoint_callback_params.every_n_train_steps": {"save_interval"},
    "model.encoder_seq_length": {"seq_length"},
    "model.num_query_groups": {"group_query_attention", "num_query_groups"},
    "model.layernorm_epsilon": {"norm_epsilon"},
    "model.bias": {"disable_bias_linear"},
    "model.activation": {"swiglu"},
    "model.share_embeddings_and_output_weights": {"untie_embeddings_and_output_weights"},
    "model.activations_checkpoint_granularity": {"recompute_granularity"},
    "model.activations_checkpoint_method": {"recompute_method"},
    "model.activations_checkpoint_num_layers": {"recompute_num_layers"},
    "model.optim.name": {"use_distributed_optimizer", "overlap_grad_reduce", "overlap_param_gather"},
    "model.optim.overlap_grad_sync": {"overlap_grad_reduce", "overlap_param_gather"},
    "model.optim.overlap_param_sync": {"overlap_param_gather"},
    "model.optim.betas": {"adam_beta1", "adam_beta2"},
    "model.optim.sched.warmup_steps": {"lr_warmup_iters"},
    "model.optim.sched.constant_steps": {"lr_decay_iters"},
    "model.data.splits_string": {"split"},
    "model.data.data_prefix": {"data_path"},
}
"""Key -> flags, where it is another name."""


def line(keys: dict[str, Any]) -> list[str]:
    return mapping.flags(keys, TINY.args.vocab_size)


@pytest.mark.parametrize(("ours", "theirs"), [("gpt3/tiny", "gpt-tiny"), ("llama/tiny", "llama-tiny")])
def test_the_same_model_gives_the_flags_that_megatron_lm_gives(ours: str, theirs: str) -> None:
    """One table of keys against another case's own command line, for all flags that the driver knows."""
    args = replace(
        megatron_lm.CASE.recipe("tiny").args, model=theirs, overlap_grad_reduce=True, overlap_param_gather=True
    )
    places: dict[str, Any] = {"data": Path("DATA"), "cache": Path("INDEX"), "checkpoints": Path("SAVED")}
    wanted = vars(parse(megatron_flags(args, device="cpu", transformer_engine=False, **places)))
    place = ["--save", "SAVED", "--load", "SAVED", "--distributed-backend", "gloo", "--data-cache-path", "INDEX"]
    found = vars(parse([*line(training(training=ours)), *place, *kernels("cpu", False)]))
    different = {name: (found[name], wanted[name]) for name in wanted if found[name] != wanted[name]}
    init = {"init_method_std": (0.02, 0.006)} if ours == "gpt3/tiny" else {"max_position_embeddings": (4096, 2048)}
    assert different.pop("data_path")
    assert different == {
        **init,
        "distributed_timeout_minutes": (10, 30),
        "exit_signal_handler": (False, True),  # of pretrain_gpt.py
    }


def test_the_published_shapes() -> None:
    def shape(name: str, *keys: str) -> list[Any]:
        found = training(TWO_GPUS, training=name)
        return [found[f"model.{key}"] for key in keys]

    names = ("num_layers", "hidden_size", "ffn_hidden_size", "num_attention_heads", "num_query_groups")
    assert shape("gpt3/126m", *names) == [12, 768, 3072, 12, None]
    assert shape("gpt3/5b", *names) == [24, 4096, 16384, 32, None]
    assert shape("gpt3/40b", *names) == [48, 8192, 32768, 64, None]
    assert shape("gpt3/175b", *names) == [96, 12288, 49152, 96, None]
    assert shape("llama/llama2_7b", *names) == [32, 4096, 11008, 32, None]
    assert shape("llama/llama2_70b", *names) == [80, 8192, 28672, 64, 8]
    assert shape("llama/llama2_70b", "normalization", "activation", "bias") == ["rmsnorm", "fast-swiglu", False]


# --- the log ---

OLD = (
    "Epoch 0: 100%|██████████| 40/40 [00:31<00:00,  1.27it/s, loss=10.9, v_num=, reduced_train_loss=10.90, "
    "global_step=39.00, consumed_samples=9984.0]"
)
NEW = (
    "Epoch 0: :  47%|████▋     | 7/15 [06:19<07:13, v_num=a1b2, reduced_train_loss=11.50, global_step=6.000, "
    "consumed_samples=12288.0, train_step_timing in s=49.50]"
)
STALE = NEW.replace("7/15", "8/15")
NEXT = STALE.replace("=11.50", "=11.25").replace("=6.000", "=7.000")
VALIDATED = NEXT.replace("49.50]", "49.50, val_loss=11.30]")
STOPPED = "`Trainer.fit` stopped: `max_steps=15` reached."


def read(*lines: str, end: bool = True) -> list[Any]:
    reader = Reader(TINY.args, 2)
    found = [event for text in lines for event in reader.read(clean(text))]
    return [*found, *reader.end()] if end else found


def test_a_bar_is_a_step_with_the_time_that_it_tells() -> None:
    assert read(OLD) == [Step(step=40, loss=10.9, count=8 * 128, seconds=1 / 1.27)]
    assert read(NEW) == [Step(step=7, loss=11.5, count=8 * 128, seconds=49.5)]
    assert read(NEW.replace("06:19<07:13,", "06:19<07:13,  2.50s/it,").replace(", train_step_timing in s=49.50", ""))[
        0
    ] == Step(step=7, loss=11.5, count=8 * 128, seconds=2.5)


def test_a_bar_that_is_drawn_twice_counts_once_with_its_own_numbers() -> None:
    assert [(s.step, s.loss) for s in read(NEW, STALE, NEXT)] == [(7, 11.5), (8, 11.25)]
    assert [(s.step, s.loss) for s in read(NEW, STALE)] == [(7, 11.5)]  # cut off between the two
    assert read(NEW, end=False) == []  # what is drawn may be drawn again
    assert [s.step for s in read(NEW, STOPPED, end=False)] == [7]
    same = NEXT.replace("=7.000", "=2e+3")  # beyond a thousand steps the bar's numbers may be the same ones again
    more = same.replace("8/15", "9/15")
    assert [s.step for s in read(same, same, more, more)] == [8, 9]
    assert [s.step for s in read(same, more, more.replace("9/15", "10/15"))] == [8, 9]


def test_a_validation_is_told_by_the_bar_once() -> None:
    events = read(NEW, NEXT, VALIDATED, VALIDATED.replace("8/15", "9/15"))
    [validation] = [event for event in events if isinstance(event, Validation)]
    assert validation.step == 8 and validation.metrics == {"loss": 11.3} and math.isnan(validation.seconds)


@pytest.mark.parametrize("text", [OLD, NEW, VALIDATED])
def test_lines_of_engines_and_terminals(text: str) -> None:
    for around in (f"0: {text}", f"15: {text}  ", f"[default0]:{text}", f"\x1b[32m{text}\x1b[0m", f"junk\r{text}"):
        assert [repr(event) for event in read(around)] == [repr(event) for event in read(text)], around
    said = f"{text}[NeMo I 2024-06-17 08:36:41 nlp_overrides:480] Removing checkpoint: /x"
    assert [repr(event) for event in read(said)] == [repr(event) for event in read(text)]


def test_a_restart_begins_anew_and_a_later_epoch_is_counted_on() -> None:
    assert [s.step for s in read(NEW, NEXT, NEW)] == [7, 8, 7]
    assert [s.step for s in read(NEW.replace("Epoch 0", "Epoch 2"))] == [7]  # global_step says so
    with pytest.raises(ValueError, match="which step it is cannot be seen"):
        read(NEW.replace("Epoch 0", "Epoch 2").replace("=6.000", "=2e+3"))


def test_of_two_bars_on_a_line_none_is_lost() -> None:
    with pytest.raises(ValueError, match="this is not a whole progress bar"):
        read(NEW + NEXT)


def test_what_a_bar_does_not_tell_is_said() -> None:
    with pytest.raises(ValueError, match="tells no reduced_train_loss"):
        read(NEW.replace("reduced_train_loss=11.50, ", ""))
    with pytest.raises(ValueError, match="tells no time"):
        read(NEW.replace(", train_step_timing in s=49.50", ""))
    (step,) = read(NEW.replace("11.50", "nan"))
    assert math.isnan(step.loss)


@pytest.mark.parametrize("text", [OLD, NEW, VALIDATED], ids=["old", "new", "validated"])
def test_no_metric_line_is_lost_in_silence(text: str) -> None:
    """Cut anywhere, or run into by another line: it is read, or it is reported."""
    first = text.index(":") + 1
    for end in range(first, len(text)):
        for torn in (text[:end], text[:end] + OLD, text[:end] + "[rank1]: Traceback" + text[end:]):
            reading = Reading(Reader(TINY.args, 2))
            found = [*reading.line(torn), *reading.end()]
            assert found and not (len(found) == 1 and isinstance(found[0], Step) and torn != text), torn


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Epoch",
        "Validation DataLoader 0: 100%|██| 2/2 [00:01<00:00]",
        "[NeMo I 2023 exp:1] saving",
        "Sanity Checking",
    ],
)
def test_other_lines_say_nothing(text: str) -> None:
    assert read(text) == []


def test_a_bar_without_a_step_says_nothing() -> None:
    assert read("Epoch 0:   0%|          | 0/40 [00:00<?, ?it/s]", "Epoch 0: :   0%|          | 0/15 [00:00<?]") == []


def test_what_our_driver_prints_is_read_too() -> None:
    text = (RECORDED / "nemo_launcher_driver.log").read_text()
    events = read(*text.splitlines())
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.step for step in steps] == list(range(1, 11))
    assert all(step.grad_norm for step in steps) and [e.step for e in events if isinstance(e, Validation)] == [5, 10]


def test_a_whole_log_in_nemos_form_is_read() -> None:
    """Made by hand in the form of nemo:24.12 and srun --label: no such log was there to be recorded."""
    text = (RECORDED / "nemo_launcher_synthetic.log").read_text()
    events = read(*text.splitlines())
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.step for step in steps] == list(range(1, 13))
    assert [step.loss for step in steps[:3]] == [5.83, 5.64, 5.31]
    assert [event.step for event in events if isinstance(event, Validation)] == [6, 12]


def test_the_wheel_has_the_tree() -> None:
    assert sorted(str(path.relative_to(FOLDER / "conf")) for path in (FOLDER / "conf").rglob("*.yaml")) == [
        *("cluster/cpu.yaml", "cluster/gpu.yaml", "config.yaml", "conversion/weights.yaml"),
        *("data_preparation/text.yaml", "evaluation/command.yaml", "training/common.yaml"),
        *(f"training/gpt3/{name}.yaml" for name in ("126m", "175b", "40b", "5b", "tiny")),
        *(f"training/llama/{name}.yaml" for name in ("llama2_70b", "llama2_7b", "tiny")),
    ]


def test_arguments_are_plain_data() -> None:
    job = bind(CASE, TINY, LOCAL)
    assert Args(**json.loads(job.to_json())["args"]) == TINY.args


def test_a_setting_that_is_unknown_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean overrides"):
        bind(CASE, TINY, LOCAL, settings={"override": ""})
