"""Frameworks that are no case here, and whose logs can be read all the same: metrics, without a recipe's expectations.

What they print was read in 2026-11 from public logs and from their sources: transformers 4.40 to 5.0
(trainer_callback.py), DeepSpeed 0.14 to 0.18 (runtime/pipe/engine.py, utils/timer.py), nanotron 0.4 (trainer.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.arguments import Count, SequenceArgs
from seatrial.spec import Case, Recipe

NAMELESS = "any"
"""Name of the recipe of a log that no recipe of ours is known for."""


@dataclass(frozen=True, kw_only=True)
class Args(SequenceArgs):
    """What such a log may not tell."""

    steps: Count = 1
    """Not used: the log tells, or nobody."""
    global_batch_size: Count = 1
    """Samples of a step, where the log does not tell."""
    sequence_length: Count = 1
    """Tokens of a sample; 1: samples are counted."""


def _case(name: str, framework: str, module: str) -> Case:
    return Case(
        name=name,
        title=f"a log of {framework}",
        framework=framework,
        Args=Args,
        recipes=(Recipe(name=NAMELESS, title=f"a log of {framework}", args=Args(), processes_per_node=1),),
        program=f"seatrial.reading.foreign.{module}",
        log_reader=f"seatrial.reading.foreign.{module}:Reader",
        unit="samples" if module != "nanotron" else "tokens",
    )


CASES = (
    _case("deepspeed", "DeepSpeed", "deepspeed"),
    _case("hf-trainer", "Hugging Face Trainer", "hf_trainer"),
    _case("nanotron", "nanotron", "nanotron"),
)
"""Not in the catalogue: nothing of them can be started."""
