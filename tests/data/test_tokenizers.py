"""Tokenizers: bytes, a local tokenizer.json, a hub name; what does not load is said before anything starts."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.data import tokenizers
from seatrial.data.tokenizers import Bytes, HubName, LocalFile, check_tokenizer, gated, is_file, open_tokenizer
from seatrial.errors import UserError
from seatrial.extras import Absent, installing

TEXT = "the ship, an été at sea: 漢字 😀\r\n\tend"


@given(st.text())
def test_bytes_are_utf8_and_fit_their_vocabulary(text: str) -> None:
    tokens = Bytes().encode(text)
    assert bytes(tokens).decode() == text
    assert set(tokens) < set(range(Bytes.vocab_size))
    assert Bytes.end not in set(tokens)


def test_bytes_need_a_vocabulary_of_257() -> None:
    assert check_tokenizer("bytes", 257) == []
    (problem,) = check_tokenizer("bytes", 256)
    assert problem.what == "257 tokens do not fit the model's vocabulary of 256"


def test_a_local_file(tokenizer_file: Path) -> None:
    from tokenizers import Tokenizer as Fast

    tokenizer = open_tokenizer(str(tokenizer_file))
    assert isinstance(tokenizer, LocalFile)
    tokens = list(tokenizer.encode(TEXT))
    assert Fast.from_file(str(tokenizer_file)).decode(tokens) == TEXT
    assert len(tokens) < len(TEXT.encode()), "merges were used"
    assert tokenizer.vocab_size > max(tokens)
    assert tokenizer.end == 0
    assert tokenizer.end not in tokens


def test_a_local_file_adds_no_special_tokens(tokenizer_file: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer as Fast
    from tokenizers.processors import TemplateProcessing

    fast = Fast.from_file(str(tokenizer_file))
    fast.post_processor = TemplateProcessing(single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)])
    fast.save(str(tmp_path / "tokenizer.json"))
    assert 0 in fast.encode("ship").ids
    assert 0 not in LocalFile(tmp_path / "tokenizer.json").encode("ship")


def test_a_local_file_without_an_end_mark(tmp_path: Path) -> None:
    from tokenizers import Tokenizer as Fast
    from tokenizers import models

    Fast(models.WordLevel({"sea": 0, "[UNK]": 1}, unk_token="[UNK]")).save(str(tmp_path / "tokenizer.json"))
    assert LocalFile(tmp_path / "tokenizer.json").end is None


def test_weird_file_names(tokenizer_file: Path, tmp_path: Path, weird_names: list[str]) -> None:
    for name in weird_names:
        copy = tmp_path / name.replace(".txt", ".json")
        shutil.copyfile(tokenizer_file, copy)
        assert check_tokenizer(str(copy), 300) == []
        assert list(open_tokenizer(str(copy)).encode(TEXT)) == list(LocalFile(tokenizer_file).encode(TEXT))


def test_a_vocabulary_that_is_too_large(tokenizer_file: Path) -> None:
    size = LocalFile(tokenizer_file).vocab_size
    assert check_tokenizer(str(tokenizer_file), size) == []
    (problem,) = check_tokenizer(str(tokenizer_file), size - 1)
    assert f"{size} tokens do not fit the model's vocabulary of {size - 1}" in problem.what
    assert str(tokenizer_file) in problem.where


@pytest.mark.parametrize("content", [None, "", "{}", '{"version": "1.0", "model": {"type": "BPE"', "not json at all"])
def test_a_local_file_that_does_not_load(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match="the tokenizer does not load") as caught:
        open_tokenizer(str(path))
    (problem,) = check_tokenizer(str(path), 1000)
    assert problem == caught.value.problems[0]
    assert (problem.where, problem.remedy) == (str(path), "give the path of a tokenizer.json")


def test_a_hub_name_through_transformers(offline_hub: None, tokenizer_file: Path, tmp_path: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    fast = PreTrainedTokenizerFast(tokenizer_file=str(tokenizer_file), eos_token="<|endoftext|>")
    fast.save_pretrained(tmp_path)  # a folder is opened as a name is
    tokenizer = open_tokenizer(str(tmp_path))
    assert isinstance(tokenizer, HubName)
    expected = LocalFile(tokenizer_file)
    assert list(tokenizer.encode(TEXT)) == list(expected.encode(TEXT))
    assert (tokenizer.vocab_size, tokenizer.end) == (expected.vocab_size, expected.end)


def test_a_hub_name_that_does_not_load(offline_hub: None) -> None:
    with pytest.raises(UserError, match="nobody/nothing: the tokenizer does not load") as caught:
        open_tokenizer("nobody/nothing")
    assert caught.value.problems[0].remedy == "check the name, the network and HF_TOKEN"


def test_hub_names_are_not_fetched_to_be_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizers, "HubName", lambda name: pytest.fail("it was opened"))
    assert check_tokenizer("nobody/nothing", 1) == []


@pytest.mark.parametrize(
    ("spec", "package"), [("nobody/nothing", "transformers"), ("some/tokenizer.json", "tokenizers")]
)
def test_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch, spec: str, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    (problem,) = check_tokenizer(spec, 1000)
    assert problem == Absent(f"{package} is not installed", spec, installing(package))
    with pytest.raises(UserError) as caught:
        open_tokenizer(spec)
    assert caught.value.problems == (problem,)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("meta-llama/Llama-3.1-8B", True),
        ("mistralai/mathstral-7B-v0.1", True),
        ("google/gemma-2-9b", True),
        ("hf-internal-testing/llama-tokenizer", False),
        ("bytes", False),
        ("meta-llama/local/tokenizer.json", False),
    ],
)
def test_gated_names(spec: str, expected: bool) -> None:
    assert gated(spec) is expected


def test_a_folder_called_like_a_gated_name_does_not_hide_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meta-llama").mkdir()
    (tmp_path / "meta-llama" / "file").touch()
    monkeypatch.chdir(tmp_path)
    assert is_file("meta-llama/file")
    assert not gated("meta-llama/file")
    assert gated("meta-llama/Llama-3.1-8B")
