"""EC2 instance types and their parts, each with its source.

`tests/hardware/test_instances.py` compares each with a record of EC2's own DescribeInstanceTypes and lists the known
differences.
"""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.errors import UserError, unknown
from seatrial.hardware.accelerators import accelerator


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """One EC2 instance type."""

    name: str
    accelerator: str | None
    """Name of its Accelerator; None: CPU only."""
    accelerators: int
    """GPUs, or Trainium chips."""
    vcpus: int
    memory_mib: int
    network_cards: int | None
    efa_interfaces: int
    """EFA interfaces at most; 0: no EFA."""
    network_gbps: float | None
    """All cards together, in Gbit/s. On small sizes EC2 promises it as "up to", that is in bursts. None: EC2
    publishes no figure."""
    nvme_gb: int
    """Local instance storage in GB (10**9 bytes), all disks together; 0: none."""
    source: str
    architecture: str = "x86_64"
    """What an image for it must be built for: x86_64 or arm64."""

    @property
    def ranks(self) -> int:
        """Devices that a framework sees, so the ranks that a node takes; 0 on CPU-only types."""
        return self.accelerators * accelerator(self.accelerator).ranks_per_accelerator if self.accelerator else 0


_EC2 = "EC2 DescribeInstanceTypes; https://docs.aws.amazon.com/ec2/latest/instancetypes/"
# 18 of them are one UltraServer, for which AWS publishes 28.8 Tbit/s of EFA and 405 TB. The counts of cards and of EFA
# interfaces are those of DescribeInstanceTypes, quoted in the issue. AWS's own health check expects only the 4 that its
# recommended layout attaches (awslabs/awsome-distributed-ai#1201): what a node has is not this maximum.
_P6E = "https://aws.amazon.com/ec2/instance-types/p6/; https://github.com/NVIDIA/aicr/issues/1256"


def _ec2(
    name: str,
    accelerators: int,
    accelerator: str | None,
    vcpus: int,
    memory_gib: int,
    network_cards: int,
    efa_interfaces: int,
    network_gbps: float | None,
    nvme_gb: int,
    source: str = _EC2,
    architecture: str = "x86_64",
) -> Instance:
    return Instance(
        name=name,
        accelerator=accelerator,
        accelerators=accelerators,
        vcpus=vcpus,
        memory_mib=memory_gib * 1024,
        network_cards=network_cards,
        efa_interfaces=efa_interfaces,
        network_gbps=network_gbps,
        nvme_gb=nvme_gb,
        source=source,
        architecture=architecture,
    )


# fmt: off
INSTANCES = (
    #    name                  n  accelerator   vcpu   GiB  cards EFA  Gbit/s NVMe GB
    _ec2("p4d.24xlarge",       8, "A100 40GB",   96, 1152,  4,  4,  400,  8000),
    _ec2("p4de.24xlarge",      8, "A100 80GB",   96, 1152,  4,  4,  400,  8000),
    _ec2("p5.4xlarge",         1, "H100 SXM",    16,  256,  1,  1,  100,  3800),
    _ec2("p5.48xlarge",        8, "H100 SXM",   192, 2048, 32, 32, 3200, 30400),
    _ec2("p5e.48xlarge",       8, "H200 SXM",   192, 2048, 32, 32, 3200, 30400),
    _ec2("p5en.48xlarge",      8, "H200 SXM",   192, 2048, 16, 16, 3200, 30400),
    _ec2("p6-b200.48xlarge",   8, "B200",       192, 2048,  8,  8, 3200, 30400),
    # The first of the 17 cards carries no EFA.
    _ec2("p6-b300.48xlarge",   8, "B300",       192, 4096, 17, 16, 6400, 30400),
    _ec2("p6e-gb200.36xlarge", 4, "GB200",      144,  960, 17, 16, 1600, 22500, _P6E, "arm64"),
    _ec2("g4dn.xlarge",        1, "T4",           4,   16,  1,  0,   25,   125),
    _ec2("g4dn.2xlarge",       1, "T4",           8,   32,  1,  0,   25,   225),
    _ec2("g4dn.4xlarge",       1, "T4",          16,   64,  1,  0,   25,   225),
    _ec2("g4dn.8xlarge",       1, "T4",          32,  128,  1,  1,   50,   900),
    _ec2("g4dn.12xlarge",      4, "T4",          48,  192,  1,  1,   50,   900),
    _ec2("g4dn.16xlarge",      1, "T4",          64,  256,  1,  1,   50,   900),
    _ec2("g4dn.metal",         8, "T4",          96,  384,  1,  1,  100,  1800),
    _ec2("g5.xlarge",          1, "A10G",         4,   16,  1,  0,   10,   250),
    _ec2("g5.2xlarge",         1, "A10G",         8,   32,  1,  0,   10,   450),
    _ec2("g5.4xlarge",         1, "A10G",        16,   64,  1,  0,   25,   600),
    _ec2("g5.8xlarge",         1, "A10G",        32,  128,  1,  1,   25,   900),
    _ec2("g5.12xlarge",        4, "A10G",        48,  192,  1,  1,   40,  3800),
    _ec2("g5.16xlarge",        1, "A10G",        64,  256,  1,  1,   25,  1900),
    _ec2("g5.24xlarge",        4, "A10G",        96,  384,  1,  1,   50,  3800),
    _ec2("g5.48xlarge",        8, "A10G",       192,  768,  1,  1,  100,  7600),
    _ec2("g6.xlarge",          1, "L4",           4,   16,  1,  0,   10,   250),
    _ec2("g6.2xlarge",         1, "L4",           8,   32,  1,  0,   10,   450),
    _ec2("g6.4xlarge",         1, "L4",          16,   64,  1,  0,   25,   600),
    _ec2("g6.8xlarge",         1, "L4",          32,  128,  1,  1,   25,   900),
    _ec2("g6.12xlarge",        4, "L4",          48,  192,  1,  1,   40,  3760),
    _ec2("g6.16xlarge",        1, "L4",          64,  256,  1,  1,   25,  1880),
    _ec2("g6.24xlarge",        4, "L4",          96,  384,  1,  1,   50,  3760),
    _ec2("g6.48xlarge",        8, "L4",         192,  768,  1,  1,  100,  7520),
    _ec2("g6e.xlarge",         1, "L40S",         4,   32,  1,  0,   20,   250),
    _ec2("g6e.2xlarge",        1, "L40S",         8,   64,  1,  0,   20,   450),
    _ec2("g6e.4xlarge",        1, "L40S",        16,  128,  1,  0,   20,   600),
    _ec2("g6e.8xlarge",        1, "L40S",        32,  256,  1,  1,   25,   900),
    _ec2("g6e.12xlarge",       4, "L40S",        48,  384,  1,  1,  100,  3800),
    _ec2("g6e.16xlarge",       1, "L40S",        64,  512,  1,  1,   35,  1900),
    _ec2("g6e.24xlarge",       4, "L40S",        96,  768,  2,  2,  200,  3800),
    _ec2("g6e.48xlarge",       8, "L40S",       192, 1536,  4,  4,  400,  7600),
    _ec2("trn1.2xlarge",       1, "Trainium1",    8,   32,  1,  0, 12.5,   474),
    _ec2("trn1.32xlarge",     16, "Trainium1",  128,  512,  8,  8,  800,  7600),
    _ec2("trn1n.32xlarge",    16, "Trainium1",  128,  512, 16, 16, 1600,  7600),
    _ec2("trn2.3xlarge",       1, "Trainium2",   12,  128,  1,  1,  200,   470),
    _ec2("trn2.48xlarge",     16, "Trainium2",  192, 2048, 16, 16, 3200,  7600),
    _ec2("trn2u.48xlarge",    16, "Trainium2",  192, 2048, 16, 16, 3200,  7600),
    # CPU only: with EFA, then those of head, login, system and build nodes.
    _ec2("c5n.18xlarge",       0, None,          72,  192,  1,  1,  100,     0),
    _ec2("c6in.32xlarge",      0, None,         128,  256,  2,  2,  200,     0),
    _ec2("hpc6a.48xlarge",     0, None,          96,  384,  1,  1,  100,     0),
    _ec2("c5.2xlarge",         0, None,           8,   16,  1,  0,   10,     0),
    _ec2("c5.4xlarge",         0, None,          16,   32,  1,  0,   10,     0),
    _ec2("m5.2xlarge",         0, None,           8,   32,  1,  0,   10,     0),
    _ec2("m5.4xlarge",         0, None,          16,   64,  1,  0,   10,     0),
    _ec2("m5.8xlarge",         0, None,          32,  128,  1,  0,   10,     0),
    _ec2("m5.12xlarge",        0, None,          48,  192,  1,  0,   12,     0),
    _ec2("t2.small",           0, None,           1,    2,  1,  0, None,     0),
    _ec2("t2.medium",          0, None,           2,    4,  1,  0, None,     0),
    _ec2("t3.small",           0, None,           2,    2,  1,  0,    5,     0),
    _ec2("t3a.micro",          0, None,           2,    1,  1,  0,    5,     0),
    _ec2("t3a.small",          0, None,           2,    2,  1,  0,    5,     0),
    _ec2("t3a.medium",         0, None,           2,    4,  1,  0,    5,     0),
    _ec2("t3a.large",          0, None,           2,    8,  1,  0,    5,     0),
)
# fmt: on

_BY_NAME = {item.name: item for item in INSTANCES}


def instance(name: str) -> Instance:
    """The instance type of that name, with or without SageMaker's ``ml.``. Raises UserError with the nearest names."""
    found = _BY_NAME.get(name.removeprefix("ml."))
    if found is None:
        raise UserError(unknown("instance type", name, _BY_NAME))
    return found
