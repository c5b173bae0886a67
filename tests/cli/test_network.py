"""seatrial network: what a job needs is printed, and files are judged line by line."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from seatrial.cli.network import command
from seatrial.errors import UserError

SBATCH = """\
#!/bin/bash
#SBATCH --nodes=2
export FI_PROVIDER=efa
export FI_EFA_USE_DEVICE_RDMA=1
export NCCL_DEBUG=WARN
export NCCL_PROTO=$PROTOCOL
srun python train.py
"""

MANIFEST = """\
apiVersion: batch/v1
kind: Job
metadata: {name: train}
spec:
  template:
    spec:
      nodeSelector: {node.kubernetes.io/instance-type: p5.48xlarge}
      containers:
        - name: first
          image: train:1
          env:
            - {name: NCCL_DEBUG, value: INFO}
        - name: second
          image: train:1
          env:
            - {name: NCCL_DEBUG, value: WARN}
            - {name: NCCL_SOCKET_IFNAME, value: ens}
            - {name: FI_EFA_FORK_SAFE, value: "1"}
"""

DOCKERFILE = """\
FROM ubuntu:24.04
ARG NCCL_VERSION=2.31.2
ENV NCCL_VERSION=$NCCL_VERSION \\
    RDMAV_FORK_SAFE=1 FI_PROVIDER=efa
"""


def call(*args: str) -> Result:
    result = CliRunner().invoke(command, args)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


@pytest.fixture
def written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.sbatch").write_text(SBATCH)
    (tmp_path / "train.yaml").write_text(MANIFEST)
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    return tmp_path


def test_show_prints_each_variable_with_its_reason_and_source():
    lines = call("show", "--instance", "ml.p5.48xlarge", "--efa-installer", "1.50.0").output.splitlines()
    assert lines[0] == "FI_EFA_USE_HUGE_PAGE=0"
    assert lines[1].startswith("    data loaders fork") and lines[2].startswith("    https://")
    assert [line for line in lines if not line.startswith(" ")] == [lines[0], "NCCL_SOCKET_IFNAME=en"]


def test_show_takes_every_version_and_the_pods_network():
    args = ("--libfabric", "1.16.1", "--aws-ofi-nccl", "1.5.0", "--nccl", "2.19.3", "--kernel", "5.10.0")
    rows = json.loads(call("show", "--instance", "p4d.24xlarge", *args, "--pod-network", "--format", "json").output)
    assert [row["variable"] for row in rows] == [
        "FI_EFA_USE_HUGE_PAGE",
        "FI_EFA_USE_DEVICE_RDMA",
        "FI_PROVIDER",
        "NCCL_PROTO",
    ]
    assert all(set(row) == {"variable", "value", "reason", "source"} for row in rows)
    kernel = json.loads(call("show", "--instance", "trn1.32xlarge", "--kernel", "6.8.0", "--format", "json").output)
    assert "FI_EFA_FORK_SAFE" not in [row["variable"] for row in kernel]


def test_what_show_exports_a_shell_understands():
    script = call("show", "--instance", "g5.48xlarge", "--format", "export").stdout
    script += "env | grep -E '^(FI|NCCL)_' | sort"
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True, env={"PATH": os.defpath})
    assert done.stdout.split() == ["FI_EFA_USE_HUGE_PAGE=0", "FI_PROVIDER=efa", "NCCL_SHM_USE_CUDA_MEMCPY=1"]


def test_show_says_that_nothing_is_needed_and_that_a_version_is_too_old():
    assert call("show", "--instance", "m5.8xlarge").output == "A job on m5.8xlarge needs no variable.\n"
    old = call("show", "--instance", "p5.48xlarge", "--nccl", "2.17.1", "--format", "json")
    assert "FAIL network.too-old: nccl 2.17.1 on p5.48xlarge" in old.stderr
    json.loads(old.stdout)


def test_lint_judges_every_line_and_fails(written):
    result = call("lint", "train.sbatch", "--instance", "p5.48xlarge", "--efa-installer", "1.50.0")
    told = [line for line in result.output.splitlines() if not line.startswith(" ")]
    assert told == [
        "train.sbatch:3: WARN network.needless.provider: FI_PROVIDER=efa",
        "train.sbatch:4: WARN network.needless.device-rdma: FI_EFA_USE_DEVICE_RDMA=1",
        "train.sbatch:6: UNKNOWN network.unknown-value: NCCL_PROTO is set",
    ]
    assert "    leave it out" in result.output.splitlines()
    assert result.exit_code == 1


def test_lint_passes_what_is_needed_and_what_it_cannot_judge(written):
    old = ("--libfabric", "1.16.1", "--aws-ofi-nccl", "1.5.0")
    assert call("lint", "train.sbatch", "--instance", "p4d.24xlarge", *old).exit_code == 0
    unknown = call("lint", "train.sbatch")
    assert unknown.exit_code == 0 and unknown.output.count("UNKNOWN") == 1


def test_lint_takes_the_instance_from_a_manifest_and_judges_each_container(written):
    result = call("lint", "train.yaml", "--pod-network", "--json")
    found = [(row["line"], row["check"], row["verdict"]) for row in json.loads(result.stdout)]
    assert found == [
        (12, "network.needless.debug", "WARN"),
        (17, "network.harmful.host-interface", "FAIL"),
        (18, "network.needless.fork-safe", "WARN"),
    ]
    assert call("lint", "train.yaml").output.count("network.") == 3
    (written / "hosts.yaml").write_text(MANIFEST.replace("    spec:\n", "    spec:\n      hostNetwork: true\n"))
    assert call("lint", "hosts.yaml").output.count("network.") == 2


def test_lint_tells_what_is_missing_where_versions_are_given(written):
    script = "#!/bin/bash\nexport FI_PROVIDER=efa\npython train.py\n"
    (written / "old.sh").write_text(script)
    versions = ("--libfabric", "1.16.1", "--aws-ofi-nccl", "1.4.0")
    told = call("lint", "old.sh", "--instance", "p4d.24xlarge", *versions)
    assert [line for line in told.output.splitlines() if not line.startswith(" ")] == [
        "old.sh:2: FAIL network.missing: FI_EFA_USE_DEVICE_RDMA is not set",
        "old.sh:2: FAIL network.missing: NCCL_PROTO is not set",
    ]
    assert told.exit_code == 1
    (written / "old.yaml").write_text(MANIFEST.replace("p5.48xlarge", "p4d.24xlarge"))
    assert call("lint", "old.yaml", *versions).output.count("network.missing") == 3
    assert call("lint", "old.yaml").output.count("network.missing") == 0
    assert call("lint", "old.sh", *versions).exit_code == 0


def test_lint_reads_a_dockerfile_and_passes_over_its_versions(written):
    result = call("lint", "Dockerfile")
    assert [line for line in result.output.splitlines() if not line.startswith(" ")] == [
        "Dockerfile:4: FAIL network.harmful.rdma-core-fork: RDMAV_FORK_SAFE=1"
    ]


BAD = [
    (("show", "--instance", "p5.49xlarge"), "did you mean p5.4xlarge or p5.48xlarge"),
    (("show", "--instance", "p5.48xlarge", "--nccl", "latest"), "--nccl: 'latest' holds no version"),
    (("lint", "missing.sh"), "missing.sh"),
    (("lint", "train.sbatch", "broken.sh"), "broken.sh:2"),
    (("lint", "train.sbatch", "--instance", "h100"), "no instance type is called 'h100'"),
]


@pytest.mark.parametrize(("args", "told"), BAD)
def test_what_cannot_be_read_is_never_judged(written, args, told):
    (written / "broken.sh").write_text("#!/bin/bash\nif [ 1 ; then\n")
    result = CliRunner().invoke(command, args)
    assert isinstance(result.exception, UserError) and told in str(result.exception)
    assert result.output == ""


def test_the_command_exits_with_2_for_a_file_that_is_not_there(written):
    args = [sys.executable, "-m", "seatrial", "network", "lint", "missing.sh"]
    done = subprocess.run(args, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "missing.sh: there is no such file" in done.stderr
