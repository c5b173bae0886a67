"""Whole checkpoints, as the hub has them, into the slices that ranks load, and back. Reads from top to bottom.

    python -m seatrial.cases.neuronx_distributed.convert shard llama3-70b FULL.pt FOLDER \
--tensor-parallel 32 --pipeline-parallel 8 --kv-replicator 4
    python -m seatrial.cases.neuronx_distributed.convert merge llama3-70b FOLDER FULL.pt --tensor-parallel 32 ...

FULL is a file of torch, or a folder of .safetensors; FOLDER what `--set weights=FOLDER` takes, or a run's checkpoint.
Needs memory for one slice beside the whole, which is mapped, not read.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from seatrial import extras
from seatrial.cases.neuronx_distributed.models import MODELS
from seatrial.errors import Problem, UserError
from seatrial.models import Decoder

PARTS = {
    # In a slice -> dimension that is cut; gate and up, and queries, keys and values, are cut each for itself.
    "embed_tokens": 0,
    "lm_head": 0,
    "gate_proj": 0,
    "up_proj": 0,
    "down_proj": 1,
}
HEADS = {"q_proj": "weight_q", "k_proj": "weight_k", "v_proj": "weight_v"}
"""Name in a whole checkpoint -> name in the layer qkv_proj of a slice."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """How a model is cut."""

    tensor: int = 1
    pipeline: int = 1
    kv_replicator: int = 1
    adjacent: bool = False
    """Copies of a key/value head are on neighbouring ranks, as on trn2, not far from each other, as on trn1."""

    def stage_of(self, layer: int, layers: int) -> int:
        """The stage that has a layer; where they do not divide, the last stages have one more, as the package cuts."""
        each, more = divmod(layers, self.pipeline)
        small = (self.pipeline - more) * each
        return layer // each if layer < small else self.pipeline - more + (layer - small) // (each + 1)

    def kv_heads(self, rank: int, config: Decoder) -> list[int]:
        """Key/value heads of a tensor-parallel rank."""
        if self.kv_replicator == 1:
            return _share(config.num_kv_heads, rank, self.tensor)
        return [rank // self.kv_replicator if self.adjacent else rank % config.num_kv_heads]

    def query_heads(self, rank: int, config: Decoder) -> list[int]:
        """Query heads of a tensor-parallel rank: those, or some of those, that go with its key/value heads."""
        if self.kv_replicator == 1:
            return _share(config.num_heads, rank, self.tensor)
        [head] = self.kv_heads(rank, config)
        copy = rank % self.kv_replicator if self.adjacent else rank // config.num_kv_heads
        return _share(config.num_heads, head * self.kv_replicator + copy, self.tensor)


def _share(count: int, part: int, parts: int) -> list[int]:
    return list(range(part * count // parts, (part + 1) * count // parts))


def shard(full: Mapping[str, Tensor], config: Decoder, grid: Grid, rank: int, stage: int) -> dict[str, Tensor]:
    """What one rank of one stage holds, of a whole state with the names of the hub's Llama. Raises KeyError."""
    found: dict[str, Tensor] = {}
    for name in names(config):
        if stage_of(name, config, grid) != stage:
            continue
        prefix, _, part = name.removesuffix(".weight").rpartition(".")
        if part in HEADS:
            heads = (grid.query_heads if part == "q_proj" else grid.kv_heads)(rank, config)
            found[f"{prefix}.qkv_proj.{HEADS[part]}"] = _rows(full[name], heads, config.head_dim)
        elif part == "o_proj":  # its inputs are the queries' heads
            found[name] = _rows(full[name].t(), grid.query_heads(rank, config), config.head_dim).t().contiguous()
        elif part == "up_proj":
            gate = full[f"{prefix}.gate_proj.weight"]
            both = [tensor.chunk(grid.tensor)[rank] for tensor in (gate, full[name])]
            found[f"{prefix}.gate_up_proj.weight"] = torch.cat(both)
        elif part in PARTS and part != "gate_proj":
            found[name] = full[name].chunk(grid.tensor, dim=PARTS[part])[rank].clone()
        elif part != "gate_proj":
            found[name] = full[name].clone()
    return found


def merge(slices: Mapping[tuple[int, int], Mapping[str, Tensor]], config: Decoder, grid: Grid) -> dict[str, Tensor]:
    """The whole state, of all slices by rank and stage. Raises UserError where copies differ: then none is right."""
    full: dict[str, Tensor] = {}
    for name in names(config):
        stage = stage_of(name, config, grid)
        parts = [slices[rank, stage] for rank in range(grid.tensor)]
        prefix, _, part = name.removesuffix(".weight").rpartition(".")
        if part in HEADS:
            found = [p[f"{prefix}.qkv_proj.{HEADS[part]}"] for p in parts]
            owners = grid.query_heads if part == "q_proj" else grid.kv_heads
            full[name] = _joined(found, [owners(rank, config) for rank in range(grid.tensor)], config, name)
        elif part == "o_proj":
            owned = [grid.query_heads(rank, config) for rank in range(grid.tensor)]
            full[name] = _joined([p[name].t() for p in parts], owned, config, name).t().contiguous()
        elif part in ("gate_proj", "up_proj"):
            both = [p[f"{prefix}.gate_up_proj.weight"].chunk(2) for p in parts]
            full[name] = torch.cat([pair[part == "up_proj"] for pair in both])
        elif part in PARTS:
            full[name] = torch.cat([p[name] for p in parts], dim=PARTS[part])
        else:
            full[name] = _same([p[name] for p in parts], name).clone()
    return full


def names(config: Decoder) -> Iterator[str]:
    """Parameters of a whole checkpoint."""
    yield "model.embed_tokens.weight"
    for layer in range(config.num_layers):
        begin = f"model.layers.{layer}"
        yield from (f"{begin}.self_attn.{part}.weight" for part in (*HEADS, "o_proj"))
        yield from (f"{begin}.mlp.{part}.weight" for part in ("gate_proj", "up_proj", "down_proj"))
        yield from (f"{begin}.{part}.weight" for part in ("input_layernorm", "post_attention_layernorm"))
    yield "model.norm.weight"
    yield "lm_head.weight"


def stage_of(name: str, config: Decoder, grid: Grid) -> int:
    """The pipeline stage that has a parameter."""
    if name == "model.embed_tokens.weight":
        return 0
    if name in ("model.norm.weight", "lm_head.weight"):
        return grid.pipeline - 1
    return grid.stage_of(int(name.split(".")[2]), config.num_layers)


def _rows(tensor: Tensor, heads: list[int], width: int) -> Tensor:
    """The rows of these heads."""
    return tensor.unflatten(0, (-1, width))[heads].flatten(0, 1)


def _joined(parts: list[Tensor], owned: list[list[int]], config: Decoder, name: str) -> Tensor:
    """Heads in their order. The same head of several ranks must be the same to the last bit."""
    found: dict[int, list[Tensor]] = {}
    for part, heads in zip(parts, owned, strict=True):
        for head, rows in zip(heads, part.split(config.head_dim), strict=True):
            found.setdefault(head, []).append(rows)
    return torch.cat([_same(found[head], name) for head in sorted(found)])


def _same(copies: list[Tensor], name: str) -> Tensor:
    if any(not torch.equal(copy, copies[0]) for copy in copies):
        remedy = "take another checkpoint; is its kv_replicator, and its chip, the one that was given?"
        raise UserError(Problem("ranks hold different values of it", name, remedy))
    return copies[0]


def slice_path(folder: Path, rank: int, stage: int) -> Path:
    """The file of a slice, as neuronx_distributed calls it."""
    return folder / "model" / f"dp_rank_00_tp_rank_{rank:02d}_pp_rank_{stage:02d}.pt"


def read_full(path: Path) -> Mapping[str, Tensor]:
    """A whole state, mapped. Raises UserError if there is none."""
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else []
    if files:
        with extras.needed("safetensors", str(path)):
            from safetensors.torch import load_file
        return {name: tensor for file in files for name, tensor in load_file(file).items()}
    if not path.is_file():
        raise UserError(Problem("is neither a file nor a folder of .safetensors", str(path), "give a whole checkpoint"))
    return read(path)


def read(path: Path) -> Mapping[str, Tensor]:
    """A file of torch, mapped. Raises ValueError if it is none that holds tensors alone."""
    try:
        found: Mapping[str, Tensor] = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except (RuntimeError, UnpicklingError) as error:
        raise ValueError(f"{path.name} cannot be read: {str(error).splitlines()[0]}") from error
    return found


def main(argv: list[str] | None = None) -> None:
    """The command line above."""
    parser = argparse.ArgumentParser(description="Whole checkpoints into slices, and back.")
    parser.add_argument("direction", choices=("shard", "merge"))
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--tensor-parallel", type=int, default=1)
    parser.add_argument("--pipeline-parallel", type=int, default=1)
    parser.add_argument("--kv-replicator", type=int, default=1)
    parser.add_argument("--chip", choices=("trn1", "trn2"), default="trn1")
    given: Any = parser.parse_args(argv)
    grid = Grid(
        tensor=given.tensor_parallel,
        pipeline=given.pipeline_parallel,
        kv_replicator=given.kv_replicator,
        adjacent=given.chip == "trn2",
    )
    try:
        convert(given.direction, MODELS[given.model], grid, given.source, given.target)
    except UserError as error:
        parser.exit(2, f"error: {error}\n")


def convert(direction: str, config: Decoder, grid: Grid, source: Path, target: Path) -> None:
    """From one path to the other. Raises UserError if the source is not the model's."""
    places = [(rank, stage) for stage in range(grid.pipeline) for rank in range(grid.tensor)]
    try:
        if direction == "shard":
            full = read_full(source)
            _whole(full, config, source)
            (target / "model").mkdir(parents=True, exist_ok=True)
            for rank, stage in places:
                torch.save(shard(full, config, grid, rank, stage), slice_path(target, rank, stage))
        else:
            slices = {place: read(slice_path(source, *place)) for place in places}
            full = merge(slices, config, grid)
            _whole(full, config, source)
            torch.save(full, target)
    except (KeyError, FileNotFoundError, ValueError) as error:
        raise UserError(Problem(f"is no checkpoint of this model, cut like this: {error}", str(source))) from error


def _whole(full: Mapping[str, Tensor], config: Decoder, source: Path) -> None:
    """Raises ValueError if this is another model's: its slices would load, and be wrong."""
    count = sum(tensor.numel() for name, tensor in full.items() if name.endswith(".weight"))
    if count != config.parameters():
        raise ValueError(f"{count} parameters are not the model's {config.parameters()}")


if __name__ == "__main__":
    main()
