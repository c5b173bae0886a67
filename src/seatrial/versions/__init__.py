"""Every version that is chosen by hand, once. The set-up, the locks, the tests and the images read these tables.

`python`: packages; `nodes`: network, drivers, tools; `containers`: bases and sources; `aws`: services; `stacks`: what
of these runs together. Nothing else in the repository chooses a version.
"""

from seatrial.versions.aws import AURORA_MYSQL, LUSTRE, PARALLELCLUSTER, UBUNTU, ParallelCluster
from seatrial.versions.containers import (
    BASES,
    CHECKOUTS,
    OTHER_PYTHON_BUILDS,
    TORCH_CPU,
    TORCH_CPU_INDEX,
)
from seatrial.versions.nodes import EFA, EFA_INSTALLERS, GDRCOPY, NEURON, NEURON_COMPONENTS, NEURON_SDK, NODE_PINS
from seatrial.versions.pins import Base, Checkout, Download, EfaInstaller, Pin, Repository, Stack
from seatrial.versions.python import (
    DIRECT,
    ENVIRONMENTS,
    FRAMEWORKS,
    JAX,
    LEFT_OUT,
    ON_REQUEST,
    OTHER_PYTHON,
    PAXML,
    PYTHON,
    TORCH,
    TORCH_NEEDS,
    TORCH_OLDEST,
    UV,
    WITHOUT_TORCH,
    pins,
)
from seatrial.versions.repositories import REPOSITORIES
from seatrial.versions.stacks import STACK, STACKS

__all__ = [
    "AURORA_MYSQL",
    "BASES",
    "CHECKOUTS",
    "DIRECT",
    "EFA",
    "EFA_INSTALLERS",
    "ENVIRONMENTS",
    "FRAMEWORKS",
    "GDRCOPY",
    "JAX",
    "LEFT_OUT",
    "LUSTRE",
    "NEURON",
    "NEURON_COMPONENTS",
    "NEURON_SDK",
    "NODE_PINS",
    "ON_REQUEST",
    "OTHER_PYTHON",
    "OTHER_PYTHON_BUILDS",
    "PARALLELCLUSTER",
    "PAXML",
    "PYTHON",
    "REPOSITORIES",
    "STACK",
    "STACKS",
    "TORCH",
    "TORCH_CPU",
    "TORCH_CPU_INDEX",
    "TORCH_NEEDS",
    "TORCH_OLDEST",
    "UBUNTU",
    "UV",
    "WITHOUT_TORCH",
    "Base",
    "Checkout",
    "Download",
    "EfaInstaller",
    "ParallelCluster",
    "Pin",
    "Repository",
    "Stack",
    "pins",
]
