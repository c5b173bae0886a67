"""DeepSeek-V3: latent attention, a few dense layers, then experts beside a shared one.

Source: arXiv:2412.19437, section 4.2, and the ``config.json`` beside the weights (deepseek-ai/DeepSeek-V3-Base). The
module that predicts a second token is left out, as NeMo's recipe leaves it out.
"""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.metrics import flops_per_token
from seatrial.models.decoder import Decoder


@dataclass(frozen=True, kw_only=True, slots=True)
class LatentDecoder(Decoder):
    """A decoder whose keys and values are made of a narrow latent vector, and whose first layers are dense."""

    query_rank: int
    """Width of the latent vector of the queries."""
    kv_rank: int
    """Width of the latent vector of keys and values."""
    rotary_width: int
    """Part of a head's query and key that is turned by its position; the keys share it."""
    plain_width: int
    """The other part of a head's query and key, and the width of its value."""
    dense_layers: int
    """The first layers, which have no experts."""
    dense_intermediate_size: int
    """Width of their feed-forward network."""
    shared_experts: int
    """Experts that every token takes, beyond the `experts_per_token` that it is routed to."""
    expert_groups: int = 1
    """Groups of as many experts each, of which a token chooses before it chooses experts."""
    groups_per_token: int = 1

    def parameters(self, *, active_only: bool = False) -> int:
        """See Decoder."""
        experts = self.shared_experts + (self.experts_per_token if active_only else self.num_experts)
        layer = self.attention_parameters() + 2 * self.hidden_size
        mixture = experts * self.feed_forward_parameters() + self.num_experts * self.hidden_size
        dense = 3 * self.hidden_size * self.dense_intermediate_size
        layers = self.num_layers * layer + self.dense_layers * dense + self._mixtures() * mixture
        return 2 * self.vocab_size * self.hidden_size + layers + self.hidden_size

    def expert_parameters(self) -> int:
        """See Decoder: of the experts that tokens are routed to."""
        return self._mixtures() * self.num_experts * self.feed_forward_parameters()

    def flops_per_token(self, sequence_length: int) -> dict[str, float]:
        """See Decoder; scores are as wide as queries, and what they weight as values."""
        return flops_per_token(
            parameters=self.matmul_parameters(),
            layers=self.num_layers,
            attention_width=self.num_heads * (self.rotary_width + 2 * self.plain_width) // 2,
            sequence_length=sequence_length,
        )

    def _mixtures(self) -> int:
        return self.num_layers - self.dense_layers

    def attention_parameters(self) -> int:
        """See Decoder: down to the latent vectors and their norms, up to the heads, and the output."""
        query = self.num_heads * (self.plain_width + self.rotary_width)
        values = self.num_heads * self.plain_width
        down = self.hidden_size * (self.query_rank + self.kv_rank + self.rotary_width)
        up = self.query_rank * query + self.kv_rank * 2 * values
        return down + self.query_rank + self.kv_rank + up + values * self.hidden_size


DEEPSEEK: dict[str, Decoder] = {
    "deepseek-v3": LatentDecoder(
        vocab_size=129_280,
        hidden_size=7168,
        intermediate_size=2048,
        num_layers=61,
        num_heads=128,
        num_kv_heads=128,
        max_context=163_840,
        num_experts=256,
        experts_per_token=8,
        query_rank=1536,
        kv_rank=512,
        rotary_width=64,
        plain_width=128,
        dense_layers=3,
        dense_intermediate_size=18_432,
        shared_experts=1,
        expert_groups=8,
        groups_per_token=4,
    ),
}
