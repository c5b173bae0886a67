"""Variables that do not go together."""

from __future__ import annotations

from seatrial.findings import Verdict
from seatrial.network import sources as at
from seatrial.network.rule import Conflict
from seatrial.network.values import anything, avoids_efa, excludes, is_loopback, lower, on, one_of

CONFLICTS = (
    Conflict(
        name="net-without-efa",
        first="FI_PROVIDER",
        first_value=one_of("efa"),
        second="NCCL_NET",
        second_value=one_of("socket", "ib"),
        expected="NCCL_NET not set: with it NCCL does not load the plugin that FI_PROVIDER configures",
        action="leave NCCL_NET out",
        source=at.NCCL_ENVIRONMENT,
    ),
    Conflict(
        name="plugin-none",
        first="FI_PROVIDER",
        first_value=one_of("efa"),
        second="NCCL_NET_PLUGIN",
        second_value=one_of("none"),
        expected="NCCL_NET_PLUGIN not set: without the plugin NCCL never reaches libfabric",
        action="leave NCCL_NET_PLUGIN out",
        source=at.NCCL_ENVIRONMENT,
    ),
    Conflict(
        name="plugin-over-tcp",
        first="FI_PROVIDER",
        first_value=avoids_efa,
        second="NCCL_NET_PLUGIN",
        second_value=lambda value: lower(value) != "none",
        expected="FI_PROVIDER=efa, or no plugin: over TCP NCCL's own sockets need none",
        action="leave both out",
        source=at.PLUGIN_PLATFORM,
    ),
    Conflict(
        name="plugin-forced-and-off",
        first="NCCL_NET",
        first_value=one_of("aws libfabric", "libfabric", "ofi"),
        second="NCCL_NET_PLUGIN",
        second_value=one_of("none"),
        expected="NCCL_NET_PLUGIN not set: NCCL_NET demands the plugin that it turns off",
        action="leave NCCL_NET_PLUGIN out",
        source=at.NCCL_ENVIRONMENT,
    ),
    Conflict(
        name="infiniband",
        first="FI_PROVIDER",
        first_value=one_of("efa"),
        second="NCCL_IB_*",
        but=("NCCL_IB_DISABLE",),
        second_value=anything,
        verdict=Verdict.WARN,
        expected="not set: it configures InfiniBand, which EFA is not, so nothing reads it",
        action="leave it out",
        source=at.NCCL_ENVIRONMENT,
    ),
    Conflict(
        name="loopback",
        first="NCCL_SOCKET_IFNAME",
        first_value=excludes("lo"),
        second="GLOO_SOCKET_IFNAME",
        second_value=is_loopback,
        expected="the same network for both: NCCL avoids the loopback interface and gloo is bound to it, so gloo "
        "reaches no other node",
        action="leave GLOO_SOCKET_IFNAME out",
        source=at.NCCL_ENVIRONMENT,
    ),
    Conflict(
        name="huge-page-and-fork",
        first="FI_EFA_FORK_SAFE",
        first_value=on,
        second="FI_EFA_USE_HUGE_PAGE",
        second_value=on,
        verdict=Verdict.WARN,
        expected="FI_EFA_USE_HUGE_PAGE=0, or not set: libfabric's fork support does not cover huge pages",
        action="leave FI_EFA_USE_HUGE_PAGE out",
        source=at.LIBFABRIC_FORK,
    ),
)
