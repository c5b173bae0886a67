"""Container images: one for each case, as a Dockerfile with all that it copies."""

from seatrial.images.containers.bill import bom
from seatrial.images.containers.definitions import definition
from seatrial.images.containers.rendering import PYTHON, render

__all__ = ["PYTHON", "bom", "definition", "render"]
