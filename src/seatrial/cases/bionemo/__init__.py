"""Pre-training of protein language models: ESM-2 with transformers and FSDP2, or in NVIDIA's BioNeMo containers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seatrial import versions
from seatrial.arguments import AdamWArgs, Count, NotNegative, Positive, SequenceArgs, Share, ValidationArgs, WholeNumber
from seatrial.cases.bionemo.published import ESM1NV, ESM2_150M
from seatrial.cases.bionemo.rules import check, fidelity_of, preflight, untold, workload
from seatrial.models import ESM
from seatrial.spec import Case, Expectations, Published, Recipe

UNIREF50 = "uniref50"
UNIREF50_CSV = "uniref50-esm1nv"
"""What the recipes of bionemo-data call their data sets."""


@dataclass(frozen=True, kw_only=True)
class Args(AdamWArgs, ValidationArgs, SequenceArgs):
    """Everything that decides a training run of this case."""

    model: str
    """Architecture: a name in seatrial/models/esm.py."""
    engine: Literal["transformers", "bionemo", "bionemo1"] = "transformers"
    """transformers: EsmForMaskedLM in our program | bionemo: train_esm2 of BioNeMo 2's container | bionemo1: ESM-1nv's
    pretrain.py of BioNeMo 1's container."""
    sequence_length: Count = 1024
    """Tokens of the longest protein, with those that begin and end it; of a longer one a window is taken."""
    global_batch_size: Count
    """Proteins of full length per optimizer step, all ranks together."""
    micro_batch_size: Count = 1
    """Proteins of full length per rank and forward pass; the rest of the global batch is accumulated."""
    batching: Literal["tokens", "samples"] = "tokens"
    """tokens: as many proteins of one length as have the tokens of a micro-batch of full ones, and padding does not
    count | samples: as many proteins as it says, each padded to full length, and that counts; the containers do so."""
    learning_rate: Positive = 4e-4
    """Peak learning rate."""
    min_learning_rate: float = 4e-5
    """Learning rate at the last step, to which it falls linearly."""
    warmup_steps: WholeNumber = 2000
    """Steps of linear warm-up."""
    weight_decay: NotNegative = 0.01
    """AdamW's weight decay, on matrices only."""
    beta2: Share = 0.98
    """AdamW's second moment decay."""
    seed: WholeNumber = 1234
    """Decides the initial weights, the order of the data and the masks; train_esm2 of BioNeMo 2.5 takes none."""
    dataset: str = f"proteins:{UNIREF50}"
    """uniprot, 20,000 proteins of a Debian package | fasta:PATH | proteins:NAME, prepared by bionemo-data."""
    proteins: WholeNumber = 0
    """Proteins of a FASTA file that the run prepares at most; 0: all. Of no effect on proteins:NAME."""
    parallel: Literal["fsdp2", "ddp"] = "fsdp2"
    """Shard weights, gradients and optimizer over all ranks, or keep a copy on each. Of no effect in containers."""
    precision: Literal["bf16", "fp16", "fp32"] = "bf16"
    """What matrices are multiplied in; our program stores parameters and reduces gradients in fp32. fp16 is BioNeMo
    1's."""
    recompute: bool = False
    """Keep only the inputs of layers, and compute the rest again in the backward pass."""
    log_every: Count = 1
    """Steps between step events; each reads the loss, which makes a GPU wait."""


_P5, _P4DE = "p5.48xlarge", "p4de.24xlarge"


def _name(model: str) -> str:
    return model.upper().replace("ESM2-", "ESM-2 ")


def _tag(engine: str) -> str:
    return versions.BASES[engine].version


def _at_scale(model: str, *, nodes: int, micro_batch_size: int, recompute: bool = False) -> Recipe:
    """ESM-2's own batch of 2 million tokens and schedule, cut to 200 steps; layouts are ours."""
    return Recipe(
        name=model,
        title=f"{_name(model)}, 2 M tokens a step, FSDP2, {8 * nodes} GPUs",
        args=Args(
            model=model,
            global_batch_size=2048,
            micro_batch_size=micro_batch_size,
            steps=200,
            warmup_steps=20,
            recompute=recompute,
            validation_every=100,
            checkpoint_every=100,
        ),
        nodes=nodes,
        instance_type=_P5,
        parameters=ESM[model].parameters(),
        # From ln(33) = 3.5 nats to below 2.9, the entropy of how frequent the residues are. No curve was published.
        expectations=Expectations(loss_decrease=0.5),
    )


def _in_container(model: str, *, nodes: int, micro_batch_size: int) -> Recipe:
    """BioNeMo's train_esm2 with what was published for the 650M model on two nodes; other layouts are ours."""
    return Recipe(
        name=f"bionemo-{model}",
        title=f"{_name(model)} by BioNeMo {_tag('bionemo')}'s own train_esm2, {8 * nodes} GPUs",
        args=Args(
            model=model,
            engine="bionemo",
            batching="samples",
            global_batch_size=8 * nodes * micro_batch_size,
            micro_batch_size=micro_batch_size,
            steps=100,
            min_learning_rate=0.0,
            grad_clip=1.0,
            validation_every=25,
            validation_batches=2,
            checkpoint_every=25,
        ),
        nodes=nodes,
        instance_type=_P5,
        parameters=ESM[model].parameters(),
        # 100 steps are all warm-up: the learning rate reaches 2e-5. Nothing was published that they must do.
    )


def _benchmark(name: str, parallel: Literal["fsdp2", "ddp"], per_gpu: int, figures: tuple[Published, ...]) -> Recipe:
    """A row of the table that was published for ESM-2 150M: every protein padded to 512 tokens, bf16."""
    return Recipe(
        name=name,
        title=f"ESM-2 150M, 512 tokens, {parallel.upper()}, {per_gpu} proteins per GPU on 8 A10G",
        args=Args(
            model="esm2-150m",
            batching="samples",
            sequence_length=512,
            global_batch_size=8 * per_gpu,
            micro_batch_size=per_gpu,
            steps=200,
            warmup_steps=20,
            parallel=parallel,
            log_every=10,
        ),
        nodes=2,
        processes_per_node=4,
        instance_type="g5.12xlarge",
        parameters=ESM["esm2-150m"].parameters(),
        expectations=Expectations(loss_decrease=0.3),  # as above, at a tenth of the batch
        published=figures,
    )


RECIPES = (
    Recipe(
        name="tiny",
        title="0.8 M parameters on UniProt proteins, FSDP2, 2 CPU processes",
        args=Args(
            model="esm2-tiny",
            sequence_length=128,
            global_batch_size=16,
            micro_batch_size=4,
            steps=60,
            learning_rate=1e-3,
            min_learning_rate=1e-4,
            warmup_steps=6,
            dataset="uniprot",
            proteins=4000,
            precision="fp32",
            validation_every=30,
            validation_batches=2,
            checkpoint_every=20,
        ),
        processes_per_node=2,
        parameters=ESM["esm2-tiny"].parameters(),
        # It starts at ln(33) = 3.5 nats; residues as frequent as they are have 2.9, which it reaches within 30 steps.
        expectations=Expectations(loss_decrease=0.4),
    ),
    _at_scale("esm2-8m", nodes=1, micro_batch_size=64),
    _at_scale("esm2-150m", nodes=1, micro_batch_size=32),
    _at_scale("esm2-650m", nodes=2, micro_batch_size=16),
    _at_scale("esm2-3b", nodes=4, micro_batch_size=16, recompute=True),
    _in_container("esm2-8m", nodes=1, micro_batch_size=32),
    _in_container("esm2-150m", nodes=1, micro_batch_size=16),
    _in_container("esm2-650m", nodes=2, micro_batch_size=2),
    _in_container("esm2-3b", nodes=2, micro_batch_size=2),
    _benchmark("esm2-150m-ddp-8", "ddp", 8, ESM2_150M["ddp", 8]),
    _benchmark("esm2-150m-ddp-14", "ddp", 14, ESM2_150M["ddp", 14]),
    _benchmark("esm2-150m-fsdp-14", "fsdp2", 14, ESM2_150M["fsdp2", 14]),
    Recipe(
        name="esm1nv",
        title=f"legacy: ESM-1nv by BioNeMo {_tag('bionemo1')}, 44 M parameters, 32 GPUs",
        args=Args(
            model="esm1nv",
            engine="bionemo1",
            batching="samples",
            sequence_length=512,
            global_batch_size=8192,
            micro_batch_size=256,
            steps=1_000_000,
            learning_rate=2e-4,
            min_learning_rate=2e-5,
            warmup_steps=500,
            dataset=f"proteins:{UNIREF50_CSV}",
            precision="fp16",
            validation_every=500,
            validation_batches=50,
            checkpoint_every=500,
            log_every=10,
        ),
        nodes=4,
        instance_type=_P4DE,
        parameters=ESM["esm1nv"].parameters(),
        # From ln(128) = 4.9; the published log shows 2.51 at step 31,003.
        expectations=Expectations(loss_decrease=2.0),
        published=ESM1NV,
    ),
)

CASE = Case(
    name="bionemo",
    title="Pre-training of ESM-2 and ESM-1nv, language models of proteins",
    framework="transformers' EsmForMaskedLM with FSDP2; BioNeMo's own programs in its containers",
    Args=Args,
    recipes=RECIPES,
    program="seatrial.cases.bionemo.train",
    requires=("torch", "numpy", "transformers"),
    environment="pytorch",
    untold=untold,
    log_reader="seatrial.cases.bionemo.log:Reader",
    peak_memory=None,  # of the containers' lines
    resumable=True,
    check=check,
    workload=workload,
    preflight=preflight,
    fidelity_of=fidelity_of,
)
