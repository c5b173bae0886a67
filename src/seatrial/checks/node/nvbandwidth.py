"""Copies between host and GPUs, and between GPUs, by NVIDIA's nvbandwidth -j."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.documents import document
from seatrial.checks.gpus import ALONE, behind
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict, judged
from seatrial.hardware import fabrics

HOST = ("host_to_device_memcpy_ce", "device_to_host_memcpy_ce")
PEERS = ("device_to_device_memcpy_read_ce", "device_to_device_memcpy_write_ce")
TESTS = (*HOST, *PEERS)
SHARE = 0.9
"""Of the median of the node's GPUs. Our choice: which socket a GPU hangs on moves it by a few percent."""
HOST_SHARES, PEER_SHARES = (0.25, 0.75), (0.5, 0.74)
"""Of the rate of the link: below the first it is a fault, below the second it is told.

Host: 0.80 is reached with PCIe 4.0 (NVIDIA/nvbandwidth#42), 0.83 to 0.88 with 5.0 (AzNHC 0e0a1ac asks for 52 GB/s).
Between a GPU of EC2 and its host there may be 8 lanes, which give 0.4; a quarter is less than any such wiring gives.
NVLink: AzNHC asks for 335 GB/s of 450; at half the rate half of the links are down."""
PUBLISHED = {"H100 SXM": (335.0, 335.0)}
"""Accelerator -> the same between GPUs in GB/s, where somebody has published it: AzNHC 0e0a1ac."""
CLOSE = 0.01
"""By which a sum may differ from the sum that nvbandwidth prints: the values beside it are rounded to 6 digits."""


@dataclass(frozen=True, slots=True)
class Case:
    """One test of nvbandwidth."""

    status: str
    matrix: tuple[tuple[float | None, ...], ...] = ()
    """GB/s; None on the diagonal."""

    @property
    def copies(self) -> dict[int, list[float]]:
        """GPU -> its copies: those of its column, and of its row where there is one for each GPU."""
        found: dict[int, list[float]] = {}
        for row, values in enumerate(self.matrix):
            for column, value in enumerate(values):
                for gpu in (row, column) if len(self.matrix) > 1 else (column,):
                    if value is not None:
                        found.setdefault(gpu, []).append(value)
        return found

    @property
    def slowest(self) -> dict[int, float]:
        """GPU -> its slowest copy."""
        return {gpu: min(values) for gpu, values in self.copies.items()}

    @property
    def typical(self) -> dict[int, float]:
        """GPU -> the mean of its copies: one slow pair blames neither of the two."""
        return {gpu: sum(values) / len(values) for gpu, values in self.copies.items()}


def parse(lines: Lines) -> dict[str, Case]:
    """Name of a test -> what it measured."""
    root = document(lines, "the JSON of nvbandwidth -j").get("nvbandwidth")
    if not isinstance(root, dict) or not isinstance(root.get("testcases"), list):
        raise Unreadable("an object 'nvbandwidth' with testcases", json.dumps(root))
    if root.get("error"):
        raise Unreadable("a run without an error", str(root["error"]))
    found: dict[str, Case] = {}
    for case in root["testcases"]:
        if not isinstance(case, dict) or not isinstance(case.get("name"), str) or case["name"] in found:
            raise Unreadable("each test once, with its name", json.dumps(case))
        found[case["name"]] = _case(case)
    return found


def _case(case: dict[str, Any]) -> Case:
    status = case.get("status")
    if not isinstance(status, str):
        raise Unreadable("the status of each test", json.dumps(case))
    if status != "Passed":
        return Case(status)
    try:
        matrix = tuple(
            tuple(None if value == "N/A" else float(value) for value in row) for row in case["bandwidth_matrix"]
        )
        told = float(case["sum"])
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable("a matrix of numbers with its sum", json.dumps(case)) from error
    total = sum(value for row in matrix for value in row if value is not None)
    if not matrix or len({len(row) for row in matrix}) != 1 or not abs(total - told) <= CLOSE * told:
        raise Unreadable(f"rows of one length that make {told:g} together", json.dumps(case["bandwidth_matrix"]))
    return Case(status, matrix)


NVBANDWIDTH = Source(
    kind="nvbandwidth",
    title="bandwidth of copies between host and GPUs",
    part="gpu",
    level="full",
    parse=parse,
    command=("nvbandwidth", "-j", "-t", *TESTS),
    package="nvbandwidth, from https://github.com/NVIDIA/nvbandwidth",
    timeout=300.0,
    ends=False,
    alone=True,
)


def example(slow: float = 1.0) -> str:
    """Eight H100, the last of which copies to and from the host at a share of its speed."""
    cases = []
    for name in TESTS:
        square = name in PEERS
        rows = [
            [390.0 if square else 26.4 * (slow if column == 7 else 1.0) for column in range(8)]
            for _ in range(8 if square else 1)
        ]
        matrix = [
            ["N/A" if square and row == column else f"{value:.4f}" for column, value in enumerate(values)]
            for row, values in enumerate(rows)
        ]
        total = sum(float(value) for row in matrix for value in row if value != "N/A")
        cases.append({"bandwidth_matrix": matrix, "name": name, "status": "Passed", "sum": total})
    about = {"CUDA Runtime Version": 13000, "Driver Version": "580.95.05", "testcases": cases, "version": "v0.8"}
    return json.dumps({"nvbandwidth": about}, indent=1) + "\n"


_REMEDY = (
    "look at gpu.pcie-width and nvlink.links; measure again alone; if it stays so, reboot the node, then replace it"
)


@check(
    "gpu.copy-alike",
    NVBANDWIDTH,
    scope="gpu",
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected=f"{SHARE:.0%} or more of the median of the node's GPUs",
    why="The slowest GPU of a node sets the pace of all.",
    remedy=_REMEDY,
    cites="SuperBench 700d650: variance against the others; the share is ours",
    good=example(),
    bad=example(0.5),
)
def alike(rule: Rule, seen: dict[str, Case], profile: Profile) -> Iterator[Finding]:
    for name in TESTS:
        values = seen[name].typical if name in seen else {}
        unclear = _unclear(name, seen, len(values), profile)
        left_out = ALONE.format(profile.name) if profile.accelerators == 1 else _without_peers(name, profile)
        if left_out or unclear:
            verdict = Verdict.SKIP if left_out else Verdict.UNKNOWN
            yield rule.finding(verdict, left_out or unclear, scope={"test": name})
            continue
        slow = behind(values, SHARE)
        for gpu, share in slow.items():
            told = f"{values[gpu]:.1f} GB/s, {share:.0%} of the median"
            yield rule.finding(Verdict.FAIL, told, scope={"test": name, "gpu": gpu})
        if not slow:
            low, high = min(values.values()), max(values.values())
            yield rule.finding(Verdict.PASS, f"{low:.1f} to {high:.1f} GB/s", scope={"test": name})


@check(
    "gpu.copy-speed",
    NVBANDWIDTH,
    scope="gpu",
    severity=Severity.RESET,
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected="a share of what its links carry: 75 % of PCIe, 74 % of NVLink",
    why="A link that is slow on all GPUs of a node is not seen by comparing them.",
    remedy=_REMEDY,
    cites="PCI Express Base Specification; NVIDIA's data sheets; AzNHC 0e0a1ac, check_gpu_bw; the shares are ours",
    good=example(),
    bad=example(0.2),
)
def speed(rule: Rule, seen: dict[str, Case], profile: Profile) -> Iterator[Finding]:
    for name in TESTS:
        values = seen[name].slowest if name in seen else {}
        unclear, left_out = _unclear(name, seen, len(values), profile), _without_peers(name, profile)
        bounds = _bounds(name, profile)
        if not unclear and bounds is None:
            unclear = f"{min(values.values()):.1f} GB/s, and the links of {profile.name or 'this node'} are not known"
        if left_out or unclear or bounds is None:
            verdict = Verdict.SKIP if left_out else Verdict.UNKNOWN
            yield rule.finding(verdict, left_out or unclear, scope={"test": name})
            continue
        fault, usual = bounds
        for gpu, value in values.items():
            low = Verdict.WARN if fault <= value < usual else judged(value >= fault)
            told = f"{value:.1f} GB/s"
            expected = f"{usual:.1f} GB/s or more; below {fault:.1f} it is a fault"
            yield rule.finding(low, told, expected=expected, scope={"test": name, "gpu": gpu})


def _bounds(name: str, profile: Profile) -> tuple[float, float] | None:
    """GB/s below which it is a fault, and below which it is told; None: not known."""
    instance, gpu = profile.instance, profile.accelerator
    if instance is None or gpu is None:
        return None
    if name in PEERS and gpu.name in PUBLISHED:
        return PUBLISHED[gpu.name]
    rate, shares = (gpu.nvlink_bytes, PEER_SHARES) if name in PEERS else (fabrics.host_link(instance), HOST_SHARES)
    return (shares[0] * rate / 1e9, shares[1] * rate / 1e9) if rate else None


def _without_peers(name: str, profile: Profile) -> str:
    """Why a test between GPUs is left out."""
    if name not in PEERS or profile.accelerator is None:
        return ""
    if profile.accelerators == 1:
        return ALONE.format(profile.name)
    return "" if profile.accelerator.nvlink_bytes else f"GPUs of {profile.name} have no NVLink: they copy over the host"


def _unclear(name: str, seen: dict[str, Case], gpus: int, profile: Profile) -> str:
    """Why nothing can be said of a test."""
    if name not in seen:
        return f"{name} was not run"
    if seen[name].status != "Passed":
        return f"{name}: {seen[name].status}"
    if profile.accelerators is None:
        return f"{name}: {gpus} GPUs, and it is not known how many there are"
    return f"{name}: {gpus} of {profile.accelerators} GPUs" if gpus < profile.accelerators else ""
