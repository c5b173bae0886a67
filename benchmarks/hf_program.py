"""The same small Llama in Hugging Face's Trainer: transformers' LlamaForCausalLM, DDP on gloo, fp32.

One process per rank, started by hf_trainer.py, which says what it is for. argv[1] is a .npy file with this run's
batches, int32 [steps, ranks, sequences, tokens + 1], argv[2] our trainer's arguments as JSON. Prints a line of JSON
for each step: the time and the loss that Trainer logs.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainerCallback, TrainingArguments

import sized_case  # noqa: F401  (its models)
from seatrial.models import LLAMA
from seatrial.train.model import Llama, initialise

THEIR_NAMES = {
    "embedding": "model.embed_tokens",
    "blocks": "model.layers",
    "attention_norm": "input_layernorm",
    "attention": "self_attn",
    "query": "q_proj",
    "key": "k_proj",
    "value": "v_proj",
    "output": "o_proj",
    "feed_forward_norm": "post_attention_layernorm",
    "feed_forward": "mlp",
    "gate": "gate_proj",
    "up": "up_proj",
    "down": "down_proj",
    "norm": "model.norm",
    "head": "lm_head",
}
"""Part of a parameter's name in our model -> in theirs."""


class Sequences(Dataset[dict[str, torch.Tensor]]):
    """Our batches in the order in which Accelerate deals them out: micro-batch by micro-batch, rank by rank."""

    def __init__(self, batches: np.ndarray[Any, Any], micro: int) -> None:
        steps, ranks, sequences, width = batches.shape
        split = batches.reshape(steps, ranks, sequences // micro, micro, width).swapaxes(1, 2)
        self.tokens = torch.from_numpy(split.reshape(-1, width).astype(np.int64))

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        inputs, targets = self.tokens[index, :-1], self.tokens[index, 1:]
        # Shifted already, so that all positions count, as in our loss; `labels` makes Trainer count the tokens.
        return {"input_ids": inputs, "labels": targets, "shift_labels": targets}


class Report(TrainerCallback):
    """Prints what Trainer logs."""

    def on_log(self, *_: Any, logs: dict[str, float], **__: Any) -> None:
        if "loss" in logs:
            print(json.dumps({"time": time.time(), "loss": logs["loss"]}), flush=True)


def build(name: str, seed: int, length: int) -> nn.Module:
    """Their model in the shape of ours, with our first weights."""
    shape = LLAMA[name]
    theirs = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=shape.vocab_size,
            hidden_size=shape.hidden_size,
            intermediate_size=shape.intermediate_size,
            num_hidden_layers=shape.num_layers,
            num_attention_heads=shape.num_heads,
            num_key_value_heads=shape.num_kv_heads,
            max_position_embeddings=length,
            rms_norm_eps=shape.norm_eps,
            rope_theta=shape.rope_theta,
            tie_word_embeddings=shape.tie_embeddings,
            use_cache=False,
        )
    )
    ours = Llama(shape)
    initialise(ours, seed)
    state = {
        ".".join(THEIR_NAMES.get(part, part) for part in key.split(".")): value
        for key, value in ours.state_dict().items()
    }
    theirs.load_state_dict(state)
    return theirs


def main() -> None:
    """One rank."""
    args = json.loads(sys.argv[2])
    batches = np.load(sys.argv[1])
    micro = args["micro_batch_size"]
    settings = TrainingArguments(
        output_dir=os.path.dirname(sys.argv[1]),
        max_steps=args["steps"],
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=batches.shape[2] // micro,
        learning_rate=args["learning_rate"],
        lr_scheduler_type="constant",
        weight_decay=args["weight_decay"],
        adam_beta1=args["beta1"],
        adam_beta2=args["beta2"],
        max_grad_norm=args["grad_clip"],
        optim="adamw_torch_fused",
        train_sampling_strategy="sequential",
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        ddp_backend="gloo",
        ddp_find_unused_parameters=False,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
    )
    trainer = Trainer(
        model=build(args["model"], args["seed"], args["sequence_length"]),
        args=settings,
        train_dataset=Sequences(batches, micro),
        callbacks=[Report()],
    )
    trainer.train()
    torch.distributed.barrier()
    sys.stdout.flush()
    os._exit(0)  # gloo's destructor can hang: see seatrial.rank.start


if __name__ == "__main__":
    main()
