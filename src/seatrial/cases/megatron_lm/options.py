"""The command line of our driver: Megatron-LM's own flags, with its names, for what the driver implements.

`pretrain_gpt.py` of a Megatron-LM checkout takes the same ones, and many more.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

FORMAT = "torch_dist"
"""The only checkpoint format of dist_checkpointing that megatron-core still writes."""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The flags as a namespace, under Megatron's names."""
    return parser().parse_args(argv)


def parser() -> argparse.ArgumentParser:
    """Fails on a flag that the driver does not know, so that none is ignored."""
    top = argparse.ArgumentParser(prog="megatron_lm", allow_abbrev=False)
    for add in (_model, _training, _parallelism, _data, _checkpoints, _logging, _kernels):
        add(top.add_argument_group(add.__name__.strip("_")))
    return top


def _switches(group: argparse._ArgumentGroup, *names: str) -> None:
    for name in names:
        group.add_argument(name, action="store_true")


def _model(group: argparse._ArgumentGroup) -> None:
    for name in ("--num-layers", "--hidden-size", "--ffn-hidden-size", "--num-attention-heads", "--seq-length"):
        group.add_argument(name, type=int, required=True)
    group.add_argument("--max-position-embeddings", type=int, required=True)
    group.add_argument("--num-query-groups", type=int)
    group.add_argument("--position-embedding-type", choices=["learned_absolute", "rope"], default="learned_absolute")
    group.add_argument("--rotary-base", type=int, default=10_000)
    group.add_argument("--normalization", choices=["LayerNorm", "RMSNorm"], default="LayerNorm")
    group.add_argument("--norm-epsilon", type=float, default=1e-5)
    group.add_argument("--init-method-std", type=float, default=0.02)
    group.add_argument("--attention-dropout", type=float, default=0.1)
    group.add_argument("--hidden-dropout", type=float, default=0.1)
    group.add_argument("--make-vocab-size-divisible-by", type=int, default=128)
    _switches(group, "--group-query-attention", "--swiglu", "--disable-bias-linear")
    _switches(group, "--untie-embeddings-and-output-weights")


def _training(group: argparse._ArgumentGroup) -> None:
    for name in ("--micro-batch-size", "--global-batch-size", "--train-iters"):
        group.add_argument(name, type=int, required=True)
    group.add_argument("--lr", type=float, required=True)
    group.add_argument("--min-lr", type=float, default=0.0)
    group.add_argument("--lr-decay-style", choices=["constant", "linear", "cosine"], default="linear")
    group.add_argument("--lr-decay-iters", type=int)
    group.add_argument("--lr-warmup-iters", type=int, default=0)
    group.add_argument("--weight-decay", type=float, default=0.01)
    group.add_argument("--adam-beta1", type=float, default=0.9)
    group.add_argument("--adam-beta2", type=float, default=0.999)
    group.add_argument("--clip-grad", type=float, default=1.0)
    group.add_argument("--seed", type=int, default=1234)
    _switches(group, "--bf16", "--fp16")
    group.add_argument("--recompute-granularity", choices=["full", "selective"])
    group.add_argument("--recompute-method", choices=["uniform", "block"])
    group.add_argument("--recompute-num-layers", type=int)


def _parallelism(group: argparse._ArgumentGroup) -> None:
    for name in ("--tensor-model-parallel-size", "--pipeline-model-parallel-size", "--context-parallel-size"):
        group.add_argument(name, type=int, default=1)
    _switches(group, "--sequence-parallel", "--use-distributed-optimizer")
    _switches(group, "--overlap-grad-reduce", "--overlap-param-gather")
    group.add_argument("--distributed-backend", choices=["nccl", "gloo"], default="nccl")
    group.add_argument("--distributed-timeout-minutes", type=int, default=10)


def _data(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--data-path", nargs="+", required=True)
    group.add_argument("--data-cache-path")
    group.add_argument("--split", default="969,30,1")
    group.add_argument("--tokenizer-type", choices=["NullTokenizer"], required=True)
    group.add_argument("--vocab-size", type=int, required=True, help="without the end-of-document token, which is next")
    group.add_argument("--num-workers", type=int, default=2)
    group.add_argument("--eval-interval", type=int, default=1000)
    group.add_argument("--eval-iters", type=int, default=100)
    _switches(group, "--no-create-attention-mask-in-dataloader")


def _checkpoints(group: argparse._ArgumentGroup) -> None:
    for name in ("--save", "--load"):
        group.add_argument(name)
    group.add_argument("--save-interval", type=int)
    group.add_argument("--ckpt-format", choices=[FORMAT], default=FORMAT)
    _switches(group, "--finetune", "--exit-signal-handler")


def _logging(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--log-interval", type=int, default=100)
    _switches(group, "--log-throughput")


def _kernels(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--transformer-impl", choices=["local", "transformer_engine"], default="transformer_engine")
    _switches(group, "--use-cpu-initialization", "--no-gradient-accumulation-fusion", "--no-masked-softmax-fusion")
    _switches(group, "--no-bias-gelu-fusion", "--no-bias-swiglu-fusion", "--no-bias-dropout-fusion")
    _switches(group, "--no-rope-fusion", "--no-persist-layer-norm")
