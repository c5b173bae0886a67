"""What a forward pass really keeps for the backward pass, against the closed form that says whether a job fits."""

from __future__ import annotations

import pytest
import torch

from seatrial.forecast import activations
from seatrial.forecast.memory import floor
from seatrial.forecast.stages import stage
from seatrial.models import Decoder
from seatrial.train.model import Llama, rotary_table
from seatrial.workload import FP32_ADAM, Degrees, Workload

pytestmark = pytest.mark.torch

LENGTH, BATCH = 128, 2
DECODER = Decoder(
    vocab_size=1000,
    hidden_size=256,
    intermediate_size=704,
    num_layers=4,
    num_heads=8,
    num_kv_heads=2,
    max_context=LENGTH,
)


def kept(model: Llama) -> tuple[int, int]:
    """Bytes that autograd keeps beside the parameters: in the blocks, and behind them."""
    parameters = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    sizes: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    tokens = torch.randint(0, DECODER.vocab_size, (BATCH, LENGTH + 1))
    rotary = rotary_table(DECODER, LENGTH, torch.device("cpu"))
    held = []  # so that no address is given twice
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        x = model.embedding(tokens[:, :-1])
        for block in model.layers():
            held.append(x)
            x = block(x, *rotary)
        blocks = sum(sizes.values())
        logits = model.head(model.norm(x))
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), tokens[:, 1:].flatten())
        everything = sum(sizes.values())
    loss.backward()
    return blocks, everything - blocks


def workload(recompute: str) -> Workload:
    return Workload(
        model=DECODER,
        parameters=DECODER.parameters(),
        global_batch_size=BATCH,
        micro_batch_size=BATCH,
        sequence_length=LENGTH,
        degrees=Degrees(),
        compute="fp32",
        recompute=recompute,
        states=FP32_ADAM,
        fused_norm=False,
    )


@pytest.mark.parametrize("recompute", ["none", "full"])  # what "selective" keeps, torch keeps elsewhere
def test_the_closed_form_is_what_autograd_keeps(recompute: str) -> None:
    """In all blocks, and behind them."""
    torch.manual_seed(0)
    model = Llama(DECODER)
    for block in model.layers():
        block.recompute = recompute
    blocks, behind = kept(model)
    job = workload(recompute)
    tables = 2 * 4 * LENGTH * DECODER.head_dim  # rotary ones, once
    assert blocks == pytest.approx(tables + activations.kept(job, DECODER, stage(job, DECODER, 0)), rel=0.01)
    assert floor(job).activations <= blocks * 1.001
    tokens = BATCH * LENGTH
    after = tokens * (4 * DECODER.vocab_size + activations.norm(job, DECODER.hidden_size))
    assert behind == pytest.approx(after, rel=0.01), "logarithms of the softmax in fp32, and the last norm"
