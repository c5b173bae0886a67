"""Overrides in Hydra's syntax, looked at before anything starts: pure, and without Hydra, which only ranks have.

What `bind` must know itself is an argument of the case; an override of such a key becomes that argument, so that there
is one truth. All others are checked against the tree here, and applied by Hydra in the ranks.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seatrial.errors import Problem

_FORM = re.compile(r"(\+\+|\+|~|)([A-Za-z_][\w./@-]*)(?:=(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Override:
    """``key=value`` changes a key, ``+key=value`` adds one, ``++key=value`` does either, ``~key`` removes one."""

    sign: str
    key: str
    value: str | None
    """None of a ``~key`` alone."""

    def __str__(self) -> str:
        return f"{self.sign}{self.key}" + ("" if self.value is None else f"={self.value}")


def parse(text: str) -> list[Override]:
    """Overrides of a text, quoted as in a shell. Raises ValueError, with what is wrong, for the first that is none."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from error
    return [_override(word) for word in words]


def _override(word: str) -> Override:
    found = _FORM.fullmatch(word)
    if found is None or (found[3] is None and found[1] != "~"):
        raise ValueError(f"{word!r} is not KEY=VALUE, +KEY=VALUE, ++KEY=VALUE or ~KEY")
    return Override(*found.groups())


def literal(text: str) -> Any:
    """A value as Hydra reads it where it is a number, a word or a list of such; any other stays text."""
    text = text.strip()
    words: dict[str, Any] = {"null": None, "true": True, "false": False}
    if text.lower() in words:
        return words[text.lower()]
    if text.startswith("[") and text.endswith("]"):
        return [literal(part) for part in text[1:-1].split(",") if part.strip()]
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def is_sweep(value: str) -> bool:
    """Whether Hydra would make several jobs of it: a comma outside of quotes and brackets, or one of its functions."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"|\[[^\]]*\]|\{[^}]*\}", "", value)
    return "," in bare or re.match(r"(choice|range|interval|glob|sort|shuffle|tag)\(", value) is not None


def is_open(value: str) -> bool:
    """Whether a bracket of it is not closed."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", value)
    return any(bare.count(left) != bare.count(right) for left, right in ("[]", "{}", "()"))


# --- keys that are arguments of the case ---


def _number(value: str) -> int:
    return int(value)


def _switch(value: str) -> bool:
    found = literal(value)
    if not isinstance(found, bool):
        raise ValueError(value)
    return found


def _stages(value: str) -> str:
    found = literal(value)
    return ",".join(map(str, found)) if isinstance(found, list) else str(found)


def _precision(value: str) -> str:
    names = {"bf16": "bf16", "bf16-mixed": "bf16", "16": "fp16", "16-mixed": "fp16", "32": "fp32", "32-true": "fp32"}
    if literal(value) is None or str(literal(value)) not in names:
        raise ValueError(value)
    return names[str(literal(value))]


OWNED: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "stages": ("stages", _stages),
    "training": ("training", str),
    "training.trainer.max_steps": ("steps", _number),
    "training.trainer.precision": ("precision", _precision),
    "training.trainer.log_every_n_steps": ("log_every", _number),
    "training.trainer.val_check_interval": ("validation_every", _number),
    "training.trainer.limit_val_batches": ("validation_batches", _number),
    "training.exp_manager.checkpoint_callback_params.every_n_train_steps": ("checkpoint_every", _number),
    "training.exp_manager.checkpoint_callback_params.save_top_k": ("checkpoint_keep", _number),
    "training.model.micro_batch_size": ("micro_batch_size", _number),
    "training.model.global_batch_size": ("global_batch_size", _number),
    "training.model.encoder_seq_length": ("sequence_length", _number),
    "training.model.data.seq_length": ("sequence_length", _number),
    "training.model.tensor_model_parallel_size": ("tensor_parallel", _number),
    "training.model.pipeline_model_parallel_size": ("pipeline_parallel", _number),
    "training.model.context_parallel_size": ("context_parallel", _number),
    "training.model.sequence_parallel": ("sequence_parallel", _switch),
    "training.model.seed": ("seed", _number),
    "training.model.optim.sched.warmup_steps": ("warmup_steps", _number),
    "data_preparation.tokens": ("data_tokens", _number),
}
"""NeMo's key -> argument of the case that decides it, and how its value is read."""

ELSEWHERE: Mapping[str, str] = {
    "cluster": "--on CLUSTER, --nodes and --processes",
    "data_dir": "SEATRIAL_DATA, or the folder of the runs",
    "base_results_dir": "the folder of the run",
    "checkpoints": "the folder of the run",
    "training.run.results_dir": "the folder of the run",
    "training.trainer.num_nodes": "--nodes",
    "training.trainer.devices": "--processes",
    "training.trainer.accelerator": "--on CLUSTER",
    "training.exp_manager.explicit_log_dir": "the folder of the run",
    "training.exp_manager.create_checkpoint_callback": "--set checkpoint_every=N, 0 for none",
    "training.exp_manager.resume_if_exists": "--resume",
    "training.model.data.data_impl": "--set dataset=mock, or another",
    "training.model.data.data_prefix": "--set dataset=indexed:PREFIX",
    "training.model.tokenizer.library": "--set tokenizer=NAME",
    "training.model.tokenizer.type": "--set tokenizer=NAME",
    "data_preparation.source": "--set dataset=SOURCE",
    "data_preparation.tokenizer": "--set tokenizer=NAME",
    "data_preparation.seed": "--set seed=N",
}
"""Key that more than NeMo must know -> what decides it."""


def taken(text: str) -> tuple[dict[str, Any], str]:
    """Arguments that overrides decide, and the text of the other overrides.

    One that cannot be read stays where it is: `problems` says what is wrong with it.
    """
    try:
        given = parse(text)
    except ValueError:
        return {}, text
    found: dict[str, Any] = {}
    rest = []
    for override in given:
        try:
            name, read = OWNED[override.key]
            if override.sign in ("+", "~") or override.value is None:
                raise ValueError(override.sign)
            found[name] = read(override.value)
        except (KeyError, ValueError):
            rest.append(str(override))
    return found, shlex.join(rest)


def problems(text: str, keys: Mapping[str, Any], sections: Iterable[str]) -> Iterator[Problem]:
    """Everything that is wrong with overrides of a tree with these keys, and sections of keys."""
    try:
        given = parse(text)
    except ValueError as error:
        yield Problem(str(error), "overrides", "--set overrides=\"training.model.optim.lr=1e-4 '~KEY' +KEY=VALUE\"")
        return
    inner = set(sections)
    for override in given:
        yield from _wrong(override, keys, inner)


def _wrong(override: Override, keys: Mapping[str, Any], sections: set[str]) -> Iterator[Problem]:
    key, where = override.key, f"overrides, {override}"
    decided = ELSEWHERE.get(key) or (ELSEWHERE["cluster"] if key.startswith("cluster.") else None)
    if decided:
        yield Problem("is decided elsewhere", where, decided)
    elif key in OWNED:
        yield Problem(f"cannot be, since it decides the argument {OWNED[key][0]}", where, f"give {key} a plain value")
    elif override.value is not None and is_open(override.value):
        yield Problem("has brackets that do not match", where, "quote a bracket that is part of a word")
    elif override.value is not None and is_sweep(override.value):
        yield Problem(
            "would be several jobs, and this is one", where, "give one value; quote a comma that is part of it"
        )
    elif key in sections:
        yield Problem("is a section of the tree", where, f"override its keys one by one: {key}.KEY=VALUE")
    elif override.sign == "+" and key in keys:
        yield Problem("is there already, so that it cannot be added", where, f"leave the + out: {key}=VALUE")
    elif override.sign in ("", "~") and key not in keys:
        yield _unknown(key, keys, where)
    elif override.sign == "~" and keys[key] is None:
        yield Problem("is null, which Hydra takes for not there", where, "leave it out: it says nothing")


def _unknown(key: str, keys: Iterable[str], where: str) -> Problem:
    """The nearest keys, by the last name first: whole paths are alike by their beginnings."""
    import difflib

    last = key.rpartition(".")[2]
    same = [known for known in keys if known.rpartition(".")[2] == last]
    near = same or difflib.get_close_matches(key, list(keys), n=3, cutoff=0.6)
    meant = f"did you mean {' or '.join(near[:3])}? " if near else ""
    return Problem("the tree has no such key", where, f"{meant}To add a key that NeMo knows, write +{key}=VALUE")
