"""Our tokens/s against Hugging Face's Trainer, on the same small Llama, and both loss curves in one picture.

    python benchmarks/hf_trainer.py --chart docs/hf_trainer_loss.svg

Ours is `seatrial run` of fsdp; theirs is hf_program.py: transformers' LlamaForCausalLM in Trainer, DDP on gloo. Both:
2 CPU processes, fp32, weights replicated on both, the same first weights, the same sequences in the same order,
micro-batch, AdamW, clipping and constant learning rate, the loss logged at every step, nothing saved. tokens/s come
from the median step after the warm-up. Target: at least 1.1 times theirs, median of pairs.
"""

from __future__ import annotations

from pathlib import Path

from interleave import Row, estimate, interleave, parser, publish, ratio, row
from programs import HERE, scratch
from seatrial.report.charts import Series, line_chart
from training import COMPARABLE, Run, bound, largest_difference, ours, save_batches, theirs

TARGET = 1.1
REPLICATED = {"shard_size": 1, "reshard_after_forward": False}
"""Every rank keeps the whole model, as under DDP; our default splits it, which on two CPU processes only costs."""
SAME_LOSS = 1e-3
"""Relative difference up to which two loss curves are the same training: rounding grows with the steps."""
STYLE = """<style>
svg{background:#fff;font:11px sans-serif;fill:#333}.grid{stroke:#ddd}.axis{stroke:#666}
.line{fill:none;stroke-width:1.6}.s0{stroke:#1f6feb}.s1{stroke:#d1242f;stroke-dasharray:5 4}
@media(prefers-color-scheme:dark){svg{background:#111;fill:#ccc}.grid{stroke:#333}.axis{stroke:#888}}
</style>"""


def target_of(model: str) -> str:
    """What `seatrial run` is given for a model."""
    return "fsdp" if model == "tiny" else f"{HERE / 'sized_case.py'}:{model}"


def settings_of(texts: list[str]) -> dict[str, str]:
    """key=value texts as settings."""
    return dict(text.split("=", 1) for text in texts)


def draw(mine: Run, other: Run, model: str) -> str:
    """Both loss curves as an SVG that stands alone."""
    curves = [
        Series("seatrial", list(enumerate(mine.losses, start=1))),
        Series("Hugging Face Trainer", list(enumerate(other.losses, start=1))),
    ]
    svg = line_chart(curves, title=f"Training loss of the model {model}, nats")
    head, rest = svg.split(">", 1)
    return f"{head}>{STYLE}{rest}\n"


def main() -> None:
    """Measure and print."""
    options = parser(__doc__, repeats=6)
    options.add_argument("--model", default="tiny", help="tiny, or a model of sized_case.py")
    options.add_argument("--steps", type=int, default=60)
    options.add_argument("--micro-batch", type=int, default=4, help="sequences per rank and forward pass, in both")
    options.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="further settings of ours")
    options.add_argument("--chart", type=Path, help="write the loss curves there, as SVG")
    chosen = options.parse_args()
    settings = COMPARABLE | REPLICATED | {"steps": chosen.steps, "micro_batch_size": chosen.micro_batch}
    settings |= settings_of(chosen.set)
    target = target_of(chosen.model)
    job = bound(target, settings)
    with scratch() as folder:
        batches = folder / "batches.npy"
        save_batches(job.args, batches)
        runs = interleave(
            {"seatrial": lambda: ours(target, settings), "hf": lambda: theirs("hf_program.py", batches, job, folder)},
            chosen.repeats,
        )
    tokens = job.args["global_batch_size"] * job.args["sequence_length"]
    speed = {name: [tokens / run.step_seconds for run in found] for name, found in runs.items()}
    mine, other = runs["seatrial"][0], runs["hf"][0]
    difference = largest_difference(mine.losses, other.losses)
    if chosen.chart:
        chosen.chart.write_text(draw(mine, other, chosen.model), encoding="utf-8")
    rows = [
        row(f"{chosen.model}, `seatrial run`", estimate(speed["seatrial"]), " tokens/s", digits=0),
        row(f"{chosen.model}, Hugging Face Trainer", estimate(speed["hf"]), " tokens/s", digits=0),
        row("ratio, median of pairs", ratio(speed["seatrial"], speed["hf"]), "", at_least=TARGET),
        Row(
            "largest relative difference of the losses",
            f"{difference:.0e}",
            "",
            "at most 1e-3",
            difference <= SAME_LOSS,
        ),
    ]
    raw = {"tokens_per_second": speed, "settings": job.args, "losses": {"seatrial": mine.losses, "hf": other.losses}}
    publish(rows, raw, as_json=chosen.json)


if __name__ == "__main__":
    main()
