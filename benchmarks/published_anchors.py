"""Makes src/seatrial/forecast/anchors.csv of a table in which published measurements were collected.

    python benchmarks/published_anchors.py COLLECTED.csv > src/seatrial/forecast/anchors.csv

The collection keeps what each source says, in its words; the package's table says it in ours. What a source leaves out
is inferred here by rules that are the same for all rows, and rows that cannot be computed are left out and counted on
standard error, by reason.
"""

from __future__ import annotations

import collections
import csv
import re
import sys
from pathlib import Path

from seatrial.forecast.anchors import COLUMNS
from seatrial.forecast.published import PUBLISHED, architecture_of
from seatrial.forecast.rates import achievable
from seatrial.hardware import accelerators

ACCELERATORS = (
    (r"A100-40GB", "A100 40GB"), (r"A100-80GB", "A100 80GB"), (r"H100.*PCIe", "H100 PCIe"), (r"H100.*NVL", "H100 NVL"),
    (r"H100-\d+GB|H100$", "H100 SXM"), (r"H200.*NVL", "H200 NVL"), (r"H200", "H200 SXM"), (r"GB(\d)00", "GB{1}00"),
    (r"B(\d)00", "B{1}00"), (r"MI(\d+X)", "MI{1}"), (r"Trainium(\d)", "Trainium{1}"), (r"L40S", "L40S"),
    (r"A10G", "A10G"),
)  # fmt: skip
"""Pattern of a source's name -> our name, tried in order."""
CAPTURED = {
    ("deepseek-v3", "B200", 8), ("deepseek-v3", "B300", 8), ("gpt-oss-120b", "B300", 1),
    ("nemotron-3-super", "B200", 1), ("nemotron-3-super", "B300", 1),
}  # fmt: skip
"""Architecture, accelerator and pipeline stages of Megatron-Bridge's recipes beside racks that capture what routing
does not touch (scripts/performance/configs, *_workload_base_configs.py, cuda_graph_impl, 2026-08)."""
BESIDE = {("deepseek-v3", "B200", 8)}
"""The same of those in which tokens travel beside another micro-batch (moe_a2a_overlap)."""
ARCHITECTURES = (
    (r"405b proxy", "llama3.1-405b-{layers}l"),
    (r"llama-?_?2-?_?(7|13|34|70)b", "llama2-{1}b"),
    (r"llama-?_?3(?:\.[13])?-?_?(8|70|405)b", "llama3.1-{1}b"),
    (r"llama-?_?3\.2-?_?(1|3)b", "llama3.2-{1}b"),
    (r"mistral-7b", "mistral-7b"),
    (r"mixtral[-_]8x22b", "mixtral-8x22b"),
    (r"nemotron-?4?-?22b", "nemotron4-22b"),
    (r"nemotron-?h-?(8|47)b", "nemotron-h-{1}b"),
    (r"deepseek-?v3|deepseek-v3-685b", "deepseek-v3"),
    (r"gpt[ -]oss[ -](20|120)b", "gpt-oss-{1}b"),
    (r"qwen3[-_](30b[-_]a3b|235b[-_]a22b)$", "qwen3-{1}"),
    (r"qwen3-8b", "qwen3-8b"),
    (r"qwen3[-_]next[-_]80b", "qwen3-next-80b-a3b"),
    (r"qwen3\.5-397b", "qwen3.5-397b-a17b"),
    (r"nemotron[-_]3[-_]nano(-30b-a3b)?$", "nemotron-3-nano"),
    (r"nemotron[-_]3[-_]super(-120b-a12b)?$|nemotron3_super", "nemotron-3-super"),
    (r"kimi[-_ ]k2", "kimi-k2"),
    (r"nemotron-?h-?56b", "nemotron-h-56b"),
    (r"nemotron-?4-?(15|340)b", "nemotron4-{1}b"),
    (r"grok-?1", "grok1-314b"),
    (r"llama4-maverick", "llama4-maverick"),
    (r"moonlight-16b", "moonlight-16b"),
    (r"mixtral[-_]8x7b", "mixtral-8x7b"),
    (r"gpt-?3?-?5b", "gpt3-5b"),
    (r"gpt3-175b", "gpt3-175b"),
    (r"gpt-22b", "gpt-22b"),
    (r"mt-nlg-530b", "mt-nlg-530b"),
    (r"gpt3_15b", "megatron-15b"),
    (r"gpt3_7b", "megatron-7b"),
    (r"mpt-(\d+[mb])", "mpt-{1}"),
)
"""Pattern of a source's name -> our name, tried in order."""

PRECISIONS = {
    "bf16": ("bf16", ""), "fp16": ("fp16", ""), "fp8": ("fp8", "delayed"), "fp8-cs": ("fp8", "current"),
    "fp8-mx": ("fp8", "mx"), "fp8_mx": ("fp8", "mx"), "mxfp8": ("fp8", "mx"), "nvfp4": ("fp4", "nv"),
    "fp8-blockwise": ("fp8", "block"),
}  # fmt: skip
REACHED = 0.75
"""Share of what fp8 products of the best shape reach that no other job in fp8 comes near: the nearest is at 0.66."""
SQUAD = 200
"""Tokens of a question, its paragraph and its answer in SQuAD, of which NVIDIA's recipes pack many."""
MX = tuple(name for name, (_, scaling) in PRECISIONS.items() if scaling == "mx")
SHARDED = ("llm-foundry", "torchtitan", "fms-fsdp", "maxtext", "paxml")
"""Frameworks of which all ranks that are left share the states."""


class LeftOut(Exception):
    """Why a row cannot be computed."""


def _number(text: str) -> float | None:
    return float(text) if text else None


def _family(row: dict[str, str]) -> str:
    name, source = row["framework"], row["source"]
    if source.startswith("mlcommons"):
        return "mlperf-rocm" if "MI3" in row["gpu_type"] else "mlperf"
    if source.startswith("awslabs") and name == "Megatron-Bridge":
        return "megatron-bridge"
    for prefix, family in (
        ("Megatron-Bridge", "megatron-bridge"), ("NeMo", "nemo"), ("llm-foundry", "llm-foundry"),
        ("torchtitan", "torchtitan"), ("Megatron-LM", "megatron-lm"), ("MaxText", "maxtext"), ("Paxml", "paxml"),
        ("fms", "fms-fsdp"), ("Meta", "meta"), ("NeuronX", "neuron"), ("nemo-megatron", "neuron"),
    ):  # fmt: skip
        if name.startswith(prefix):
            return family
    return name.lower()


def _by_pattern(name: str, table: tuple[tuple[str, str], ...]) -> str | None:
    for pattern, ours in table:
        found = re.search(pattern, name)
        if found:
            return ours.replace("{1}", (found.groups() or ("",))[0] or "")
    return None


def _architecture(row: dict[str, str]) -> str:
    """By its name, else by its figures where the source gives all and it has no experts."""
    ours = _by_pattern(row["model"].lower(), ARCHITECTURES)
    if ours:
        ours = ours.replace("_", "-").replace("{layers}", row["layers"])
        if ours == "deepseek-v3" and "w/o MTP" in row["note"]:
            ours = "deepseek-v3-no-mtp"
        if ours in PUBLISHED:
            return ours
    figures = [row[name] for name in ("layers", "hidden", "heads", "kv_heads", "ffn", "vocab")]
    mixture = re.search(r"experts|\bMoE\b|-a\d+b", f"{row['note']} {row['model']}", re.I)
    if all(figures) and not mixture:
        return "dense-" + "-".join(figures)
    raise LeftOut(f"architecture of {row['model']} not known")


def _tuned(row: dict[str, str]) -> str:
    note = row["note"]
    functional = ("functional check", "MEMORY anchor", "short run", "resume")
    return "no" if any(mark in note for mark in functional) else "yes"


def _task(row: dict[str, str]) -> str:
    text = f"{row['model']} {row['note']}".lower()
    if "lora" in text or "task peft" in text:
        return "lora"
    return "sft" if "sft" in text else "pretrain"


def _accelerator(row: dict[str, str]) -> str:
    name = _by_pattern(re.sub(r" \(.*", "", row["gpu_type"]), ACCELERATORS)
    if name not in {item.name for item in accelerators.ACCELERATORS}:
        raise LeftOut(f"accelerator {row['gpu_type']}")
    return str(name)


def _precision(row: dict[str, str], family: str, accelerator: str) -> tuple[str, str]:
    compute, scaling = PRECISIONS.get(row["dtype"].lower(), ("", ""))
    if not compute:
        if family not in ("mlperf", "mlperf-rocm"):
            raise LeftOut("precision not given")
        # Submitters of MLPerf Training compute language models in fp8 where there is such, unless a name says fp4.
        able = accelerators.peak_flops(accelerator, "fp8") is not None
        compute, scaling = ("fp8", "delayed") if able else ("bf16", "")
    if accelerators.peak_flops(accelerator, "bf16" if compute == "fp16" else compute) is None:
        raise LeftOut(f"{accelerator} has no {compute}")
    if scaling == "delayed" and family in ("megatron-bridge", "torchtitan"):
        scaling = "current"  # their only recipes with one scale per tensor
    return compute, "row" if "rowwise" in row["note"] else scaling


def _beyond_fp8(speed: float, architecture: str, task: str, sequence: int, accelerator: str) -> bool:
    """Whether a job is too fast for fp8, on an accelerator that has fp4: NVIDIA computed submissions to MLPerf Training
    v5.1 in NVFP4 (its developer blog of 2025-11-12), and names of configurations need not say so."""
    rate = achievable(accelerator, "fp8")
    if rate is None or accelerators.peak_flops(accelerator, "fp4") is None:
        return False
    flops = architecture_of(architecture).flops_per_token(sequence)["causal"] * (2 / 3 if task == "lora" else 1)
    return speed * flops > REACHED * rate


def _links(row: dict[str, str], accelerator: str) -> tuple[int, float]:
    """Accelerators that NVLink joins, and GB/s of each to others."""
    note = row["note"]
    per = {"A100": 25, "H100": 50, "H200": 50, "B200": 50, "B300": 100, "GB200": 50, "GB300": 100, "Trainium1": 6.25}
    outside = per.get(accelerator.split()[0], 50)
    if "node network 400 Gb/s" in note:
        outside = 6.25
    if "TCPX" in note:
        outside = 12.5
    if accelerator in ("GB200", "GB300"):
        return 72, outside
    return 16 if accelerator == "Trainium1" else 8, outside


def _layout(row: dict[str, str], family: str, gpus: int, accelerator: str) -> dict[str, int]:
    """Degrees as given; else so that one copy of the model takes as few ranks as the batch leaves."""
    given = {name: int(float(row[column])) if row[column] else None for name, column in (
        ("tensor", "tp"), ("pipeline", "pp"), ("context", "cp"), ("expert", "ep"), ("shard", "dp_shard"))}  # fmt: skip
    per_rank = _number(row["mbs"]) or 1.0
    batch = _number(row["gbs"])
    known = (given["tensor"] or 1) * (given["pipeline"] or 1) * (given["context"] or 1)
    if batch and gpus / known * per_rank > batch:
        share = round(gpus / known * per_rank / batch)
        if given["tensor"] is None and accelerator.startswith(("H100", "A100")):
            given["tensor"] = min(share, 4)
            share //= given["tensor"]
        if share > 1 and given["context"] is None:
            given["context"] = share
    degrees = {name: value or 1 for name, value in given.items()}
    if accelerator.startswith("Trainium"):
        degrees["tensor"] = max(1, degrees["tensor"] // 2)  # Neuron counts cores, two of a chip
    degrees["data"] = gpus // (degrees["tensor"] * degrees["pipeline"] * degrees["context"])
    if degrees["data"] < 1:
        raise LeftOut("degrees exceed the accelerators")
    if family in SHARDED and not given["shard"]:
        degrees["shard"] = degrees["data"] * degrees["context"]
    return degrees


def convert(row: dict[str, str]) -> dict[str, object]:
    """A row in our columns. LeftOut says why there is none."""
    note, family, architecture = row["note"], _family(row), _architecture(row)
    accelerator, task = _accelerator(row), _task(row)
    compute, scaling = _precision(row, family, accelerator)
    if "offload" in note and "offload none" not in note:
        raise LeftOut("optimizer on the host")
    if not row["gpus"]:
        raise LeftOut("number of accelerators not given")
    gpus, sequence = int(float(row["gpus"])), _sequence(row, family)
    degrees = _layout(row, family, gpus, accelerator)
    batch, micro = _batch(row, family, degrees["data"])
    speed, how = _speed(row, family, architecture, sequence, batch)
    if not row["dtype"] and compute == "fp8" and _beyond_fp8(speed, architecture, task, sequence, accelerator):
        compute, scaling = PRECISIONS["nvfp4"]
    domain, outside = _links(row, accelerator)
    stages = _virtual(row, family, architecture_of(architecture).num_layers, degrees["pipeline"])
    expert_tensor = re.search(r"ETP (\d+)", note)
    named = f"{note} {row['framework']} {row['source']}"
    found = re.search(r"(?:container |Release |ngc)(2\d\.\d+(?:\.\d+)?)", named)
    release = found.group(1) if found else ""
    return {
        "source": row["source"], "date": row["date"], "framework": family, "release": release,
        "architecture": architecture, "task": task, "tuned": _tuned(row), "accelerator": accelerator,
        "watts": "500" if "500W" in row["gpu_type"] else "", "accelerators": gpus, "domain": domain,
        "outside": outside, "fabric": _fabric(row), **degrees, "virtual": stages,
        "expert_tensor": int(expert_tensor.group(1)) if expert_tensor else 1,
        "sequence": sequence, "sample": SQUAD if "pack" in note else "",
        "batch": int(batch), "micro": int(micro), "compute": compute, "scaling": scaling,
        "recompute": _recompute(row), "tensor_overlap": _overlap(row, family),
        "compiled": "no" if "no compile" in note or family == "llm-foundry" else "yes",
        "graphs": (graphs := _graphs(row, family, architecture, accelerator, release)),
        "expert_overlap": "yes" if graphs == "step" or re.search(r"overlap on|1F1B overlap", note)
        or (release and _recipe(row, architecture, accelerator) in BESIDE) else "no",
        "tokens_per_second": f"{speed:.6g}", "measured": how, "memory_gb": row["peak_mem_gb"],
    }  # fmt: skip


def _sequence(row: dict[str, str], family: str) -> int:
    if row["seq"]:
        return int(float(row["seq"]))
    named = f"{row['source']} {row['note']}"
    if family == "megatron-bridge" and ("performance" in named or "-perf-" in named):
        return 4096  # of all performance recipes for the mixtures that do not say it
    raise LeftOut("sequence length not given")


def _batch(row: dict[str, str], family: str, data: int) -> tuple[float, float]:
    """Global batch and micro-batch. FSDP frameworks say the batch of a rank, which a pipeline cuts into single ones."""
    given, batch = _number(row["mbs"]), _number(row["gbs"])
    micro = 1.0 if "local batch" in row["note"] else given
    if batch is None:
        if not given and not family.startswith(("torchtitan", "maxtext")):
            raise LeftOut("batch not given")
        micro = micro or (2.0 if family == "maxtext" else 1.0)
        batch = (given or micro) * data
    micro = micro or 1.0
    return max(batch, data * micro), micro


def _speed(row: dict[str, str], family: str, architecture: str, sequence: int, batch: float) -> tuple[float, str]:
    """Tokens a second and accelerator, and what it is made of."""
    if row["tokens_per_s_per_gpu"]:
        return float(row["tokens_per_s_per_gpu"]), "tokens"
    if row["step_time_s"]:
        return batch * sequence / float(row["step_time_s"]) / float(row["gpus"]), "step"
    if row["tflops_per_gpu"]:
        convention = "causal" if family == "megatron-bridge" else "full"
        flops = architecture_of(architecture).flops_per_token(sequence)[convention]
        return float(row["tflops_per_gpu"]) * 1e12 / flops, f"flops {convention}"
    raise LeftOut("no throughput")


def _fabric(row: dict[str, str]) -> str:
    return "efa" if "EFA" in row["gpu_type"] or row["gpu_type"].startswith("Trainium") else "infiniband"


def _virtual(row: dict[str, str], family: str, layers: int, pipeline: int) -> int:
    """Parts of a stage; where Megatron's recipes do not say, as many as leave two layers to each."""
    given = re.search(r"\bVP (n/a|\d+)", row["note"])
    most = max(1, layers // pipeline)
    if pipeline == 1 or (given and given.group(1) == "n/a"):
        return 1
    if given:
        return min(int(given.group(1)), most)  # some sources count the stages of all ranks
    return max(1, most // 2) if family in ("nemo", "mlperf", "meta") else 1


def _graphs(row: dict[str, str], family: str, architecture: str, accelerator: str, release: str) -> str:
    """What Megatron-Bridge's recipes capture (scripts/performance/configs, cuda_graph_impl).

    From 26.06 on the whole step of the mixtures in MXFP8 on racks, and of Qwen3-30B elsewhere; what routing does not
    touch of all other mixtures on racks but GPT-OSS in bf16 on GB200, and of the small ones from 26.02.01 on. Compiled
    programs of JAX are one.
    """
    if family in ("maxtext", "paxml"):
        return "step"
    if family != "megatron-bridge" or _tuned(row) != "yes" or "eager" in row["note"] or _fabric(row) == "efa":
        return "none"
    rack = accelerator in ("GB200", "GB300")
    later = (release or _release_of(row["date"])) >= "26.06"
    whole = ("deepseek-v3", "gpt-oss-120b", "qwen3-235b-a22b") if rack else ()
    if later and row["dtype"].lower() in MX and architecture in (*whole, "qwen3-30b-a3b"):
        return "step"
    small = architecture in ("qwen3-30b-a3b", "nemotron-3-nano") and release >= "26.02.01"
    plain = architecture == "gpt-oss-120b" and accelerator == "GB200"
    layers = (rack and not plain) or small or (release and _recipe(row, architecture, accelerator) in CAPTURED)
    return "layers" if layers or "graphs" in row["note"] else "none"


def _recipe(row: dict[str, str], architecture: str, accelerator: str) -> tuple[str, str, int]:
    return architecture, accelerator, int(float(row["pp"] or 1))


def _release_of(date: str) -> str:
    return date[2:7].replace("-", ".")


def _recompute(row: dict[str, str]) -> str:
    text = row["recompute"]
    return text if text in ("", "none", "full") else "selective"


def _overlap(row: dict[str, str], family: str) -> str:
    if "vanilla TP" in row["note"] or row["source"].startswith("awslabs"):
        return "no"
    if re.search(r"async ?TP", row["note"], re.I):
        return "yes"
    return "yes" if family in ("nemo", "megatron-bridge", "mlperf", "meta") else "no"


def collected(path: Path) -> tuple[list[dict[str, object]], collections.Counter[str]]:
    """Rows of a collection in our columns, and how many are left out, by reason."""
    rows, left_out = [], collections.Counter[str]()
    with path.open() as file:
        for row in csv.DictReader(file):
            try:
                rows.append(convert(row))
            except LeftOut as reason:
                left_out[str(reason)] += 1
            except ValueError:
                left_out["a figure that is no number"] += 1
    return rows, left_out


def main(path: Path) -> None:
    """Prints the table, and on standard error what is left out."""
    rows, left_out = collected(path)
    writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    for reason, count in left_out.most_common():
        print(f"{count:4} left out: {reason}", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
