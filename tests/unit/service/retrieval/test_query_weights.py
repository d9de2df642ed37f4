"""The weight of BM25 by the kind of question."""

import pytest

from service.retrieval.query_weights import BALANCED, WORDS_FIRST, words_share_of


@pytest.mark.parametrize(
    "question",
    [
        "What does RAG_HTTP__READ do?",
        "what is E1234",
        "Is CVE-2024-12345 fixed?",
        "where is min_similarity set",
        "What does getElementById return?",
        "When is IndexMismatch raised?",
        "What does --prune remove?",
        "What is in pyproject.toml?",
        "Who writes /etc/systemd/system/rag.service?",
        "What does asyncio.to_thread() do?",
        'Where does it say "the waiting room is full"?',
        "What is `current`?",
        "What changed in 0.67.0?",
        "What does http://localhost:9090/graph show?",
        "When do I need HTTPBasicCredentials?",
        "Who calls fastapi.Response?",
        "why 0x80070005",
    ],
)
def test_a_question_with_an_identifier_raises_the_weight_of_bm25(question):
    assert words_share_of(question) == WORDS_FIRST


@pytest.mark.parametrize(
    "question",
    [
        "How do I run it?",
        "What is a well-known and/or high-quality pump?",
        "How many Panthers won 12 games in 2015, e.g. at home?",
        "Does IL-6 raise p53 in CD4+ cells?",
        "Does miR-155 or siRNA against bind mRNA?",
        "What's the U.S. population's growth since 1990?",
        "Who said 'yes' first?",
        "",
    ],
)
def test_a_plain_question_gets_the_balanced_weight(question):
    assert words_share_of(question) == BALANCED
