"""Case and Recipe: what is trained, and what it promises. Where is seatrial.cluster's, both bound seatrial.job's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from seatrial.arguments import CaseArgs
from seatrial.errors import Problem, UserError, unknown

if TYPE_CHECKING:
    from seatrial.workload import Workload

Fidelity = Literal["real", "real-core", "stand-in"]
"""What a local run exercises: the framework as a user installs it, its core under our driver, or a substitute."""

Purpose = Literal["training", "preparation", "check", "benchmark"]
"""What a job is for. The verdict of a training asks for a falling loss, that of all others for their findings alone."""

Launch = Literal["rank", "mpi", "node", "driver"]
"""How a program is started: once per accelerator, the same as the processes of one MPI program, once per node, or once
for the whole job."""

Device = Literal["cpu", "cuda", "neuron", "unknown"]
"""What a rank computes on; ``unknown``: of a log from elsewhere that does not tell, never of a job that is started."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectations:
    """What a run must show to pass. A value of None is not stated, so that rule stays UNKNOWN."""

    loss_decrease: float | None = None
    """Nats by which the loss must fall from its first to its last steps."""
    at_least: Mapping[str, float] = field(default_factory=dict)
    """Validation metric -> smallest value that is good enough at the end."""
    steps: int | None = None
    """Steps after which they are stated: the recipe's own, which `bind` notes here. None: all that the run takes."""
    waived: bool = False
    """The user said what is expected, so that what is not stated is left out, not unknown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """A published figure of performance, and where it was measured."""

    metric: Literal["tokens/s per accelerator", "samples/s"]
    value: float
    instance_type: str
    nodes: int
    source: str
    """Who says so, and when."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """One model at one scale, every hyperparameter fixed."""

    name: str
    title: str
    args: Any
    """An instance of the case's Args."""
    nodes: int = 1
    """Nodes that the recipe was made for."""
    processes_per_node: int | None = None
    """Processes per node; None: one for each accelerator of the cluster's instance type."""
    instance_type: str | None = None
    """Instance type that the recipe was made for; None: any machine, CPU only."""
    parameters: int | None = None
    """The model's published parameter count."""
    expectations: Expectations = Expectations()
    published: tuple[Published, ...] = ()
    """What others measured with these arguments; figures that cannot be right are left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """How many processes take part, and where."""

    nodes: int
    processes_per_node: int
    device: Device

    @property
    def world_size(self) -> int:
        """Number of ranks."""
        return self.nodes * self.processes_per_node


def _nothing(*_: Any) -> Iterable[Problem]:
    return ()


def _no_secrets(_: Any) -> Iterable[str]:
    return ()


def _told(*_: Any) -> str:
    return ""


def _not_described(*_: Any) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Shipped:
    """A file that goes with a job."""

    sha256: str
    """Of its bytes, hexadecimal."""
    text: str | None = field(default=None, compare=False, repr=False)
    """None: not read, as in job.json; a run has the file itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A test case: one training framework, its program, what it needs, what it promises."""

    name: str
    title: str
    framework: str
    """The framework and the part of it that is used: ``PyTorch FSDP2 (fully_shard)``."""
    Args: type[CaseArgs]
    recipes: tuple[Recipe, ...]
    program: str
    """What every process runs: an importable module that the nodes have; of a case in a file also ``__file__``, or the
    path of a Python file relative to it, which goes with the job; or an absolute path, which the nodes have."""
    files: tuple[str, ...] = ()
    """Of a case in a file: what else goes with its program, as globs relative to it: ``("*.py", "conf/**/*.json")``.
    UTF-8 text, 1 MB at most together; neither hidden files nor runs, and no secrets."""
    shipped: Mapping[str, Shipped] = field(default_factory=dict)
    """Those files, which the catalogue has read: relative path -> file; the one that defines the case first."""
    requires: tuple[str, ...] = ()
    """Importable modules without which the program cannot start."""
    environment: str | None = None
    """Name of the environment that holds them, in seatrial.versions; None: that of the command itself."""
    pins: Mapping[str, str] = field(default_factory=dict)
    """Package -> version that the case was made with. Another one is warned of."""
    launch: Launch = "rank"
    multi_node_launch: Launch | None = None
    """How its program is started on several nodes; None: as on one."""
    fidelity: Fidelity = "real"
    fidelity_note: str = ""
    """What exactly differs from the real thing in a local run."""
    fidelity_of: Callable[[Any, Layout], tuple[Fidelity, str]] | None = None
    """Fidelity and note of a job, where they depend on arguments; None: the two above on CPUs, else real."""
    purpose: Purpose = "training"
    log_reader: str | None = None
    """``module:class`` that reads what the framework prints (seatrial.rank.lines.Reader), made of the arguments and
    the world size; None: the program writes its events itself."""
    unit: str = "tokens"
    """What throughput counts: ``tokens`` or ``samples``."""
    peak_memory: Literal["allocated", "reserved"] | None = "allocated"
    """What `Step.memory_bytes` of a GPU is: what tensors took, or what PyTorch's allocator held. None: nobody tells."""
    resumable: bool = False
    """Whether the program goes on from its own checkpoints."""
    check: Callable[[Any, Layout], Iterable[Problem]] = _nothing
    """Pure rules over arguments and layout, beyond the ranges that stand beside the arguments."""
    workload: Callable[[Any, Layout], Workload | None] = _not_described
    """What a job computes, where `check` found nothing wrong; None: unknown, so that nothing is said of its memory."""
    preflight: Callable[[Any], Iterable[Problem]] = _nothing
    """What can only be seen on the machine that trains: files, tokenizers. Run before any process starts."""
    secrets: Callable[[Any], Iterable[str]] = _no_secrets
    """Names of environment variables that must hold a secret, such as ``HF_TOKEN`` for a gated tokenizer."""
    untold: Callable[[Any, Layout], str] = _told
    """Why a profile cannot follow the steps of such a job, in words; empty: its ranks tell of each by
    `Rank.after_step`, or a flag of its framework's does."""

    def recipe(self, name: str) -> Recipe:
        """The recipe of that name. Raises UserError with the nearest names."""
        for recipe in self.recipes:
            if recipe.name == name:
                return recipe
        raise UserError(unknown(f"recipe of {self.name}", name, [r.name for r in self.recipes]))
