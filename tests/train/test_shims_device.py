"""torch.cpu as a device that answers. In a process of its own, because it changes torch."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import Any

import pytest

pytestmark = pytest.mark.torch


def ask(device: str) -> dict[str, Any]:
    """What torch answers after answer_for_cpu."""
    program = textwrap.dedent(
        f"""
        import json, os, torch
        from seatrial.train.shims.device import answer_for_cpu

        before = torch._utils._get_available_device_type()
        answer_for_cpu(torch.device({device!r}))
        kind = torch._utils._get_available_device_type()
        print(json.dumps({{
            "before": before,
            "kind": kind,
            "index": torch.cpu.current_device(),
            "memory": torch.cpu.memory_stats().get("reserved_bytes.all.peak") if kind == "cpu" else None,
            "total": torch.cpu.get_device_properties("cpu").total_memory if kind == "cpu" else None,
            "pages": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        }}))
        """
    )
    out = subprocess.run(
        [sys.executable, "-c", program], check=True, timeout=200, capture_output=True, text=True
    ).stdout
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_cpu_tells_its_memory() -> None:
    found = ask("cpu")
    assert found["kind"] == "cpu"
    assert found["index"] == 0
    assert 50 * 2**20 < found["memory"] < found["total"] == found["pages"]


def test_another_device_is_left_alone() -> None:
    found = ask("cuda")
    assert found["kind"] == found["before"]
    assert found["index"] == "cpu"
