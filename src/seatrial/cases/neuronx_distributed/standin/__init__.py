"""Stands in for neuronx_distributed where there are no Neuron devices: the names of it that this case uses, over gloo.

Names, arguments, configuration keys and the layout of checkpoints are those of the package; a test compares each
signature with the package's. What is asked for and not there is refused, never left out. Written to be read: state,
layers, trainer, optimizer, checkpoint.
"""

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
