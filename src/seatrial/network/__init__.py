"""The variables of EFA, NCCL and Neuron: what a job needs on an instance type, and what is wrong in an environment.

Every variable and every rule stands once, in a table with its reason and its source; docs/efa.md is written from them.
"""

from __future__ import annotations

from seatrial.network.presets import Setting, environment

__all__ = ["Setting", "environment"]
