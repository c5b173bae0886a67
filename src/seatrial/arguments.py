"""A case's arguments: bases of its Args, the range of each beside it, and rules that several cases have in common.

A range is part of a field's type, ``steps: Count``; `bind` refuses what is outside it, for every case. The bases hold
what training programs have in common; a case declares anew what its framework means otherwise.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, get_args, get_type_hints

from seatrial.errors import Problem, UserError, unknown

if TYPE_CHECKING:
    from seatrial.models import Decoder, Encoder  # the tables: the command starts without them


class Range(NamedTuple):
    """What an argument must be. NaN, which compares as false, never is."""

    holds: Callable[[Any], bool]
    otherwise: str
    """What is said after a value that is not."""


def at_least(bound: int) -> Range:
    """`bound` or more."""
    return Range(lambda value: value >= bound, f"is less than {bound}")


# More than any run has ever taken of anything, and little enough for every framework's 64-bit arithmetic.
PLAUSIBLE = Range(lambda value: value <= 10**12, f"is more than {10**12:.0e}")
Count = Annotated[int, at_least(1), PLAUSIBLE]
WholeNumber = Annotated[int, at_least(0), PLAUSIBLE]
NotNegative = Annotated[float, at_least(0)]
Positive = Annotated[float, Range(lambda value: 0 < value < math.inf, "is not a positive number")]
Share = Annotated[float, Range(lambda value: 0 <= value < 1, "is not in [0, 1)")]


class CaseArgs:
    """Base of a case's Args: a frozen dataclass whose fields are each documented by a string under the field."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "use_attribute_docstrings": True}

    def problems(self) -> Iterable[Problem]:
        """Arguments outside their ranges. A base extends it by rules over several of its arguments."""
        cls: Any = type(self)  # mypy takes a class for something without a hash
        for name, rule in _ranges(cls):
            if not rule.holds(getattr(self, name)):
                yield Problem(f"{getattr(self, name)} {rule.otherwise}", name)


@functools.cache
def _ranges(cls: type[Any]) -> list[tuple[str, Range]]:
    """Field and range, of all that have one."""
    hints = get_type_hints(cls, include_extras=True)
    found = ((name, rule) for name, hint in hints.items() for rule in getattr(hint, "__metadata__", ()))
    return [(name, rule) for name, rule in found if isinstance(rule, Range)]


@dataclass(frozen=True, kw_only=True)
class TrainingArgs(CaseArgs):
    """Steps, and what happens every so many of them."""

    steps: Count
    """Optimizer steps."""
    global_batch_size: Count
    """Samples per optimizer step, all ranks together."""
    checkpoint_every: WholeNumber = 0
    """Steps between checkpoints, and one at the end; 0: none but when asked to stop."""
    log_every: Count = 1
    """Steps between step events."""


@dataclass(frozen=True, kw_only=True)
class SequenceArgs(TrainingArgs):
    """Training of a language model: a sample is a sequence of tokens."""

    sequence_length: Count
    """Tokens per sequence."""
    global_batch_size: Count
    """Sequences per optimizer step, all ranks together."""
    micro_batch_size: Count = 1
    """Sequences per data-parallel rank and forward pass; the rest of the global batch is accumulated."""
    checkpoint_keep: Count = 2
    """Newest checkpoints that are kept."""


@dataclass(frozen=True, kw_only=True)
class ValidationArgs(CaseArgs):
    """How often, and on how much, the loss on held-out data is measured."""

    validation_every: WholeNumber = 0
    """Steps between validations, and one at the end; 0: none."""
    validation_batches: int = 10
    """Global batches of a validation."""

    def problems(self) -> Iterable[Problem]:
        """Also: a validation has a batch."""
        yield from super().problems()
        if self.validation_every and self.validation_batches < 1:
            yield Problem(f"{self.validation_batches} is less than 1", "validation_batches")


@dataclass(frozen=True, kw_only=True)
class AdamWArgs(CaseArgs):
    """AdamW, and a learning rate that rises linearly and falls again."""

    learning_rate: Positive
    """Peak learning rate."""
    min_learning_rate: float
    """Learning rate at the last step."""
    warmup_steps: WholeNumber = 0
    """Steps of linear warm-up."""
    weight_decay: NotNegative = 0.1
    """AdamW's weight decay."""
    beta1: Share = 0.9
    """AdamW's first moment decay."""
    beta2: Share = 0.95
    """AdamW's second moment decay."""
    grad_clip: NotNegative = 1.0
    """Largest global L2 norm of the gradients; 0 does not clip."""

    def problems(self) -> Iterable[Problem]:
        """Also: the learning rate falls, and not below 0."""
        yield from super().problems()
        if not 0 <= self.min_learning_rate <= self.learning_rate:
            yield Problem(f"{self.min_learning_rate} is not between 0 and learning_rate", "min_learning_rate")


def override(args: Any, settings: Mapping[str, Any]) -> Any:
    """`args` with `settings` applied, texts converted to the fields' types; ``none`` is None where None is allowed.

    Raises UserError with every unknown key and every value that does not fit.
    """
    if not settings:
        return args
    from pydantic import TypeAdapter, ValidationError

    cls = type(args)
    names = [f.name for f in fields(cls)]
    problems = [
        unknown(f"setting of {cls.__module__}", key, names, f"--set {key}") for key in settings if key not in names
    ]
    values = asdict(args)
    optional = {name for name, hint in get_type_hints(cls).items() if NoneType in get_args(hint)}
    for key, value in settings.items():
        if key in names:
            values[key] = None if key in optional and value == "none" else value
    try:
        changed = TypeAdapter(cls).validate_python(values)
    except ValidationError as error:
        for entry in error.errors():
            key = str(entry["loc"][0])
            problems.append(Problem(f"{entry['msg']} (got {entry['input']!r})", f"--set {key}"))
    if problems:
        raise UserError(problems)
    return changed


def degrees_divide(world_size: int, **degrees: int) -> Iterable[Problem]:
    """The product of these degrees divides the world size; data parallelism takes the rest."""
    product = math.prod(degrees.values())
    if product < 1 or world_size % product:
        spelt = " x ".join(f"{name}={value}" for name, value in degrees.items())
        what = f"{world_size} ranks do not divide into groups of {spelt}"
        yield Problem(what, ", ".join(degrees), f"take a multiple of {max(product, 1)} ranks, or smaller degrees")


def batch_divides(
    global_batch_size: int, micro_batch_size: int, data_parallel: int, place: str = "global_batch_size"
) -> Iterable[Problem]:
    """The global batch is whole micro-batches of whole data-parallel ranks."""
    together = micro_batch_size * data_parallel
    if together > 0 and global_batch_size % together:
        near = max(together, global_batch_size // together * together)
        yield Problem(
            f"{global_batch_size} do not divide into {data_parallel} data-parallel ranks x {micro_batch_size}",
            place,
            f"--set {place}={near}, or change micro_batch_size or the number of processes",
        )


def splits(name: str, count: int, degree_name: str, degree: int) -> Iterable[Problem]:
    """`count` things, such as attention heads, divide by a parallel degree."""
    if degree > 0 and count % degree:
        yield Problem(f"{count} {name} do not divide by {degree_name}={degree}", degree_name)


def fits_context(sequence_length: int, model: str, shape: Decoder | Encoder) -> Iterable[Problem]:
    """A sequence is no longer than what the model was published for."""
    if sequence_length > shape.max_context:
        what = f"{sequence_length} is more than the {shape.max_context} tokens {model} was made for"
        yield Problem(what, "sequence_length")
