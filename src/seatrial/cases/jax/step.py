"""The compiled step: loss and gradients of all micro-batches, clipping, AdamW."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import Array
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from seatrial.cases.jax import Args
from seatrial.cases.jax.model import Llama
from seatrial.cases.jax.models import MODELS
from seatrial.cases.jax.sharding import BATCH, parameter_shardings


class State(NamedTuple):
    """What training changes."""

    parameters: Any
    optimizer: Any


@dataclass(frozen=True)
class Program:
    """What is compiled, and how the state lies on the mesh."""

    make_state: Callable[[], State]
    """The first state: parameters are drawn whole in the program's eyes, so that they are the same on any mesh."""
    train_step: Callable[[State, Array], tuple[State, Array, Array]]
    """State and batch -> the next state, mean loss, norm of the gradients before clipping. It uses up the state."""
    loss: Callable[[Any, Array], Array]
    """Mean loss of parameters on a batch."""
    learning_rate: Callable[[int], Any]
    """Of a step, 0 for the first."""
    state: State
    """Shapes, types and shardings."""


def build(args: Args, mesh: jax.sharding.Mesh) -> Program:
    """Everything that runs on the devices; nothing is compiled or computed yet."""
    schedule = learning_rate(args)
    optimizer = adamw(args, schedule)

    def make_model() -> Llama:
        compute = jnp.bfloat16 if args.precision == "bf16" else jnp.float32
        return Llama(MODELS[args.model], compute=compute, recompute=args.recompute, rngs=nnx.Rngs(args.seed))

    def make_state() -> State:
        parameters = nnx.to_pure_dict(nnx.split(make_model())[1])
        return State(parameters, optimizer.init(parameters))

    graph = nnx.split(nnx.eval_shape(make_model))[0]
    shapes = jax.eval_shape(make_state)
    placed = _shardings(shapes, optimizer, mesh)
    batches, everywhere = NamedSharding(mesh, BATCH), NamedSharding(mesh, P())

    def loss_of(parameters: Any, tokens: Array) -> Array:
        return nnx.merge(graph, parameters)(tokens)

    def mean_over(parameters: Any, batch: Array, each: Callable[[Any, Array], Any], zero: Any) -> Any:
        """Mean of `each` over the micro-batches, one after the other."""

        def add(total: Any, tokens: Array) -> tuple[Any, None]:
            return jax.tree.map(jnp.add, total, each(parameters, tokens)), None

        total, _ = jax.lax.scan(add, zero, batch)
        return jax.tree.map(lambda value: value / len(batch), total)

    def train_step(state: State, batch: Array) -> tuple[State, Array, Array]:
        zeros = jnp.zeros(()), jax.lax.with_sharding_constraint(_zeros(state.parameters), placed.parameters)
        loss, gradients = mean_over(state.parameters, batch, jax.value_and_grad(loss_of), zeros)
        updates, moments = optimizer.update(gradients, state.optimizer, state.parameters)
        return State(optax.apply_updates(state.parameters, updates), moments), loss, optax.global_norm(gradients)

    def evaluate(parameters: Any, batch: Array) -> Array:
        return mean_over(parameters, batch, loss_of, jnp.zeros(()))

    return Program(
        make_state=jax.jit(make_state, out_shardings=placed, compiler_options=_once()),
        train_step=jax.jit(
            train_step,
            in_shardings=(placed, batches),
            out_shardings=(placed, everywhere, everywhere),
            donate_argnums=0,
        ),
        loss=jax.jit(evaluate, in_shardings=(placed.parameters, batches), out_shardings=everywhere),
        learning_rate=schedule,
        state=jax.tree.map(
            lambda shape, where: jax.ShapeDtypeStruct(shape.shape, shape.dtype, sharding=where), shapes, placed
        ),
    )


def adamw(args: Args, schedule: optax.Schedule) -> optax.GradientTransformation:
    """AdamW behind clipping by the global norm. Norms do not decay."""

    def decays(parameters: Any) -> Any:
        return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key != "scale", parameters)

    clip = [optax.clip_by_global_norm(args.grad_clip)] if args.grad_clip else []
    return optax.chain(
        *clip, optax.adamw(schedule, b1=args.beta1, b2=args.beta2, weight_decay=args.weight_decay, mask=decays)
    )


def learning_rate(args: Args) -> optax.Schedule:
    """Linear warm-up to the peak, then constant, or linear or cosine down to the minimum at the last step."""
    peak, warm = args.learning_rate, args.warmup_steps
    falling = max(1, args.steps - 1 - warm)
    after = {
        "constant": optax.constant_schedule(peak),
        "linear": optax.linear_schedule(peak, args.min_learning_rate, falling),
        "cosine": optax.cosine_decay_schedule(peak, falling, alpha=args.min_learning_rate / peak),
    }[args.schedule]
    if not warm:
        return after
    return optax.join_schedules([optax.linear_schedule(peak / warm, peak, max(1, warm - 1)), after], [warm])


def _shardings(shapes: State, optimizer: optax.GradientTransformation, mesh: jax.sharding.Mesh) -> State:
    """Each moment lies where its parameter does, counters everywhere."""
    parameters = parameter_shardings(shapes.parameters, mesh)
    moments = optax.tree_map_params(
        optimizer,
        lambda _, where: where,
        shapes.optimizer,
        parameters,
        transform_non_params=lambda _: NamedSharding(mesh, P()),
    )
    return State(parameters, moments)


def _once() -> dict[str, Any] | None:
    """Compiling a program that runs once: on a CPU doing that well takes longer than running it (5 s instead of 2)."""
    return {"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else None


def _zeros(parameters: Any) -> Any:
    return jax.tree.map(jnp.zeros_like, parameters)
