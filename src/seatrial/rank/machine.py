"""What a process runs on and with: its processor, its memory, its packages."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import re
import resource
import sys
from collections.abc import Iterable, Iterator, Mapping

from seatrial import __version__
from seatrial.findings import Finding, Rule, Verdict
from seatrial.masking import mask, names_secret

VERSIONS = Rule(
    id="run.versions",
    verdicts=(Verdict.WARN,),
    reads="the packages of a rank's Python",
    expected="the versions that the case was made with",
    why="another version may train otherwise, or print what is not read",
    remedy="install that version, or read the result with care",
    source="src/seatrial/versions/python.py",
    good="torch 2.13.0",
    bad="torch 2.11.0",
)

VARIABLES = re.compile(
    r"(?:NCCL|FI|OFI_NCCL|EFA|OMP|KMP|MKL|GLOO|TORCH|TORCHINDUCTOR|PYTORCH|CUDA|CUBLAS|XLA|NEURON)_\w+|"
    r"LD_PRELOAD|GLIBC_TUNABLES"
)
"""Names of the environment variables that decide how a run goes."""


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Those of VARIABLES that are set, by name; without any whose name says that it holds a secret."""
    chosen = (name for name in environ if VARIABLES.fullmatch(name) and not names_secret(name))
    return {name: mask(environ[name]) for name in sorted(chosen)}


def processor() -> str:
    """The processor for people: ``AMD EPYC 7R13``."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def peak_resident() -> int:
    """Peak resident set of this process in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes on macOS, KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def versions(packages: Iterable[str] = ()) -> dict[str, str]:
    """Versions of what decides a result, and of those `packages` that are installed, as found in this process."""
    found = {"seatrial": __version__, "python": platform.python_version(), "system": platform.platform()}
    return found | {name: version for name in packages if (version := _version(name))}


def other_versions(pins: Mapping[str, str]) -> Iterator[Finding]:
    """A warning for each package whose version is not that of `pins`."""
    for package, pin in pins.items():
        found = _version(package)
        if found is None or found.partition("+")[0] != pin:  # 2.13.0+cpu is 2.13.0, built for CPUs
            observed = f"{package} {found or 'is not installed as a package'}"
            yield VERSIONS.finding(Verdict.WARN, observed, expected=f"{package} {pin}, which this case was made with")


def _version(package: str) -> str | None:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(package)
    return None
