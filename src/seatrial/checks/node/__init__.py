"""What is looked at on a node: a module for each thing, with its sources, its parsers and its checks."""
