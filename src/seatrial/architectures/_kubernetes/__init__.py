"""What is installed in a Kubernetes cluster on AWS, by kubectl and helm, after its stack stands."""

from seatrial.architectures._kubernetes.hyperpod import dependencies
from seatrial.architectures._kubernetes.inside import Group, Inside, Lustre, Piece
from seatrial.architectures._kubernetes.installation import installs

__all__ = ["Group", "Inside", "Lustre", "Piece", "dependencies", "installs"]
