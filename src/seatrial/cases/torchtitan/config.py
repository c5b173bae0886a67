"""What torchtitan is told: its own configuration, made from our arguments. Pure, and free of torchtitan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seatrial.cases.torchtitan import Args

DATA_MODULE = "seatrial.cases.torchtitan.data"
"""torchtitan imports it when it starts, and then knows our data sets."""


def job_config(args: Args, *, run: Path, tokenizer: Path, data: Path | None, checkpoints: bool) -> dict[str, Any]:
    """Section -> settings, by the names of torchtitan 0.2.2. What is not named keeps torchtitan's default.

    `data` is the folder of prepared documents, or of C4; None: C4, which torchtitan streams from the hub itself.
    """
    config: dict[str, Any] = {
        "job": {"dump_folder": str(run), "description": f"llama3 {args.model}"},
        "model": {"name": "llama3", "flavor": args.model, "hf_assets_path": str(tokenizer)},
        "training": {
            "dataset": "c4" if args.dataset.startswith("c4") else "documents",
            "local_batch_size": args.micro_batch_size,
            "global_batch_size": args.global_batch_size,
            "seq_len": args.sequence_length,
            "steps": args.steps,
            "max_norm": args.grad_clip,
            "mixed_precision_param": {"bf16": "bfloat16", "fp32": "float32"}[args.precision],
        },
        "optimizer": {
            "lr": args.learning_rate,
            "beta1": args.beta1,
            "beta2": args.beta2,
            "weight_decay": args.weight_decay,
        },
        "lr_scheduler": {
            "warmup_steps": args.warmup_steps,
            "decay_type": args.schedule,
            "min_lr_factor": args.min_learning_rate / args.learning_rate,
        },
        "parallelism": {
            "data_parallel_replicate_degree": args.data_parallel_replicate,
            "data_parallel_shard_degree": -1,  # all ranks that the other degrees leave over
            "tensor_parallel_degree": args.tensor_parallel,
            "enable_async_tensor_parallel": args.async_tensor_parallel,
            "context_parallel_degree": args.context_parallel,
            "pipeline_parallel_degree": args.pipeline_parallel,
        },
        "activation_checkpoint": _recompute(args.recompute),
        "compile": {"enable": args.compile},
        "metrics": {"log_freq": args.log_every},
        "debug": {"seed": args.seed, "deterministic": args.deterministic},
        "checkpoint": {
            "enable": checkpoints,
            "folder": "checkpoints",
            # torchtitan also saves at the last step, and Seatrial when it is asked to stop.
            "interval": args.checkpoint_every or args.steps,
            "keep_latest_k": args.checkpoint_keep,
            "async_mode": "async" if args.checkpoint_async else "disabled",
            # torchtitan's default leaves optimizer and data out of the last one, which then cannot be resumed from.
            "last_save_model_only": False,
        },
        # Its own 100 s after the first step are less than a checkpoint on a busy file system takes.
        "comm": {"init_timeout_seconds": 1800, "train_timeout_seconds": 1800},
    }
    if data and config["training"]["dataset"] == "c4":
        config["training"]["dataset_path"] = str(data)
    elif data:
        config["training"]["dataset_path"] = str(data / "documents.arrow")
        config["experimental"] = {"custom_import": DATA_MODULE}
    if args.float8 != "none":
        config["model"]["converters"] = ["float8"]
        config["quantize"] = {"linear": {"float8": _float8(args)}}
    return config


def _recompute(policy: str) -> dict[str, Any]:
    # "op" keeps matrix products and attention, and recomputes what is cheap.
    return {"mode": "selective", "selective_ac_option": "op"} if policy == "selective" else {"mode": policy}


def _float8(args: Args) -> dict[str, Any]:
    # The output layer is left in high precision, as in torchtitan's own configurations.
    settings: dict[str, Any] = {"filter_fqns": ["output"]}
    if args.float8 != "tensorwise":  # tensorwise is what torchtitan does without a recipe; only so can it gather in fp8
        settings["recipe_name"] = args.float8
    if args.float8_all_gather:
        settings["enable_fsdp_float8_all_gather"] = True
        settings["precompute_float8_dynamic_scale_for_fsdp"] = True
    return settings


HEADER = """\
# Written by seatrial. Where seatrial can be imported, torchtitan itself takes it too:
#   torchrun ... -m torchtitan.train --job.config_file torchtitan.toml

"""


def toml(config: dict[str, Any]) -> str:
    """The configuration as the file that torchtitan reads, which is UTF-8."""
    import tomlkit

    return HEADER + tomlkit.dumps(config)
