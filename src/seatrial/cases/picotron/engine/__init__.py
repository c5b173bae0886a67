"""A compact 4-D parallel training engine: data, tensor, pipeline and context parallelism in plain PyTorch.

Written to be read. Read it in this order: mesh, model, tensor_parallel, context_parallel, pipeline_parallel,
data_parallel, step.
"""
