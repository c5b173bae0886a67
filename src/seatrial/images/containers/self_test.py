"""Looks in an image for what its jobs need, as they would, and says in which version. It needs no GPU.

The last step of every build: python3 self_test.py [--write SBOM]. The standard library, and nothing of Seatrial: a
vendor's Python may be too old for that, which is one of the things that are looked at.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

HOME = Path(__file__).parent
AMAZON = Path("/opt/amazon")
"""Where the EFA installer puts everything."""
OF_THE_HOST = ("libcuda.so", "libnvidia-")
"""Libraries of the driver: a container runtime mounts them where it gives a container GPUs."""
IMPORT = "import importlib, sys; m = importlib.import_module(sys.argv[1]); print(getattr(m, '__version__', ''))"
LIST = """
import importlib.metadata, json
print(json.dumps(sorted({(d.metadata["Name"], d.version) for d in importlib.metadata.distributions()})))
"""
Facts = Mapping[str, Any]
"""image.json: what was chosen when the image was rendered."""


def main() -> int:
    """Exit code 1 if anything is missing, after all of it was named."""
    facts = json.loads((HOME / "image.json").read_text(encoding="utf-8"))
    if sys.argv[1:2] == ["--write"]:
        Path(sys.argv[2]).write_text(json.dumps(bill(facts), indent=1) + "\n", encoding="utf-8")
        return 0
    looks = (machine, modules, programs, folders, nccl, network)
    missing = [line for look in looks for line in look(facts)]
    for line in missing:
        print("missing:", line)
    print(f"self-test of {facts['name']}: {'FAILED' if missing else 'passed'}")
    return 1 if missing else 0


def machine(facts: Facts) -> Iterator[str]:
    """The processor that the image was made for, and a Python that runs Seatrial."""
    print("machine:", platform.machine(), "with Python", platform.python_version())
    if platform.machine() != facts["machine"]:
        yield f"a processor {facts['machine']}: this was built for {platform.machine()}"
    if sys.version_info[:2] < tuple(map(int, facts["oldest_python"].split("."))):
        yield f"Python {facts['oldest_python']} or newer, which Seatrial needs: {platform.python_version()} is older"


def modules(facts: Facts) -> Iterator[str]:
    """Modules of the framework, imported by the Python that its jobs are given, and Seatrial, by this one."""
    wanted = [(sys.executable, "seatrial.spec"), *((facts["python"], name) for name in facts["modules"])]
    for python, name in wanted:
        done = subprocess.run([python, "-c", IMPORT, name], capture_output=True, text=True, check=False)
        said = (done.stderr if done.returncode else done.stdout).strip().splitlines() or [""]
        if done.returncode:
            yield f"module {name} of {python}: {said[-1]}"
        else:
            print("module:", name, said[-1])


def programs(facts: Facts) -> Iterator[str]:
    """Programs on PATH, with all libraries that they are linked with."""
    for name in facts["programs"]:
        path = shutil.which(name)
        if path is None:
            yield f"program {name} on PATH"
            continue
        print("program:", path)
        linked = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
        lost = [line.split()[0] for line in linked.splitlines() if "not found" in line]
        yield from (f"library {library} of {path}" for library in lost if not library.startswith(OF_THE_HOST))


def folders(facts: Facts) -> Iterator[str]:
    """Checkouts."""
    return (f"folder {folder}" for folder in facts["folders"] if not os.path.isdir(folder) or not os.listdir(folder))


def nccl(facts: Facts) -> Iterator[str]:
    """The NCCL that the loader finds: that of the framework, in the version of the stack."""
    if facts["nccl"] is None:
        return
    number = ctypes.c_int()
    try:
        ctypes.CDLL("libnccl.so.2").ncclGetVersion(ctypes.byref(number))
    except (OSError, AttributeError) as error:
        yield f"NCCL: {error}"
        return
    found = f"{number.value // 10000}.{number.value // 100 % 100}.{number.value % 100}"
    print("NCCL:", found)
    if found != facts["nccl"]:
        yield f"NCCL {facts['nccl']}: the loader finds {found}"


def network(facts: Facts) -> Iterator[str]:
    """libfabric and the plugin by which NCCL uses it, found as NCCL does: by name, through the loader."""
    if not facts["network"]:
        return
    for name in ("libfabric.so.1", "libnccl-net.so"):
        try:
            ctypes.CDLL(name)
        except OSError as error:
            if any(library in str(error) for library in OF_THE_HOST):
                print(f"library: {name} needs the driver, which is the host's")
            else:
                yield f"library {name}: {error}"
            continue
        loaded = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
        found = {os.path.realpath(path) for path in AMAZON.rglob(name)} & loaded
        if found:
            print("library:", name, *found)
        else:
            yield f"library {name} below {AMAZON}: the loader finds another one"
    installed = AMAZON / "efa_installed_packages"
    print(installed.read_text().splitlines()[0] if installed.exists() else "EFA installer: it says no version")


def bill(facts: Facts) -> dict[str, Any]:
    """The software bill of materials: what was chosen, and what the system and each Python say that they have."""
    found: dict[str, dict[str, str]] = {one["bom-ref"]: one for one in chosen(facts)}
    for kind, name, version, more in [*system(), *distributions(facts)]:
        purl = f"pkg:{kind}/{name}@{version.replace('+', '%2B').replace(':', '%3A')}{more}"
        found[purl] = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    return {**facts["sbom"], "components": list(found.values())}


def chosen(facts: Facts) -> Iterator[dict[str, str]]:
    """What the image was to be made of. A build argument may have put another base in place of the one in there."""
    base = os.environ.get("BASE") or facts["base"]
    for one in facts["sbom"]["components"]:
        other = one["purl"].startswith("pkg:oci/") and base != facts["base"]
        yield {"type": "container", "bom-ref": base, "name": base} if other else one


def system() -> Iterator[tuple[str, str, str, str]]:
    """Packages of Debian or Ubuntu."""
    query = ["dpkg-query", "--show", "--showformat", "${Package} ${Version} ${Architecture}\\n"]
    for line in subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines():
        name, version, architecture = line.split(" ")
        yield "deb", name, version, f"?arch={architecture}"


def distributions(facts: Facts) -> Iterator[tuple[str, str, str, str]]:
    """Packages of Python."""
    for python in sorted({facts["python"], str(HOME / "venv/bin/python")}):
        listed = subprocess.run([python, "-c", LIST], capture_output=True, text=True, check=True).stdout
        yield from (("pypi", name.lower().replace("_", "-"), version, "") for name, version in json.loads(listed))


if __name__ == "__main__":
    sys.exit(main())
