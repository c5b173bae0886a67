"""torch's own flight recorder, which the reader of dumps must understand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from seatrial.diagnose import dumps

PROGRAM = """
import sys
from pathlib import Path
import os, torch, torch.distributed as dist
from seatrial.diagnose import dumps
from seatrial.rank import flight
folder = Path(sys.argv[1])
flight.prepare(os.environ, folder)
dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=0, world_size=1)
dist.all_reduce(torch.ones(3, 4, dtype=torch.float64))
dist.barrier(dist.new_group(backend="gloo"))
done = False
while not done:  # a thread of torch's marks what is done a moment after it is
    flight.dump(folder, 0)
    done = all(one.done for one in dumps.read((folder / "gloo-rank-0").read_bytes(), 0).collectives)
os._exit(0)
"""


def test_a_dump_of_this_torch_is_read(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TORCH_")}
    subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], check=True, timeout=120, env=environ)
    found = dumps.read((tmp_path / "gloo-rank-0").read_bytes(), 0)
    assert [str(one) for one in found.collectives] == ["all_reduce([3, 4] Double)", "barrier"]
    assert [one.group for one in found.collectives] == ["gloo:0", "gloo:1"]
    assert all(one.done for one in found.collectives)
