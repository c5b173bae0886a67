"""Latent diffusion training with MosaicML Composer: the UNet of Stable Diffusion 2 base, or a small one on digits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from seatrial import versions
from seatrial.arguments import Count, NotNegative, Positive, TrainingArgs, WholeNumber
from seatrial.cases.composer_stable_diffusion.models import MODELS
from seatrial.cases.composer_stable_diffusion.published import MICRO_BATCHES, SCALES, scaled, single_node
from seatrial.errors import Problem, unknown
from seatrial.spec import Case, Expectations, Layout, Recipe
from seatrial.workload import FP32_ADAM, Degrees, Workload

HELD_OUT = 360
"""Of scikit-learn's 1797 digits; a fifth, for validation."""
BATCH = 2048
"""Samples per step of the published benchmark."""


@dataclass(frozen=True, kw_only=True)
class Args(TrainingArgs):
    """Everything that decides a training run of this case."""

    model: str
    """sd2-base or tiny: a name in models.py."""
    dataset: Literal["digits", "synthetic-images", "synthetic-latents"]
    """Real 8 x 8 images for the model tiny; random images and captions, which the frozen autoencoder and text encoder
    work on in every step; or random latents and text, so that the UNet alone runs."""
    micro_batch_size: Count
    """Samples per rank and forward pass; the rest is accumulated. It need not divide a rank's share: the last
    micro-batch is then smaller."""
    learning_rate: Positive = 1e-4
    """AdamW's learning rate, the same in all steps."""
    weight_decay: NotNegative = 0.001
    """AdamW's weight decay."""
    precision: Literal["fp32", "amp_bf16", "amp_fp16"] = "amp_fp16"
    """What matrices are multiplied in, by Composer's names; weights are fp32. amp_fp16 scales the loss."""
    ema: bool = False
    """Keep an exponential moving average of the weights, and validate with it."""
    ema_half_life: Count = 1000
    """Steps after which a weight counts half in the average."""
    seed: int = 17
    """Decides the initial weights and all samples with their timesteps and noise."""
    validation_every: WholeNumber = 0
    """Steps between validations on held-out images, and one at the end; 0: none."""
    checkpoint_keep: Count = 2
    """Newest checkpoints that are kept."""
    data_workers: WholeNumber = 0
    """Processes per rank that make batches; 0: the rank itself."""
    log_every: Count = 1
    """Steps between two blocks of metrics in the log."""


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout; pure."""
    yield from _check_model(args)
    world = layout.world_size
    share = args.global_batch_size // world
    if args.global_batch_size > 0 and args.global_batch_size % world:
        near = max(world, share * world)
        what = f"{args.global_batch_size} samples do not divide into {world} ranks"
        yield Problem(what, "global_batch_size", f"--set global_batch_size={near}, or another number of processes")
    elif args.micro_batch_size > share > 0:
        what = f"{args.micro_batch_size} is more than a rank's {share} samples of a step"
        yield Problem(what, "micro_batch_size", f"--set micro_batch_size={share}")
    if args.precision != "fp32" and layout.device == "cpu":
        yield Problem(f"Composer refuses {args.precision} on a CPU", "precision", "--set precision=fp32")


def _check_model(args: Args) -> Iterable[Problem]:
    model = MODELS.get(args.model)
    if model is None:
        yield unknown("model", args.model, MODELS, "model")
    elif (model.classes is not None) != (args.dataset == "digits"):
        fits = "digits" if model.classes else "synthetic-images or synthetic-latents"
        yield Problem(f"{args.dataset} does not fit the model {args.model}", "dataset", f"take {fits}")
    if args.validation_every and args.dataset != "digits":
        yield Problem("there are no images to hold out of random ones", "validation_every", "--set validation_every=0")


def workload(args: Args, layout: Layout) -> Workload:
    """The UNet, a copy on each rank; the frozen encoders are not counted, nor is the average of the weights."""
    return Workload(
        parameters=MODELS[args.model].trained,
        global_batch_size=args.global_batch_size,
        micro_batch_size=args.micro_batch_size,
        degrees=Degrees(data=layout.world_size),
        compute="fp32" if args.precision == "fp32" else "bf16" if args.precision == "amp_bf16" else "fp16",
        states=FP32_ADAM,
    )


_TINY = Args(
    model="tiny",
    dataset="digits",
    global_batch_size=32,
    micro_batch_size=8,
    steps=40,
    learning_rate=2e-3,
    precision="fp32",
    ema_half_life=10,
    validation_every=20,
    checkpoint_every=10,
)
# Noise has a variance of 1, which is the loss of a network that predicts 0; 40 steps reach about 0.18.
_TINY_EXPECTED = Expectations(loss_decrease=0.6)


def _tiny(name: str, title: str, *, ema: bool) -> Recipe:
    return Recipe(
        name=name,
        title=title,
        args=replace(_TINY, ema=ema),
        processes_per_node=2,
        parameters=MODELS["tiny"].trained,
        expectations=_TINY_EXPECTED,
    )


def _sd2(
    micro_batch_size: Count, *, ema: bool, nodes: int = 1, dataset: Literal["synthetic-images", "synthetic-latents"]
) -> Recipe:
    """The published benchmark at one micro-batch; its own hyperparameters, and one epoch of its 100,000 samples."""
    args = Args(
        model="sd2-base",
        dataset=dataset,
        global_batch_size=BATCH,
        micro_batch_size=micro_batch_size,
        steps=100_000 // BATCH,
        ema=ema,
        data_workers=8,
    )
    images = dataset == "synthetic-images"
    words = [
        "sd2-base",
        *([] if images else ["latents"]),
        f"mb{micro_batch_size}",
        *(["ema"] if ema else []),
        *([f"{nodes}-nodes"] if nodes > 1 else []),
    ]
    measured = scaled(nodes) if nodes > 1 else single_node(micro_batch_size, ema)
    return Recipe(
        name="-".join(words),
        title=f"SD 2 base, {'images' if images else 'latents'}, micro-batch {micro_batch_size}"
        f"{', EMA' if ema else ''}, {nodes * 8} GPUs",
        args=args,
        nodes=nodes,
        instance_type="p5.48xlarge",
        parameters=MODELS["sd2-base"].trained,
        published=measured if images else (),
    )


RECIPES = (
    _tiny("tiny", "UNet of 0.8 M parameters on handwritten digits, 2 CPU processes", ema=False),
    _tiny("tiny-ema", "tiny with an average of its weights (EMA), 2 CPU processes", ema=True),
    *(_sd2(size, ema=ema, dataset="synthetic-images") for size in MICRO_BATCHES for ema in (True, False)),
    # The multi-node script of the benchmark: micro-batch 4, EMA.
    *(_sd2(4, ema=True, nodes=nodes, dataset="synthetic-images") for nodes in SCALES),
    # Without the frozen encoders; nobody published a figure for that.
    *(_sd2(32, ema=ema, dataset="synthetic-latents") for ema in (True, False)),
)

CASE = Case(
    name="composer-stable-diffusion",
    title="Latent diffusion training: the UNet of Stable Diffusion 2 base",
    framework=f"MosaicML Composer {versions.FRAMEWORKS['mosaicml']}, diffusers {versions.FRAMEWORKS['diffusers']}",
    Args=Args,
    recipes=RECIPES,
    program="seatrial.cases.composer_stable_diffusion.train",
    log_reader="seatrial.cases.composer_stable_diffusion.log:Reader",
    unit="samples",
    requires=("torch", "composer", "diffusers", "transformers", "sklearn"),
    environment="pytorch",
    pins=versions.pins("mosaicml", "diffusers"),
    resumable=True,
    check=check,
    workload=workload,
    fidelity="real",
    fidelity_note="Composer's Trainer and EMA, diffusers' UNet, a small one on 8 x 8 images without autoencoder and "
    "text encoder; gloo instead of NCCL, fp32 instead of fp16; stand-ins answer for torch.cuda and torchvision",
)
