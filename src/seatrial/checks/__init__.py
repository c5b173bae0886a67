"""Checks of nodes: what a command or a file said is collected and kept, and judged apart from that.

So every rule runs on a recorded file as well, and what could not be seen is UNKNOWN, never PASS.
"""
