"""What a node should be: the type of instance says so, or the user."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seatrial.checks.collectives.baselines import Baseline
from seatrial.checks.observations import Part
from seatrial.hardware import MIB, instances
from seatrial.hardware.accelerators import Accelerator
from seatrial.hardware.accelerators import accelerator as accelerator_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """What a node should have. None: not known, so that nothing can be held against it."""

    name: str = ""
    """Its instance type; empty: not known."""
    accelerator: Accelerator | None = None
    accelerators: int | None = None
    """GPUs or Trainium chips."""
    efa: int | None = None
    """EFA interfaces."""
    vcpus: int | None = None
    memory_bytes: int | None = None
    instance: instances.Instance | None = None
    baselines: tuple[Baseline, ...] = ()
    """What collectives reached on such nodes of the user's own."""

    @classmethod
    def of(cls, name: str) -> Profile:
        """That of an EC2 instance type. Raises UserError for one that is not known."""
        instance = instances.instance(name)
        return cls(
            name=name,
            accelerator=accelerator_of(instance.accelerator) if instance.accelerator else None,
            accelerators=instance.accelerators,
            efa=instance.efa_interfaces,
            vcpus=instance.vcpus,
            memory_bytes=instance.memory_mib * MIB,
            instance=instance,
        )

    def has(self, part: Part) -> bool | None:
        """Whether such a node has it; None: not known."""
        if part == "node":
            return True
        if part == "efa":
            return None if self.efa is None else self.efa > 0
        if self.accelerators is None:
            return None
        if not self.accelerators:
            return False
        if self.accelerator is None:
            return None
        vendor = self.accelerator.vendor.lower()
        if part == "neuron":
            return vendor == "aws"
        if part == "nvswitch":  # from 8 GPUs on, NVLinks end in switches
            return vendor == "nvidia" and bool(self.accelerator.links) and self.accelerators >= 8
        return vendor == "nvidia"


NOT_KNOWN = Profile()


def detect(root: Path = Path("/")) -> Profile:
    """That of the EC2 instance that this runs on, which its firmware names; NOT_KNOWN elsewhere."""
    folder = root / "sys/devices/virtual/dmi/id"
    try:
        vendor, product = ((folder / name).read_text().strip() for name in ("sys_vendor", "product_name"))
    except OSError:
        return NOT_KNOWN
    known = vendor == "Amazon EC2" and product in {item.name for item in instances.INSTANCES}
    return Profile.of(product) if known else NOT_KNOWN
