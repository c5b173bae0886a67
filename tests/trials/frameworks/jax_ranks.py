"""Imports JAX for test_jax.py. Facts: XLA's flags that it does not take. Also steps from given weights in a layout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from seatrial.cases.jax import Args, train
from seatrial.cases.jax.flags import FLAGS, GONE, xla_flags
from seatrial.cases.jax.mesh import mesh_of
from seatrial.cases.jax.rank import JaxRank
from seatrial.cases.jax.sharding import device_mesh, to_devices
from seatrial.cases.jax.step import State, build
from seatrial.rank.start import start
from tests.trials.frameworks.ranks import serve

LAYOUTS: dict[int, dict[str, dict[str, Any]]] = {
    2: {
        "fsdp": {"micro_batch_size": 4},
        "accumulated": {"micro_batch_size": 1},
        "data": {"ici_data": 2, "ici_fsdp": 1, "micro_batch_size": 4, "recompute": "full"},
        "tensor": {"ici_fsdp": 1, "ici_tensor": 2, "micro_batch_size": 8, "recompute": "selective"},
    },
    4: {
        "tensor in a node, data over the nodes": {"ici_tensor": 2, "dcn_data": 2, "dcn_fsdp": 1, "micro_batch_size": 4}
    },
}
"""World size -> layouts; always eight sequences a step."""


def starts(flags: str) -> bool:
    """Whether XLA takes these flags: it ends a process that is given one that it does not know."""
    code = "import jax; jax.devices()"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    return (
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False).returncode == 0
    )


def layouts() -> None:
    """Take steps from weights.npz on the batches of batches.npy; what each gave, to layouts-RANK.json."""
    with start(JaxRank) as rank:
        args = Args(**rank.args)
        found = {name: steps(replace(args, **changes), rank) for name, changes in LAYOUTS[rank.world_size].items()}
        (rank.run / f"layouts-{rank.rank}.json").write_text(json.dumps(found))


def steps(args: Args, rank: JaxRank) -> list[list[float]]:
    """Loss and gradient norm of each step."""
    nodes = rank.world_size // 2
    mesh = mesh_of(args, nodes, 2)
    devices = device_mesh(mesh)
    with jax.set_mesh(devices):
        program = build(args, devices)
        weights = np.load(rank.run / "weights.npz")

        def placed(path: Any, like: jax.ShapeDtypeStruct) -> jax.Array:
            whole = weights["/".join(part.key for part in path)]
            assert whole.shape == like.shape, path
            return jax.make_array_from_callback(whole.shape, like.sharding, lambda index: whole[index])

        state = State(
            jax.tree_util.tree_map_with_path(placed, program.state.parameters), program.make_state().optimizer
        )
        found = []
        for batch in np.load(rank.run / "batches.npy"):
            mine = np.split(batch, mesh.batch_ways)[mesh.batch_part(rank.rank)]
            state, loss, norm = program.train_step(
                state, to_devices(mine, devices, args.micro_batch_size, mesh.batch_ways)
            )
            found.append([float(loss), float(norm)])
        return found


def main() -> None:
    facts = {
        "starts with ours": starts(xla_flags("cuda", "")),
        "starts with gone": [name for name in GONE if starts(f"--{name}=0")],
        "ours": list(FLAGS),
    }
    serve(facts, {"train": train.main, "layouts": layouts})


if __name__ == "__main__":
    main()
