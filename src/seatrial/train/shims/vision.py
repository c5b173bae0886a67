"""torchvision where there is none: Composer and streaming import it, for images and metrics that no case here uses.

Its wheels come with a CUDA build of torch, or break beside a torch of another version, so environments leave it out.
"""

from __future__ import annotations

import importlib.util
import sys

from seatrial.train.shims.stubs import stub


class VisionDataset:
    """In place of torchvision's, from which streaming derives a class beside others: a placeholder is no such base."""


def no_torchvision() -> None:
    """Let Composer and streaming be imported without torchvision; call it before. Does nothing where it is there."""
    if importlib.util.find_spec("torchvision") is not None:
        return
    importlib.import_module("torchmetrics")  # it takes for installed whatever can be imported: let it look before
    stub("torchvision")
    importlib.import_module("torchvision.datasets")
    sys.modules["torchvision.datasets"].VisionDataset = VisionDataset  # type: ignore[attr-defined]
