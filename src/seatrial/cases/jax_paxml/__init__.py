"""Legacy: paxml 1.4, the framework of the JAX case of the system that Seatrial replaces, in a Python of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seatrial.arguments import Count, NotNegative, Positive, TrainingArgs, WholeNumber, degrees_divide
from seatrial.cases.jax_paxml.experiments import EXPERIMENTS
from seatrial.errors import Problem, unknown
from seatrial.spec import Case, Expectations, Layout, Recipe
from seatrial.versions import PAXML
from seatrial.workload import FP32_ADAM, Degrees, Workload


@dataclass(frozen=True, kw_only=True)
class Args(TrainingArgs):
    """What is changed of a published experiment. The rest of it is paxml's: Adam, bfloat16, one token repeated."""

    experiment: str
    """Class in paxml.tasks.lm.params.lm_cloud."""
    sequence_length: Count = 1024
    """Tokens per sequence."""
    global_batch_size: Count
    """Sequences per step, all devices together."""
    ici_replica: Count = 1
    """Copies of the weights: the first of ICI_MESH_SHAPE."""
    ici_mdl: Count = 1
    """Devices that share each matrix product: the third. The second, data, deals out batch and weights to the rest."""
    learning_rate: Positive = 2.5e-4
    """Peak learning rate."""
    warmup_steps: Count = 4000
    """Steps of linear warm-up; paxml's own 4000 are longer than most runs of this case."""
    weight_decay: NotNegative = 1e-3
    """Adam's weight decay."""
    checkpoint_every: WholeNumber = 0
    """Steps between checkpoints, and one at the end; 0: only that."""
    checkpoint_keep: Count = 2
    """Newest checkpoints that are kept."""
    python: str | None = None
    """Python 3.10 that has paxml; none: that of the environment paxml on this machine."""


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout; pure."""
    if args.experiment not in EXPERIMENTS:
        yield unknown("experiment", args.experiment, EXPERIMENTS, "experiment")
    yield from degrees_divide(layout.world_size, ici_replica=args.ici_replica, ici_mdl=args.ici_mdl)
    if args.global_batch_size % layout.world_size:
        what = f"{args.global_batch_size} do not divide by {layout.world_size} devices, which is what paxml counts by"
        yield Problem(what, "global_batch_size")
    if layout.device == "cpu" and layout.nodes > 1:
        what = f"jaxlib {PAXML['jaxlib']} has no collectives between CPU processes"
        yield Problem(what, "nodes", "--nodes 1 --processes N: N devices of one process")
    if layout.device != "cpu" and args.python is None:
        remedy = "--set python=PATH of the Python 3.10 in the image that has paxml"
        yield Problem("nodes make no environments", "python", remedy)


def workload(args: Args, layout: Layout) -> Workload:
    """Parameters and Adam's moments in fp32, dealt out along the data axis."""
    shared, experiment = args.ici_mdl * args.ici_replica, EXPERIMENTS[args.experiment]
    return Workload(
        model=experiment.decoder(args.sequence_length),
        parameters=experiment.parameters(),
        global_batch_size=args.global_batch_size,
        micro_batch_size=args.global_batch_size // (layout.world_size // args.ici_mdl),
        sequence_length=args.sequence_length,
        degrees=Degrees(tensor=args.ici_mdl, data=layout.world_size // args.ici_mdl, shard=layout.world_size // shared),
        compute="bf16",
        recompute="full",
        states=FP32_ADAM,
        sharded=("parameters", "gradients", "optimizer"),
        framework="paxml",
    )


RECIPES = (
    Recipe(
        name="tiny",
        title="LmCloudSpmdTest, 2.2 M parameters, one CPU process with 2 devices",
        args=Args(
            experiment="LmCloudSpmdTest",
            sequence_length=128,
            global_batch_size=8,
            steps=8,
            learning_rate=0.01,
            warmup_steps=4,
            checkpoint_every=4,
        ),
        processes_per_node=2,
        parameters=2_179_600,
        # From about 4.9 nats, since it is one token again and again; a rate of 0.01 is learned from in 8 steps.
        expectations=Expectations(loss_decrease=1.0),
    ),
    # As published: 48 nodes of 8, 32 sequences on each device. It names no instance type; p5 is ours.
    Recipe(
        name="2b-limit-steps",
        title="LmCloudSpmd2BLimitSteps, 1024 tokens, 384 GPUs",
        args=Args(
            experiment="LmCloudSpmd2BLimitSteps",
            global_batch_size=384 * 32,
            steps=300,
            log_every=100,
            checkpoint_every=5000,
            checkpoint_keep=10,
            python="/opt/paxml/bin/python",
        ),
        nodes=48,
        instance_type="p5.48xlarge",
        parameters=2_137_273_856,
        # Its warm-up of 4000 steps is longer than its 300 steps: no fall can be stated.
    ),
)

CASE = Case(
    name="jax-paxml",
    title="Legacy: the published LmCloudSpmd experiments of paxml",
    framework=f"paxml {PAXML['paxml']}, praxis, JAX {PAXML['jax']}",
    Args=Args,
    recipes=RECIPES,
    program="seatrial.cases.jax_paxml.train",
    requires=("paxml",),
    environment="paxml",
    launch="node",
    log_reader="seatrial.cases.jax_paxml.log:Reader",
    resumable=True,
    check=check,
    workload=workload,
    fidelity="real",
    fidelity_note="paxml's own trainer on two virtual CPU devices of one process; no NCCL, no CUDA kernels",
)
