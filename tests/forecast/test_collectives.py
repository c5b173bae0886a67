"""Times of collective operations: against published measurements, against arithmetic, and against common sense."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seatrial.forecast import bus, nccl
from seatrial.forecast.collectives import Fitted, quickest, times
from seatrial.forecast.links import joined, links
from seatrial.forecast.ways import OPERATIONS
from seatrial.hardware import GIB

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
IDEAL = Fitted(inside=1.0, between=1.0, fill=0.0, start=0.0, start_between=0.0)
LARGE = 2**40


def published(name: str) -> list[dict[str, str]]:
    with (BENCHMARKS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ANCHORS = published("anchors_collectives.csv")


def of_anchor(row: dict[str, str], only: str | None = None):
    ranks, instance = int(row["gpus"]), "p5en.48xlarge" if "p5en class" in row["shape"] else row["shape"]
    operation, alone = row["op"].replace("alltoall", "all_to_all"), row["versions"].startswith("torch")
    size = int(row["size_bytes"] or 2**34)
    inner = ranks // int(row["nodes"])
    found = times(operation, size, ranks, inner, links(instance), only=only, alone=alone)
    return found, bus.bandwidth(operation, ranks, size, float(found.seconds))


@pytest.mark.parametrize("nodes", ["1", "4"])
def test_twenty_sizes_of_all_reduce_are_right_within_15_percent_in_the_median(nodes):
    rows = [row for row in ANCHORS if row["nodes"] == nodes and row["versions"].startswith("torch")]
    assert len(rows) == 20
    off = [abs(float(row["busbw_gbps"]) / of_anchor(row)[1] - 1) for row in rows]
    assert np.median(off) <= 0.15


def test_all_anchors_are_right_within_10_percent_in_the_median():
    forced = {"Ring (NVLS off)": "ring", "Ring forced": "ring", "NVLSTree forced": "NVLS tree"}
    off = [abs(float(row["busbw_gbps"]) / of_anchor(row, forced.get(row["algo"]))[1] - 1) for row in ANCHORS]
    assert len(off) == 95 and np.median(off) <= 0.10


@pytest.mark.parametrize("instance", ["p4de.24xlarge", "p5.48xlarge"])
def test_whole_curves_that_no_constant_was_fitted_to_are_right_within_15_percent(instance):
    rows = [row for row in published("curves_collectives.csv") if row["shape"] == instance]
    sizes = np.array([int(row["size_bytes"]) for row in rows])
    found = times("all_reduce", sizes, 16, 8, links(instance), alone=False)
    measured = np.array([float(row["time_us"]) for row in rows]) / 1e6
    assert len(rows) >= 29 and np.median(np.abs(found.seconds / measured - 1)) <= 0.15


NAMED = {"Ring": "ring", "default = Ring": "ring", "NVLS": "NVLS", "NVLSTree": "NVLS tree"}


@pytest.mark.parametrize(
    "row", [row for row in ANCHORS if row["algo"] in NAMED], ids=lambda r: f"{r['shape']}-{r['gpus']}"
)
def test_the_algorithm_is_the_one_that_nccl_took(row):
    assert of_anchor(row)[0].way == NAMED[row["algo"]]


def test_choices_agree_with_the_regions_that_aws_measured():
    """On 400 sizes and numbers of ranks at least as often as four times in five; where not, little is lost."""
    right, worst = [], 1.0
    sizes = np.unique(np.round(2.0 ** np.linspace(10, 34, 80)))
    for ranks in (16, 32, 64, 128, 256):
        regions = [row for row in published("regions_collectives.csv") if int(row["ranks"]) == ranks]
        until = [int(row["until_bytes"]) for row in regions]
        found = times("all_reduce", sizes, ranks, 8, links("p5en.48xlarge"), alone=False)
        wanted = [regions[place]["way"] for place in np.searchsorted(until, sizes)]
        right += [way == want for way, want in zip(found.way, wanted, strict=True)]
        for want in {*wanted}:
            there = np.array(wanted) == want
            other = times("all_reduce", sizes[there], ranks, 8, links("p5en.48xlarge"), alone=False, only=want)
            worst = max(worst, float((other.seconds / found.seconds[there]).max()))
    assert len(right) == 400 and np.mean(right) >= 0.8 and worst < 4 / 3


def test_small_operations_take_low_latency_protocols_and_large_ones_whole_chunks():
    found = times("all_reduce", [1024, 2**40], 16, 8, links("p5.48xlarge"))
    assert [*found.protocol] == ["LL", "Simple"]
    assert times("all_reduce", 1024, 16, 8, links("p4de.24xlarge")).protocol == "Simple"  # its network knows no other


def test_large_operations_fill_the_links():
    """With nothing fitted, what is left is what crosses the narrowest link."""
    known = links("p5en.48xlarge")
    assert known.inside == pytest.approx(18 * 20.6e9) and known.between == pytest.approx(50e9)

    def busbw(operation, ranks, inner, **more):
        found = times(operation, LARGE, ranks, inner, known, fitted=IDEAL, **more)
        return bus.bandwidth(operation, ranks, LARGE, float(found.seconds))

    for operation in ("all_gather", "reduce_scatter", "all_reduce"):
        assert busbw(operation, 8, 8, only="ring") == pytest.approx(370.8, rel=1e-3)
        assert busbw(operation, 32, 8, only="ring") == pytest.approx(370.8, rel=1e-3)  # less than the 400 of its cards
    assert busbw("all_to_all", 64, 8) == pytest.approx(50 * 63 / 56, rel=1e-3)
    assert busbw("sendrecv", 16, 8) == pytest.approx(50, rel=1e-3)
    assert busbw("sendrecv", 8, 8) == pytest.approx(370.8, rel=1e-3)
    assert busbw("all_reduce", 8, 8, only="NVLS") == pytest.approx(370.8 * 0.85 * 7 / 8 * 7 / 4, rel=1e-3)
    # Two domains pass each byte once in each direction, three and more twice.
    assert busbw("all_reduce", 32, 8, only="NVLS tree") == pytest.approx(200 * 0.85 * 31 / 16, rel=1e-3)


def test_small_operations_take_the_latencies_of_their_hops():
    """Four nodes of eight: a ring has 6 of its 62 steps over the network, a tree two levels up and two down."""
    known = links("p5en.48xlarge")

    def microseconds(only):
        return 1e6 * float(times("all_reduce", 8, 32, 8, known, only=only, alone=False).seconds)

    assert microseconds("ring") == pytest.approx(6.6 + 56 * 1.0 + 6 * (2.7 + 18), rel=1e-3)
    assert microseconds("tree") == pytest.approx(6.8 + 2 * (7 * 0.6 + 2 * (5 + 18)), rel=1e-3)


def test_a_tree_of_middling_size_reaches_the_share_that_nccl_gives_it():
    found = times("all_reduce", 2**24, 16, 8, links("p4de.24xlarge"), only="tree", fitted=IDEAL)
    latency = 8.4e-6 + 2 * (7 * 4e-6 + 14e-6 + 2 * 20e-6)  # Simple: the network's latency twice
    assert found.seconds == pytest.approx(latency + 2**24 / (50e9 * 0.92 * 0.7), rel=1e-6)


def test_low_latency_flags_do_not_get_far_through_a_network():
    found = times("all_reduce", [2**18, 2**19], 32, 8, links("p5en.48xlarge"), only="tree", fitted=IDEAL)
    assert [*found.protocol] == ["LL", "LL128"]


def test_rings_use_all_cards_of_a_node():
    found = times("all_reduce", LARGE, 32, 8, links("p6-b200.48xlarge"), fitted=IDEAL, only="ring")
    assert bus.bandwidth("all_reduce", 32, LARGE, float(found.seconds)) == pytest.approx(400, rel=1e-3)


def test_one_rank_of_each_node_has_only_its_own_card():
    known = links("p5en.48xlarge")
    found = times("all_gather", LARGE, 8, 1, known, fitted=IDEAL)
    assert found.way == "ring" and found.seconds == pytest.approx(LARGE * 7 / 8 / 50e9, rel=1e-3)
    assert times("all_gather", 2**16, 128, 1, known).way == "PAT"  # few hops instead of 127


def test_an_ultraserver_is_one_domain():
    known = links("p6e-gb200.36xlarge")
    assert known.domain == 72 and known.between == pytest.approx(50e9)
    inside = times("all_reduce", 8 * 2**30, 72, 72, known, alone=False)
    # 834.57 GB/s: coreweave/nccl-tests#43, a rack of 72 GB200.
    assert bus.bandwidth("all_reduce", 72, 8 * 2**30, float(inside.seconds)) == pytest.approx(834.57, rel=0.15)


def test_arrays_broadcast_and_say_the_same_as_numbers():
    known = links("p6-b200.48xlarge")
    sizes, ranks = np.array([[2**20], [2**30]]), np.array([8, 16, 64])
    for operation in OPERATIONS:
        many = times(operation, sizes, ranks, 8, known)
        assert many.seconds.shape == many.way.shape == (2, 3)
        one = times(operation, 2**30, 64, 8, known)
        assert many.seconds[1, 2] == one.seconds and many.way[1, 2] == one.way


@pytest.mark.parametrize("instance", ["p4d.24xlarge", "p5.48xlarge", "p6e-gb200.36xlarge"])
def test_the_quickest_way_is_that_of_the_table(instance):
    sizes, ranks, known = 2.0 ** np.arange(0, 36)[:, None], np.array([1, 2, 8, 16, 512]), links(instance)
    for operation in OPERATIONS:
        for inner in (1, 4, 8):
            found = quickest(operation, sizes, ranks, inner, known)
            assert np.array_equal(found, times(operation, sizes, ranks, inner, known).seconds)


def test_a_hundred_thousand_layouts_are_one_call():
    ranks = np.resize([8, 16, 256, 1024], 100_000)
    found = times("all_reduce", np.linspace(1, 1e10, 100_000), ranks, 8, links("p5.48xlarge"))
    assert np.isfinite(found.seconds).all()


def test_few_ranks_share_a_domain_that_has_room_for_more():
    known = links("p5.48xlarge")
    assert times("all_reduce", 2**30, 4, 8, known) == times("all_reduce", 2**30, 4, 4, known)


def test_a_rank_alone_takes_no_time():
    found = times("all_reduce", 2**30, 1, 1, links("p5.48xlarge"))
    assert found.seconds == 0 and found.way == "none" and found.protocol == ""


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("ranks", [8, 16, 64])
def test_more_bytes_and_slower_links_never_take_less(operation, ranks):
    sizes = 2.0 ** np.arange(3, 36)
    known = links("p6-b200.48xlarge")
    seconds = times(operation, sizes, ranks, 8, known).seconds
    assert (np.diff(seconds) >= -1e-3 * seconds[:-1]).all()
    for slower in (Fitted(inside=0.5), Fitted(between=0.5)):
        assert (times(operation, sizes, ranks, 8, known, fitted=slower).seconds >= seconds * (1 - 1e-9)).all()


def test_what_is_unknown_is_nan_and_named():
    known = links("trn1.32xlarge")
    network = "latency of the network"
    assert known.unknown == ("latency within a node", network) and known.domain == 32
    nothing = replace(known, inside=None)
    assert nothing.unknown[0] == "bandwidth within a node"
    assert np.isnan(times("all_reduce", 2**20, 32, 32, nothing).seconds)
    assert np.isfinite(times("all_reduce", 2**20, 4, 1, known).seconds)  # one of each node: its network is known
    assert links("p5.4xlarge").unknown == () and links("g5.xlarge").unknown == (network,)


def test_what_a_framework_sees_of_a_trainium_chip_has_its_share_of_the_links():
    known = links("trn2.48xlarge")
    assert known.domain == 64 and known.inside == pytest.approx(160e9) and known.between == pytest.approx(6.25e9)
    assert links("trn1.32xlarge").inside == 96 * GIB, "of two that share a chip"


def test_links_within_a_node_without_nvlink_are_pcie():
    known = links("g5.48xlarge")
    assert known.medium == "pcie" and known.inside == pytest.approx(31.5e9 * 12 / 15.75) and not known.nvls


def test_what_is_not_an_instance_is_joined_as_its_vendor_joins_it():
    rack = joined("GB300", domain=72, between=100e9, hop=nccl.INFINIBAND_HOP)
    assert rack.inside == 18 * 40.1e9 and rack.nvls == 0.74 and rack.unknown == ()
    other = joined("MI300X", domain=8, between=50e9, hop=nccl.INFINIBAND_HOP)
    assert other.inside == 448e9 and not other.nvls and other.unknown == ("latency within a node",)
    with pytest.raises(ValueError, match="what joins L4"):
        joined("L4", domain=8, between=50e9, hop=0.0)


def test_every_accelerated_instance_has_links():
    from seatrial.hardware.instances import INSTANCES

    for instance in INSTANCES:
        if instance.accelerator:
            assert links(instance.name).domain >= 1
    with pytest.raises(ValueError, match="no accelerator"):
        links("m5.2xlarge")


def test_an_unknown_operation_or_way_is_an_error():
    with pytest.raises(ValueError, match="scatter"):
        times("scatter", 8, 2, 2, links("p5.48xlarge"))
    with pytest.raises(ValueError, match="all_gather by tree"):
        times("all_gather", 8, 2, 2, links("p5.48xlarge"), only="tree")


def test_tables_have_a_figure_for_each_protocol():
    for table in (*nccl.BASE.values(), *nccl.NETWORK.values(), *nccl.INSIDE["nvlink"].values(), nccl.TREE_CURVE):
        assert len(table) == len(nccl.PROTOCOLS)
    assert {len(curve) for curve in nccl.TREE_CURVE} == {24}
