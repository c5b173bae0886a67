"""What this case trains. Llama 3 has the shapes of Llama 3.1, positions that are not stretched, and 8192 tokens."""

from __future__ import annotations

from dataclasses import replace

from seatrial.models import LLAMA, Decoder


def _llama3(name: str) -> Decoder:
    return replace(LLAMA[name], rope_scaling=None, max_context=8192)


MODELS: dict[str, Decoder] = {
    "tiny": LLAMA["tiny"],
    "llama3-8b": _llama3("llama3.1-8b"),
    "llama3-70b": _llama3("llama3.1-70b"),
    "llama3.1-8b": LLAMA["llama3.1-8b"],
    "llama3.1-70b": LLAMA["llama3.1-70b"],
}
