"""What the case's arguments, and the place where a job runs, say in NeMo's keys. Pure; standard library only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.job import digest
from seatrial.spec import Layout

if TYPE_CHECKING:
    from seatrial.cases.nemo_launcher import Args

INDEXED = "indexed:"
"""Begins a dataset that stands there already: the path of its .bin and .idx, without either."""
MOCK = "mock"
"""The dataset whose tokens are made up."""
DOCUMENTS = "text_document"
"""Name of the pair of files, as Megatron's own preprocessing ends it."""
_PRECISIONS = {"bf16": "bf16", "fp16": 16, "fp32": 32}
_LIBRARIES = {"bytes": ("byte-level", None)}


def by_nemo(args: Args, layout: Layout) -> bool:
    """Whether NeMo itself trains, and not our driver on megatron-core."""
    return layout.device == "cuda" and args.source is not None


def cluster(layout: Layout) -> str:
    """The file of conf/cluster that a layout needs."""
    return "gpu" if layout.device == "cuda" else "cpu"


def given(args: Args, layout: Layout, *, run: Path = Path("RUN"), data: Path = Path("DATA")) -> dict[str, Any]:
    """Key -> value of everything that the tree leaves to be given."""
    return {
        "stages": stages(args),
        "data_dir": str(data),
        "base_results_dir": str(run / "results"),
        "checkpoints": str(run / "checkpoints"),
        "cluster.num_nodes": layout.nodes,
        "cluster.gpus_per_node": layout.processes_per_node,
        "data_preparation.source": "synthetic" if args.dataset == MOCK else args.dataset,
        "data_preparation.tokenizer": args.tokenizer,
        "data_preparation.tokens": tokens(args),
        **_trainer(args),
        **_model(args),
        **_data(args, layout, data),
    }


def stages(args: Args) -> list[str]:
    """Those that are asked for."""
    return [name.strip() for name in args.stages.split(",") if name.strip()]


def tokens(args: Args) -> int:
    """Tokens to prepare: as many as the steps take, and a tenth more for what is held out."""
    return args.data_tokens or round(1.1 * args.steps * args.global_batch_size * args.sequence_length) + 1


def prefix(args: Args, data: Path) -> Path:
    """Where the data set is, or will be: the path of its .bin and .idx, without either."""
    if args.dataset.startswith(INDEXED):
        return Path(args.dataset.removeprefix(INDEXED))
    decides = [args.dataset, args.tokenizer, args.seed, args.vocab_size, tokens(args)]
    return data / f"nemo-{digest('nemo-launcher', {'data': decides})}" / DOCUMENTS


def _trainer(args: Args) -> dict[str, Any]:
    validates, saves = args.validation_every > 0, args.checkpoint_every > 0
    trainer = {
        "precision": _PRECISIONS[args.precision],
        "max_steps": args.steps,
        "log_every_n_steps": args.log_every,
        "val_check_interval": args.validation_every if validates else args.steps,
        "limit_val_batches": args.validation_batches if validates else 0,
    }
    checkpoints = {
        "create_checkpoint_callback": saves,
        "checkpoint_callback_params.save_top_k": args.checkpoint_keep,
        "checkpoint_callback_params.every_n_train_steps": args.checkpoint_every if saves else args.steps,
    }
    return {
        **{f"training.trainer.{name}": value for name, value in trainer.items()},
        **{f"training.exp_manager.{name}": value for name, value in checkpoints.items()},
    }


def _model(args: Args) -> dict[str, Any]:
    library, name = _LIBRARIES.get(args.tokenizer, ("huggingface", args.tokenizer))
    model = {
        "micro_batch_size": args.micro_batch_size,
        "global_batch_size": args.global_batch_size,
        "encoder_seq_length": args.sequence_length,
        "tensor_model_parallel_size": args.tensor_parallel,
        "pipeline_model_parallel_size": args.pipeline_parallel,
        "context_parallel_size": args.context_parallel,
        "sequence_parallel": args.sequence_parallel,
        "seed": args.seed,
        "optim.sched.warmup_steps": min(args.warmup_steps, args.steps - 1),  # Megatron wants a decay after it
        "tokenizer.library": library,
        "tokenizer.type": name,
    }
    return {f"training.model.{name}": value for name, value in model.items()}


def _data(args: Args, layout: Layout, data: Path) -> dict[str, Any]:
    """NeMo makes mock data itself; our driver reads some that were written before."""
    mock = args.dataset == MOCK
    made_by_nemo = mock and by_nemo(args, layout)
    return {
        "training.model.data.data_impl": "mock" if mock else "mmap",
        "training.model.data.data_prefix": [] if made_by_nemo else [1.0, str(prefix(args, data))],
    }
