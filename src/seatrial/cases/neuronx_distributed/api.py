"""The names of neuronx_distributed that this case uses: the package's own where torch_neuronx is, else the stand-in's.

Everything else imports them from here, so that there is one program. Which of both it is follows from what is
installed, and `train` refuses a job whose device is the other's: nothing falls back in silence.
"""

from __future__ import annotations

import importlib.util
import types
from typing import Any

ON_NEURON = importlib.util.find_spec("torch_neuronx") is not None

if ON_NEURON:
    import neuronx_distributed as nxd
    from neuronx_distributed.kernels.flash_attn import nki_flash_attn_func
    from neuronx_distributed.modules.qkv_linear import GQAQKVColumnParallelLinear
    from neuronx_distributed.parallel_layers import mappings, parallel_state
    from neuronx_distributed.parallel_layers.layers import (
        ColumnParallelLinear,
        ParallelEmbedding,
        RowParallelLinear,
    )
    from neuronx_distributed.parallel_layers.loss_functions import parallel_cross_entropy
    from neuronx_distributed.trainer.model import NxDModel
    from neuronx_distributed.trainer.optimizer import NxDOptimizer
else:
    import seatrial.cases.neuronx_distributed.standin.package as nxd
    from seatrial.cases.neuronx_distributed.standin.package import (
        ColumnParallelLinear,
        GQAQKVColumnParallelLinear,
        NxDModel,
        NxDOptimizer,
        ParallelEmbedding,
        RowParallelLinear,
        parallel_cross_entropy,
        parallel_state,
    )

    mappings = types.ModuleType("mappings")  # functions of a pipeline's tracer, of which there is none

    def nki_flash_attn_func(*_: Any, **__: Any) -> Any:
        """A kernel of the device; `check` asks for none elsewhere."""
        raise NotImplementedError


__all__ = [
    "ON_NEURON",
    "ColumnParallelLinear",
    "GQAQKVColumnParallelLinear",
    "NxDModel",
    "NxDOptimizer",
    "ParallelEmbedding",
    "RowParallelLinear",
    "mappings",
    "nki_flash_attn_func",
    "nxd",
    "parallel_cross_entropy",
    "parallel_state",
]
