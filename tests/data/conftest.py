"""For data: an offline hub, a small tokenizer, names that have broken programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def _offline_libraries(tmp_path_factory: pytest.TempPathFactory) -> None:
    # They read the environment once, when they are imported; tests/conftest.py removes HF_* before each test.
    wanted = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path_factory.mktemp("hub")), "HF_DATASETS_OFFLINE": "1"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in wanted.items():
            patch.setenv(name, value)
        import datasets
        import huggingface_hub
        import transformers

        assert datasets.__version__ and huggingface_hub.__version__ and transformers.__version__


@pytest.fixture
def offline_hub(_offline_libraries: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test talks to the hub, whoever imported its libraries first."""
    import datasets.config
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


@pytest.fixture(scope="session")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer.json: byte-level BPE of a few merges, with an end mark."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=280,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["the sea, the ship and the trial of the ship"] * 8, trainer)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.fixture
def through_json() -> Callable[[Any], Any]:
    """What a checkpoint's manifest does to a state."""
    return lambda state: json.loads(json.dumps(state))


@pytest.fixture
def weird_names() -> list[str]:
    """File names that have broken programs."""
    return ["with space.txt", "quo'te\".txt", "new\nline.txt", "ünïcödé-漢.txt", "-leading-dash.txt", "$HOME;#&.txt"]
