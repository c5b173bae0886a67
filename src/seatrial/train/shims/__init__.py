"""Stand-ins for GPU plumbing, by which frameworks that were written for GPUs run on a CPU.

Each changes global state of its process, so only a rank may call it, before it imports the framework. Where CUDA, or
the package that it stands in for, is there, it does nothing. They replace device plumbing, never arithmetic: a run on
them says nothing about kernels, streams, overlap or memory.
"""
