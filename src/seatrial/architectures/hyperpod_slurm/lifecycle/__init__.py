"""What a node of a HyperPod cluster does when it is made: steps, each of which looks at what is there already.

This folder runs on the nodes: the standard library of Python 3.10 is all there is, and modules import each other
relatively, since there it is a package of its own.
"""
