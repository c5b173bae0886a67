"""What was found, as one JSON document: what `seatrial check versions --json` prints, and what rules are judged on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from seatrial.checks.observations import Lines, Unreadable
from seatrial.checks.software.layouts import COMPONENTS
from seatrial.checks.software.search import Copy, Software

KERNEL = ("driver", "efa_driver", "gdrcopy_driver", "neuron_driver")
"""Components of the kernel that runs: a container has those of its host."""
EXPECTED = "a document of: seatrial check versions --json"


def write(host: Software, image: Software | None = None) -> dict[str, Any]:
    """Both sides as plain data."""
    return {"host": _plain(host), "image": _plain(image) if image else None}


def _plain(software: Software) -> dict[str, Any]:
    found = {name: [asdict(copy) for copy in software.found.get(name, ())] for name in COMPONENTS}
    return {"found": found, "problems": dict(software.problems)}


def parse(lines: Lines) -> Software:
    """What a program finds: of one side, or in an image on this host. Raises Unreadable."""
    text = "".join(lines)
    try:
        record = json.loads(text)
    except ValueError as error:
        raise Unreadable(EXPECTED, text.strip().splitlines()[0] if text.strip() else "") from error
    if not isinstance(record, dict) or not {"host", "image"} <= set(record):
        raise Unreadable(EXPECTED, text)
    host = _software(record["host"])
    return host if record["image"] is None else joined(host, _software(record["image"]))


def joined(host: Software, image: Software) -> Software:
    """What a program in an image finds: all of the image, on the host's kernel."""
    found = {name: (host if name in KERNEL else image).found[name] for name in COMPONENTS}
    return Software(found=found, problems={**host.problems, **image.problems})


def _software(record: Any) -> Software:
    if not isinstance(record, dict) or set(record) != {"found", "problems"}:
        raise Unreadable(f"'found' and 'problems' in {EXPECTED}", json.dumps(record))
    found, problems = record["found"], record["problems"]
    if not isinstance(found, dict) or set(found) != {*COMPONENTS}:
        raise Unreadable(f"every component in {EXPECTED}", json.dumps(found))
    if not isinstance(problems, dict) or not all(isinstance(why, str) for why in problems.values()):
        raise Unreadable(f"'problems' in {EXPECTED}", json.dumps(problems))
    copies = {name: tuple(map(_copy, _list(found[name]))) for name in COMPONENTS}
    if any(list(c) != sorted(c, key=lambda copy: copy.order) for c in copies.values()):
        raise Unreadable(f"copies in their order in {EXPECTED}", json.dumps(found))
    return Software(found=copies, problems=problems)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Unreadable(f"a list of copies in {EXPECTED}", json.dumps(value))
    return value


def _copy(record: Any) -> Copy:
    kinds: Mapping[str, type] = {"version": str, "path": str, "order": int}
    good = isinstance(record, dict) and set(record) == set(kinds)
    if not good or not all(type(record[name]) is kind for name, kind in kinds.items()):
        raise Unreadable(f"version, path and order of a copy in {EXPECTED}", json.dumps(record))
    return Copy(**record)


def example(**versions: str) -> str:
    """A document with those versions, and else those of a healthy p5.48xlarge."""
    healthy = {
        "efa_installer": "1.50.0", "efa_driver": "3.3.0", "libfabric": "2.6.0amzn1.0", "aws_ofi_nccl": "1.21.1",
        "nccl": "2.31.2", "driver": "580.95.05", "driver_libraries": "580.95.05", "cuda": "13.0",
        "torch": "2.13.0+cu130",
    }  # fmt: skip
    found = {**dict.fromkeys(COMPONENTS, ""), **healthy, **versions}
    copies = {
        name: tuple(Copy(version=v, path=f"/{name}/{number}", order=number) for number, v in enumerate(text.split()))
        for name, text in found.items()
    }
    return json.dumps(write(Software(found=copies)), indent=2) + "\n"
