"""torchtitan's own entry point with the configuration that a run of ours left behind: nothing of Seatrial but the
stand-ins for a GPU. Started by torchrun: bare_torchtitan.py --job.config_file torchtitan.toml
"""

from __future__ import annotations

import torch

from seatrial.train.shims.device import answer_for_cpu
from seatrial.train.shims.stubs import stub

answer_for_cpu(torch.device("cpu"))
stub("triton")

from torchtitan.train import Trainer, main  # noqa: E402  (after the stand-ins)


class CpuTrainer(Trainer):
    """Scales gradients after the collective, since gloo cannot do it within."""

    def __init__(self, config: object) -> None:
        super().__init__(config)
        for part in self.model_parts:
            for module in part.modules():
                if hasattr(module, "set_force_sum_reduction_for_comms"):
                    module.set_force_sum_reduction_for_comms(True)


if __name__ == "__main__":
    main(CpuTrainer)
