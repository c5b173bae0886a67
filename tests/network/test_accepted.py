"""Values that a library takes, and values of which it makes something else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.findings import Verdict
from seatrial.network.accepted import ACCEPTED, names, refusals
from seatrial.network.lint import lint_environment
from seatrial.network.names import AWS_OFI_NCCL, EFA_PROVIDER, LIBFABRIC, NCCL, NEURON
from seatrial.network.site import Versions

TAKEN = [
    ("FI_EFA_USE_DEVICE_RDMA", "1 0 true FALSE yes No on OFF"),
    ("FI_EFA_FORK_SAFE", "1 0 True"),
    ("FI_EFA_TX_MIN_CREDITS", "64 1"),
    ("FI_EFA_ENABLE_SHM_TRANSFER", "0 1"),
    ("FI_LOG_LEVEL", "warn INFO debug trace"),
    ("FI_PROVIDER", "efa EFA efa,tcp ^tcp tcp;ofi_rxm cxi psm3 verbs;ofi_rxm ofi_rxm"),
    ("NCCL_IB_DISABLE", "0 1"),
    ("NCCL_BUFFSIZE", "8388608 0x800000"),
    ("NCCL_DEBUG", "WARN info Version TRACE"),
    ("NCCL_DEBUG_SUBSYS", "ALL INIT,NET ^P2P init,env,graph,coll"),
    ("NCCL_ALGO", "Ring ring,tree ^NVLS,NVLSTree ring;allreduce:tree,collnetdirect allreduce:^pat CollNetChain"),
    ("NCCL_PROTO", "Simple ^LL128 LL,LL128,simple ^LL128;allreduce:LL128"),
    ("NCCL_P2P_LEVEL", "NVL SYS LOC PHB 0 5"),
    ("NCCL_NET_GDR_LEVEL", "PIX PXB 2 7"),
    ("NCCL_CROSS_NIC", "0 1 2"),
    ("NCCL_IB_TIMEOUT", "0 22 31"),
    ("NCCL_IB_RETRY_CNT", "7"),
    ("NCCL_IB_TC", "106 160"),
    ("NCCL_SOCKET_IFNAME", "eth0 eth,ens ^docker0,lo =eth0 ^=docker0,lo bond0.100 enp71s0np0"),
    ("NCCL_IB_HCA", "mlx5 mlx5_0:1,mlx5_3:1 =mlx5_0 ^mlx5_2 mlx5_bond_1"),
    ("NCCL_SOCKET_FAMILY", "AF_INET AF_INET6"),
    ("OFI_NCCL_DISABLE_DMABUF", "0 1 true False"),
    ("OFI_NCCL_PROTOCOL", "RDMA sendrecv"),
    ("TORCH_NCCL_BLOCKING_WAIT", "0 1 Y no T false"),
    ("TORCH_NCCL_ASYNC_ERROR_HANDLING", "0 1 2 3"),
    ("UCX_MEMTYPE_CACHE", "y n Yes no 0 1 try"),
    ("UCX_WARN_UNUSED_ENV_VARS", "n y"),
    ("UCX_RNDV_SCHEME", "auto get_zcopy PUT_ZCOPY put_ppln"),
    ("UCX_LOG_LEVEL", "info WARN trace poll diag"),
    ("OMPI_MCA_btl", "^openib tcp,self ^openib,usnic ^^tcp"),
    ("OMPI_MCA_pml", "ucx ob1 ^cm"),
    ("NEURON_RT_LOG_LEVEL", "INFO ERROR warning"),
    ("NEURON_RT_LOG_LOCATION", "console syslog"),
    ("NEURON_RT_NUM_CORES", "32 1"),
    ("NEURON_RT_EXEC_TIMEOUT", "600"),
    ("NEURON_RT_VISIBLE_CORES", "0 0-31 0,1,4-7"),
]
REFUSED = [
    ("FI_EFA_USE_DEVICE_RDMA", ["1 # for p4d", "1 ", "2", "enabled", "'1'"], "FAIL"),
    ("FI_EFA_USE_HUGE_PAGE", ["0 #", '"0"'], "FAIL"),
    ("FI_EFA_ENABLE_SHM_TRANSFER", ["true", "off", "8k"], "FAIL"),
    ("FI_EFA_TX_MIN_CREDITS", ["0", "-1"], "FAIL"),
    ("FI_LOG_LEVEL", ["1", "error", "warning"], "WARN"),
    ("FI_PROVIDER", ["efa ", "eaf", "efa # aws", "efa tcp"], "FAIL"),
    ("NCCL_IB_DISABLE", ["True", "yes", "on", "false"], "FAIL"),
    ("NCCL_IB_DISABLE", ["1 # EFA"], "WARN"),
    ("NCCL_BUFFSIZE", ["8M", "4MB"], "FAIL"),
    ("NCCL_DEBUG", ["WARNING", "ERROR", "1", "DEBUG", "INFO # verbose"], "WARN"),
    ("NCCL_DEBUG_SUBSYS", ["INIT NET", "NETWORK", "INIT;NET"], "WARN"),
    ("NCCL_ALGO", ["Rings", "Ring, Tree", "ring tree", "Simple", "allreduce=ring", "ring;tree"], "FAIL"),
    ("NCCL_PROTO", ["Simple # EFA", "LL256", "Ring", "^LL, LL128"], "FAIL"),
    ("NCCL_P2P_LEVEL", ["nvl", "NODE", "SYSTEM"], "WARN"),
    ("NCCL_CROSS_NIC", ["3"], "WARN"),
    ("NCCL_IB_TIMEOUT", ["100", "1800"], "WARN"),
    ("NCCL_IB_RETRY_CNT", ["13"], "WARN"),
    ("NCCL_SOCKET_NTHREADS", ["32"], "WARN"),
    ("NCCL_IB_SL", ["16"], "WARN"),
    ("NCCL_NTHREADS", ["32", "1024"], "WARN"),
    ("NCCL_MIN_CTAS", ["128"], "WARN"),
    ("OFI_NCCL_TUNER_TYPE", ["regional"], "FAIL"),
    ("NCCL_SOCKET_IFNAME", ["eth0, eth1", "eth0 eth1", "'eth0'", "eth0 # pods", "^lo,^docker0"], "WARN"),
    ("NCCL_SOCKET_FAMILY", ["ipv4", "4"], "WARN"),
    ("OFI_NCCL_DISABLE_DMABUF", ["yes", "1 # no"], "FAIL"),
    ("OFI_NCCL_PROTOCOL", ["rdma,sendrecv", "EFA"], "FAIL"),
    ("TORCH_NCCL_BLOCKING_WAIT", ["on", "enable", "2"], "FAIL"),
    ("TORCH_NCCL_ASYNC_ERROR_HANDLING", ["true", "4", "10"], "FAIL"),
    ("UCX_MEMTYPE_CACHE", ["true", "False", "disable", "n # bug"], "FAIL"),
    ("UCX_RNDV_SCHEME", ["get", "zcopy", "get_zcopy,put_zcopy"], "FAIL"),
    ("UCX_LOG_LEVEL", ["warning", "trace_poll", "5"], "WARN"),
    ("OMPI_MCA_btl", ["^openib,^tcp", "tcp,^self", "self,^openib"], "FAIL"),
    ("NEURON_RT_LOG_LEVEL", ["5", "VERBOSE"], "WARN"),
    ("NEURON_RT_LOG_LOCATION", ["stdout", "/var/log/neuron"], "WARN"),
    ("NEURON_RT_NUM_CORES", ["all", "-1"], "WARN"),
    ("NEURON_RT_VISIBLE_CORES", ["0:31", "0 1", "all", "nc0"], "WARN"),
]


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in TAKEN for value in values.split()])
def test_what_is_taken(name, value):
    assert list(refusals(name, value, Versions(nccl=(2, 28, 0)))) == []


@pytest.mark.parametrize(
    ("name", "value", "verdict"), [(name, value, verdict) for name, values, verdict in REFUSED for value in values]
)
def test_what_is_not_taken(name, value, verdict):
    (finding,) = [f for f in lint_environment({name: value}) if f.check == "network.value"]
    assert (
        finding.verdict == verdict and finding.observed == f"{name}={value}" and finding.source.startswith("https://")
    )


def test_lists_for_single_collectives_are_of_newer_releases():
    for value in ("allreduce:tree", "ring;allreduce:tree"):
        assert not list(refusals("NCCL_ALGO", value, Versions(nccl=(2, 24, 0))))
        assert not list(refusals("NCCL_ALGO", value, Versions()))
        assert list(refusals("NCCL_ALGO", value, Versions(nccl=(2, 23, 4))))


@pytest.mark.parametrize("value", ["", "<level>", "{{ .Values.debug }}", "${DEBUG}", "$(LEVEL)"])
def test_what_is_not_set_or_filled_in_later_is_not_judged(value):
    assert not [f for f in lint_environment({"NCCL_DEBUG": value, "NCCL_ALGO": value}) if f.check == "network.value"]


def test_every_row_is_tested_and_about_names_that_are_read():
    tested = {name for name, *_ in (*TAKEN, *REFUSED)}
    assert [row.values for row in ACCEPTED if not row.names & tested] == []
    assert all(row.values and row.otherwise and row.source for row in ACCEPTED)
    read = NCCL | EFA_PROVIDER | LIBFABRIC | AWS_OFI_NCCL | NEURON
    others = ("TORCH_NCCL_", "UCX_", "OMPI_MCA_")
    assert [name for name in names() if not name.startswith(others) and name not in read] == []


@settings(deadline=None)
@given(st.sampled_from(list(names())), st.text(max_size=20))
def test_any_value_can_be_judged(name, value):
    for refused in refusals(name, value, Versions()):
        assert refused.verdict in (Verdict.FAIL, Verdict.WARN)
        assert refused.values and refused.otherwise and refused.source
