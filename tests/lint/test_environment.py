"""What a file says of its job besides its variables, and what of them is set together."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.hardware.instances import instance
from seatrial.lint import documents
from seatrial.lint.documents import Kind
from seatrial.lint.environment import NETWORK, context_of, in_pods, judged
from seatrial.lint.judge import lint


def document(text: str, kind: Kind = "shell") -> documents.Document:
    return documents.parse(Path("x"), kind, text)[0]


def context(text: str, kind: Kind = "shell"):
    one = document(text, kind)
    return context_of(one, one.assignments())


@pytest.mark.parametrize(
    ("text", "efa"),
    [
        ("export FI_PROVIDER=efa\n", True),
        ("LD_LIBRARY_PATH=/opt/amazon/efa/lib\n", True),
        ("EFA_INSTALLER_VERSION=1.43.2\n", True),
        ("export NCCL_IB_HCA=mlx5\n", False),
        ("export NCCL_SOCKET_IFNAME=ib0\n", False),
        ("export NCCL_FASTRAK_IFNAME=eth1\n", False),
        ("# without EFA\nexport NCCL_NET_PLUGIN=none  # no efa\n", None),
        ("export FI_PROVIDER=efa NCCL_IB_HCA=mlx5\n", None),
        ("ls /dev/infiniband\n", None),
        ("export NCCL_DEBUG=WARN\n", None),
    ],
)
def test_which_network_a_file_speaks_of(text, efa):
    assert context(text).efa is efa


@pytest.mark.parametrize(
    ("text", "kind", "several"),
    [
        ("#SBATCH --nodes=4\nsrun x\n", "sbatch", True),
        ("#SBATCH --nodes=1\nsrun torchrun --nnodes=1 x\n", "sbatch", False),
        ("torchrun --standalone x\n", "shell", False),
        ("torchrun --nnodes=2 x\n", "shell", True),
        ("torchrun --nnodes=$N x\n", "shell", None),
        ("torchrun --nnodes=1 x\ntorchrun --nnodes=2 x\n", "shell", None),
        ("python x\n", "shell", None),
    ],
)
def test_whether_it_is_for_several_nodes(text, kind, several):
    assert context(text, kind).several_nodes is several


def test_what_it_expands_for_more_than_to_print_it():
    text = 'NCCL_A=1\nNCCL_B=${NCCL_B:-1}\nNCCL_C=1\nNCCL_D=1\necho "$NCCL_A"\nrun --warm "$NCCL_C"\nexport X=$NCCL_D\n'
    assert context(text).own == {"NCCL_C", "NCCL_D"}


def test_what_is_meant_is_known_by_the_programs():
    assert context("mpirun ./build/all_reduce_perf_mpi -b 8\n").by_choice is True
    assert context("mpirun ./build/all_reduce_perf -b 8\n").by_choice is True
    assert context("git clone https://github.com/NVIDIA/nccl-tests\n").by_choice is True
    assert context("export NCCL_ALGO=Ring\n./a\nexport NCCL_ALGO=Tree\n./a\n").by_choice is True
    assert context("python train.py --deterministic-mode\n").bound is True
    assert context("export CUBLAS_WORKSPACE_CONFIG=:4096:8\n").bound is True


@pytest.mark.parametrize(
    ("text", "kind", "pods"),
    [
        ("#SBATCH --nodes=1\n", "sbatch", False),
        ("true\n", "shell", None),
        ("FROM a:1\n", "dockerfile", None),
        ("apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a}]}\n", "yaml", True),
        ("apiVersion: v1\nkind: Pod\nspec: {hostNetwork: true, containers: [{name: a}]}\n", "yaml", False),
        ("apiVersion: v1\nkind: ConfigMap\n", "yaml", None),
    ],
)
def test_where_it_runs(text, kind, pods):
    assert in_pods(document(text, kind)) is pods


def test_two_variables_on_a_line_are_two_findings(tmp_path):
    (tmp_path / "a.sh").write_text("#!/bin/bash\nexport NCCL_COMM_TIMEOUT=1 NCCL_TIMEOUT=2 NCCL_DEBUG=WARN\n./a\n")
    found = [f.observed for f in lint([tmp_path]).findings if f.check == "network.unread"]
    assert sorted(found) == ["NCCL_COMM_TIMEOUT=1", "NCCL_TIMEOUT=2"]


def test_each_value_of_a_variable_is_judged_where_it_stands():
    text = "export NCCL_DEBUG=ERROR\n./a\nexport NCCL_DEBUG=WARN\n./b\nexport NCCL_DEBUG=LOUD\n./c\n"
    assert [line for line, _ in judged(document(text), None)] == [1, 5]


CASES = sorted((Path(__file__).parent / "cases").glob("network-*"))
TEMPTING = "# nccl-tests, efa, mlx5, ROCM_PATH, --deterministic, tcpx, hsn0; source env.sh; $NCCL_COMM_TIMEOUT"


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_a_comment_changes_nothing(path):
    def found(text):
        kind = documents.kind_of(path, text)
        return [
            (line, f.check, f.verdict)
            for one in documents.parse(path, kind, text)
            for line, f in judged(one, one.instance(), complete=True, aws_ofi_nccl="1.5.0")
        ]

    text = path.read_text(encoding="utf-8")
    assert found(text + TEMPTING + "\n") == found(text)


def test_what_is_set_in_other_cases_does_not_count():
    text = (
        "if [ $A ]; then\n  export FI_PROVIDER=efa\nelif [ $B ]; then\n  export NCCL_NET=Socket\nelse\n"
        "  export NCCL_NET_PLUGIN=none\nfi\nf() {\n  export NCCL_IB_HCA=mlx5\n}\n"
    )
    assert list(judged(document(text), None)) == []
    together = "export FI_PROVIDER=efa\nif [ $A ]; then\n  export NCCL_NET=Socket\nfi\n"
    assert [(line, f.check) for line, f in judged(document(together), None)] == [
        (3, "network.contradictory.net-without-efa")
    ]


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("export FI_PROVIDER=efa\npython x\n", 2),
        ("export FI_PROVIDER=efa\n", 0),
        ("python x\n", 0),
        ("export FI_PROVIDER=efa\ntorchrun --standalone x\n", 0),
        ("source env.sh\nexport FI_PROVIDER=efa\npython x\n", 0),
        ("source venv/bin/activate\nexport FI_PROVIDER=efa\npython x\n", 2),
    ],
)
def test_what_is_missing_is_told_of_files_that_start_something(text, missing):
    where = {"instance": instance("p4d.24xlarge"), "aws_ofi_nccl": "1.4.0", "libfabric": "1.16.1"}
    found = [line for line, f in judged(document(text), complete=True, **where) if f.check == "network.missing"]
    assert len(found) == missing
    assert not [f for _, f in judged(document(text), complete=False, **where) if f.check == "network.missing"]


def test_whose_variables_are_judged():
    assert NETWORK.match("UCX_TLS") and NETWORK.match("TORCH_NCCL_BLOCKING_WAIT") and not NETWORK.match("PATH")
