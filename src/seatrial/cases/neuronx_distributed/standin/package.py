"""All names of the stand-in, as `import neuronx_distributed` gives those of the package."""

from seatrial.cases.neuronx_distributed.standin import parallel_state
from seatrial.cases.neuronx_distributed.standin.checkpoint import load_checkpoint, save_checkpoint
from seatrial.cases.neuronx_distributed.standin.layers import (
    ColumnParallelLinear,
    GQAQKVColumnParallelLinear,
    ParallelEmbedding,
    RowParallelLinear,
    parallel_cross_entropy,
)
from seatrial.cases.neuronx_distributed.standin.optimizer import NxDOptimizer
from seatrial.cases.neuronx_distributed.standin.trainer import (
    NxDModel,
    initialize_parallel_model,
    initialize_parallel_optimizer,
    neuronx_distributed_config,
)

__all__ = [
    "ColumnParallelLinear",
    "GQAQKVColumnParallelLinear",
    "NxDModel",
    "NxDOptimizer",
    "ParallelEmbedding",
    "RowParallelLinear",
    "initialize_parallel_model",
    "initialize_parallel_optimizer",
    "load_checkpoint",
    "neuronx_distributed_config",
    "parallel_cross_entropy",
    "parallel_state",
    "save_checkpoint",
]
