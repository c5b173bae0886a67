"""Events of large synchronous runs, made for tests: each rank's work with noise, and what one cause does to it."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace

from seatrial.diagnose.judging import Diagnosis, judge
from seatrial.events import CheckpointSaved, Step, StepContent
from seatrial.runs import State
from tests.diagnose.made import left
from tests.stories import JOB, Events, start

WORK, SENT = 0.4, 0.05
"""Seconds of a step: a rank's own work, what is sent."""
PER_NODE = 8
PARAMETERS_BYTES = 4e9


@dataclass
class Scene:
    """A run that is about to be made, and what goes wrong in it."""

    seed: int
    ranks: int = 64
    steps: int = 40
    slow: dict[int, float] = field(default_factory=dict)
    """Rank -> times the others' work."""
    more: bool = False
    """Whether the slow ranks' CPUs have more to do as well."""
    data: dict[int, float] = field(default_factory=dict)
    """Rank -> seconds of a step's wait for data."""
    garbage: dict[int, float] = field(default_factory=dict)
    """Rank -> seconds of a step's collection."""
    throttled: dict[int, float] = field(default_factory=dict)
    """Rank -> of its steps those in which clocks are held down."""
    longer: dict[int, float] = field(default_factory=dict)
    """Step -> times the usual work, of all ranks."""
    resumed_at: int | None = None
    sent: float = 1.0
    """Times what the layout needs."""
    slower_network: float = 1.0
    """Times as long for what is sent."""
    products: str = "bfloat16"
    attention: str = "flash_attention"
    compiled: bool = False
    graphs: int = 2
    eager: dict[str, int] = field(default_factory=dict)
    compiling: dict[int, float] = field(default_factory=dict)
    """Step -> seconds of the compiler, of all ranks."""
    saves: tuple[CheckpointSaved, ...] = ()
    threads: int = 1
    device: str = "cuda"
    tells_wait: bool = True
    """Whether the program tells what it waited for others."""
    fabric_log: str = "NCCL INFO Using network Libfabric"

    def events(self) -> Events:
        """All of them."""
        chance = random.Random(f"{self.seed} {self.ranks}")
        own = [WORK * math.exp(chance.gauss(0, 0.02)) for _ in range(self.ranks)]
        hosts = [f"ip-{rank // PER_NODE}" for rank in range(self.ranks)]
        begun = start(
            world_size=self.ranks, hosts=hosts, dtype="bf16", threads=self.threads, device=self.device,
            variables={"FI_PROVIDER": "efa"}, collective_bytes={"all_reduce": PARAMETERS_BYTES}, compiled=self.compiled,
        )  # fmt: skip
        content = StepContent(
            step=4, products=self.products, calls={"all_reduce Float": 9},
            bytes={"all_reduce Float": round(self.sent * PARAMETERS_BYTES)}, attention=self.attention,
            attention_possible="flash_attention", graphs=self.graphs, eager=self.eager,
        )  # fmt: skip
        events: Events = [(0.1, begun), (0.2, content)]
        now = 1.0
        for step in range(1, self.steps + 1):
            if step == self.resumed_at:
                events.append((now, replace(begun, attempt=1, start_step=step - 1)))
                events.append((now, content))
            told, seconds = self._step(step, own, chance)
            now += seconds
            events.append((now, Step(step=step, loss=2.0, count=8, seconds=seconds, ranks=told)))
        return events + [(now + index, save) for index, save in enumerate(self.saves)]

    def _step(self, step: int, own: list[float], chance: random.Random) -> tuple[dict[str, list[float]], float]:
        """What ranks measure: all take as long as the slowest, the others wait."""
        common = self.longer.get(step, 1.0) * math.exp(chance.gauss(0, 0.02))
        work = [w * common * self.slow.get(r, 1.0) * math.exp(chance.gauss(0, 0.03)) for r, w in enumerate(own)]
        if chance.random() < 0.1:
            work[chance.randrange(self.ranks)] *= 1.5  # whoever is disturbed now
        data = [self.data.get(rank, 0.002) for rank in range(self.ranks)]
        collected = [self.garbage.get(rank, 0.001) for rank in range(self.ranks)]
        compiled = [self.compiling.get(step, 0.0)] * self.ranks
        mine = [sum(parts) for parts in zip(work, data, collected, compiled, strict=True)]
        total = max(mine) + self.sent * self.slower_network * SENT
        own_cpu = [w if self.more or self.device == "cpu" else 0.3 * WORK for w in work]
        cpu = [own + took for own, took in zip(own_cpu, compiled, strict=True)]
        wait = [total - one for one in mine]
        told = {"busy": [total] * self.ranks, "wait": wait, "data_wait": data, "cpu": cpu, "gc": collected}
        if self.device == "cuda":
            often = [self.throttled.get(rank, 0.0) for rank in range(self.ranks)]
            told["throttled"] = [total * (step / self.steps <= share) for share in often]
        if self.compiled:
            told["compile"] = compiled
        if not self.tells_wait:
            del told["wait"]
        return told, total

    def diagnosed(self) -> Diagnosis:
        """What the diagnosis says of it."""
        job = replace(
            JOB, nodes=self.ranks // PER_NODE, processes_per_node=PER_NODE, device=self.device, threads_per_process=12
        )
        return judge(left(state=State.COMPLETED, events=self.events(), job=job, logs={"rank-0": self.fabric_log}))
