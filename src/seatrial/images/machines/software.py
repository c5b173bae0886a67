"""Which software a machine image gets of its stack, and which it leaves to its parent."""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.checks.fitting import chosen
from seatrial.images._image import Choice, Machine
from seatrial.versions import STACKS

COMPONENTS: Mapping[str, tuple[str, ...]] = {
    "efa": ("efa_installer", "libfabric", "aws_ofi_nccl"),
    "nvidia_driver": ("driver",),
    "cuda": ("cuda",),
    "gdrcopy": ("gdrcopy",),
    "nccl": ("nccl",),
    "neuron": ("neuron_driver", "neuron_runtime", "neuron_collectives", "neuron_tools"),
}
"""Role -> components of a stack that it installs. What no role of a machine installs is its parent's."""


def expected(machine: Machine, versions: Choice) -> dict[str, str]:
    """Component -> version that must be found on the machine. Raises UserError for versions that are none."""
    stack = STACKS[machine.stack]
    pins = chosen(stack, {name: version for name, version in versions.settings.items() if name in stack.pins})
    ours = [component for role in machine.roles for component in COMPONENTS.get(role, ())]
    return {component: pins[component] for component in ours if component in pins}
