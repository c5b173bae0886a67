"""NeMo's keys for our driver: which flag of Megatron each becomes, and which must stay as they are.

Every key of the tree is in one of the three tables. One in none of them, which an override added, is refused: it would
be trained without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from seatrial.errors import Problem
from seatrial.models import Decoder

Training = Mapping[str, Any]
"""Dotted name -> value, below ``training``."""
Words = Callable[[Any, Training], list[str]]


def _flag(*names: str) -> Words:
    """The value, or one of a list of values for each name."""

    def words(value: Any, _: Training) -> list[str]:
        values = value if isinstance(value, list) else [value]
        if len(values) != len(names):
            raise ValueError(f"{len(names)} values are needed")
        return [word for name, one in zip(names, values, strict=True) for word in (name, str(one))]

    return words


def _choice(**choices: list[str]) -> Words:
    """Words for each value that is known; any other is refused."""

    def words(value: Any, _: Training) -> list[str]:
        found = choices.get(str(value).lower().replace("-", "_"))
        if found is None:
            raise ValueError(f"choose from: {', '.join(choices)}")
        return found

    return words


def _number_flag(name: str) -> Words:
    """A number, and no word for one: Megatron would take another meaning, or none."""

    def words(value: Any, _: Training) -> list[str]:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError("a number is needed")
        return [name, str(value)]

    return words


def _count_flag(name: str) -> Words:
    """A whole number, and at least one."""

    def words(value: Any, training: Training) -> list[str]:
        if not isinstance(value, int) or value < 1:
            raise ValueError("a whole number of at least 1 is needed")
        return _number_flag(name)(value, training)

    return words


def _decay(value: Any, training: Training) -> list[str]:
    """The cosine ends `value` steps before the end."""
    decay = training["trainer.max_steps"] - value
    if decay <= training["model.optim.sched.warmup_steps"]:
        raise ValueError("no step is left between the warm-up and these")
    return ["--lr-decay-iters", str(decay)]


def _groups(value: Any, training: Training) -> list[str]:
    if value is None:
        return []
    return ["--group-query-attention", *_count_flag("--num-query-groups")(value, training)]


def _recompute(value: Any, training: Training) -> list[str]:
    if value == "full":
        method = training["model.activations_checkpoint_method"] or "uniform"
        layers = training["model.activations_checkpoint_num_layers"] or 1
        how = ["--recompute-method", str(method), "--recompute-num-layers", str(layers)]
        return ["--recompute-granularity", "full", *how]
    return _choice(none=[], selective=["--recompute-granularity", "selective"])(value, training)


def _save(value: Any, training: Training) -> list[str]:
    return ["--save-interval", str(value)] if training["exp_manager.create_checkpoint_callback"] else []


def _overlap(value: Any, training: Training) -> list[str]:
    """NeMo overlaps with its distributed optimizer only."""
    sharded = training["model.optim.name"] == "distributed_fused_adam"
    return _choice(true=["--overlap-grad-reduce"] if sharded else [], false=[])(value, training)


def _overlap_gather(value: Any, training: Training) -> list[str]:
    both = training["model.optim.overlap_grad_sync"] and _overlap(True, training)
    return _choice(true=["--overlap-param-gather"] if both else [], false=[])(value, training)


def _nothing(_: Any, __: Training) -> list[str]:
    return []


MAPPED: Mapping[str, Words] = {
    "trainer.precision": _choice(**{"32": [], "bf16": ["--bf16"], "16": ["--fp16"]}),
    "trainer.max_steps": _number_flag("--train-iters"),
    "trainer.log_every_n_steps": _number_flag("--log-interval"),
    "trainer.val_check_interval": _number_flag("--eval-interval"),
    "trainer.limit_val_batches": _number_flag("--eval-iters"),
    "trainer.gradient_clip_val": _number_flag("--clip-grad"),
    "exp_manager.checkpoint_callback_params.every_n_train_steps": _save,
    "model.micro_batch_size": _number_flag("--micro-batch-size"),
    "model.global_batch_size": _number_flag("--global-batch-size"),
    "model.tensor_model_parallel_size": _number_flag("--tensor-model-parallel-size"),
    "model.pipeline_model_parallel_size": _number_flag("--pipeline-model-parallel-size"),
    "model.context_parallel_size": _number_flag("--context-parallel-size"),
    "model.sequence_parallel": _choice(true=["--sequence-parallel"], false=[]),
    "model.encoder_seq_length": _number_flag("--seq-length"),
    "model.max_position_embeddings": _count_flag("--max-position-embeddings"),
    "model.num_layers": _count_flag("--num-layers"),
    "model.hidden_size": _count_flag("--hidden-size"),
    "model.ffn_hidden_size": _count_flag("--ffn-hidden-size"),
    "model.num_attention_heads": _count_flag("--num-attention-heads"),
    "model.num_query_groups": _groups,
    "model.init_method_std": _number_flag("--init-method-std"),
    "model.hidden_dropout": _number_flag("--hidden-dropout"),
    "model.attention_dropout": _number_flag("--attention-dropout"),
    "model.normalization": _choice(layernorm=["--normalization", "LayerNorm"], rmsnorm=["--normalization", "RMSNorm"]),
    "model.layernorm_epsilon": _number_flag("--norm-epsilon"),
    "model.make_vocab_size_divisible_by": _count_flag("--make-vocab-size-divisible-by"),
    "model.bias": _choice(true=[], false=["--disable-bias-linear"]),
    "model.activation": _choice(gelu=[], swiglu=["--swiglu"], fast_swiglu=["--swiglu"]),
    "model.position_embedding_type": _choice(
        learned_absolute=["--position-embedding-type", "learned_absolute"], rope=["--position-embedding-type", "rope"]
    ),
    "model.share_embeddings_and_output_weights": _choice(true=[], false=["--untie-embeddings-and-output-weights"]),
    "model.activations_checkpoint_granularity": _recompute,
    "model.activations_checkpoint_method": _nothing,  # of full recomputation
    "model.activations_checkpoint_num_layers": _nothing,  # of full recomputation
    "model.seed": _number_flag("--seed"),
    "model.optim.name": _choice(distributed_fused_adam=["--use-distributed-optimizer"], fused_adam=[]),
    "model.optim.overlap_grad_sync": _overlap,
    "model.optim.overlap_param_sync": _overlap_gather,
    "model.optim.lr": _number_flag("--lr"),
    "model.optim.weight_decay": _number_flag("--weight-decay"),
    "model.optim.betas": _flag("--adam-beta1", "--adam-beta2"),
    "model.optim.sched.name": _choice(cosineannealing=["--lr-decay-style", "cosine"]),
    "model.optim.sched.warmup_steps": _number_flag("--lr-warmup-iters"),
    "model.optim.sched.constant_steps": _decay,
    "model.optim.sched.min_lr": _number_flag("--min-lr"),
    "model.data.splits_string": _flag("--split"),
    "model.data.num_workers": _number_flag("--num-workers"),
    "model.data.data_prefix": lambda value, _: ["--data-path", *map(str, value[1:])],
}
"""Key -> the words on Megatron's command line that its value gives."""

FIXED: Mapping[str, Any] = {
    "trainer.max_epochs": None,
    "trainer.max_time": None,
    "trainer.limit_test_batches": 0,
    "trainer.accumulate_grad_batches": 1,
    "exp_manager.resume_if_exists": True,
    "exp_manager.checkpoint_callback_params.monitor": "step",
    "exp_manager.checkpoint_callback_params.mode": "max",
    "model.mcore_gpt": True,
    "model.rampup_batch_size": None,
    "model.virtual_pipeline_model_parallel_size": None,
    "model.resume_from_checkpoint": None,
    "model.restore_from_path": None,
    "model.kv_channels": None,
    "model.use_scaled_init_method": True,
    "model.ffn_dropout": 0.0,
    "model.pre_process": True,
    "model.post_process": True,
    "model.transformer_block_type": "pre_ln",
    "model.openai_gelu": False,
    "model.rotary_percentage": 1.0,
    "model.megatron_amp_O2": True,
    "model.fp32_residual_connection": False,
    "model.fp16_lm_cross_entropy": False,
    "model.fp8": False,
    "model.num_micro_batches_with_partial_activation_checkpoints": None,
    "model.activations_checkpoint_layers_per_pipeline": None,
    **dict.fromkeys(("model.tokenizer.model", "model.tokenizer.vocab_file", "model.tokenizer.merge_file")),
    "model.tokenizer.delimiter": None,
    "model.nsys_profile.enabled": False,
    "model.data.dataloader_type": "single",
    "model.data.reset_position_ids": False,
    "model.data.reset_attention_mask": False,
    "model.data.eod_mask_loss": False,
}
"""Key -> the one value that our driver knows: with another the result would be another."""

DESCRIBES = (
    *("model.num_layers", "model.hidden_size", "model.ffn_hidden_size", "model.num_attention_heads"),
    *("model.num_query_groups", "model.max_position_embeddings", "model.make_vocab_size_divisible_by"),
    "model.activations_checkpoint_granularity",
)
"""Keys of MAPPED that decide how large a model is, whoever trains it."""

WITHOUT_EFFECT = (
    *("run.name", "run.results_dir", "run.time_limit", "run.dependency"),
    *("trainer.num_nodes", "trainer.devices", "trainer.accelerator"),  # the launcher's
    *("trainer.logger", "trainer.enable_checkpointing", "trainer.use_distributed_sampler"),
    *("exp_manager.explicit_log_dir", "exp_manager.exp_dir", "exp_manager.name", "exp_manager.create_wandb_logger"),
    *("exp_manager.resume_ignore_no_checkpoint", "exp_manager.create_checkpoint_callback"),
    *(f"exp_manager.checkpoint_callback_params.{name}" for name in ("dirpath", "save_top_k", "filename")),
    *(f"exp_manager.checkpoint_callback_params.{name}" for name in ("always_save_nemo", "save_nemo_on_train_end")),
    "exp_manager.checkpoint_callback_params.model_parallel_size",
    *("exp_manager.log_step_timing", "exp_manager.step_timing_kwargs.sync_cuda"),
    "exp_manager.step_timing_kwargs.buffer_size",
    "model.apply_query_key_layer_scaling",  # divided by the layer's number, and multiplied by it again in the softmax
    *("model.tokenizer.library", "model.tokenizer.type"),
    *("model.native_amp_init_scale", "model.native_amp_growth_interval", "model.hysteresis"),  # of fp16
    *("model.transformer_engine", "model.fp8_e4m3", "model.fp8_hybrid", "model.fp8_margin", "model.fp8_interval"),
    *("model.fp8_amax_history_len", "model.fp8_amax_compute_algo"),
    # kernels, and when what is communicated
    *("model.persist_layer_norm", "model.gradient_as_bucket_view", "model.grad_allreduce_chunk_size_mb"),
    *("model.grad_div_ar_fusion", "model.gradient_accumulation_fusion", "model.bias_activation_fusion"),
    *("model.bias_dropout_add_fusion", "model.masked_softmax_fusion", "model.ub_tp_comm_overlap"),
    *("model.overlap_p2p_comm", "model.batch_p2p_comm", "model.sync_batch_comm", "model.use_flash_attention"),
    *("model.gc_interval", "model.use_cpu_initialization", "model.onnx_safe", "model.apex_transformer_log_level"),
    *(f"model.nsys_profile.{name}" for name in ("trace", "start_step", "end_step", "ranks", "gen_shape")),
    *("model.optim.bucket_cap_mb", "model.optim.contiguous_grad_buffer"),
    *("model.data.data_impl", "model.data.seq_length", "model.data.skip_warmup", "model.data.index_mapping_dir"),
)
"""Keys of whose value no number of a training under our driver depends: names, kernels, overlap, or said elsewhere."""


def of_training(plain: Mapping[str, Any]) -> dict[str, Any]:
    """The keys below ``training`` of a whole tree."""
    return {key.removeprefix("training."): value for key, value in plain.items() if key.startswith("training.")}


def refused(training: Training) -> Iterator[Problem]:
    """Every key that would be trained otherwise than NeMo does."""
    for key, value in training.items():
        where = f"training.{key}"
        if key in MAPPED:
            yield from _unreadable(key, value, training)
        elif key in FIXED:
            if value != FIXED[key] or isinstance(value, bool) != isinstance(FIXED[key], bool):
                what = f"{value!r} is for NeMo itself: the stand-in on megatron-core knows {FIXED[key]!r} only"
                yield Problem(what, where, "leave it out, or run on GPUs, in NeMo's container")
        elif key not in WITHOUT_EFFECT:
            what = "no flag of Megatron is known for it, so that the stand-in would train without"
            yield Problem(what, where, "leave it out, or run on GPUs, in NeMo's container")
    for key in sorted((MAPPED.keys() | FIXED.keys()) - training.keys()):
        yield Problem("is missing", f"training.{key}", "the stand-in on megatron-core needs it")


def undescribed(training: Training) -> Iterator[Problem]:
    """Every key for want of which nobody could say how large the model is."""
    for key in DESCRIBES:
        if key not in training:
            yield Problem("is missing", f"training.{key}", "without it the size of the model is unknown")
        else:
            yield from _unreadable(key, training[key], training)


def _unreadable(key: str, value: Any, training: Training) -> Iterator[Problem]:
    try:
        MAPPED[key](value, training)
    except (KeyError, TypeError, ValueError) as error:
        yield Problem(f"{value!r} cannot be: {error}", f"training.{key}")


def flags(training: Training, vocab_size: int) -> list[str]:
    """Megatron's command line, but for what depends on the device and on the run's folder."""
    words = [word for key, made in MAPPED.items() for word in made(training[key], training)]
    # The data is tokens already; that tokenizer counts its end-of-document token on top.
    data = ["--tokenizer-type", "NullTokenizer", "--vocab-size", str(vocab_size - 1)]
    return [*words, *data, "--no-create-attention-mask-in-dataloader", "--log-throughput"]


def decoder(training: Training, vocab_size: int) -> Decoder:
    """The model that the keys describe, with the embedding that Megatron pads."""
    multiple = training["model.make_vocab_size_divisible_by"] * training["model.tensor_model_parallel_size"]
    heads = training["model.num_attention_heads"]
    return Decoder(
        vocab_size=-(-vocab_size // multiple) * multiple,
        hidden_size=training["model.hidden_size"],
        intermediate_size=training["model.ffn_hidden_size"],
        num_layers=training["model.num_layers"],
        num_heads=heads,
        num_kv_heads=training["model.num_query_groups"] or heads,
        max_context=training["model.max_position_embeddings"],
        positions="rotary" if training.get("model.position_embedding_type") == "rope" else "learned",
        norm="rms" if training.get("model.normalization") == "rmsnorm" else "layer",
        gated="swiglu" in str(training.get("model.activation")),
        bias=bool(training.get("model.bias", True)),
        tie_embeddings=bool(training.get("model.share_embeddings_and_output_weights", True)),
    )
