"""Stands in for neuronx_distributed where there are no Neuron devices: the names of it that this case uses, over gloo.

Names, arguments, configuration keys and the layout of checkpoints are those of the package; a test compares each
signature with the package's. What is asked for and not there is refused, never left out. Written to be read: state,
layers, trainer, optimizer, checkpoint.
"""
