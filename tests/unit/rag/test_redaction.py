"""Secrets in the texts of other programs."""

import pytest

from rag.redaction import redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Incorrect API key provided: sk-live-77aa****beef. See https://x/y", "Incorrect API key provided: *** See https://x/y"),
        ("The key gw_4f9c2d11.bWFueSBieXRlcw is revoked", "The key *** is revoked"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer ***"),
        ("cannot connect to redis://admin:hunter2@db:6379/0", "cannot connect to redis://***@db:6379/0"),
        ("cannot connect to redis://:hunter2@db:6379/0", "cannot connect to redis://***@db:6379/0"),
        ("GET https://files/a.md?token=abc123&page=2", "GET https://files/a.md?token=***&page=2"),
        ("GET https://s3/a?X-Amz-Signature=ab12&X-Amz-Date=3", "GET https://s3/a?X-Amz-Signature=***&X-Amz-Date=3"),
        ('{"api_key": "0123456789abcdef"}', '{"api_key": "***"}'),
        ("password=correct-horse; user=me", "password=***; user=me"),
        ("token eyJhbGciOiJI.eyJzdWIiOiIx.c2ln expired", "token *** expired"),
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_hidden(text, expected):
    assert redact(text) == expected


def test_every_occurrence_of_a_given_secret_is_hidden():
    assert redact("key letmein: not letmein", "letmein", "") == "key ***: not ***"


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens: 4096 is more than 2048 tokens",
        '{"completion_tokens": 17, "first_token": 0.013}',
        "The model server answered 503 at http://127.0.0.1:8080/v1",
        "RAG_GENERATOR__API_KEY=${OPENAI_API_KEY}",
        "Contact ops@example.org",
        "CUDA out of memory. Tried to allocate 2.00 GiB",
    ],
)
def test_other_text_is_unchanged(text):
    assert redact(text) == text
