"""Args as Megatron-LM's own command line; pure. Our driver and `pretrain_gpt.py` take the same flags."""

from __future__ import annotations

from pathlib import Path

from seatrial.cases.megatron_lm import Args
from seatrial.cases.megatron_lm.sizes import SIZES
from seatrial.models import Decoder
from seatrial.profiling import Profile
from seatrial.spec import Device


def flags(
    args: Args, *, device: Device, data: Path, cache: Path, checkpoints: Path | None, transformer_engine: bool
) -> list[str]:
    """The command line.

    `data` is the prefix of a .bin and an .idx, `cache` a folder for the index of samples, `checkpoints` the folder to
    save into and to go on from; None: none are kept. `transformer_engine`: whether its layers can be had.
    """
    size = SIZES[args.model]
    return [
        *_model(args, size),
        *_training(args),
        *_parallelism(args, device),
        *_data(args, size, data, cache),
        *_checkpoints(args, checkpoints),
        *_logging(args),
        *kernels(device, transformer_engine),
    ]


def _options(**values: object) -> list[str]:
    """``seq_length=256`` as ``--seq-length 256``; True as a switch; False and None as nothing."""
    words = []
    for name, value in values.items():
        flag = "--" + name.replace("_", "-")
        words += [flag] if value is True else [] if value is False or value is None else [flag, str(value)]
    return words


def _model(args: Args, size: Decoder) -> list[str]:
    grouped = size.num_kv_heads != size.num_heads
    return _options(
        num_layers=size.num_layers,
        hidden_size=size.hidden_size,
        ffn_hidden_size=size.intermediate_size,
        num_attention_heads=size.num_heads,
        group_query_attention=grouped,
        num_query_groups=size.num_kv_heads if grouped else None,
        seq_length=args.sequence_length,
        max_position_embeddings=size.max_context,
        position_embedding_type="rope" if size.positions == "rotary" else "learned_absolute",
        normalization="RMSNorm" if size.norm == "rms" else "LayerNorm",
        norm_epsilon=size.norm_eps,
        init_method_std=size.init_std,
        swiglu=size.gated,
        disable_bias_linear=not size.bias,
        untie_embeddings_and_output_weights=not size.tie_embeddings,
        attention_dropout=args.dropout,
        hidden_dropout=args.dropout,
        make_vocab_size_divisible_by=args.make_vocab_size_divisible_by,
    )


def _training(args: Args) -> list[str]:
    recompute: dict[str, dict[str, object]] = {
        "none": {},
        "selective": {"recompute_granularity": "selective"},
        "full": {"recompute_granularity": "full", "recompute_method": "uniform", "recompute_num_layers": 1},
    }
    return _options(
        micro_batch_size=args.micro_batch_size,
        global_batch_size=args.global_batch_size,
        train_iters=args.steps,
        lr=args.learning_rate,
        min_lr=args.min_learning_rate,
        lr_decay_style=args.schedule,
        lr_decay_iters=args.steps,
        lr_warmup_iters=min(args.warmup_steps, args.steps - 1),  # Megatron refuses a warm-up without a decay
        weight_decay=args.weight_decay,
        adam_beta1=args.beta1,
        adam_beta2=args.beta2,
        clip_grad=args.grad_clip,
        seed=args.seed,
        bf16=args.precision == "bf16",
        fp16=args.precision == "fp16",
        **recompute[args.recompute],
    )


def _parallelism(args: Args, device: Device) -> list[str]:
    return _options(
        tensor_model_parallel_size=args.tensor_parallel,
        pipeline_model_parallel_size=args.pipeline_parallel,
        context_parallel_size=args.context_parallel,
        sequence_parallel=args.sequence_parallel,
        use_distributed_optimizer=args.use_distributed_optimizer,
        overlap_grad_reduce=args.overlap_grad_reduce,
        overlap_param_gather=args.overlap_param_gather,
        distributed_backend="nccl" if device == "cuda" else "gloo",
        distributed_timeout_minutes=30,
    )


def _data(args: Args, size: Decoder, data: Path, cache: Path) -> list[str]:
    return _options(
        data_path=data,
        data_cache_path=cache,
        split=args.split,
        tokenizer_type="NullTokenizer",  # the data is tokens already
        vocab_size=size.vocab_size - 1,  # that tokenizer counts its end-of-document token on top
        num_workers=args.num_workers,
        eval_interval=args.validation_every or args.steps + 1,
        eval_iters=args.validation_batches if args.validation_every else 0,
        no_create_attention_mask_in_dataloader=True,  # the attention makes its causal mask itself
    )


def _checkpoints(args: Args, folder: Path | None) -> list[str]:
    return _options(
        save=folder,
        load=folder,
        save_interval=args.checkpoint_every or args.steps + 1 if folder else None,
        ckpt_format="torch_dist",
        exit_signal_handler=True,
    )


def _logging(args: Args) -> list[str]:
    return _options(log_interval=args.log_every, log_throughput=True)


def profiling(wanted: Profile, world_size: int, folder: Path) -> list[str]:
    """What tells `pretrain_gpt.py` to record steps; our driver's are recorded by its ranks. `folder` gets the traces.

    Megatron counts the steps before: its window opens after step ``--profile-step-start``, and closes after the end.
    """
    if wanted.steps is None:
        return []
    torch = wanted.tool == "torch"
    ranks = range(world_size) if wanted.ranks is None else wanted.ranks
    window = _options(
        profile=True,
        profile_step_start=wanted.steps[0] - 1,
        profile_step_end=wanted.steps[1],
        use_pytorch_profiler=torch,
        tensorboard_dir=folder if torch else None,
    )
    return [*window, "--profile-ranks", *map(str, ranks)]


def kernels(device: Device, transformer_engine: bool) -> list[str]:
    """On a CPU, and on a GPU without Transformer Engine, megatron-core's own layers, without its fused kernels."""
    if transformer_engine:
        return _options(transformer_impl="transformer_engine")
    return _options(
        transformer_impl="local",
        use_cpu_initialization=device == "cpu",
        no_gradient_accumulation_fusion=True,
        no_masked_softmax_fusion=True,
        no_bias_gelu_fusion=True,
        no_bias_swiglu_fusion=True,
        no_bias_dropout_fusion=True,
        no_rope_fusion=True,
        no_persist_layer_norm=True,
    )
