"""The rules about an environment as a whole: names, values, what is gone and what is missing."""

from __future__ import annotations

from seatrial.findings import Rule, Verdict
from seatrial.network.rule import LEFT_OUT, READS
from seatrial.network.sources import EFA_CHEATSHEET, NCCL_ENVIRONMENT

MISSPELT = Rule(
    id="network.misspelt",
    verdicts=(Verdict.WARN,),
    reads=READS,
    expected="names that a library reads",
    why="no library reads this name, so it does not do what it was set for",
    remedy="write the name that was meant, if it is needed at all",
    source=NCCL_ENVIRONMENT,
    good="FI_EFA_USE_DEVICE_RDMA=1",
    bad="FI_EFA_DEVICE_RDMA=1",
)
UNREAD = Rule(
    id="network.unread",
    verdicts=(Verdict.WARN,),
    reads=READS,
    expected="names that a library reads",
    why="neither NCCL nor its plugins, libfabric or PyTorch read this name, so it does nothing",
    remedy="leave it out, unless the program itself reads it",
    source=NCCL_ENVIRONMENT,
    good="TORCH_NCCL_HEARTBEAT_TIMEOUT_SEC=1800",
    bad="NCCL_TIMEOUT=1800",
)
VALUE = Rule(
    id="network.value",
    verdicts=(Verdict.WARN, Verdict.FAIL),
    reads=READS,
    expected="values that the library takes",
    why="it reads another value than the one that is written, or none, or stops",
    remedy="write a value that it takes, and nothing beside it",
    source=NCCL_ENVIRONMENT,
    good="NCCL_DEBUG=WARN",
    bad="NCCL_DEBUG=WARNING",
)
MISSING = Rule(
    id="network.missing",
    verdicts=(Verdict.FAIL,),
    reads=READS,
    expected="what the instance type needs with this software",
    why="without it the job does not use the network as it could, stops, or computes with wrong data",
    remedy="set what `seatrial network show` prints",
    source=EFA_CHEATSHEET,
    good="FI_PROVIDER=efa\nFI_EFA_USE_DEVICE_RDMA=1\nNCCL_PROTO=simple",
    bad="FI_PROVIDER=efa",
)
OBSOLETE = Rule(
    id="network.obsolete",
    verdicts=(Verdict.WARN, Verdict.FAIL),
    reads=READS,
    expected="variables that a library still reads",
    why="it was removed, renamed or deprecated: it does nothing, or stops the job",
    remedy="leave it out, or use the new name",
    source=NCCL_ENVIRONMENT,
    good=LEFT_OUT,
    bad="NCCL_TREE_THRESHOLD=0",
)
UNREADABLE = Rule(
    id="network.unknown-value",
    verdicts=(Verdict.UNKNOWN,),
    reads=READS,
    expected="values that can be read where they are set",
    why="whether it is right depends on its value",
    remedy="look at what it is in a job",
    source="docs/efa.md",
    good="FI_PROVIDER=efa\nNCCL_PROTO=^LL,LL128",
    bad="FI_PROVIDER=efa\nNCCL_PROTO",
)
