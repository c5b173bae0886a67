"""A container image as a build context: Dockerfile, locks, Seatrial's own files, and the test that ends the build."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import seatrial
from seatrial import versions
from seatrial.images._image import Choice, Container
from seatrial.images.containers import locks
from seatrial.images.containers.bill import sbom
from seatrial.images.containers.choices import Chosen, choose
from seatrial.images.containers.definitions import COMMAND, MACHINES, accelerator_lock, other_python
from seatrial.plan import Plan
from seatrial.templates import template

HOME = "/opt/seatrial"
PYTHON = f"{HOME}/venv/bin/python"
"""The Python of every image: what a cluster of seatrial.toml is told as `python`."""
SITE = "lib/python3.*/site-packages"
"""Where a Python has its packages: which Python the base has is the base's."""
COMPILED = ("nccl-tests",)
"""Checkouts of which the image has what their makefile makes; of all others it has the source."""
_PIP = "install --no-deps --require-hashes --only-binary :all:"
_SOURCE_ONLY = ("antlr4-python3-runtime", "promise", "rouge-score")
"""Packages of locks that are on PyPI as source alone. All are Python, so that setuptools is enough to build them."""
IGNORED = "# Everything that the Dockerfile copies is here, and nothing else may be.\ncommands.sh\n**/__pycache__\n"


def render(container: Container, choice: Choice) -> Plan:
    """The build context. Raises UserError with everything that is wrong with the choice."""
    chosen = choose(container, choice)
    facts = _facts(container, choice, chosen)
    files = {
        "Dockerfile": _dockerfile(container, choice, chosen),
        ".dockerignore": IGNORED,
        "self_test.py": (Path(__file__).parent / "self_test.py").read_text(encoding="utf-8"),
        "image.json": json.dumps(facts, indent=2) + "\n",
        **{f"locks/{name}.txt": text for name, text in _locks(container).items()},
        **{f"seatrial/{name}": text for name, text in _package().items()},
    }
    if chosen.efa:
        files["loader.conf"] = _loader(container)
    return Plan(files=files)


def _dockerfile(container: Container, choice: Choice, chosen: Chosen) -> str:
    text = template("seatrial.images.containers", "Dockerfile.j2").render(
        platform={"x86_64": "amd64", "arm64": "arm64"}[choice.architecture], **_variables(container, chosen)
    )
    return re.sub(r"\n{3,}", "\n\n", text)


def _variables(container: Container, chosen: Chosen) -> dict[str, Any]:
    other = other_python(container)
    from_source = [name for name in _SOURCE_ONLY if container.lock and name in locks.packages(container.lock)]
    pip, other_pip = f"{HOME}/venv/bin/pip {_PIP}", f"{HOME}/{container.environment}/bin/pip {_PIP}"
    return {
        "c": container,
        "base": chosen.reference,
        "vendor": container.lock is None,
        "network": chosen.efa is not None,
        "efa": chosen.efa,
        "packages": _packages(container, chosen),
        "stack": container.stack,
        "accelerator": accelerator_lock(container),
        "gpus": container.stack not in ("cpu", "neuron"),
        "nccl": f"{_site(container)}/nvidia/nccl" if "nccl" in chosen.pins else None,
        "other_python": versions.OTHER_PYTHON_BUILDS[other] if other else None,
        "pip": pip,
        "other_pip": other_pip,
        "lock_pip": other_pip if other else pip,
        "from_source": from_source,
        "torch_index": versions.TORCH_CPU_INDEX,
        "checkouts": {
            name: {"argument": name.replace("-", "_").upper(), "source": source}
            for name, source in chosen.sources.items()
        },
        "compiled": COMPILED,
        "home": HOME,
        "venv": f"{HOME}/venv",
        "site": f"{HOME}/venv/{SITE}",
        "version": seatrial.__version__,
    }


def _site(container: Container) -> str:
    """The packages of the Python that has the framework."""
    return f"{HOME}/{container.environment if other_python(container) else 'venv'}/{SITE}"


def _packages(container: Container, chosen: Chosen) -> dict[str, str]:
    """Packages of the system -> why."""
    found = {"ca-certificates": "whatever is fetched comes over TLS"}
    if chosen.efa:
        found["curl"] = "fetches the EFA installer"
        found["openssh-server"] = "mpirun starts the ranks of an MPIJob through it"
        found["openssh-client"] = "the other half of it"
    if container.lock:
        found["python3"] = "runs Seatrial, and the framework"
        found["python3-venv"] = "makes the one Python that jobs are given"
    return dict(sorted(found.items()))


def _locks(container: Container) -> dict[str, str]:
    """Name -> text of the locks that are installed."""
    if container.lock is None:
        return {}
    accelerator, other = accelerator_lock(container), other_python(container)
    names = [name for name in (accelerator, container.lock, COMMAND if other else None) if name]
    names += ["torch-cpu"] if container.stack == "cpu" else []
    names += ["nvcc"] if any(name in COMPILED for name in container.checkouts) else []
    found = {name: locks.text(name) for name in names}
    text = found[container.lock]
    if any(name in locks.packages(container.lock) for name in _SOURCE_ONLY):
        found["setuptools"] = locks.entries(text)["setuptools"]
    return found


def _loader(container: Container) -> str:
    """What the loader looks through first: EFA's libraries, NCCL's plugin, and the NCCL that the framework uses."""
    folders = ["/opt/amazon/efa/lib", "/opt/amazon/ofi-nccl/lib", "/opt/amazon/openmpi/lib"]
    folders += [f"{HOME}/nccl/lib"] if "nccl" in versions.STACKS[container.stack].pins else []
    return "".join(f"{folder}\n" for folder in folders)


def _package() -> Mapping[str, str]:
    """Path -> text of every file of Seatrial."""
    root = Path(seatrial.__file__).parent
    paths = (path for path in sorted(root.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def _facts(container: Container, choice: Choice, chosen: Chosen) -> dict[str, Any]:
    """What the test in the image looks for."""
    other = other_python(container)
    facts: dict[str, Any] = {
        "name": container.name,
        "stack": container.stack,
        "base": chosen.reference,
        "machine": MACHINES[choice.architecture],
        "python": f"{HOME}/{container.environment}/bin/python" if other else PYTHON,
        "oldest_python": versions.PYTHON,
        "modules": list(container.requires),
        "programs": list(container.programs),
        "network": chosen.efa is not None,
        "nccl": chosen.pins.get("nccl"),
        "folders": [f"/opt/{name}" for name in container.checkouts],
        "sbom": sbom(container, choice),
    }
    return facts
