"""Case, Recipe, Cluster, and the Job that seatrial.binding makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from seatrial.arguments import CaseArgs
from seatrial.errors import Problem, UserError, unknown
from seatrial.profiling import Profile

if TYPE_CHECKING:
    from seatrial.workload import Workload

Fidelity = Literal["real", "real-core", "stand-in"]
"""What a local run exercises: the framework as a user installs it, its core under our driver, or a substitute."""

Purpose = Literal["training", "preparation", "check", "benchmark"]
"""What a job is for. The verdict of a training asks for a falling loss, that of all others for their findings alone."""

Launch = Literal["rank", "mpi", "node", "driver"]
"""How a program is started: once per accelerator, the same as the processes of one MPI program, once per node, or once
for the whole job."""

Container = Literal["none", "pyxis", "docker"]
"""What runs an image on a node."""

Device = Literal["cpu", "cuda", "neuron", "unknown"]
"""What a rank computes on; ``unknown``: of a log from elsewhere that does not tell, never of a job that is started."""


PROGRAM = "program"
"""Folder of a run, and of a plan, with the files that go with a job."""
ELSEWHERE = "elsewhere"
"""The cluster of a run that was not started by Seatrial: only its log is here."""


class LauncherOptions:
    """Base of a launcher's Options: a frozen dataclass, every field with a default and a string under it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "use_attribute_docstrings": True}


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
class Range:
    """A figure that was forecast: four times in five it lies between `low` and `high`."""

    low: float
    expected: float
    high: float
    evidence: tuple[str, ...] = ()
    """The measurements that it rests on most; empty: none is near."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Faster:
    """One argument that would make a job faster, by the model of its step."""

    setting: str
    """As `--set` takes it: ``recompute=selective``."""
    gain: float
    """Share of tokens a second on top: 0.25 is a quarter more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What was known of a job before it started: what it needs and gives, and what cannot be. None: nobody can tell."""

    rate: Range | None = None
    """Tokens a second of the whole job."""
    memory: Range | None = None
    """Bytes at the peak of a rank on a GPU, counted as the case's `peak_memory` says: from those of the emptiest
    pipeline stage to those of the fullest."""
    step_tokens: int | None = None
    """Of a global batch."""
    most: float | None = None
    """Tokens a second of the whole job at which its accelerators would do nothing but matrix products, all of the best
    shape."""
    faster: tuple[Faster, ...] = ()
    """Single arguments that would make it faster and leave it in memory; what gains the most comes first."""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Expected:
        """What dataclasses.asdict and JSON made of one. Raises ValueError if it is none."""
        try:
            known = {**record, "faster": tuple(Faster(**one) for one in record["faster"])}
            for name in ("rate", "memory"):
                if one := known[name]:
                    known[name] = Range(**one | {"evidence": tuple(one["evidence"])})
            return cls(**known)
        except (KeyError, TypeError) as error:
            raise ValueError(f"nothing that was expected of a job: {error!r}") from None


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Mount:
    """A folder that the processes of a job see."""

    source: str
    """Folder on the node; on Kubernetes the name of a PersistentVolumeClaim if it does not begin with a slash."""
    target: str
    """Folder that the processes see it as."""
    read_only: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Software:
    """What a job's processes find installed."""

    image: str | None
    """Container image, whole reference; None: no container."""
    python: str
    """Python on the node, or in the image, that has seatrial and the case's framework."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """Where jobs run."""

    name: str
    launcher: str
    nodes: int
    """Nodes there are at most."""
    cpus_per_node: int
    memory_per_node: int | None = None
    """Bytes of a node's own memory; None: unknown."""
    accelerators_per_node: int = 0
    """Devices that a framework sees, so ranks that a node takes; 0: CPU only."""
    processes_per_node: int = 1
    """Processes that one node takes at most: its accelerators, or on CPU what is still sensible."""
    instance_type: str | None = None
    shared: str | None = None
    """Folder on a file system that all nodes share, as the processes see it; each run gets a folder in it.
    None: there is none, so checkpoints are not kept."""
    mounts: tuple[Mount, ...] = ()
    container: Container = "none"
    """What runs the image on a node. Kubernetes and Batch bring their own: there it is docker."""
    image: str | None = None
    """Container image, whole reference; None: no container."""
    python: str = "python3"
    """Python on the node, or in the image, that has seatrial and the case's framework."""
    software: Mapping[str, Software] = field(default_factory=dict)
    """Environment that a case asks for -> image and Python of its jobs, in place of the two above."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that every rank gets on top of those that the job needs."""
    stack: Mapping[str, str] = field(default_factory=dict)
    """Versions on its nodes: efa_installer, libfabric, aws_ofi_nccl, nccl, kernel. What is missing is unknown."""
    options: Any = None
    """An instance of the launcher's Options."""

    def software_for(self, environment: str | None) -> Software:
        """Image and Python of the jobs whose case asks for that environment."""
        return self.software.get(environment or "") or Software(image=self.image, python=self.python)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Case, recipe and cluster bound together: plain data, nothing left to decide."""

    case: str
    recipe: str
    title: str
    framework: str
    fidelity: Fidelity
    fidelity_note: str
    cluster: str
    launcher: str
    program: str
    """Module, or file: one of `files`, which the launcher says the place of, or an absolute path on the nodes."""
    requires: tuple[str, ...]
    launch: Launch
    resumable: bool
    device: Device
    nodes: int
    processes_per_node: int
    threads_per_process: int
    args: dict[str, Any]
    parameters: int | None
    expectations: Expectations
    environment: str | None = None
    pins: dict[str, str] = field(default_factory=dict)
    purpose: Purpose = "training"
    flops_per_token: dict[str, float] = field(default_factory=dict)
    """Convention -> model FLOPs per token, for programs and logs that tell none; see seatrial.metrics."""
    published: tuple[Published, ...] = ()
    """Figures that were measured on the same hardware with the same arguments."""
    expected: Expected | None = None
    """What it was forecast to need and to give; None: nobody could tell."""
    classes: int | None = None
    """As the workload's: what its loss is a cross-entropy over while its weights know nothing; None: not known."""
    notes: tuple[str, ...] = ()
    """What differs from the recipe as it was made, and what may go wrong, in sentences."""
    secrets: tuple[str, ...] = ()
    """Environment variables that are passed on by name; their values stand in no file."""
    files: Mapping[str, Shipped] = field(default_factory=dict)
    """Of a case in a file: relative path -> what goes with the job; the file that defines the case first."""
    profile: Profile | None = None
    """What of it is recorded by a profiler."""
    digest: str = ""
    """Hash of what decides the result: case, args and a program that goes with the job, not the layout. Checkpoints of
    another digest are refused."""

    @property
    def world_size(self) -> int:
        """Number of ranks."""
        return self.nodes * self.processes_per_node

    @property
    def label(self) -> str:
        """``case/recipe``."""
        return f"{self.case}/{self.recipe}"

    @property
    def ships(self) -> bool:
        """Whether the program goes with the job, rather than being on the nodes."""
        return self.program in self.files

    def record(self) -> dict[str, Any]:
        """The job as plain data: of the files that go with it their digests. What there is none of is left out."""
        record = asdict(self)
        for name in ("profile", "expected", "classes"):
            if record[name] is None:
                del record[name]
        files = {path: shipped["sha256"] for path, shipped in record.pop("files").items()}
        return record | ({"files": files} if files else {})

    def to_json(self) -> str:
        """The job as the text of job.json."""
        return json.dumps(self.record(), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Job:
        """The job of a job.json, also of an earlier version's. Raises ValueError if it is not one."""
        record = json.loads(text)
        needed = {f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING}
        wrong = (needed - set(record)) | (set(record) - {f.name for f in fields(cls)})
        if wrong:
            raise ValueError(f"not a job of this version: {', '.join(sorted(wrong))}")
        record["files"] = {path: Shipped(sha256) for path, sha256 in record.get("files", {}).items()}
        record["expectations"] = Expectations(**record["expectations"])
        record["profile"] = Profile.of(record["profile"]) if record.get("profile") else None
        if found := record.get("expected"):
            record["expected"] = Expected.of(found)
        record["published"] = tuple(Published(**figure) for figure in record.get("published", ()))
        for name in ("requires", "secrets", "notes"):
            record[name] = tuple(record.get(name, ()))
        return cls(**record)


def digest(case: str, args: Mapping[str, Any], program: Iterable[str] = ()) -> str:
    """Hash of what decides a run's result, 16 hexadecimal digits; `program`: digests of the files that go with it."""
    import hashlib  # OpenSSL's: the command starts without it

    text = json.dumps([case, args, *sorted(program)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
