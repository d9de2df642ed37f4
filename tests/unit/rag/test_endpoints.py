"""Addresses and keys of servers with OpenAI's API."""

import pytest
from pydantic import HttpUrl, SecretStr

from rag.endpoints import endpoint_of, key_header

_DATED = "https://a.openai.azure.com/openai/deployments/d"


@pytest.mark.parametrize(
    ("base", "endpoint"),
    [
        ("http://h:1/v1", "http://h:1/v1/embeddings"),
        ("http://h:1/v1/", "http://h:1/v1/embeddings"),
        ("http://h:1/v1/embeddings", "http://h:1/v1/embeddings"),
        ("http://h:1", "http://h:1/embeddings"),
        (f"{_DATED}?api-version=2024-10-21", f"{_DATED}/embeddings?api-version=2024-10-21"),
        (f"{_DATED}/embeddings?api-version=2024-10-21", f"{_DATED}/embeddings?api-version=2024-10-21"),
        ("https://gateway/llm?key=a%2Fb&x=1", "https://gateway/llm/embeddings?key=a%2Fb&x=1"),
    ],
)
def test_the_path_comes_before_the_query_and_only_once(base, endpoint):
    assert endpoint_of(HttpUrl(base), "embeddings") == endpoint


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://api.openai.com/v1", {"Authorization": "Bearer k"}),
        ("https://a.openai.azure.com/openai/v1", {"Authorization": "Bearer k"}),
        (f"{_DATED}?api-version=2024-10-21", {"api-key": "k"}),
        ("https://gateway/llm?x=1&api-version=2024-10-21", {"api-key": "k"}),
    ],
)
def test_a_dated_version_of_azure_gets_the_key_in_its_own_header(url, header):
    assert key_header(SecretStr("k\n"), HttpUrl(url)) == header
    assert key_header(None, HttpUrl(url)) == {}
