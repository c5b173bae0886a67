"""The folder in which picotron runs: what it would otherwise load from a hub.

picotron takes shapes and names of its weights from a safetensors file, ``hf_model_safetensors/MODEL/``, and then draws
all weights anew. So that file's numbers are never used: it is written here with a true header and a hole for the rest,
which takes no room on the disk, instead of being downloaded.
"""

from __future__ import annotations

import json
import math
import os
from itertools import islice
from pathlib import Path
from typing import Any

from seatrial.cases.picotron import Args
from seatrial.cases.picotron.configuration import LOCAL_DATA, LOCAL_MODEL
from seatrial.cases.picotron.models import MODELS
from seatrial.data.sources import open_source
from seatrial.data.tokenizers import END_TOKENS
from seatrial.models import Decoder

DOCUMENTS = 64
"""Documents of about 16 KiB that a local data set takes from our source: 1 MB, a thousand steps of `tiny`."""


def make_home(folder: Path, args: Args) -> None:
    """Fill `folder` for a job with these arguments."""
    model = MODELS[args.model]
    weights = folder / "hf_model_safetensors" / (model.hub or LOCAL_MODEL)
    weights.mkdir(parents=True)
    write_weights(weights / "model.safetensors", model.config)
    if model.hub is None:
        write_model(folder / LOCAL_MODEL, model.config)
    if not args.dataset.startswith("hf:"):
        cursor = open_source(args.dataset, seed=args.seed).cursor(0, 1, None)
        documents = islice(iter(cursor.read, None), DOCUMENTS)
        (folder / LOCAL_DATA).mkdir()
        with (folder / LOCAL_DATA / "train.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(json.dumps({"text": text}) + "\n" for text in documents)


def write_weights(path: Path, config: Decoder) -> None:
    """A safetensors file of the model's shapes in bf16: an 8-byte length, a JSON header, then a hole."""
    header: dict[str, Any] = {}
    end = 0
    for name, shape in shapes(config).items():
        begin, end = end, end + 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)


def shapes(config: Decoder) -> dict[str, list[int]]:
    """Name, as the hub's Llama files have it -> shape."""
    hidden, inner, kv = config.hidden_size, config.intermediate_size, config.kv_size
    found = {"model.embed_tokens.weight": [config.vocab_size, hidden], "model.norm.weight": [hidden]}
    for layer in range(config.num_layers):
        parts = {
            "input_layernorm": [hidden],
            "post_attention_layernorm": [hidden],
            "self_attn.q_proj": [hidden, hidden],
            "self_attn.k_proj": [kv, hidden],
            "self_attn.v_proj": [kv, hidden],
            "self_attn.o_proj": [hidden, hidden],
            "mlp.gate_proj": [inner, hidden],
            "mlp.up_proj": [inner, hidden],
            "mlp.down_proj": [hidden, inner],
        }
        found |= {f"model.layers.{layer}.{name}.weight": shape for name, shape in parts.items()}
    return found


def write_model(folder: Path, config: Decoder) -> None:
    """A model's configuration, and a tokenizer whose tokens are bytes, as transformers loads them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    folder.mkdir()
    settings = {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "num_key_value_heads": config.num_kv_heads,
        "max_position_embeddings": config.max_context,
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rope_theta,
        "tie_word_embeddings": False,
    }
    (folder / "config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    symbols = sorted(pre_tokenizers.ByteLevel.alphabet())  # a printable character for each of the 256 bytes
    end = END_TOKENS[1]
    tokenizer = Tokenizer(models.BPE(vocab={symbol: i for i, symbol in enumerate([*symbols, end])}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([end])
    tokenizer.save(os.fspath(folder / "tokenizer.json"))
    how = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": end}
    (folder / "tokenizer_config.json").write_text(json.dumps(how) + "\n", encoding="utf-8")
