"""transformers' EsmForMaskedLM in ESM-2's shapes: its loss at masked places, how it is spread, its first weights.

Shapes: B proteins, S tokens of the longest, V vocabulary, M masked places of all B together.
"""

from __future__ import annotations

import re
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from transformers import EsmConfig, EsmForMaskedLM

from seatrial.cases.bionemo import Args
from seatrial.cases.bionemo.tokens import MASK, PAD
from seatrial.models import ESM, Encoder
from seatrial.train.model import draw, fill
from seatrial.train.parallel import make_mesh, shard, synchronise_gradients
from seatrial.train.worker import Worker

ESM2 = {
    "pad_token_id": PAD,
    "mask_token_id": MASK,
    "position_embedding_type": "rotary",
    "max_position_embeddings": 1026,
    "token_dropout": True,
    "emb_layer_norm_before": False,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "layer_norm_eps": 1e-5,
}
"""What all of ESM-2 have in common, config.json beside its weights on the Hugging Face hub."""


class MaskedLM(nn.Module):
    """ESM-2 whose `forward` gives the sum of the losses, so that logits never leave the module."""

    def __init__(self, shape: Encoder, *, autocast: bool = False) -> None:
        """`autocast`: compute in bf16 what can be, where nothing else sees to it."""
        super().__init__()
        self.autocast = autocast
        config = EsmConfig(
            vocab_size=shape.vocab_size,
            hidden_size=shape.hidden_size,
            intermediate_size=shape.intermediate_size,
            num_hidden_layers=shape.num_layers,
            num_attention_heads=shape.num_heads,
            initializer_range=shape.init_std,
            attn_implementation="sdpa",
            **ESM2,
        )
        self.esm = EsmForMaskedLM(config)
        # It is fitted to attention maps after the training, which gives it no gradient.
        self.esm.esm.contact_head.requires_grad_(False)

    def layers(self) -> list[nn.Module]:
        """The encoder's layers, first to last."""
        return list(self.esm.esm.encoder.layer)

    def logits(self, tokens: Tensor) -> Tensor:
        """tokens: [B, S]. Returns [B, S, V]."""
        there = (tokens != PAD).to(torch.int64)
        # Embedded here, because transformers 4.57 forgets the mask on the way: ESM-2 scales what is left of a protein
        # by the share that is masked, and that must not depend on the padding. 5.23 passes it on.
        embedded = self.esm.esm.embeddings(input_ids=tokens, attention_mask=there)
        return self.esm(inputs_embeds=embedded, attention_mask=there).logits

    def forward(self, tokens: Tensor, places: Tensor, wanted: Tensor) -> Tensor:
        """tokens: [B, S]; places, of the flattened tokens, and wanted: [M]. The sum of M losses in nats, float32."""
        with torch.autocast(tokens.device.type, torch.bfloat16, enabled=self.autocast):
            logits = self.logits(tokens).flatten(0, 1)[places]
        return F.cross_entropy(logits.float(), wanted, reduction="sum")


def build(args: Args, worker: Worker) -> nn.Module:
    """The model with its first weights, sharded over all ranks or whole on each. A collective."""
    by_hand = args.parallel == "ddp" and args.precision == "bf16"
    with torch.device("meta"):  # shapes only: with FSDP2 no rank ever holds the whole model
        model = MaskedLM(ESM[args.model], autocast=by_hand)
    if args.recompute:
        model.esm.gradient_checkpointing_enable({"use_reentrant": False})
    if args.parallel == "fsdp2":
        shard(
            model,
            model.layers(),  # type: ignore[arg-type]  # of transformers, which recomputes by itself
            make_mesh(worker.device.type, worker.world_size, 0),
            precision=args.precision,
            recompute="none",
            compiled=False,
            cpu_offload=False,
            reshard_after_forward=True,
        )
    model.to_empty(device=worker.device)  # memory with garbage in it
    model.esm.tie_weights()  # which that made two of
    initialise(model, ESM[args.model], args.seed)
    if args.parallel == "fsdp2":
        return model
    ids = [worker.device.index] if worker.device.type == "cuda" else None
    return DistributedDataParallel(model, device_ids=ids)


@torch.no_grad()
def initialise(model: MaskedLM, shape: Encoder, seed: int) -> None:
    """Give every parameter its first value, the same at any world size and sharding; and the tables theirs."""
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            parameter.fill_(1.0 if name.endswith("weight") else 0.0)  # a norm's scale, or a bias
            continue
        whole = draw(parameter, name, seed, shape.init_std)
        if name.endswith("word_embeddings.weight"):
            whole[PAD] = 0.0
        fill(parameter, whole)
    # Tables are garbage too. They are made anew by their own formulas, on a model of one layer.
    tables = dict(MaskedLM(replace(shape, num_layers=1)).named_buffers())
    for name, buffer in model.named_buffers():
        buffer.copy_(tables[re.sub(r"\.layer\.\d+\.", ".layer.0.", name)])


def reduce_gradients(model: nn.Module, wanted: bool) -> None:
    """Whether the next backward pass reduces gradients; off for all but the last micro-batch of a step."""
    if isinstance(model, DistributedDataParallel):
        model.require_backward_grad_sync = wanted
    else:
        synchronise_gradients(model, wanted)
