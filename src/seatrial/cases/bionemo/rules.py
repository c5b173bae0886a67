"""What the arguments must keep, what the job computes, and what is real of it. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from seatrial import versions
from seatrial.arguments import batch_divides, fits_context
from seatrial.cases._proteins.fasta import path_of
from seatrial.errors import Problem, UserError, unknown
from seatrial.models import ESM
from seatrial.spec import Fidelity, Layout
from seatrial.workload import FP32_ADAM, UNIT_BYTES, Degrees, Kind, States, Workload

if TYPE_CHECKING:
    from seatrial.cases.bionemo import Args

PREPARED = "proteins:"


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout; pure."""
    model = ESM.get(args.model)
    if model is None:
        yield unknown("model", args.model, ESM, "model")
    else:
        yield from fits_context(args.sequence_length, args.model, model)
        if (args.model == "esm1nv") != (args.engine == "bionemo1"):
            what = f"{args.engine} does not train {args.model}"
            yield Problem(what, "engine", "esm1nv is trained by bionemo1, and nothing else is")
    yield from batch_divides(args.global_batch_size, args.micro_batch_size, layout.world_size)
    if args.sequence_length < 3:
        yield Problem(f"{args.sequence_length} tokens have no room for a residue", "sequence_length")
    if args.dataset != "uniprot" and args.dataset.partition(":")[0] not in ("fasta", "proteins"):
        yield Problem(f"{args.dataset!r} is no source of proteins", "dataset", "uniprot, fasta:PATH or proteins:NAME")
    yield from _check_transformers(args) if args.engine == "transformers" else _check_container(args, layout)


def _check_transformers(args: Args) -> Iterable[Problem]:
    if args.precision == "fp16":
        yield Problem("our program scales no losses", "precision", "--set precision=bf16, or fp32")


def _check_container(args: Args, layout: Layout) -> Iterable[Problem]:
    """What the programs of the containers can, and what they decide themselves."""
    if layout.device != "cuda":
        what = f"BioNeMo runs on GPUs only, in {versions.BASES[args.engine].tagged}"
        yield Problem(what, "engine", "--set engine=transformers, or the recipe tiny, computes here")
    if not args.dataset.startswith(PREPARED):
        yield Problem(
            "a container reads prepared data", "dataset", "seatrial run bionemo-data/uniref50, then proteins:"
        )
    if not args.validation_every or args.checkpoint_every != args.validation_every:
        yield Problem("BioNeMo saves when it validates, and only then", "checkpoint_every", "set both to the same")
    fixed = {"batching": "samples", "recompute": False}
    if args.engine == "bionemo":
        fixed |= {"min_learning_rate": 0.0, "weight_decay": 0.01, "beta1": 0.9, "beta2": 0.98, "grad_clip": 1.0}
    for name, value in fixed.items():
        if getattr(args, name) != value:
            yield Problem(f"in a container it is {value}, whatever it is told", name, f"--set {name}={value}")
    if (args.precision == "fp16") != (args.engine == "bionemo1"):
        yield Problem(f"{args.engine} is not made for {args.precision}", "precision", "bf16 or fp32; ESM-1nv: fp16")


def workload(args: Args, layout: Layout) -> Workload:
    """FSDP2 shards all states over all ranks, DDP none, BioNeMo 2's distributed optimizer its own."""
    model = ESM[args.model]
    fsdp = args.engine == "transformers" and args.parallel == "fsdp2"
    megatron = args.engine == "bionemo"
    sharded: tuple[Kind, ...] = ("parameters", "gradients", "optimizer") if fsdp else ("optimizer",) if megatron else ()
    return Workload(
        model=model,
        parameters=model.parameters(),
        classes=model.vocab_size if args.engine == "transformers" else None,  # BioNeMo pads its vocabulary itself
        global_batch_size=args.global_batch_size,
        micro_batch_size=args.micro_batch_size,
        sequence_length=args.sequence_length,
        degrees=Degrees(data=layout.world_size, shard=layout.world_size if sharded else 1),
        compute=args.precision,
        recompute="full" if args.recompute else "none",
        # Megatron has weights and gradients in bf16; BioNeMo 1 and our program store both in fp32.
        states=States(parameters=2, gradients=2, optimizer=12) if megatron and args.precision == "bf16" else FP32_ADAM,
        sharded=sharded,
        gathered=4.0 if args.precision == "fp32" else 2.0,
        accumulate_whole=True,
        unit_bytes=UNIT_BYTES,
    )


def preflight(args: Args) -> Iterable[Problem]:
    """What can only be seen on the machine that trains. Data of proteins:NAME is looked for by the run."""
    if not args.dataset.startswith(PREPARED):
        try:
            path_of(args.dataset)
        except UserError as error:
            yield from error.problems


def fidelity_of(args: Args, layout: Layout) -> tuple[Fidelity, str]:
    """Which program trains, and on what."""
    if args.engine != "transformers":
        return "real", f"BioNeMo's own program; its processes need the image {versions.BASES[args.engine].tagged}"
    ours = "ESM-2 as transformers has it, in our program, not the BioNeMo framework"
    return "real-core", ours + ("; gloo instead of NCCL, CPU kernels" if layout.device == "cpu" else "")


def untold(args: Args, _: Layout) -> str:
    """Why the steps of such a job cannot be told."""
    return "" if args.engine == "transformers" else "BioNeMo's own program takes them"
