"""megatron-core's objects for the driver: process groups, model, gradients, optimizer, schedule."""

from __future__ import annotations

import random
from argparse import Namespace
from typing import Any

import numpy as np
import torch
from megatron.core import parallel_state, tensor_parallel
from megatron.core.distributed import DistributedDataParallel, DistributedDataParallelConfig, finalize_model_grads
from megatron.core.models.gpt import GPTModel
from megatron.core.models.gpt.gpt_layer_specs import (
    get_gpt_layer_local_spec,
    get_gpt_layer_with_transformer_engine_spec,
)
from megatron.core.optimizer import OptimizerConfig, get_megatron_optimizer
from megatron.core.optimizer_param_scheduler import OptimizerParamScheduler
from megatron.core.transformer import TransformerConfig
from megatron.core.transformer.module import Float16Module


def set_up(options: Namespace) -> None:
    """Split the ranks into process groups, and seed them. A collective."""
    parallel_state.initialize_model_parallel(
        tensor_model_parallel_size=options.tensor_model_parallel_size,
        pipeline_model_parallel_size=options.pipeline_model_parallel_size,
        context_parallel_size=options.context_parallel_size,
        distributed_timeout_minutes=options.distributed_timeout_minutes,
    )
    # As in Megatron-LM: stages of the pipeline draw different numbers, tensor-parallel ranks the same ones.
    seed = options.seed + 100 * parallel_state.get_pipeline_model_parallel_rank()
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    tensor_parallel.model_parallel_cuda_manual_seed(seed)


def padded_vocabulary(options: Namespace) -> int:
    """Rows of the embedding; the end-of-document token comes after --vocab-size others."""
    multiple = options.make_vocab_size_divisible_by * options.tensor_model_parallel_size
    return -(-(options.vocab_size + 1) // multiple) * multiple


def dtype(options: Namespace) -> torch.dtype:
    """What the model computes in."""
    return torch.bfloat16 if options.bf16 else torch.float16 if options.fp16 else torch.float32


def transformer_config(options: Namespace) -> TransformerConfig:
    """The flags in megatron-core's terms."""
    silu: Any = torch.nn.functional.silu
    gelu: Any = torch.nn.functional.gelu
    return TransformerConfig(
        num_layers=options.num_layers,
        hidden_size=options.hidden_size,
        ffn_hidden_size=options.ffn_hidden_size,
        num_attention_heads=options.num_attention_heads,
        num_query_groups=options.num_query_groups if options.group_query_attention else None,
        normalization=options.normalization,
        layernorm_epsilon=options.norm_epsilon,
        add_bias_linear=not options.disable_bias_linear,
        gated_linear_unit=options.swiglu,
        activation_func=silu if options.swiglu else gelu,
        attention_dropout=options.attention_dropout,
        hidden_dropout=options.hidden_dropout,
        init_method_std=options.init_method_std,
        bf16=options.bf16,
        fp16=options.fp16,
        params_dtype=dtype(options),
        pipeline_dtype=dtype(options),
        autocast_dtype=dtype(options),
        tensor_model_parallel_size=options.tensor_model_parallel_size,
        pipeline_model_parallel_size=options.pipeline_model_parallel_size,
        context_parallel_size=options.context_parallel_size,
        sequence_parallel=options.sequence_parallel,
        recompute_granularity=options.recompute_granularity,
        recompute_method=options.recompute_method,
        recompute_num_layers=options.recompute_num_layers,
        use_cpu_initialization=options.use_cpu_initialization,
        gradient_accumulation_fusion=not options.no_gradient_accumulation_fusion,
        masked_softmax_fusion=not options.no_masked_softmax_fusion,
        bias_activation_fusion=not (options.no_bias_swiglu_fusion if options.swiglu else options.no_bias_gelu_fusion),
        bias_dropout_fusion=not options.no_bias_dropout_fusion,
        apply_rope_fusion=options.position_embedding_type == "rope" and not options.no_rope_fusion,
        persist_layer_norm=not options.no_persist_layer_norm,
        deallocate_pipeline_outputs=True,
    )


def gpt_model(options: Namespace, config: TransformerConfig) -> Any:
    """This rank's part of the model, in one piece per stage of the pipeline."""
    local = options.transformer_impl == "local"
    spec = (
        get_gpt_layer_local_spec(normalization=options.normalization)
        if local
        else get_gpt_layer_with_transformer_engine_spec()
    )
    return GPTModel(
        config=config,
        transformer_layer_spec=spec,
        vocab_size=padded_vocabulary(options),
        max_sequence_length=options.max_position_embeddings,
        pre_process=parallel_state.is_pipeline_first_stage(),
        post_process=parallel_state.is_pipeline_last_stage(),
        share_embeddings_and_output_weights=not options.untie_embeddings_and_output_weights,
        position_embedding_type=options.position_embedding_type,
        rotary_base=options.rotary_base,
    )


def data_parallel(options: Namespace, model: Any) -> Any:
    """The model with gradients that are summed over the data-parallel ranks, in fp32."""
    config = model.config
    if config.bf16 or config.fp16:
        model = Float16Module(config, model)
    return DistributedDataParallel(
        config=config,
        ddp_config=DistributedDataParallelConfig(
            grad_reduce_in_fp32=True,
            overlap_grad_reduce=options.overlap_grad_reduce,
            overlap_param_gather=options.overlap_param_gather,
            use_distributed_optimizer=options.use_distributed_optimizer,
            check_for_nan_in_grad=False,  # the launcher's verdict looks for it, and fp16 skips such steps
        ),
        module=model,
    )


def adam(options: Namespace, model: Any) -> Any:
    """Megatron's Adam, with master weights in fp32; matrices alone decay."""
    optimizer = get_megatron_optimizer(
        OptimizerConfig(
            optimizer="adam",
            lr=options.lr,
            min_lr=options.min_lr,
            weight_decay=options.weight_decay,
            adam_beta1=options.adam_beta1,
            adam_beta2=options.adam_beta2,
            clip_grad=options.clip_grad,
            bf16=options.bf16,
            fp16=options.fp16,
            params_dtype=dtype(options),
            use_distributed_optimizer=options.use_distributed_optimizer,
            overlap_param_gather=options.overlap_param_gather,
        ),
        [model],
    )
    config = model.config
    config.grad_scale_func = optimizer.scale_loss
    config.finalize_model_grads_func = finalize_model_grads
    config.no_sync_func = model.no_sync
    if options.overlap_param_gather:
        config.param_sync_func = model.start_param_sync
    return optimizer


def schedule(options: Namespace, optimizer: Any) -> Any:
    """Megatron's schedule, which counts samples."""
    batch = options.global_batch_size
    return OptimizerParamScheduler(
        optimizer,
        init_lr=0.0,
        max_lr=options.lr,
        min_lr=options.min_lr,
        lr_warmup_steps=options.lr_warmup_iters * batch,
        lr_decay_steps=(options.lr_decay_iters or options.train_iters) * batch,
        lr_decay_style=options.lr_decay_style,
        start_wd=options.weight_decay,
        end_wd=options.weight_decay,
        wd_incr_steps=options.train_iters * batch,
        wd_incr_style="constant",
    )
