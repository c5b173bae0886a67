"""The rules: each one fires where it should, and is silent where it should not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.findings import Verdict
from seatrial.hardware.instances import instance
from seatrial.network.conflicts import CONFLICTS
from seatrial.network.gone import GONE
from seatrial.network.lint import RULES, lint_environment, lint_missing
from seatrial.network.names import KNOWN
from seatrial.network.readers import MEANT, looks_own, reader
from seatrial.network.site import Context
from seatrial.network.spelling import is_read, meant_name, prefix, unread
from seatrial.versions import STACK

P5 = {"instance": instance("p5.48xlarge"), **STACK}
OLD_P4 = {"instance": instance("p4d.24xlarge"), "libfabric": "1.16.1", "aws_ofi_nccl": "1.5.0"}
G5 = {"instance": instance("g5.48xlarge"), **STACK}
TRN = {"instance": instance("trn2.48xlarge"), "kernel": "6.8.0"}
TRN_OLD = {"instance": instance("trn1.32xlarge"), "kernel": "5.10.0"}
CPU = {"instance": instance("c5n.18xlarge"), "kernel": "5.10.0"}
SMALL = {"instance": instance("g5.xlarge"), **STACK}
PODS = {**P5, "pod_network": True}
NOTHING: dict[str, object] = {}

# environment, where, {variable: (rule, verdict)}
CASES = [
    # the cheat sheet, row by row
    ({"NCCL_DEBUG": "INFO"}, P5, ("needless.debug", "WARN")),
    ({"NCCL_DEBUG": "WARN"}, P5, None),
    ({"FI_LOG_LEVEL": "debug"}, NOTHING, ("needless.debug", "WARN")),
    ({"FI_EFA_USE_HUGE_PAGE": "0"}, P5, None),
    ({"FI_EFA_FORK_SAFE": "1"}, P5, ("needless.fork-safe", "WARN")),
    ({"FI_EFA_FORK_SAFE": "1"}, TRN, ("needless.fork-safe", "WARN")),
    ({"FI_EFA_FORK_SAFE": "1"}, TRN_OLD, None),
    ({"FI_EFA_FORK_SAFE": "1"}, CPU, None),
    ({"FI_EFA_FORK_SAFE": "1"}, NOTHING, None),
    ({"FI_EFA_FORK_SAFE": "1"}, {"kernel": "5.15.0"}, ("needless.fork-safe", "WARN")),
    ({"FI_EFA_USE_DEVICE_RDMA": "1"}, P5, ("needless.device-rdma", "WARN")),
    ({"FI_EFA_USE_DEVICE_RDMA": "true"}, P5, ("needless.device-rdma", "WARN")),
    ({"FI_EFA_USE_DEVICE_RDMA": "1"}, OLD_P4, None),
    ({"FI_EFA_USE_DEVICE_RDMA": "1"}, TRN, None),
    ({"FI_EFA_USE_DEVICE_RDMA": "1"}, NOTHING, None),
    ({"FI_EFA_USE_DEVICE_RDMA": "1"}, {"efa_installer": "1.50.0"}, None),
    ({"FI_EFA_USE_DEVICE_RDMA": "1"}, {**STACK}, ("needless.device-rdma", "WARN")),
    ({"FI_EFA_USE_DEVICE_RDMA": "0"}, P5, ("harmful.rdma-off", "FAIL")),
    ({"FI_EFA_USE_DEVICE_RDMA": "0"}, TRN, ("harmful.rdma-off", "FAIL")),
    ({"FI_EFA_USE_DEVICE_RDMA": "0"}, G5, None),
    ({"FI_EFA_SET_CUDA_SYNC_MEMOPS": "0"}, P5, ("needless.sync-memops", "WARN")),
    ({"FI_EFA_SET_CUDA_SYNC_MEMOPS": "0"}, {"efa_installer": "1.29.0", "nccl": "2.19.3"}, None),
    (
        {"FI_EFA_SET_CUDA_SYNC_MEMOPS": "0"},
        {"efa_installer": "1.29.0", "nccl": "2.19.3", "libfabric": "1.20.0"},
        ("needless.sync-memops", "WARN"),
    ),
    ({"FI_EFA_SET_CUDA_SYNC_MEMOPS": "0"}, {"efa_installer": "1.29.1"}, ("needless.sync-memops", "WARN")),
    ({"FI_EFA_SET_CUDA_SYNC_MEMOPS": "0"}, NOTHING, None),
    ({"FI_EFA_ENABLE_SHM_TRANSFER": "1"}, NOTHING, ("needless.shm-transfer", "WARN")),
    ({"FI_EFA_ENABLE_SHM_TRANSFER": "0"}, NOTHING, None),
    ({"FI_PROVIDER": "efa"}, P5, ("needless.provider", "WARN")),
    ({"FI_PROVIDER": "efa"}, OLD_P4, None),
    ({"FI_PROVIDER": "efa"}, TRN, None),
    ({"FI_PROVIDER": "efa"}, CPU, None),
    ({"FI_PROVIDER": "efa"}, NOTHING, None),
    ({"NCCL_PROTO": "simple"}, P5, ("needless.protocol", "WARN")),
    ({"NCCL_PROTO": "Simple"}, OLD_P4, None),
    ({"NCCL_SOCKET_NTHREADS": "4"}, P5, ("needless.socket-threads", "WARN")),
    ({"NCCL_NSOCKS_PERTHREAD": "4"}, SMALL, None),
    ({"NCCL_SOCKET_IFNAME": "en"}, P5, None),
    ({"NCCL_MIN_NCHANNELS": "16"}, P5, ("needless.channels", "WARN")),
    ({"NCCL_BUFFSIZE": "8388608"}, P5, ("needless.plugin-tunes", "WARN")),
    ({"NCCL_BUFFSIZE": "8388608"}, SMALL, None),
    ({"NCCL_BUFFSIZE": "8388608"}, NOTHING, None),
    ({"NCCL_P2P_NET_CHUNKSIZE": "524288"}, P5, ("needless.plugin-tunes", "WARN")),
    ({"NCCL_TUNER_PLUGIN": "/opt/x/libnccl-ofi-tuner.so"}, P5, ("needless.plugin-tunes", "WARN")),
    ({"RDMAV_FORK_SAFE": "1"}, P5, ("harmful.rdma-core-fork", "FAIL")),
    ({"IBV_FORK_SAFE": "1"}, {"context": Context(efa=True)}, ("harmful.rdma-core-fork", "FAIL")),
    ({"IBV_FORK_SAFE": "1"}, NOTHING, None),
    ({"RDMAV_FORK_SAFE": "1"}, {"context": Context(efa=False)}, None),
    ({"RDMAV_ALLOW_DISASSOC_DESTROY": "1"}, P5, ("harmful.rdma-core", "WARN")),
    ({"NCCL_SHM_USE_CUDA_MEMCPY": "1"}, {"instance": instance("g6.12xlarge"), "nccl": "2.20.5"}, None),
    ({"NCCL_SHM_USE_CUDA_MEMCPY": "1"}, {**G5, "nccl": "2.31.2"}, ("needless.shm-copy-engine", "WARN")),
    ({"NCCL_SHM_USE_CUDA_MEMCPY": "1"}, {"instance": instance("p4d.24xlarge")}, ("needless.shm-copy-engine", "WARN")),
    ({"NCCL_SHM_USE_CUDA_MEMCPY": "1"}, {"instance": instance("g6e.12xlarge")}, None),
    ({"NCCL_SHM_USE_CUDA_MEMCPY": "1"}, NOTHING, None),
    # what stops a job, corrupts it or keeps it from EFA
    ({"FI_EFA_USE_DEVICE_RDMA": "1"}, {"instance": instance("g5.48xlarge")}, ("harmful.rdma-abort", "FAIL")),
    ({"NCCL_PROTO": "LL128"}, P5, ("harmful.unordered-data", "FAIL")),
    ({"NCCL_PROTO": "Simple,LL"}, P5, ("harmful.unordered-data", "FAIL")),
    ({"NCCL_PROTO": "allreduce:LL"}, P5, ("harmful.unordered-data", "FAIL")),
    ({"NCCL_PROTO": "^LL,LL128"}, P5, None),
    ({"NCCL_PROTO": "LL"}, NOTHING, None),
    ({"FI_PROVIDER": "tcp"}, P5, ("harmful.not-efa", "FAIL")),
    ({"FI_PROVIDER": "^efa"}, P5, ("harmful.not-efa", "FAIL")),
    ({"FI_PROVIDER": "^tcp"}, P5, None),
    ({"FI_PROVIDER": "tcp"}, SMALL, None),
    ({"FI_PROVIDER": "tcp"}, NOTHING, None),
    ({"FI_PROVIDER": "efa"}, {"instance": instance("m5.8xlarge")}, ("harmful.no-efa-there", "FAIL")),
    ({"NCCL_NET": "Socket"}, P5, ("harmful.sockets-instead", "FAIL")),
    ({"NCCL_NET": "AWS Libfabric"}, P5, None),
    ({"NCCL_NET_PLUGIN": "none"}, P5, ("harmful.no-plugin", "FAIL")),
    ({"NCCL_P2P_DISABLE": "1"}, P5, ("harmful.transport-off", "WARN")),
    ({"NCCL_P2P_DISABLE": "0"}, P5, None),
    ({"OFI_NCCL_DISABLE_GDR_REQUIRED_CHECK": "1"}, P5, ("harmful.gdr-unchecked", "WARN")),
    ({"GLOO_SOCKET_IFNAME": "lo"}, P5, ("harmful.loopback", "WARN")),
    ({"NCCL_SOCKET_IFNAME": "^lo"}, P5, ("harmful.docker-not-excluded", "WARN")),
    ({"NCCL_SOCKET_IFNAME": "^lo"}, PODS, None),
    ({"NCCL_SOCKET_IFNAME": "^docker,lo,veth"}, P5, None),
    ({"NCCL_SOCKET_IFNAME": "^docker,lo,veth,eth"}, PODS, ("harmful.excludes-eth", "FAIL")),
    ({"NCCL_SOCKET_IFNAME": "^docker,lo,veth,eth"}, P5, None),
    ({"NCCL_SOCKET_IFNAME": "^=lo,docker0,eth0"}, PODS, ("harmful.excludes-eth", "FAIL")),
    ({"NCCL_SOCKET_IFNAME": "^=docker0,eth1"}, PODS, None),
    ({"NCCL_SOCKET_IFNAME": "eth0,en"}, PODS, None),
    ({"NCCL_SOCKET_IFNAME": "ens5,enp71s0"}, PODS, ("harmful.host-interface", "FAIL")),
    ({"NCCL_SOCKET_IFNAME": "e"}, PODS, None),
    ({"NCCL_SOCKET_IFNAME": "net1"}, PODS, None),
    ({"NCCL_SOCKET_IFNAME": "en,eth0"}, P5, None),
    ({"NCCL_SOCKET_IFNAME": "^docker0,lo"}, P5, None),
    ({"NCCL_SOCKET_IFNAME": "^d"}, P5, None),
    ({"NCCL_SOCKET_IFNAME": "^lo"}, {**P5, "pod_network": None}, None),
    ({"NCCL_SOCKET_IFNAME": "eth0"}, {**P5, "pod_network": None}, None),
    ({"NCCL_SOCKET_IFNAME": "eth0"}, NOTHING, None),
    ({"NCCL_SOCKET_IFNAME": "ens5"}, {"pod_network": None}, None),
    ({"NCCL_SOCKET_IFNAME": "lo"}, NOTHING, None),
    ({"NCCL_SOCKET_IFNAME": "lo"}, {**P5, "context": Context(several_nodes=False)}, None),
    ({"NCCL_SOCKET_IFNAME": "lo"}, {"context": Context(several_nodes=True)}, ("harmful.loopback", "WARN")),
    ({"NCCL_SOCKET_IFNAME": "ens"}, PODS, ("harmful.host-interface", "FAIL")),
    ({"NCCL_SOCKET_IFNAME": "=eth0"}, P5, ("harmful.pod-interface", "UNKNOWN")),
    ({"NCCL_SOCKET_IFNAME": "eth0"}, PODS, None),
    ({"GLOO_SOCKET_IFNAME": "^lo"}, P5, ("harmful.gloo-list", "FAIL")),
    ({"GLOO_SOCKET_IFNAME": "ens5"}, P5, None),
    # what depends on the file around it
    ({"NCCL_DEBUG": "INFO"}, {**P5, "context": Context(by_choice=True)}, None),
    ({"NCCL_ALGO": "Ring"}, P5, ("needless.one-algorithm", "WARN")),
    ({"NCCL_ALGO": "tree"}, NOTHING, ("needless.one-algorithm", "WARN")),
    ({"NCCL_ALGO": "^NVLS"}, P5, None),
    ({"NCCL_ALGO": "Ring,Tree"}, P5, None),
    ({"NCCL_ALGO": "allreduce:tree"}, P5, None),
    ({"NCCL_ALGO": None}, P5, None),
    ({"NCCL_ALGO": "Ring"}, {**P5, "context": Context(by_choice=True)}, None),
    ({"NCCL_ALGO": "Ring"}, {"context": Context(bound=True)}, None),
    ({"NCCL_PROTO": "Simple"}, {"context": Context(efa=False)}, ("needless.one-protocol", "WARN")),
    ({"NCCL_PROTO": "Simple"}, NOTHING, None),
    ({"NCCL_PROTO": "Simple"}, {"context": Context(efa=True)}, None),
    ({"NCCL_PROTO": "LL"}, {"context": Context(efa=False)}, ("needless.low-latency-alone", "WARN")),
    ({"NCCL_PROTO": "LL128"}, SMALL, ("needless.low-latency-alone", "WARN")),
    ({"NCCL_P2P_DISABLE": "1"}, G5, None),
    ({"NCCL_BUFFSIZE": "8388608"}, {"context": Context(efa=True)}, ("needless.plugin-tunes", "WARN")),
    ({"NCCL_MIN_NCHANNELS": "32"}, {"context": Context(efa=False)}, None),
    ({"NCCL_NET_PLUGIN": "none"}, {"context": Context(efa=False)}, None),
    # what was removed, renamed or deprecated
    ({"FI_EFA_MTU_SIZE": "4096"}, P5, ("obsolete", "FAIL")),
    ({"NCCL_TREE_THRESHOLD": "0"}, P5, ("obsolete", "WARN")),
    ({"NCCL_ASYNC_ERROR_HANDLING": "1"}, NOTHING, ("obsolete", "WARN")),
    ({"TORCH_NCCL_ASYNC_ERROR_HANDLING": "1"}, NOTHING, None),
    # names that nothing reads
    ({"FI_USE_HUGE_PAGE": "0"}, P5, ("misspelt", "WARN")),
    ({"FI_EFA_DEVICE_RDMA": "1"}, P5, ("misspelt", "WARN")),
    ({"NCCL_MIN_CHANNELS": "8"}, P5, ("misspelt", "WARN")),
    ({"NCCL_SOCKET_IFNAMES": "en"}, P5, ("misspelt", "WARN")),
    ({"NCCL_TIMEOUT": "1800"}, NOTHING, ("unread", "WARN")),
    ({"NCCL_SOCKET_TIMEOUT": "300"}, P5, ("unread", "WARN")),
    ({"NCCL_NET_MAX_REQUESTS": "8"}, NOTHING, ("unread", "WARN")),
    ({"FI_EFA_BOUNCE": None}, NOTHING, ("unread", "WARN")),
    ({"NCCL_IB_DISABEL": "1"}, NOTHING, ("unread", "WARN")),  # the right name turns InfiniBand off
    ({"NCCL_IB_DISABEL": "0"}, NOTHING, ("misspelt", "WARN")),
    ({"NCCL_P2P_DISABEL": None}, NOTHING, ("unread", "WARN")),
    ({"NCCL_SOCKET_IFNAMES": "en"}, PODS, ("unread", "WARN")),  # the right name would stop the job
    ({"NCCL_SOKET_IFNAME": "ib0", "NCCL_SOCKET_IFNAME": "ib0"}, NOTHING, ("unread", "WARN")),  # it is set already
    ({"FI_EFA_RX_WINDOW_SIZE": "128"}, NOTHING, ("obsolete", "WARN")),
    ({"NCCL_IBEXT_DISABLE": "1"}, NOTHING, None),
    ({"NCCL_SHARP_DISABLE": "1"}, P5, None),
    ({"NCCL_FASTRAK_IFNAME": "eth1"}, NOTHING, None),
    ({"NCCL_OPTIMIZE": "1"}, {"context": Context(own=frozenset({"NCCL_OPTIMIZE"}))}, None),
    ({"NCCL_OPTIMIZE": "1"}, NOTHING, ("unread", "WARN")),
    # values that nobody knows
    ({"NCCL_PROTO": None}, P5, ("unknown-value", "UNKNOWN")),
    ({"NCCL_PROTO": None}, NOTHING, None),
    ({"FI_PROVIDER": None}, P5, ("unknown-value", "UNKNOWN")),
    ({"NCCL_BUFFSIZE": None}, P5, ("needless.plugin-tunes", "WARN")),
    ({"MASTER_ADDR": None, "PATH": "/bin"}, P5, None),
]


@pytest.mark.parametrize(("env", "where", "expected"), CASES)
def test_one_variable(env, where, expected):
    found = lint_environment(env, **where)
    assert [(f.check, f.verdict) for f in found] == ([(f"network.{expected[0]}", expected[1])] if expected else [])
    for finding in found:
        assert finding.scope["variable"] in env and finding.observed.startswith(finding.scope["variable"])
        assert finding.expected and finding.remedy


CLASHES = [
    ({"FI_PROVIDER": "efa", "NCCL_NET": "Socket"}, "net-without-efa", "NCCL_NET"),
    ({"FI_PROVIDER": "efa", "NCCL_NET_PLUGIN": "none"}, "plugin-none", "NCCL_NET_PLUGIN"),
    ({"FI_PROVIDER": "tcp;ofi_rxm", "NCCL_NET_PLUGIN": "ofi"}, "plugin-over-tcp", "NCCL_NET_PLUGIN"),
    ({"NCCL_NET": "AWS Libfabric", "NCCL_NET_PLUGIN": "none"}, "plugin-forced-and-off", "NCCL_NET_PLUGIN"),
    ({"FI_PROVIDER": "efa", "NCCL_IB_HCA": "mlx5"}, "infiniband", "NCCL_IB_HCA"),
    ({"NCCL_SOCKET_IFNAME": "^lo", "GLOO_SOCKET_IFNAME": "lo"}, "loopback", "GLOO_SOCKET_IFNAME"),
    ({"FI_EFA_FORK_SAFE": "1", "FI_EFA_USE_HUGE_PAGE": "1"}, "huge-page-and-fork", "FI_EFA_USE_HUGE_PAGE"),
]


@pytest.mark.parametrize(("env", "name", "wrong"), CLASHES)
def test_two_variables(env, name, wrong):
    """The clash is told once, at the second variable, and either one alone makes no clash."""
    about = [f for f in lint_environment(env, **OLD_P4) if f.scope["variable"] == wrong]
    assert [f.check for f in about] == [f"network.contradictory.{name}"]
    other = next(variable for variable in env if variable != wrong)
    assert about[0].scope["with"] == other
    for alone in env:
        checks = {f.check for f in lint_environment({alone: env[alone]}, **OLD_P4)}
        assert f"network.contradictory.{name}" not in checks


def test_infiniband_may_be_turned_off():
    env = {"FI_PROVIDER": "efa", "NCCL_IB_DISABLE": "1"}
    assert lint_environment(env, instance=instance("p4d.24xlarge"), aws_ofi_nccl="1.5.0") == []


def test_what_other_fabrics_need_is_no_contradiction():
    assert lint_environment({"FI_PROVIDER": "cxi", "NCCL_NET_PLUGIN": "ofi", "NCCL_NET": "AWS Libfabric"}) == []


def test_every_rule_is_tested():
    told = {f"network.{case[2][0]}" for case in CASES if case[2]}
    assert {rule.id for rule in RULES} <= told
    assert {conflict.name for conflict in CONFLICTS} == {name for _, name, _ in CLASHES}


def test_every_rule_says_why_and_where_that_stands():
    ids = [rule.id for rule in (*RULES, *CONFLICTS)]
    assert len(ids) == len(set(ids))
    for rule in (*RULES, *CONFLICTS):
        assert rule.expected and rule.remedy and rule.source.startswith("https://"), rule.id
    assert all(gone.source.startswith("https://") and gone.why for gone in GONE.values())


def test_a_rule_about_something_unknown_says_what_decides():
    (finding,) = lint_environment({"FI_EFA_USE_DEVICE_RDMA": "0"})
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.remedy == "find out the instance type: that decides; if the rule holds, leave it out"


# fmt: off
NOT_OURS = (
    "NCCL_VERSION", "NCCL_TESTS_VERSION", "NCCL_HOME", "NCCL_ROOT", "NCCL_PATH", "NCCL_LIB", "NCCL_INCLUDE_DIR",
    "NCCL_BUILD_DIR", "NCCL_DEB", "AWS_OFI_NCCL_VERSION", "EFA_INSTALLER_VERSION", "NCCL_INSPECTOR_ENABLE",
    "NCCL_IC_HCA", "NCCL_P2B_LEVEL", "NCCL_IBEXT_DISABLE", "NCCL_NVLS_DISABLE", "NCCL_SHARP_DISABLE",
    "NCCL_TIMEOUT", "FI_CXI_RX_SIZE", "FI_TCP_RX_SIZE", "FI_OPX_UUID", "FI_FABRIC", "FILE", "FI",
    "NEURON_CC_FLAGS", "NEURON_FUSE_SOFTMAX", "NEURON_COMPILE_CACHE_URL",
)
# fmt: on


@pytest.mark.parametrize("name", NOT_OURS)
def test_names_of_others_are_not_taken_for_misspelt_ones(name):
    assert meant_name(name) is None


@settings(deadline=None)
@given(st.sampled_from(sorted(KNOWN)), st.data())
def test_a_letter_left_out_is_noticed(name, data):
    """In words of five letters and more: of shorter ones a letter makes others, IB_DISABLE of NVB_DISABLE."""
    at = data.draw(st.integers(len(prefix(name)), len(name) - 1))
    word = name[name.rfind("_", 0, at) + 1 :].split("_")[0]
    written = name[:at] + name[at + 1 :]
    ours = is_read(written) or looks_own(written.removeprefix(prefix(name)))
    if name[at] != "_" and len(word) >= 5 and not ours:
        assert meant_name(written) is not None or unread(written)


def test_what_is_read_is_not_gone():
    assert not KNOWN & set(GONE)
    named = {name for rule in RULES for name in rule.variables if name.startswith(("NCCL_", "FI_", "OFI_NCCL_"))}
    assert named <= KNOWN
    assert {gone.instead for gone in GONE.values() if gone.instead.startswith(("NCCL_", "FI_"))} <= KNOWN


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(KNOWN | set(GONE))), st.none() | st.text(max_size=12), max_size=6))
def test_any_environment_can_be_judged(env):
    for where in (NOTHING, P5, TRN, PODS):
        for finding in lint_environment(env, **where):
            assert finding.scope["variable"] in env
            assert finding.verdict in (Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN)


def test_what_is_often_meant_is_read_by_nobody():
    assert not set(MEANT) & (KNOWN | set(GONE))
    assert [name for name in MEANT if reader(name)] == []
    env = dict.fromkeys(MEANT, "1")
    assert {(f.check, f.verdict) for f in lint_environment(env)} == {("network.unread", Verdict.WARN)}
    (finding,) = lint_environment({"NCCL_TIMEOUT": "1800"})
    assert "init_process_group(timeout=...)" in finding.remedy


@pytest.mark.parametrize(
    ("env", "where", "missing"),
    [
        ({"FI_PROVIDER": "efa"}, OLD_P4, ["FI_EFA_USE_DEVICE_RDMA", "NCCL_PROTO"]),
        ({"FI_PROVIDER": "efa", "FI_EFA_USE_DEVICE_RDMA": None, "NCCL_PROTO": "^LL,LL128"}, OLD_P4, []),
        ({"FI_PROVIDER": "efa"}, {"instance": instance("p4d.24xlarge")}, []),
        ({"FI_PROVIDER": "efa"}, P5, []),
        (
            {"NCCL_DEBUG": "WARN"},
            {**P5, "efa_installer": "1.29.0", "libfabric": "1.19.0", "nccl": "2.19.3"},
            ["FI_EFA_SET_CUDA_SYNC_MEMOPS"],
        ),
        ({"FI_PROVIDER": "efa"}, TRN, ["FI_EFA_USE_DEVICE_RDMA"]),
        ({}, CPU, []),
    ],
)
def test_what_is_needed_and_not_set(env, where, missing):
    found = lint_missing(env, **where)
    assert [f.scope["variable"] for f in found] == missing
    assert all(f.verdict is Verdict.FAIL and "seatrial" not in f.remedy for f in found)
