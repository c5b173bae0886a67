"""What looks like a secret is masked; what does not stays as it is."""

import pytest

from seatrial.masking import keys_in, mask, mask_forms, names_secret


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("token hf_abcdefghijklmnopqrstuvwxyz0123456789 refused", "token hf_*** refused"),
        ("AKIAIOSFODNN7EXAMPLE", "AKIA***"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "ghp_***"),
        ("sk-abcdefghijklmnopqrstuvwxyz012345", "sk-***"),
        ("HF_TOKEN=secret-value next", "HF_TOKEN=*** next"),
        ("--set api_key=abcdefgh", "--set api_key=***"),
        ('{"password": "opensesame", "user": "me"}', '{"password": "***", "user": "me"}'),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCY", "AWS_SECRET_ACCESS_KEY=***"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer ***"),
        ("https://me:opensesame@example.com/x", "https://***@example.com/x"),
    ],
)
def test_secrets_are_masked(text, shown):
    assert mask(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "step: 10  loss: 5.25  tokens: 131072",
        "tokens per second: 12345.6",
        "tokenizer=bytes sequence_length=2048",
        "eos_token: <|endoftext|>",
        "hf_transfer is not installed",
        "https://example.com:8080/x@y",
        'File "/opt/venv/lib/python3.11/site-packages/torch/nn.py", line 12',
    ],
)
def test_all_else_stays(text):
    assert mask(text) == text


def test_forms_alone_leave_names_alone():
    assert mask_forms("password=opensesame AKIAIOSFODNN7EXAMPLE") == "password=opensesame AKIA***"


def test_names_of_variables():
    names = ("HF_TOKEN", "WANDB_API_KEY", "NCCL_DEBUG", "TOKENIZERS_PARALLELISM")
    assert [names_secret(name) for name in names] == [True, True, False, False]


@pytest.mark.parametrize(
    "begin",
    [
        "hf_",
        "AKIA",
        "ASIA",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
        "glpat-",
        "nvapi-",
        "sk-",
        "xoxa-",
        "xoxb-",
        "xoxp-",
        "xoxr-",
        "xoxs-",
        "eyJ",
    ],
)
def test_a_key_is_found_by_its_beginning(begin):
    rest = "A1B2C3D4E5F6G7H8"  # as long as of AWS; the others are longer
    key = begin + (rest if begin.isupper() else f"{rest}.{rest}" if begin == "eyJ" else rest + rest)
    [found] = keys_in(f"a = {key}, b")
    assert found[0] == key and mask_forms(key) == f"{begin}***"
