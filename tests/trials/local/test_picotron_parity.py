"""picotron's engine: every parallel layout computes what one undivided process does, in loss, gradients and weights.

The reference is the other model of this repository, seatrial.train.model, which knows nothing of the engine. Processes
are started once for each world size and take all its layouts in turn.
"""

from __future__ import annotations

import json
import multiprocessing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor

from seatrial.cases.picotron.engine.mesh import Mesh, make_mesh
from seatrial.cases.picotron.engine.step import Engine
from seatrial.models import Decoder
from seatrial.train.model import Llama, initialise, rotary_table

pytestmark = pytest.mark.timeout(600)  # 14 processes: half a minute on two idle cores

CONFIG = Decoder(
    vocab_size=64,
    hidden_size=32,
    intermediate_size=48,
    num_layers=4,
    num_heads=4,
    num_kv_heads=2,
    max_context=64,
    init_std=0.1,
)
TIED = replace(CONFIG, tie_embeddings=True)
LENGTH, BATCH, STEPS, SEED = 16, 8, 3, 7
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Layout:
    """Degrees of parallelism; data parallelism takes the rest of the ranks."""

    tensor: int = 1
    pipeline: int = 1
    context: int = 1
    schedule: str = "1f1b"
    tied: bool = False
    micro_batch_size: int = 1

    @property
    def config(self) -> Decoder:
        return TIED if self.tied else CONFIG


LAYOUTS: dict[int, dict[str, Layout]] = {
    2: {
        "dp2": Layout(),
        "dp2-tied": Layout(tied=True),
        "tp2": Layout(tensor=2),
        "tp2-tied": Layout(tensor=2, tied=True),
        "pp2-afab": Layout(pipeline=2, schedule="afab"),
        "pp2-1f1b": Layout(pipeline=2),
        "pp2-1f1b-one-micro-batch": Layout(pipeline=2, micro_batch_size=8),
        "pp2-tied": Layout(pipeline=2, tied=True),
        "cp2": Layout(context=2),
    },
    4: {
        "pp4": Layout(pipeline=4),
        "pp4-tied": Layout(pipeline=4, tied=True, schedule="afab"),
        "cp4": Layout(context=4),
        "dp2-cp2": Layout(context=2),
        "tp2-cp2": Layout(tensor=2, context=2),
        "pp2-cp2": Layout(pipeline=2, context=2),
    },
    8: {
        "dp2-tp2-pp2": Layout(tensor=2, pipeline=2),
        "dp2-tp2-pp2-tied": Layout(tensor=2, pipeline=2, tied=True, schedule="afab"),
        "tp2-pp2-cp2": Layout(tensor=2, pipeline=2, context=2),
    },
}


def batch(step: int) -> Tensor:
    """[BATCH, LENGTH + 1], tokens of a step."""
    generator = torch.Generator().manual_seed(100 + step)
    return torch.randint(0, CONFIG.vocab_size, (BATCH, LENGTH + 1), generator=generator)


def optimizer(parameters: Any) -> torch.optim.Optimizer:
    # Momentum, but no division by the gradient's size: that would blow up rounding where a gradient is all but zero.
    return torch.optim.SGD(parameters, lr=0.05, momentum=0.9)


def undivided(config: Decoder) -> tuple[list[float], list[float], dict[str, Tensor]]:
    """Losses, gradient norms and final weights of the reference model in this process."""
    model = Llama(config)
    initialise(model, SEED)
    rotary = rotary_table(config, LENGTH, CPU)
    steps = optimizer(model.parameters())
    losses, norms = [], []
    for step in range(STEPS):
        tokens = batch(step)
        loss = model(tokens[:, :-1], tokens[:, 1:], *rotary)
        loss.backward()
        losses.append(loss.item())
        norms.append(torch.nn.utils.get_total_norm([p.grad for p in model.parameters()]).item())
        steps.step()
        steps.zero_grad()
    return losses, norms, dict(model.state_dict())


def divided(layout: Layout, reference: dict[str, Tensor]) -> dict[str, Any]:
    """What one rank of the layout sees."""
    mesh = make_mesh(pipeline=layout.pipeline, context=layout.context, tensor=layout.tensor, device=CPU)
    engine = Engine(layout.config, mesh, sequence_length=LENGTH, seed=SEED, device=CPU, schedule=layout.schedule)
    steps = optimizer(engine.stage.parameters())
    losses, norms = [], []
    for step in range(STEPS):
        mine = batch(step).chunk(mesh.data.size)[mesh.data.rank]
        loss = engine.compute_gradients(mine, layout.micro_batch_size).double()
        dist.all_reduce(loss)
        losses.append(loss.item())
        norms.append(engine.gradient_norm())
        steps.step()
    return {
        "losses": losses,
        "norms": norms,
        "weights": furthest(engine, mesh, reference),
        "agree": engine.ranks_agree(STEPS, losses[-1]),
    }


def furthest(engine: Engine, mesh: Mesh, reference: dict[str, Tensor]) -> float:
    """Largest distance of a weight of this rank from the undivided model's."""
    cut = engine.stage.sharded()
    largest = 0.0
    for name, weight in engine.stage.named_parameters():
        whole = reference[name]
        if name in cut:
            whole = whole.chunk(mesh.tensor.size, dim=cut[name])[mesh.tensor.rank]
        largest = max(largest, (weight - whole).abs().max().item())
    return largest


def rank_main(rank: int, world: int, folder: str) -> None:
    """One process: all layouts of its world size, results into a file."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=world)
    references = torch.load(f"{folder}/references.pt")
    found = {name: divided(layout, references[layout.tied]) for name, layout in LAYOUTS[world].items()}
    Path(folder, f"{rank}.json").write_text(json.dumps(found))
    dist.barrier()
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def reference() -> dict[bool, tuple[list[float], list[float], dict[str, Tensor]]]:
    return {tied: undivided(TIED if tied else CONFIG) for tied in (False, True)}


@pytest.fixture(scope="module")
def results(
    reference: dict[bool, tuple[list[float], list[float], dict[str, Tensor]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, list[dict[str, Any]]]:
    """Layout -> what each of its ranks saw."""
    found: dict[str, list[dict[str, Any]]] = {}
    multiprocessing.set_forkserver_preload(["torch._dynamo", __name__])  # imported once, not by each rank
    for world, layouts in LAYOUTS.items():
        folder = tmp_path_factory.mktemp(f"world-{world}")
        torch.save({tied: weights for tied, (_, _, weights) in reference.items()}, folder / "references.pt")
        mp.start_processes(rank_main, args=(world, str(folder)), nprocs=world, start_method="forkserver")
        ranks = [json.loads((folder / f"{rank}.json").read_text()) for rank in range(world)]
        found |= {name: [rank[name] for rank in ranks] for name in layouts}
    return found


@pytest.mark.parametrize("name", [name for layouts in LAYOUTS.values() for name in layouts])
def test_a_layout_computes_what_one_process_does(name: str, results: Any, reference: Any) -> None:
    [layout] = [layouts[name] for layouts in LAYOUTS.values() if name in layouts]
    losses, norms, _ = reference[layout.tied]
    for rank in results[name]:
        assert rank["losses"] == pytest.approx(losses, rel=1e-5)
        assert rank["norms"] == pytest.approx(norms, rel=1e-5)
        assert rank["weights"] < 1e-6
        assert rank["agree"]
        assert rank["losses"] == results[name][0]["losses"]  # to the last bit


def test_the_reference_learns_so_that_later_steps_depend_on_the_gradients(reference: Any) -> None:
    losses, norms, _ = reference[False]
    assert len({round(loss, 3) for loss in losses}) == STEPS and all(norm > 0.1 for norm in norms)
