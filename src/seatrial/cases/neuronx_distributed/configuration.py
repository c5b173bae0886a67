"""neuronx_distributed's configuration, made from our arguments."""

from __future__ import annotations

from typing import Any

import torch

from seatrial.cases.neuronx_distributed import Args
from seatrial.cases.neuronx_distributed.api import mappings, nxd
from seatrial.cases.neuronx_distributed.model import (
    CoreAttention,
    DecoderLayer,
    FeedForward,
    Options,
    RMSNorm,
    TokenLoss,
    initialise,
)

LONG = 8192
"""From here on selective recomputation includes the feed-forward network: what it keeps is then the most."""
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def options(args: Args, lnc: int) -> Options:
    """How the model is computed."""
    return Options(
        sequence_length=args.sequence_length,
        kv_replicator=args.kv_replicator,
        sequence_parallel=args.sequence_parallel,
        flash_attention=args.flash_attention,
        lnc=lnc,
        dtype=DTYPES[args.precision],
    )


def configure(args: Args, micro_batches: int, lnc: int) -> Any:
    """The configuration that the package makes of its keywords. Makes the groups of ranks: a collective."""
    recomputed: dict[str, Any] = {
        "none": None,
        "selective": (CoreAttention, FeedForward) if args.sequence_length >= LONG else CoreAttention,
        "full": DecoderLayer,
    }
    return nxd.neuronx_distributed_config(
        tensor_parallel_size=args.tensor_parallel,
        pipeline_parallel_size=args.pipeline_parallel,
        pipeline_config=pipeline(args, micro_batches) if args.pipeline_parallel > 1 else None,
        optimizer_config={
            "zero_one_enabled": args.zero1,
            "grad_clipping": args.grad_clip > 0,
            "max_grad_norm": args.grad_clip,
        },
        activation_checkpoint_config=recomputed[args.recompute],
        sequence_parallel=args.sequence_parallel,
        # On the meta device first: no host has room for 32 whole copies of a large model.
        model_init_config={"meta_device_init": True, "param_init_fn": initialise},
        mixed_precision_config={
            "use_master_weights": args.zero1,
            "use_fp32_grad_acc": args.zero1,
            "use_master_weights_in_ckpt": args.zero1,  # else a resumed run goes on from rounded ones
        },
        lnc_size=lnc,
    )


def pipeline(args: Args, micro_batches: int) -> dict[str, Any]:
    """Keywords of NxDPPModel: where the model may be cut, and what the tracer must not look into."""
    return {
        "transformer_layer_cls": DecoderLayer,
        "num_microbatches": micro_batches,
        "output_loss_value_spec": True,  # the only output is the loss
        "input_names": ["input_ids", "labels"],
        "auto_partition": True,
        "leaf_module_cls": [RMSNorm.__name__, TokenLoss.__name__],
        "autowrap_modules": [mappings],
        "use_zero1_optimizer": args.zero1,
        "use_optimizer_wrapper": True,
        "deallocate_pipeline_outputs": True,
    }
