"""What sizes and throughputs FSx offers, each once and with its source, and the valid ones nearest to a wish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LUSTRE_SMALLEST_GIB = 1200
LUSTRE_STEP_GIB = 2400
"""FSx for Lustre on SSD, PERSISTENT_2: 1200 GiB, or a multiple of 2400.
https://docs.aws.amazon.com/fsx/latest/APIReference/API_CreateFileSystem.html, 2026-11"""

EFA_STEP_GIB: Mapping[int, int] = {125: 38400, 250: 19200, 500: 9600, 1000: 4800}
"""Throughput in MB/s for a TiB -> of what the size of a file system with EFA is a multiple. Without EFA the same
throughputs are offered. https://docs.aws.amazon.com/fsx/latest/LustreGuide/increase-storage-capacity.html, 2026-11"""

HOME_GIB = (64, 524288)
"""FSx for OpenZFS: smallest and largest size. API_CreateFileSystem.html, as above."""

_THROUGHPUTS_1 = (64, 128, 256, 512, 1024, 2048, 3072, 4096)
_THROUGHPUTS_2 = (160, 320, 640, 1280, 2560, 3840, 5120, 7680, 10240)
HOME_THROUGHPUTS: Mapping[str, Sequence[int]] = {"SINGLE_AZ_HA_2": _THROUGHPUTS_2, "SINGLE_AZ_HA_1": _THROUGHPUTS_1}
"""Deployment type of FSx for OpenZFS -> its throughputs in MB/s. The API's reference lists the steps for the types
without HA, and the same ends for those with HA.
https://docs.aws.amazon.com/fsx/latest/APIReference/API_CreateFileSystemOpenZFSConfiguration.html, 2026-11"""


def lustre_sizes(gib: int, throughput: int, efa: bool) -> list[int]:
    """The valid sizes next to `gib`, below and above it; only `gib` where that is valid itself."""
    step = EFA_STEP_GIB[throughput] if efa else LUSTRE_STEP_GIB
    around = {gib // step * step, -(-gib // step) * step, 0 if efa else LUSTRE_SMALLEST_GIB} - {0}
    return nearest(gib, sorted(around))


def nearest(wish: int, offered: Sequence[int]) -> list[int]:
    """Of what is offered the next below and above `wish`; only `wish` where it is offered itself."""
    below = [one for one in offered if one <= wish][-1:]
    above = [one for one in offered if one >= wish][:1]
    return sorted({*below, *above})
