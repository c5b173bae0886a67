"""Looks in an image for what its jobs need, as they would, and says in which version. It needs no GPU.

The last step of every build: python3 self_test.py [--write SBOM]. Standard library only, any Python from 3.8 on.
"""

import ctypes
import glob
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).parent
OF_THE_HOST = ("libcuda.so", "libnvidia-")
"""Libraries of the driver: container runtimes mount them when a container gets GPUs."""
VERSIONS = """
import importlib.metadata, json
print(json.dumps(sorted({(d.metadata["Name"], d.version) for d in importlib.metadata.distributions()})))
"""


def main():
    """Exit code 1 if anything is missing, after all of it was named."""
    facts = json.loads((HOME / "image.json").read_text(encoding="utf-8"))
    if sys.argv[1:2] == ["--write"]:
        write(facts, Path(sys.argv[2]))
        return 0
    missing = [line for look in (machine, modules, programs, folders, nccl, plugin) for line in look(facts)]
    for line in missing:
        print("MISSING", line)
    print("self-test of", facts["name"] + ":", "failed" if missing else "passed")
    return 1 if missing else 0


def machine(facts):
    """The processor that the image was made for."""
    print("machine   ", platform.machine(), "Python", platform.python_version())
    if platform.machine() != facts["machine"]:
        yield "a processor %s: built for another platform" % facts["machine"]


def modules(facts):
    """Modules of the framework, each imported by the Python that jobs are given, and Seatrial by this one."""
    wanted = [(facts["python"], name) for name in facts["modules"]]
    for python, name in [(sys.executable, "seatrial.rank.start"), *wanted]:
        code = "import importlib; m = importlib.import_module(%r); print(getattr(m, '__version__', ''))" % name
        done = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = done.stdout.strip().splitlines() or [""]
        print("module    ", name, said[-1] if done.returncode == 0 else "")
        if done.returncode != 0:
            yield "module %s of %s: %s" % (name, python, said[-1])


def programs(facts):
    """Programs on PATH, with all libraries that they are linked with."""
    for name in facts["programs"]:
        path = shutil.which(name)
        print("program   ", path or name)
        if path is None:
            yield "program %s: not on PATH" % name
            continue
        said = subprocess.run(["ldd", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
        for line in said.splitlines():
            library = line.strip().split(" ")[0]
            if "not found" in line and not library.startswith(OF_THE_HOST):
                yield "library %s, which %s needs" % (library, path)


def folders(facts):
    """Checkouts."""
    for folder in facts["folders"]:
        if not os.path.isdir(folder) or not os.listdir(folder):
            yield "folder %s" % folder


def nccl(facts):
    """The NCCL that the loader finds: the framework's, in the version of the stack."""
    if facts["nccl"] is None:
        return
    try:
        number = ctypes.c_int()
        ctypes.CDLL("libnccl.so.2").ncclGetVersion(ctypes.byref(number))
    except (OSError, AttributeError) as error:
        yield "NCCL: %s" % error
        return
    found = "%d.%d.%d" % (number.value // 10000, number.value // 100 % 100, number.value % 100)
    print("NCCL      ", found)
    if found != facts["nccl"]:
        yield "NCCL %s: the loader finds %s" % (facts["nccl"], found)


def plugin(facts):
    """libfabric, and the plugin by which NCCL uses it, found as NCCL does: by name, through the loader."""
    if not facts["network"]:
        return
    for name in ("libfabric.so.1", "libnccl-net.so"):
        try:
            ctypes.CDLL(name)
        except OSError as error:
            if not any(library in str(error) for library in OF_THE_HOST):
                yield "%s: %s" % (name, error)
                continue
            print("library   ", name, "needs the driver, which is the host's")
            continue
        real = {os.path.realpath(path) for path in glob.glob("/opt/amazon/*/lib*/**/" + name, recursive=True)}
        loaded = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
        print("library   ", name, *sorted(real & loaded))
        if not real & loaded:
            yield "%s below /opt/amazon: the loader finds another one" % name
    installed = Path("/opt/amazon/efa_installed_packages")
    print("EFA       ", installed.read_text().splitlines()[0].lstrip("# ") if installed.exists() else "version unknown")


def write(facts, path):
    """The software bill of materials: what was chosen, and what the system and each Python say that they have."""
    bill = facts["sbom"]
    query = ["dpkg-query", "--show", "--showformat", "${Package} ${Version} ${Architecture}\n"]
    for line in subprocess.run(query, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines():
        name, version, architecture = line.split(" ")
        add(bill, "deb", name, version, "?arch=" + architecture)
    for python in sorted({facts["python"], str(HOME / "venv/bin/python")}):
        found = subprocess.run([python, "-c", VERSIONS], stdout=subprocess.PIPE, text=True, check=True).stdout
        for name, version in json.loads(found):
            add(bill, "pypi", name.lower().replace("_", "-"), version, "")
    path.write_text(json.dumps(bill, indent=1) + "\n", encoding="utf-8")


def add(bill, kind, name, version, more):
    """A component, once."""
    purl = "pkg:%s/%s@%s%s" % (kind, name, version.replace("+", "%2B").replace(":", "%3A"), more)
    if all(known["purl"] != purl for known in bill["components"]):
        bill["components"].append({"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl})


if __name__ == "__main__":
    sys.exit(main())
