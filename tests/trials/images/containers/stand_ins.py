"""What stands for what a vendor's host holds: EFA's installer, and the repository of nccl-tests.

The installer lays files where AWS's lays them and says the same versions; its libraries are compiled here and do
nothing. The repository has the interface of nccl-tests' makefile, and a program with a kernel that asks NCCL for its
version and CUDA for its devices.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from seatrial.versions import EFA_INSTALLERS, STACKS

SEEN_AS = "/srv/given"
"""Where builds see the folder of these."""
VERSION = STACKS["cuda13"].pins["efa_installer"]

INSTALLER = """\
#!/bin/sh
# Stands for AWS's: the same options, places and versions.
set -eu
case " $* " in *" -y --skip-kmod "*) ;; *) echo "usage: -y --skip-kmod" >&2; exit 1 ;; esac
mkdir -p /opt/amazon
cp -r opt/amazon/. /opt/amazon/
"""
LIBRARY = (
    'const char seatrial_version[] __attribute__((used)) = "{text}";\nint seatrial_stand_in(void) {{ return 0; }}\n'
)
MPIRUN = '#!/bin/sh\necho "stands for mpirun: $*"\n'
MPI_H = "/* Open MPI's stand-in */\nint MPI_Init(int *, char ***);\n"

MAKEFILE = """\
BUILDDIR ?= build
CUDARTLIB ?= cudart
NVCC = $(CUDA_HOME)/bin/nvcc
all: $(BUILDDIR)/all_reduce_perf
$(BUILDDIR)/all_reduce_perf: src/all_reduce.cu
\tmkdir -p $(BUILDDIR)
\ttest "$(MPI)" = 1 && test -e $(MPI_HOME)/include/mpi.h
\tPATH=$(CUDA_HOME)/bin:$(CUDA_HOME)/nvvm/bin:$$PATH $(NVCC) -arch=sm_90 -I$(NCCL_HOME)/include -L$(NCCL_HOME)/lib \\
\t\t-L$(CUDA_LIB) --cudart=static -o $@ $< -lnccl
"""
PROGRAM = """\
#include <nccl.h>
#include <stdio.h>
#include <string.h>
__global__ void fill(float *at, int n) { for (int i = threadIdx.x; i < n; i += blockDim.x) at[i] = 1.0f; }
int main(int argc, char **argv) {
    int version = 0, devices = 0;
    ncclGetVersion(&version);
    cudaError_t error = cudaGetDeviceCount(&devices);
    printf("# stand-in nccl-headers=%d nccl-library=%d devices=%d (%s)\\n", NCCL_VERSION_CODE, version, devices,
           cudaGetErrorString(error));
    return version == NCCL_VERSION_CODE ? 0 : 1;
}
"""


ARGUMENTS = "arguments.json"


def make(folder: Path) -> None:
    """Put them there, with the build arguments that lead to them."""
    part = folder.with_name("part")
    archive = _installer(part)
    arguments = {
        "EFA_INSTALLER_URL": f"file://{SEEN_AS}/{archive.name}",
        "EFA_INSTALLER_SHA256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "NCCL_TESTS_REPOSITORY": f"{SEEN_AS}/nccl-tests",
        "NCCL_TESTS_COMMIT": _repository(part / "nccl-tests"),
    }
    (part / ARGUMENTS).write_text(json.dumps(arguments))
    part.rename(folder)


def arguments(folder: Path, prefix: str) -> Mapping[str, str]:
    """Those whose names begin so."""
    known = json.loads((folder / ARGUMENTS).read_text())
    return {name: value for name, value in known.items() if name.startswith(prefix)}


def _installer(folder: Path) -> Path:
    tree = folder / "aws-efa-installer"
    known = EFA_INSTALLERS[VERSION]
    files = {
        "efa_installer.sh": INSTALLER,
        "opt/amazon/efa_installed_packages": f"# EFA installer version: {VERSION}\n# Packages installed:\n",
        "opt/amazon/efa/lib/pkgconfig/libfabric.pc": f"Name: libfabric\nVersion: {known.libfabric}\n",
        "opt/amazon/efa/bin/fi_info": "#!/bin/sh\n",
        "opt/amazon/openmpi/bin/mpirun": MPIRUN,
        "opt/amazon/openmpi/include/mpi.h": MPI_H,
    }
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
        (tree / name).chmod(0o755)
    _library(tree / "opt/amazon/efa/lib/libfabric.so.1", f"libfabric {known.libfabric}")
    _library(tree / "opt/amazon/ofi-nccl/lib/libnccl-net-ofi.so", f"NET/OFI aws-ofi-nccl {known.aws_ofi_nccl}")
    archive = folder / f"aws-efa-installer-{VERSION}.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(tree, tree.name)
    return archive


def _library(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    command = ["cc", "-shared", "-fPIC", f"-Wl,-soname,{path.name}", "-x", "c", "-", "-o", str(path)]
    subprocess.run(command, input=LIBRARY.format(text=text), text=True, check=True)


def _repository(folder: Path) -> str:
    """Its only commit."""
    for name, text in {"Makefile": MAKEFILE, "src/all_reduce.cu": PROGRAM}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    who = ("-c", "user.name=nobody", "-c", "user.email=nobody@invalid")
    for words in (("init", "--quiet"), ("add", "."), (*who, "commit", "--quiet", "-m", "stand-in")):
        subprocess.run(["git", *words], cwd=folder, check=True)
    with (folder / ".git/config").open("a") as config:
        config.write("[uploadpack]\n\tallowAnySHA1InWant = true\n")
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True)
    return head.stdout.strip()
