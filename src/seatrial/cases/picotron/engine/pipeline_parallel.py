"""Pipeline parallelism: each stage has some of the layers, and micro-batches flow through the stages.

Two schedules. All forward, all backward (AFAB, GPipe, arXiv:1811.06965): simple, but a stage keeps the activations of
all micro-batches. One forward, one backward (1F1B, arXiv:1806.03377): as soon as the last stage has made a loss it goes
back, so a stage keeps at most as many as there are stages behind it, itself included. Both compute the same.

What two stages send each other at the same time goes in one batch: neither waits for the other to receive first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from seatrial.train.axis import Axis


class Pipeline:
    """One stage at work: runs its micro-batches and exchanges activations and gradients with its neighbours."""

    def __init__(
        self,
        axis: Axis,
        forward: Callable[[Tensor, int], Tensor],
        inputs: Sequence[Tensor],
        hidden_shape: tuple[int, ...],
        before_backward: Callable[[int], None],
    ) -> None:
        self.axis, self.count = axis, len(inputs)
        self._forward, self._inputs, self._before_backward = forward, inputs, before_backward
        self._hidden_shape, self._device = hidden_shape, inputs[0].device
        self._before = None if axis.is_first else axis.neighbour(-1)
        self._after = None if axis.is_last else axis.neighbour(1)
        self._waiting: deque[tuple[Tensor, Tensor]] = deque()
        """Input and output of every micro-batch that went forward and not yet back."""
        self._forwards = self._backwards = 0
        self.most_waiting = 0
        """Most micro-batches whose activations were kept at once."""

    def forward(self, x: Tensor | None) -> Tensor:
        """Run the next micro-batch; `x` is what the stage before sent, None on the first."""
        if x is None:
            x = self._inputs[self._forwards]
        else:
            x.requires_grad_()
        output = self._forward(x, self._forwards)
        self._forwards += 1
        self._waiting.append((x, output))
        self.most_waiting = max(self.most_waiting, len(self._waiting))
        return output.detach()

    def backward(self, gradient: Tensor | None) -> Tensor | None:
        """Take the oldest micro-batch back; `gradient` is that of its output, None on the last stage.

        Returns the gradient of its input, None on the first stage.
        """
        x, output = self._waiting.popleft()
        self._before_backward(self._backwards)
        torch.autograd.backward(output, gradient)
        self._backwards += 1
        return x.grad

    def ahead(self, output: Tensor | None, *, receive: bool = False) -> Tensor | None:
        """Send an output to the stage after this one, and receive a gradient from it."""
        return self._exchange(self._after, output, receive)

    def back(self, gradient: Tensor | None, *, receive: bool = False) -> Tensor | None:
        """Send an input's gradient to the stage before this one, and receive an input from it."""
        return self._exchange(self._before, gradient, receive)

    def _exchange(self, peer: int | None, outgoing: Tensor | None, receive: bool) -> Tensor | None:
        if peer is None:
            return None
        arriving = torch.empty(self._hidden_shape, device=self._device) if receive else None
        operations = []
        if outgoing is not None:
            operations.append(dist.P2POp(dist.isend, outgoing.contiguous(), peer, self.axis.group))
        if arriving is not None:
            operations.append(dist.P2POp(dist.irecv, arriving, peer, self.axis.group))
        for request in dist.batch_isend_irecv(operations):
            request.wait()
        return arriving


def all_forward_all_backward(stage: Pipeline) -> None:
    """AFAB: every micro-batch forward, then every one back."""
    for _ in range(stage.count):
        stage.ahead(stage.forward(stage.back(None, receive=True)))
    for _ in range(stage.count):
        stage.back(stage.backward(stage.ahead(None, receive=True)))


def one_forward_one_backward(stage: Pipeline) -> None:
    """1F1B: fill the pipeline, then one forward and one backward in turn, then drain it.

    With a single stage this is plain gradient accumulation.
    """
    fill = min(stage.axis.size - stage.axis.rank - 1, stage.count)
    for _ in range(fill):
        stage.ahead(stage.forward(stage.back(None, receive=True)))
    steady = stage.count - fill
    x = stage.back(None, receive=True) if steady else None
    for index in range(steady):
        gradient = stage.ahead(stage.forward(x), receive=True)
        x = stage.back(stage.backward(gradient), receive=index < steady - 1)
    for _ in range(fill):
        stage.back(stage.backward(stage.ahead(None, receive=True)))


SCHEDULES = {"afab": all_forward_all_backward, "1f1b": one_forward_one_backward}
