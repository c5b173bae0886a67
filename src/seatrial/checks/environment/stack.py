"""Python, torch and what it was built for, packages against pins, the variables."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial import versions
from seatrial.checks.catalogue import of_kind
from seatrial.checks.environment.facts import shown
from seatrial.checks.environment.judging import Around, Expected, Unseen, rule
from seatrial.checks.profile import NOT_KNOWN, Profile
from seatrial.checks.software.layouts import COMPONENTS
from seatrial.checks.software.search import Copy, Software
from seatrial.errors import UserError
from seatrial.findings import Finding, Rule, Verdict, judged
from seatrial.hardware import instances
from seatrial.network.lint import lint_environment
from seatrial.network.site import VersionTexts, parse_version

_DISTRIBUTED = "torch.distributed.is_available = true\ntorch.distributed.is_nccl_available = true"
_GUIDE = "https://docs.nvidia.com/cuda/blackwell-compatibility-guide/ and those of the older generations"


@rule(
    "env.versions",
    expected=f"Python {versions.PYTHON} or newer, torch {versions.TORCH_OLDEST} or newer",
    why="The training programs use what older ones do not have.",
    remedy="install a newer one, or another image",
    source="src/seatrial/versions/python.py",
    good='python.version = "3.12.3"\ntorch = "2.13.0+cu130"',
    bad='python.version = "3.12.3"\ntorch = "2.5.1+cu124"',
)
def oldest(rule: Rule, around: Around, _: Expected) -> Iterator[Finding]:
    python, torch = str(around["python.version"]), str(around["torch"])
    try:
        good = parse_version(python) >= parse_version(versions.PYTHON)
        good = good and parse_version(torch) >= parse_version(versions.TORCH_OLDEST)
    except ValueError as error:
        raise Unseen(str(error)) from None
    yield rule.finding(judged(good), f"Python {python}, torch {torch}")


@rule(
    "env.pins",
    of_node=True,
    expected="the versions that the case was made with",
    why="Another version may train otherwise, or print what is not read.",
    remedy="install that version, or read results with care",
    source="src/seatrial/versions/python.py",
    good='package.torchtitan = "0.2.2"',
    bad='package.torchtitan = "0.1.0"',
    example=Expected(device="cuda", pins={"torchtitan": "0.2.2"}),
)
def pins(rule: Rule, around: Around, expected: Expected) -> Iterator[Finding]:
    if not expected.pins:
        yield rule.finding(Verdict.SKIP, "no pinned packages were named")
    for package, pin in expected.pins.items():
        found = around.starting("package.").get(package)
        good = isinstance(found, str) and found.partition("+")[0] == pin
        observed = f"{package} {found}" if found else f"{package} is not installed"
        yield rule.finding(Verdict.PASS if good else Verdict.WARN, observed, expected=f"{package} {pin}")


@rule(
    "env.backend",
    expected="a torch that can use the device, and talk to the other ranks",
    why="A torch that was built for CPUs trains on them in silence, or fails at its first collective.",
    remedy="install the build of torch for CUDA, and a driver that it can use; see nvidia-smi",
    source="torch.distributed",
    good=f"torch.cuda.is_available = true\n{_DISTRIBUTED}",
    bad=f"torch.cuda.is_available = false\n{_DISTRIBUTED}",
)
def backend(rule: Rule, around: Around, expected: Expected) -> Iterator[Finding]:
    needed = ["distributed.is_available"]
    if expected.device == "cuda":
        needed += ["cuda.is_available", "distributed.is_nccl_available"]
    lacking = [name for name in needed if around[f"torch.{name}"] is not True]
    observed = f"torch.{lacking[0]} is false" if lacking else f"torch can use {expected.device}"
    yield rule.finding(judged(not lacking), observed)


@rule(
    "env.architectures",
    expected="code for the device's capability in torch",
    why="Kernels that were not built for a GPU do not run on it; those that are translated at start are slow to start.",
    remedy="install a torch that was built with a newer CUDA",
    source=_GUIDE,
    good='torch.architectures = "sm_80 sm_90 sm_100"\ndevice.capability = "9.0"\ndevice.name = "NVIDIA H100 80GB HBM3"',
    bad='torch.architectures = "sm_70 sm_80"\ndevice.capability = "9.0"\ndevice.name = "NVIDIA H100 80GB HBM3"',
)
def architectures(rule: Rule, around: Around, expected: Expected) -> Iterator[Finding]:
    if expected.device != "cuda":
        yield rule.finding(Verdict.SKIP, f"ranks compute on {expected.device}, not on GPUs")
        return
    capability, built = str(around["device.capability"]), str(around["torch.architectures"])
    match = re.fullmatch(r"(\d+)\.(\d+)", capability)
    if match is None:
        raise Unseen(f"{capability!r} is no capability such as 9.0")
    device = int(match[1]), int(match[2])
    binary = [name for name in built.split() if runs(name, device)]
    translated = [name for name in built.split() if name.startswith("compute_") and translates(name, device)]
    verdict = Verdict.PASS if binary else Verdict.WARN if translated else Verdict.FAIL
    told = f"torch has {' '.join(binary or translated) or built}; {around['device.name']} is {capability}"
    yield rule.finding(verdict, told)


_ARCHITECTURE = re.compile(r"(?:sm|compute)_(\d+)(\d)([af]?)")


def runs(architecture: str, device: tuple[int, int]) -> bool:
    """Whether binary code such as ``sm_90`` runs on a device: that capability, and newer ones of its major."""
    match = _ARCHITECTURE.fullmatch(architecture)
    if match is None or not architecture.startswith("sm_"):
        return False
    major, minor = int(match[1]), int(match[2])
    if match[3] == "a":  # with features of that architecture alone
        return (major, minor) == device
    return major == device[0] and minor <= device[1]


def translates(architecture: str, device: tuple[int, int]) -> bool:
    """Whether code such as ``compute_80`` can be translated for a device: for that capability and all newer ones."""
    match = _ARCHITECTURE.fullmatch(architecture)
    return match is not None and not match[3] and (int(match[1]), int(match[2])) <= device


@rule(
    "env.variables",
    expected="variables of EFA, NCCL and Neuron that help",
    why="What was copied from elsewhere keeps jobs from EFA, or stops them.",
    remedy="leave it out: seatrial network show",
    source="docs/efa.md",
    good='host.instance = "p5.48xlarge"\nvariable.FI_PROVIDER = "efa"',
    bad='host.instance = "p5.48xlarge"\nvariable.NCCL_TREE_THRESHOLD = "0"',
)
def variables(rule: Rule, around: Around, _: Expected) -> Iterator[Finding]:
    name = around["host.instance"]
    env = {key: shown(value) for key, value in around.starting("variable.").items()}
    try:
        instance = instances.instance(str(name)) if name else None
        found = lint_environment(env, instance=instance, **_stack(around))
    except UserError as error:
        raise Unseen(str(error)) from None
    yield from found
    if not found:
        yield rule.finding(Verdict.PASS, f"{len(env)} variables, with nothing wrong")


def _stack(around: Around) -> VersionTexts:
    """Versions of EFA's and NCCL's software, as far as the node's first rank found them."""
    found = VersionTexts(kernel=_text(around, "system.kernel"), nccl=_text(around, "nccl"))
    found["efa_installer"] = _text(around, "software.efa_installer")
    found["libfabric"] = _text(around, "software.libfabric")
    found["aws_ofi_nccl"] = _text(around, "software.aws_ofi_nccl")
    return found


def _text(around: Around, name: str) -> str | None:
    value = around.facts.values.get(name)
    return value if isinstance(value, str) and re.search(r"\d+\.\d+", value) else None


@rule(
    "env.software",
    of_node=True,
    expected="versions of drivers and libraries that go together",
    why="NCCL goes on over TCP, or no kernel runs, where one of them is too old for another.",
    remedy="seatrial check versions, on the node and with --image",
    source="src/seatrial/checks/compatibility.py",
    good='host.instance = "p5.48xlarge"\ntorch.version.cuda = "13.0"\nnccl = "2.31.2"\n'
    'software.driver = "580.95.05"\nsoftware.efa_installer = "1.50.0"\nsoftware.efa_driver = "3.3.0"\n'
    'software.libfabric = "2.6.0amzn1.0"\nsoftware.aws_ofi_nccl = "1.21.1"\nsoftware.driver_libraries = "580.95.05"',
    bad='host.instance = "p5.48xlarge"\ntorch.version.cuda = "13.0"\nnccl = "2.31.2"\nsoftware.driver = "535.183.01"',
)
def software(rule: Rule, around: Around, expected: Expected) -> Iterator[Finding]:
    """The rules of `seatrial check versions`, of what this rank really runs with."""
    if expected.device != "cuda":
        yield rule.finding(Verdict.SKIP, f"ranks compute on {expected.device}: they use none of CUDA, NCCL and EFA")
        return
    found = {**around.starting("software."), "cuda": around["torch.version.cuda"], "nccl": around["nccl"]}
    copies = {name: (Copy(version=str(v), path=name),) for name, v in found.items() if v is not None}
    unseen = {name: why for name, why in around.facts.problems.items() if name.startswith("software.")}
    seen = Software(found={name: copies.get(name, ()) for name in COMPONENTS}, problems=unseen)
    name = around["host.instance"]
    profile = Profile.of(str(name)) if name else NOT_KNOWN
    for check in of_kind("versions"):
        yield from check.judge(check.rule, seen, profile)
