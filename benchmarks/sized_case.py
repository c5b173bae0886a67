"""The fsdp case with models between `tiny` and the published ones, for benchmarks on a CPU. Its program is fsdp's own.

seatrial run benchmarks/sized_case.py:100m
"""

from __future__ import annotations

from dataclasses import replace

from seatrial.cases import fsdp
from seatrial.models import LLAMA
from seatrial.spec import Expectations

LLAMA["small"] = replace(
    LLAMA["tiny"], hidden_size=256, intermediate_size=768, num_layers=6, num_heads=8, num_kv_heads=4
)
LLAMA["medium"] = replace(
    LLAMA["tiny"], vocab_size=1024, hidden_size=384, intermediate_size=1152, num_layers=8, num_heads=6, num_kv_heads=6
)
LLAMA["large"] = replace(
    LLAMA["tiny"], vocab_size=4096, hidden_size=512, intermediate_size=1536, num_layers=6, num_heads=8, num_kv_heads=8
)
LLAMA["100m"] = replace(
    LLAMA["tiny"],
    vocab_size=8192,
    hidden_size=768,
    intermediate_size=2304,
    num_layers=12,
    num_heads=12,
    num_kv_heads=12,
)
LLAMA["60m"] = replace(LLAMA["100m"], num_layers=6)

_TINY = fsdp.CASE.recipe("tiny")
RECIPES = tuple(
    replace(
        _TINY,
        name=name,
        title=f"{LLAMA[name].parameters() / 1e6:.1f} M parameters, 2 CPU processes",
        args=replace(_TINY.args, model=name),
        parameters=LLAMA[name].parameters(),
        expectations=Expectations(),
    )
    for name in ("small", "medium", "large", "60m", "100m")
)
CASE = replace(fsdp.CASE, name="fsdp-sized", title="fsdp at sizes between", recipes=RECIPES, program=__file__)

if __name__ == "__main__":
    from seatrial.cases.fsdp.train import main

    main()
