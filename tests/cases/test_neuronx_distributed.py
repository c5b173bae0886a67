"""The neuronx-distributed case without training: rules, recipes, its use of the package, conversion, tokens, log."""

from __future__ import annotations

import contextlib
import inspect
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.cases import neuronx_distributed
from seatrial.cases.neuronx_distributed import CASE, RECIPES, Args
from seatrial.cases.neuronx_distributed.data import LANES, Batches, dtype_of, folder_of, tokenise
from seatrial.cases.neuronx_distributed.log import Reader
from seatrial.cases.neuronx_distributed.models import MODELS
from seatrial.cases.neuronx_distributed.rules import check, fidelity_of, preflight, secrets, workload
from seatrial.events import Step
from seatrial.forecast.fitting import fit
from seatrial.hardware import accelerators, instances
from seatrial.rank.lines import Line, clean
from seatrial.rank.reading import Reading
from seatrial.spec import Layout
from tests.cases.neuronx_api import RECORDED, Record, problems

TINY = CASE.recipe("tiny").args
LARGE = CASE.recipe("llama3-70b").args
TWO_RANKS = Layout(nodes=1, processes_per_node=2, device="cpu")
SIXTEEN_NODES = Layout(nodes=16, processes_per_node=32, device="neuron")


def wrong(args: Args, layout: Layout, **changes: Any) -> list[str]:
    changed = replace(args, **changes)
    return [str(problem) for problem in (*changed.problems(), *check(changed, layout))]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"steps": 0}, "steps: 0 is less than 1"),
        ({"tensor_parallel": 0}, "tensor_parallel: 0 is less than 1"),
        ({"kv_replicator": 0}, "kv_replicator: 0 is less than 1"),
        ({"weight_decay": -1.0}, "weight_decay: -1.0 is less than 0"),
        ({"model": "llama3-8c"}, "model: no model is called 'llama3-8c'"),
        ({"sequence_length": 4096}, "sequence_length: 4096 is more than the 2048 tokens tiny was made for"),
        ({"sequence_length": 127}, "tensor_parallel: 127 positions do not divide by tensor_parallel=2"),
        ({"tensor_parallel": 1, "global_batch_size": 16}, "sequence_parallel: it shares a sequence among"),
        ({"kv_replicator": 2}, "kv_replicator: 2 key/value heads x kv_replicator=2 are not the 2 tensor-parallel"),
        ({"global_batch_size": 6}, "global_batch_size: 6 do not divide into 1 data-parallel ranks x 4"),
        ({"sequences": 7}, "sequences: 7 are less than one step takes"),
        ({"flash_attention": True, "sequence_length": 2048}, "flash_attention: it is a kernel of Neuron devices"),
        ({"precision": "bf16"}, "precision: on a CPU the stand-in computes in fp32"),
        (
            {"pipeline_parallel": 2, "tensor_parallel": 1, "sequence_parallel": False},
            "pipeline_parallel: pipelines need Neuron devices",
        ),
    ],
    ids=str,
)
def test_each_rule_has_its_message(changes: dict[str, Any], says: str) -> None:
    found = wrong(TINY, TWO_RANKS, **changes)
    assert len(found) == 1, found
    assert found[0].startswith(says)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kv_replicator": 1}, "kv_replicator: 8 key/value heads are not enough for 32 tensor-parallel ranks"),
        ({"kv_replicator": 2}, "kv_replicator: 8 key/value heads x kv_replicator=2 are not the 32"),
        ({"sequence_length": 4095, "sequence_parallel": False}, "sequence_length: 4095 is no multiple of the 2048"),
        ({"pipeline_parallel": 5}, "tensor_parallel, pipeline_parallel: 512 ranks do not divide into groups of"),
        ({"pipeline_parallel": 128}, "pipeline_parallel: 80 layers are not enough for 128 stages"),
        ({"grad_clip": 0.5}, "grad_clip: with ZeRO-1 neuronx_distributed clips at a norm of 1.0"),
        ({"zero1": False}, "zero1: without ZeRO-1 neuronx_distributed keeps no fp32 weights"),
        ({"global_batch_size": 1023}, "global_batch_size: 1023 do not divide into 2 data-parallel ranks x 1"),
    ],
    ids=str,
)
def test_each_rule_of_the_nodes_has_its_message(changes: dict[str, Any], says: str) -> None:
    found = wrong(LARGE, SIXTEEN_NODES, **changes)
    assert found and found[0].startswith(says), found


def test_tensor_parallel_ranks_stay_on_a_node_and_heads_are_whole() -> None:
    [text] = wrong(LARGE, replace(SIXTEEN_NODES, processes_per_node=16), global_batch_size=1024)
    assert text.startswith("tensor_parallel: groups of 32 ranks do not fit into the 16 of a node")
    eight = Layout(nodes=1, processes_per_node=12, device="neuron")
    found = wrong(CASE.recipe("llama3-8b").args, eight, tensor_parallel=12, kv_replicator=1)
    assert any(text.startswith("tensor_parallel: 12 tensor-parallel ranks are no multiple of 8") for text in found)


def test_gpus_are_told_where_to_go() -> None:
    [text] = wrong(TINY, Layout(nodes=1, processes_per_node=2, device="cuda"))
    assert text.startswith("device: this case is made for Neuron devices")


@pytest.mark.parametrize(
    ("changes", "layout"),
    [
        ({}, TWO_RANKS),
        ({"grad_clip": 0.5}, TWO_RANKS),
        ({"zero1": False}, TWO_RANKS),
        ({"tensor_parallel": 4, "kv_replicator": 2}, replace(TWO_RANKS, processes_per_node=4)),
        ({"tensor_parallel": 1, "sequence_parallel": False}, TWO_RANKS),
    ],
    ids=str,
)
def test_what_works_is_let_through(changes: dict[str, Any], layout: Layout) -> None:
    assert wrong(TINY, layout, **changes) == []


def test_what_a_local_run_is_and_what_it_needs(tmp_path: Path) -> None:
    fidelity, note = fidelity_of(TINY, TWO_RANKS)
    assert fidelity == "stand-in" and "not exercised" in note
    assert fidelity_of(LARGE, SIXTEEN_NODES) == ("real", "")
    assert (list(secrets(TINY)), list(secrets(LARGE))) == ([], ["HF_TOKEN"])
    assert list(preflight(TINY)) == []
    [text] = [str(problem) for problem in preflight(replace(TINY, weights=str(tmp_path)))]
    assert text.startswith(f"{tmp_path}: is no sharded checkpoint")


# --- recipes


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_recipe_fits_its_own_scale(recipe: Any) -> None:
    per_node = recipe.processes_per_node or instances.instance(recipe.instance_type).ranks
    device: Any = "neuron" if recipe.instance_type else "cpu"
    layout = Layout(nodes=recipe.nodes, processes_per_node=per_node, device=device)
    assert list(check(recipe.args, layout)) == []
    assert recipe.parameters == MODELS[recipe.args.model].parameters()
    if recipe.instance_type:
        chip = accelerators.accelerator(str(instances.instance(recipe.instance_type).accelerator))
        available = chip.memory_bytes / chip.ranks_per_accelerator
        assert fit(workload(recipe.args, layout), available, on_gpu=False).verdict == "fits"


def test_models_have_their_published_sizes() -> None:
    sizes = {name: model.parameters() for name, model in MODELS.items() if name != "tiny"}
    assert sizes["llama3-8b"] == sizes["llama3.1-8b"] == 8_030_261_248
    assert sizes["llama3-70b"] == sizes["llama3.1-70b"] == 70_553_706_496
    assert {MODELS[name].rope_scaling for name in ("llama3-8b", "llama3-70b")} == {None}


def test_the_published_figure_is_of_a_chip() -> None:
    [figure] = CASE.recipe("llama3-70b").published
    chips = 16 * instances.instance("trn1.32xlarge").accelerators
    assert figure.value == pytest.approx(4.03 * 8192 / chips, rel=1e-3)
    assert LARGE.global_batch_size * LARGE.sequence_length / 244.3 / chips == pytest.approx(134, abs=1)


# --- how the package is used

FOLDER = Path(neuronx_distributed.__file__).parent
API = "seatrial.cases.neuronx_distributed.api"
PROGRAM = {f"{API.removesuffix('.api')}.{path.stem}": path.read_text() for path in FOLDER.glob("*.py")}


def test_every_use_of_the_package_is_as_recorded() -> None:
    found, seen = problems(Record(RECORDED.read_text()), PROGRAM, API)
    assert found == [] and seen >= 35


@pytest.mark.parametrize(
    ("file", "before", "after", "says"),
    [
        ("model", "kv_size_multiplier=", "kv_multiplier=", "unexpected keyword argument 'kv_multiplier'"),
        ("model", "input_is_parallel=True,", "input_parallel=True,", "unexpected keyword argument 'input_parallel'"),
        ("model", "lnc=self.lnc, transpose_nki", "lnc=self.lnc, transpose", "unexpected keyword argument"),
        ("model", "get_tensor_model_parallel_rank(), ", "get_tensor_parallel_rank(), ", "is not recorded"),
        ("model", "module.init_weight_cpu()", "module.initialise_cpu()", ""),
        ("configuration", "lnc_size=lnc", "lnc=lnc", "unexpected keyword argument 'lnc'"),
        ("train", "num_kept_ckpts=", "keep=", "unexpected keyword argument 'keep'"),
        ("train", "nxd.load_checkpoint(str(folder), tag=tag)", "nxd.load_checkpoint(tag=tag)", "missing a required"),
        ("train", "optimizer.optimizer.init_zero()", "optimizer.optimizer.init()", "init is not recorded"),
        ("train", "optimizer.grad_norm", "optimizer.norm", "optimizer.norm is not recorded"),
        ("train", "model.run_train(", "model.train_step(", "model.train_step is not recorded"),
        ("neuron", "torch_xla.sync()", "torch_xla.mark()", "torch_xla.mark is not recorded"),
        ("neuron", "torch_xla.device()", "torch_xla.device(number=0)", "unexpected keyword argument 'number'"),
        ("api", "neuronx_distributed.modules.qkv_linear", "neuronx_distributed.qkv", "is not recorded"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_use_that_is_not_as_recorded_is_found(file: str, before: str, after: str, says: str) -> None:
    name = f"{API.removesuffix('.api')}.{file}"
    assert before in PROGRAM[name]
    found, _ = problems(Record(RECORDED.read_text()), PROGRAM | {name: PROGRAM[name].replace(before, after)}, API)
    if says:
        assert found and all(says in text for text in found), found


@pytest.mark.torch
def test_configurations_have_the_keys_that_the_package_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    from seatrial.cases.neuronx_distributed import configuration

    given: dict[str, Any] = {}
    monkeypatch.setattr(configuration.nxd, "neuronx_distributed_config", given.update)
    record = Record(RECORDED.read_text())
    configuration.configure(LARGE, 512, 1)
    trainer = record.modules["neuronx_distributed.trainer.trainer"].members
    assert trainer["neuronx_distributed_config"].signature.bind(**given)  # type: ignore[union-attr]
    for name in ("optimizer_config", "mixed_precision_config", "model_init_config"):
        assert trainer[name].signature.bind(**given[name])  # type: ignore[union-attr]
    pipeline = record.find("neuronx_distributed.pipeline.NxDPPModel").signature
    assert pipeline is not None and pipeline.bind(None, **given["pipeline_config"])
    assert given["pipeline_config"]["num_microbatches"] == 512 and given["tensor_parallel_size"] == 32
    configuration.configure(TINY, 2, 1)
    assert given["pipeline_config"] is None


@pytest.mark.torch
def test_the_stand_in_takes_nothing_that_the_package_does_not() -> None:
    from seatrial.cases.neuronx_distributed.standin import package as standin

    record = Record(RECORDED.read_text())
    real: dict[str, Any] = {}
    for module in record.modules.values():
        real |= module.members
    compared = 0
    for name in standin.__all__:
        ours, theirs = getattr(standin, name), real[name]
        if inspect.isclass(ours):
            members = {n: m for n, m in vars(ours).items() if inspect.isfunction(m) and n in theirs.members}
            pairs = [(m, theirs.members[n].signature) for n, m in members.items()]
            pairs += [(ours, theirs.signature)] if name not in ("NxDModel", "NxDOptimizer") else []
        else:
            functions = {name: ours} if callable(ours) else {n: f for n, f in vars(ours).items() if n in theirs.members}
            pairs = [(f, (theirs if callable(ours) else theirs.members[n]).signature) for n, f in functions.items()]
        for function, signature in pairs:
            mine = {n for n in inspect.signature(function).parameters if n not in ("self", "assign", "args", "kwargs")}
            assert mine <= set(signature.parameters), (name, mine - set(signature.parameters))
            compared += 1
    assert compared > 25


# --- the model, as a pipeline cuts it


@pytest.fixture
def alone() -> Iterator[None]:
    """A world of one rank."""
    import torch.distributed as dist

    from seatrial.cases.neuronx_distributed.api import parallel_state

    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    parallel_state.initialize_model_parallel()
    yield
    parallel_state.destroy_model_parallel()
    dist.destroy_process_group()


@pytest.mark.torch
def test_the_packages_tracer_cuts_the_model_into_stages(alone: None) -> None:
    """Traced and split as pipeline/trace.py and partition.py of the package do it: stages hand on one tensor."""
    import torch
    from torch.fx import GraphModule, Tracer
    from torch.fx.passes.split_module import split_module

    from seatrial.cases.neuronx_distributed.configuration import options, pipeline
    from seatrial.cases.neuronx_distributed.model import Llama

    args = replace(TINY, tensor_parallel=1, sequence_parallel=False, pipeline_parallel=2, sequence_length=16)
    config = pipeline(args, 2)
    leaves = [
        *config["leaf_module_cls"],
        config["transformer_layer_cls"].__name__,
        "ParallelLinear",
        "ParallelEmbedding",
    ]

    class Outside(Tracer):
        def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
            return any(name in type(m).__name__ for name in leaves) or super().is_leaf_module(m, module_qualified_name)

    torch.manual_seed(0)
    model = Llama(MODELS["tiny"], options(args, 1))
    assert sum(parameter.numel() for parameter in model.parameters()) == MODELS["tiny"].parameters()
    traced = GraphModule(model, Outside().trace(model))
    stage, stages = 0, {}
    for node in traced.graph.nodes:
        stages[node.name] = stage
        stage += node.target == "model.layers.1"
    cut = split_module(traced, model, lambda node: stages[node.name], keep_original_order=True)
    assert [name for name, _ in cut.named_children()] == ["submod_0", "submod_1"]
    first = cut.submod_0.graph
    assert sum(node.op == "placeholder" for node in first.nodes) == 1
    assert not isinstance(next(node for node in first.nodes if node.op == "output").args[0], tuple)
    tokens = torch.arange(32).view(2, 16)
    assert torch.equal(cut(tokens, tokens + 1), model(tokens, tokens + 1))
    assert list(config["input_names"]) == list(inspect.signature(model.forward).parameters)


# --- whole checkpoints and slices


def whole(dtype: str = "float32") -> dict[str, Any]:
    import torch

    from seatrial.cases.neuronx_distributed.convert import names

    config = MODELS["tiny"]
    generator = torch.Generator().manual_seed(1)
    kinds = {
        "embed_tokens": (320, 128),
        "lm_head": (320, 128),
        "q_proj": (128, 128),
        "k_proj": (64, 128),
        "v_proj": (64, 128),
        "o_proj": (128, 128),
        "gate_proj": (384, 128),
        "up_proj": (384, 128),
        "down_proj": (128, 384),
    }
    shapes = {name: kinds.get(name.split(".")[-2], (128,)) for name in names(config)}
    assert sum(math.prod(shape) for shape in shapes.values()) == config.parameters()
    return {n: torch.randn(s, generator=generator).to(getattr(torch, dtype)) for n, s in shapes.items()}


GRIDS = [
    {},
    {"tensor": 2},
    {"pipeline": 3},
    {"tensor": 2, "pipeline": 4},
    {"tensor": 4, "kv_replicator": 2, "pipeline": 2},
    {"tensor": 4, "kv_replicator": 2, "adjacent": True},
]


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_slices_and_back_is_the_same_to_the_last_bit(grid: dict[str, Any], dtype: str) -> None:
    import torch

    from seatrial.cases.neuronx_distributed.convert import Grid, merge, shard

    config, cut, full = MODELS["tiny"], Grid(**grid), whole(dtype)
    places = [(rank, stage) for rank in range(cut.tensor) for stage in range(cut.pipeline)]
    slices = {place: shard(full, config, cut, *place) for place in places}
    back = merge(slices, config, cut)
    assert back.keys() == full.keys() and all(torch.equal(back[name], full[name]) for name in full)
    for tensor in chain(*(part.values() for part in slices.values())):
        assert tensor.untyped_storage().nbytes() == tensor.nbytes, "a file has a slice, not what it was cut from"
    layers = [sorted({int(n.split(".")[2]) for n in slices[0, s] if ".layers." in n}) for s in range(cut.pipeline)]
    assert sorted(chain(*layers)) == [0, 1, 2, 3]
    assert (
        layers == {1: [[0, 1, 2, 3]], 2: [[0, 1], [2, 3]], 3: [[0], [1], [2, 3]], 4: [[0], [1], [2], [3]]}[cut.pipeline]
    )


@pytest.mark.torch
def test_queries_go_with_their_keys() -> None:
    """As the package lays copies out: on trn1 far from each other, on trn2 on neighbours."""
    from seatrial.cases.neuronx_distributed.convert import Grid

    config = MODELS["llama3-70b"]
    for adjacent in (False, True):
        grid = Grid(tensor=32, pipeline=8, kv_replicator=4, adjacent=adjacent)
        queries = [grid.query_heads(rank, config) for rank in range(32)]
        keys = [grid.kv_heads(rank, config) for rank in range(32)]
        assert sorted(chain(*queries)) == list(range(64))
        assert all(head // 8 == key for heads, [key] in zip(queries, keys, strict=True) for head in heads)
        assert keys[:9] == ([[0]] * 4 + [[1]] * 4 + [[2]] if adjacent else [[i] for i in range(8)] + [[0]])
    assert grid.query_heads(5, config) == [10, 11]
    assert Grid(tensor=32, kv_replicator=4).query_heads(8, config) == [2, 3]


@pytest.mark.torch
def test_copies_that_differ_and_other_models_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    from seatrial.cases.neuronx_distributed.convert import main

    torch.save(whole(), tmp_path / "full.pt")
    four = ["--tensor-parallel", "4", "--kv-replicator", "2"]
    main(["shard", "tiny", str(tmp_path / "full.pt"), str(tmp_path / "parts"), *four])
    path = tmp_path / "parts/model/dp_rank_00_tp_rank_03_pp_rank_00.pt"
    part = torch.load(path)
    part["model.layers.2.self_attn.qkv_proj.weight_v"][0, 0] += 1
    torch.save(part, path)
    (tmp_path / "text.pt").write_text("no tensors")
    for words, says in (
        (["shard", "tiny", str(tmp_path / "text.pt"), str(tmp_path / "x")], "is no checkpoint of this model"),
        (["merge", "tiny", str(tmp_path / "parts"), str(tmp_path / "back.pt"), *four], "ranks hold different values"),
        (["merge", "tiny", str(tmp_path), str(tmp_path / "back.pt")], "is no checkpoint of this model"),
        (["shard", "llama3-8b", str(tmp_path / "full.pt"), str(tmp_path / "x")], "is no checkpoint of this model"),
        (["shard", "tiny", str(tmp_path / "none"), str(tmp_path / "x")], "is neither a file nor a folder"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2 and says in capsys.readouterr().err


# --- tokens

SMALL = replace(TINY, sequence_length=16, sequences=50, global_batch_size=8)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tokenise(SMALL, tmp_path_factory.mktemp("data"), processes=1, alive=lambda: None)


def test_tokens_are_made_once_and_named_by_what_decides_them(tokens: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in tokens.iterdir()}
    assert tokenise(SMALL, tokens.parent, processes=1, alive=lambda: None) == tokens
    assert {path.name: path.stat().st_mtime_ns for path in tokens.iterdir()} == before
    same = replace(SMALL, steps=9, learning_rate=1.0, tensor_parallel=4)
    assert folder_of(same, tokens.parent) == tokens
    for change in ({"seed": 1}, {"sequence_length": 8}, {"sequences": 51}, {"dataset": "synthetic"}):
        assert folder_of(replace(SMALL, **change), tokens.parent) != tokens


def test_every_replica_takes_its_part_and_an_epoch_takes_every_sequence(tokens: Path) -> None:
    alone = Batches(SMALL, tokens, 0, 1)
    halves = [Batches(SMALL, tokens, replica, 2) for replica in range(2)]
    for step in (3, 0, 7):  # in any order: where a step begins needs no history
        assert np.array_equal(alone.step(step), np.concatenate([half.step(step) for half in halves]))
    assert alone.step(0).shape == (8, 17) and alone.step(0).dtype == np.int64 and alone.step(0).max() <= 256
    rows = np.concatenate([alone.step(step) for step in range(25)])  # 200 sequences: four epochs of 50
    for epoch in range(4):
        seen = {row.tobytes() for row in rows[epoch * 50 : (epoch + 1) * 50]}
        assert len(seen) == len({row.tobytes() for row in rows})
    assert not np.array_equal(rows[:50], rows[50:100]), "in another order"
    lane = np.fromfile(tokens / "tokens-0.bin", np.uint16).reshape(-1, 17)
    assert np.array_equal(lane[:-1, -1], lane[1:, 0]), "packed end to end"
    assert len(list(tokens.glob("*.bin"))) == LANES


def test_numbers_are_as_wide_as_the_vocabulary_needs() -> None:
    assert (dtype_of(2**16), dtype_of(2**16 + 1), dtype_of(128_256)) == (np.uint16, np.uint32, np.uint32)


# --- logs

SLURM = (
    "step 1 step_time 244.7649691104889s throughput 3.935193537274158 seq/s loss 13.412860887125134 "
    "grad norm 1.9788274765014648"
)
KUBERNETES = (
    "LOG Thu Jun 12 10:11:12 2025 - (0, 10) step_loss : 11.7523 learning_rate : 1.50e-05 throughput : 3.92 seq/s "
    "grad-norm : 1.9788"
)
EPOCH = (
    "Epoch 0 step 100 end Thu Jun 12 10:11:12 2025 loss 7.5 perf 3.9 seq/sec (at train microstep 1600 "
    "time 1749722000.5 from beginning time 1749720000.25)"
)


def read(*raw: str, args: Args = LARGE) -> list[Step]:
    reader = Reader(args, 512)
    return [event for text in raw for event in reader.read(clean(text)) if isinstance(event, Step)]


def test_both_examples_lines_are_read() -> None:
    [step] = read(SLURM)
    assert (step.step, step.loss, step.grad_norm) == (2, 13.412860887125134, 1.9788274765014648), "it counts from 0"
    assert step.learning_rate is None and step.count == 1024 * 8192
    assert step.count / step.seconds == pytest.approx(3.935193537274158 * 8192)
    [step] = read(KUBERNETES)
    assert (step.step, step.loss, step.learning_rate, step.grad_norm) == (10, 11.7523, 1.5e-5, 1.9788)
    assert step.count / step.seconds == pytest.approx(3.92 * 8192)


def test_a_norm_may_be_missing_and_an_epochs_end_tells_nothing_new() -> None:
    assert read(SLURM.replace("1.9788274765014648", "None"))[0].grad_norm is None
    assert read(KUBERNETES.partition("grad-norm")[0])[0].grad_norm is None
    assert read(KUBERNETES.replace(" seq/s", ""))[0].grad_norm == 1.9788, "as older versions print it"
    assert read(EPOCH) == []


@pytest.mark.parametrize("prefix", ["", "480: ", "[pod/llama3-worker-0/pytorch] ", "[default0]:", "100%|###| 8/8 "])
@pytest.mark.parametrize("line", [SLURM, KUBERNETES], ids=["slurm", "kubernetes"])
def test_what_stands_before_a_line_does_not_matter(prefix: str, line: str) -> None:
    assert read(prefix + line) == read(line)


@pytest.mark.parametrize("text", ["", "Epoch 0", "skipping batch 7", "step by step", "LOG_LEVEL=INFO", "throughput"])
def test_other_lines_say_nothing(text: str) -> None:
    assert read(text) == []


@pytest.mark.parametrize(
    ("line", "begun", "whole_from"),
    [
        (SLURM, "step 1 step_time", SLURM.index("norm 1") + len("norm 1")),
        (KUBERNETES, KUBERNETES[: KUBERNETES.index("(0, 10)") + 7], KUBERNETES.index("norm : 1") + len("norm : 1")),
        (EPOCH, "Epoch 0 step 100 end", len(EPOCH)),
    ],
    ids=["slurm", "kubernetes", "epoch"],
)
def test_a_line_that_stops_anywhere_is_never_lost_and_its_loss_never_believed(
    line: str, begun: str, whole_from: int
) -> None:
    for end in range(len(begun), whole_from):
        if line is KUBERNETES and line[:end].rstrip().endswith("seq/s"):
            continue  # a line without a norm
        with pytest.raises(ValueError):
            read(line[:end])


@pytest.mark.parametrize("loss", ["nan", "inf"])
def test_a_loss_that_is_not_a_number_is_seen(loss: str) -> None:
    assert not math.isfinite(read(SLURM.replace("13.412860887125134", loss))[0].loss)
    assert not math.isfinite(read(KUBERNETES.replace("11.7523", loss))[0].loss)


def test_a_throughput_of_nothing_is_told() -> None:
    with pytest.raises(ValueError, match=r"a throughput of 0\.0 is none"):
        read(SLURM.replace("3.935193537274158", "0.0"))


@given(
    step=st.integers(0, 10**6),
    loss=st.floats(0, 1e4) | st.just(math.nan),
    throughput=st.floats(1e-3, 1e6),
    norm=st.floats(0, 1e6) | st.none(),
    noise=st.text(st.characters(blacklist_characters="\r\n\x1b", blacklist_categories=("Cs",)), max_size=20),
)
def test_no_metric_line_is_lost_whatever_it_says(
    step: int, loss: float, throughput: float, norm: float | None, noise: str
) -> None:
    first = f"step {step} step_time 1.5s throughput {throughput} seq/s loss {loss} grad norm {norm}"
    tail = f"grad-norm : {norm}" if norm else ""
    second = (
        f"LOG Thu Jun 12 10:11:12 2025 - (0, {step}) step_loss : {loss:.4f} learning_rate : {1e-4:.2e} "
        f"throughput : {throughput:.2f} seq/s {tail}"
    )
    for line, number, digits in ((first, step + 1, 16), (second, step, 4)):
        if line is second and throughput < 0.01:
            continue
        [found] = Reader(TINY, 2).read(Line(line.rstrip()))
        assert isinstance(found, Step) and found.step == number
        assert found.loss == pytest.approx(loss, abs=10.0**-digits, nan_ok=True)
        assert found.grad_norm == (pytest.approx(norm) if norm or (line is first and norm is not None) else None)
        with contextlib.suppress(ValueError):
            assert list(Reader(TINY, 2).read(Line(line + noise))) != []


def test_the_published_log_is_read_whole() -> None:
    text = Path(__file__).with_name("recorded").joinpath("neuronx_distributed.log").read_text()
    log = Reading(Reader(LARGE, 512))
    steps = [event for raw in text.splitlines() for event in log.line(raw)]
    assert [step.step for step in steps if isinstance(step, Step)] == [2, 3, 4] and log.first == ""


# --- a rank


def test_a_rank_without_the_neuron_packages_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    from seatrial.cases.neuronx_distributed.neuron import VARIABLES, NeuronWorker
    from seatrial.errors import UserError

    for name, value in {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", **dict.fromkeys(VARIABLES, "mine")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NEURON_COMPILE_CACHE_URL", "s3://mine")
    monkeypatch.setitem(sys.modules, "torch_xla", None)
    job = {"args": {}, "digest": "", "pins": {}, "device": "neuron", "launch": "rank", "processes_per_node": 1}
    worker = NeuronWorker(tmp_path, job | {"nodes": 1})
    with pytest.raises(UserError, match=r"torch_xla cannot be imported.*\n.*neuronx-distributed 0\.17"):
        _ = worker.device
    assert worker.backend == "xla" and "neuronx-distributed" in worker.pins
    assert NeuronWorker(tmp_path, job | {"device": "cpu", "nodes": 1}).pins == {}
