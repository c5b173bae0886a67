"""NeMo's own recipe of a model, with our arguments in place of its defaults. Imports NeMo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nemo_run as run
import torch
from megatron.core.distributed import DistributedDataParallelConfig
from nemo import lightning as nl
from nemo.collections import llm
from nemo.collections.common.tokenizers.null_tokenizer import NullTokenizer
from nemo.collections.llm.gpt.model.base import local_layer_spec

from seatrial.cases.nemo_run import Args
from seatrial.cases.nemo_run.models import MODELS, VOCABULARY_MULTIPLE
from seatrial.cases.nemo_run.rules import FOLDER
from seatrial.spec import Layout

NAME = "nemo"
"""Folder of the checkpoints in that of the run."""


def recipe(args: Args, layout: Layout, *, folder: Path, data: Path | None, keep: bool) -> Any:
    """``run.Partial`` of llm.pretrain or llm.finetune. `folder` gets checkpoints if `keep`; `data` is the prefix of a
    .bin and an .idx, None: NeMo's mock data."""
    module = getattr(llm, MODELS[args.model].recipe)
    scale = {"num_nodes": layout.nodes, "num_gpus_per_node": layout.processes_per_node}
    if args.task == "pretrain":
        made = module.pretrain_recipe(dir=str(folder), name=NAME, **scale)
        made.data = _text(args, layout, data)
    else:
        scheme = "lora" if args.task == "lora" else "none"
        made = module.finetune_recipe(dir=str(folder), name=NAME, peft_scheme=scheme, **scale)
        made.data = _examples(args, made.data)
        if args.restore is not None:
            made.resume.restore_config.path = args.restore
    _model(made, args)
    _trainer(made, args)
    _optimizer(made, args)
    _checkpoints(made, args, keep)
    if layout.device == "cpu":
        _on_cpu(made)
    return made


def _model(made: Any, args: Args) -> None:
    size = MODELS[args.model].decoder
    if MODELS[args.model].replaced:
        shape = run.Config(
            llm.LlamaConfig,
            num_layers=size.num_layers,
            hidden_size=size.hidden_size,
            ffn_hidden_size=size.intermediate_size,
            num_attention_heads=size.num_heads,
            num_query_groups=size.num_kv_heads,
            rotary_base=round(size.rope_theta),
            init_method_std=size.init_std,
            layernorm_epsilon=size.norm_eps,
        )
        made.model = run.Config(llm.LlamaModel, config=shape)
    made.model.config.seq_length = args.sequence_length
    made.model.config.make_vocab_size_divisible_by = VOCABULARY_MULTIPLE // args.tensor_parallel


def _trainer(made: Any, args: Args) -> None:
    trainer, strategy = made.trainer, made.trainer.strategy
    trainer.max_steps = args.steps
    trainer.log_every_n_steps = args.log_every
    trainer.val_check_interval = args.validation_every or args.steps
    trainer.limit_val_batches = args.validation_batches if args.validation_every else 0
    trainer.limit_test_batches = 0
    trainer.num_sanity_val_steps = 0
    strategy.tensor_model_parallel_size = args.tensor_parallel
    strategy.pipeline_model_parallel_size = args.pipeline_parallel
    strategy.virtual_pipeline_model_parallel_size = args.virtual_pipeline if args.virtual_pipeline > 1 else None
    strategy.context_parallel_size = args.context_parallel
    strategy.expert_model_parallel_size = args.expert_parallel
    strategy.sequence_parallel = args.sequence_parallel
    strategy.ckpt_async_save = args.async_checkpoints
    strategy.progress_interval = args.log_every
    dtype = torch.bfloat16 if args.precision == "bf16" else torch.float32
    if args.precision == "fp32":
        trainer.plugins = run.Config(
            nl.MegatronMixedPrecision, precision="32", params_dtype=dtype, pipeline_dtype=dtype, autocast_enabled=False
        )
    if args.pipeline_parallel > 1:
        strategy.pipeline_dtype = dtype


def _optimizer(made: Any, args: Args) -> None:
    config, schedule = made.optim.config, made.optim.lr_scheduler
    config.lr = args.learning_rate
    config.weight_decay = args.weight_decay
    config.adam_beta1, config.adam_beta2 = args.beta1, args.beta2
    config.clip_grad = args.grad_clip
    config.bf16 = args.precision == "bf16"
    schedule.max_steps = args.steps
    schedule.warmup_steps = min(args.warmup_steps, args.steps - 1)
    schedule.constant_steps = 0
    schedule.min_lr = args.min_learning_rate


def _checkpoints(made: Any, args: Args, keep: bool) -> None:
    """The last one alone: that is the one by whose name NeMo looks for it when it goes on."""
    made.log.tensorboard = None
    made.log.ckpt = run.Config(
        nl.ModelCheckpoint,
        save_last=keep,
        monitor="step",
        mode="max",
        save_top_k=0,
        every_n_train_steps=args.checkpoint_every or args.steps,
        save_optim_on_train_end=True,
        filename="{step}",
    )


def _text(args: Args, layout: Layout, data: Path | None) -> Any:
    """Tokens for pre-training, so that no tokenizer is needed; the last of the vocabulary ends a document."""
    common = {
        "tokenizer": run.Config(NullTokenizer, MODELS[args.model].decoder.vocab_size - 1),
        "seq_length": args.sequence_length,
        "global_batch_size": args.global_batch_size,
        "micro_batch_size": args.micro_batch_size,
        "num_workers": 0 if layout.device == "cpu" else 8,
        "create_attention_mask": layout.device == "cpu",
    }
    if data is None:
        return run.Config(llm.MockDataModule, **common)
    cache = str(data.parent / "nemo-index")
    return run.Config(
        llm.PreTrainingDataModule,
        paths=[str(data)],
        split=args.split,
        seed=args.seed,
        index_mapping_dir=cache,
        **common,
    )


def _examples(args: Args, squad: Any) -> Any:
    """Examples for fine-tuning."""
    common = {
        "seq_length": args.sequence_length,
        "global_batch_size": args.global_batch_size,
        "micro_batch_size": args.micro_batch_size,
    }
    if args.dataset.startswith(FOLDER):
        return run.Config(llm.FineTuningDataModule, dataset_root=args.dataset.removeprefix(FOLDER), **common)
    for name, value in common.items():
        setattr(squad, name, value)
    return squad


def _on_cpu(made: Any) -> None:
    """megatron-core's own layers without fused kernels, gloo, and plain Adam in place of the distributed one."""
    config = made.model.config
    config.transformer_layer_spec = local_layer_spec
    config.use_cpu_initialization = True
    for fusion in (
        "bias_activation_fusion",
        "masked_softmax_fusion",
        "persist_layer_norm",
        "bias_dropout_fusion",
        "apply_rope_fusion",
        "gradient_accumulation_fusion",
        "cross_entropy_loss_fusion",
    ):
        setattr(config, fusion, False)
    made.trainer.accelerator = "cpu"
    made.trainer.strategy.process_group_backend = "gloo"
    # Without Transformer Engine megatron-core cannot load what its distributed optimizer saved.
    made.trainer.strategy.ddp = run.Config(DistributedDataParallelConfig, use_distributed_optimizer=False)
    made.optim.config.use_distributed_optimizer = False
