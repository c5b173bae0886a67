"""Every fact about hardware, once, with its source: accelerators, instance types, and what joins them.

Unknown is written as None, or as a dtype that is missing: never guessed.
"""

MIB, GIB = 2**20, 2**30
