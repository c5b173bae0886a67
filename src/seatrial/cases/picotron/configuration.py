"""picotron's own configuration file, made from our arguments. Pure; standard library only."""

from __future__ import annotations

import json
from typing import Any

from seatrial.cases.picotron import Args
from seatrial.cases.picotron.models import MODELS
from seatrial.spec import Layout

LOCAL_MODEL, LOCAL_DATA = "model", "data"
"""Folders that stand for a model and a data set which no hub has; see checkout.py."""
SAMPLES = 400_000
"""Documents of a hub's data set that are used, as in picotron's examples."""


def data_parallel(args: Args, world_size: int) -> int:
    """What the other dimensions leave of the ranks."""
    return world_size // (args.tensor_parallel * args.pipeline_parallel * args.context_parallel)


def configuration(
    args: Args, layout: Layout, *, save_dir: str = "checkpoints", load_path: str = "", token: str = ""
) -> dict[str, Any]:
    """The sections of picotron's JSON. `token` is the hub's; it must not be written into a file."""
    model = MODELS[args.model]
    replicas = data_parallel(args, layout.world_size)
    on_cpu = layout.device == "cpu"
    on_hub = args.dataset.startswith("hf:")
    name, subset = _dataset(args.dataset.removeprefix("hf:"))
    return {
        "distributed": {
            "tp_size": args.tensor_parallel,
            "cp_size": args.context_parallel,
            "pp_size": args.pipeline_parallel,
            "dp_size": replicas,
            "pp_engine": args.pipeline_schedule,
            "backend": "gloo" if on_cpu else "nccl",
            "use_cpu": on_cpu,
        },
        "model": {
            "name": model.hub or LOCAL_MODEL,
            "num_hidden_layers": model.config.num_layers,
            "num_attention_heads": model.config.num_heads,
            "num_key_value_heads": model.config.num_kv_heads,
            "dtype": "float32" if on_cpu else "bfloat16",
            "use_flash_attention": not on_cpu,
            "use_fused_adam": not on_cpu,
        },
        "training": {
            "seed": args.seed,
            "learning_rate": args.learning_rate,
            "total_train_steps": args.steps,
            "seq_length": args.sequence_length,
            "micro_batch_size": args.micro_batch_size,
            "gradient_accumulation_steps": args.global_batch_size // (args.micro_batch_size * replicas),
            "num_samples": SAMPLES if on_hub else None,
            # Some versions stop at this alone, and not at total_train_steps.
            "max_tokens": args.steps * args.global_batch_size * args.sequence_length,
        },
        "dataset": {
            "name": name if on_hub else LOCAL_DATA,
            "subset_name": subset if on_hub else None,
            "split": "train",
            "num_workers": 0,
            "num_proc": 1,
        },
        "checkpoint": {
            "save_dir": save_dir,
            # It saves where the step divides by this: a number above all steps is never.
            "save_frequency": args.checkpoint_every or args.steps + 1,
            "load_path": load_path,
        },
        "logging": {"use_wandb": False, "project_name": "picotron", "run_name": None},
        "environment": {
            "OMP_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "FLASH_ATTEN": "0" if on_cpu else "1",
            "HF_TOKEN": token,
        },
    }


def _dataset(name: str) -> tuple[str, str | None]:
    """Name and subset, as datasets.load_dataset takes them: ``OWNER/NAME[/SUBSET]``, or a folder's path."""
    if name.startswith("/"):
        return name, None
    owner, _, rest = name.partition("/")
    dataset, _, subset = rest.partition("/")
    return f"{owner}/{dataset}".rstrip("/"), subset or None


def as_text(sections: dict[str, Any]) -> str:
    """The file's text."""
    return json.dumps(sections, indent=4) + "\n"
