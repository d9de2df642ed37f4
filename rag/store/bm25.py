"""The words of passages and questions as sparse vectors: stemmed, without stop words, in any script (ADR 53)."""

from collections.abc import Collection
from functools import cache

import qdrant_edge

from rag.languages import STEMMED, detect_language
from rag.types import Chunk
from rag.words import to_words

# Chunks have up to 254 wordpieces. About half of them remain without stop words and word parts.
_AVERAGE_WORDS = 128
# Texts in these languages mix in English words, and their own words have no endings.
_WITH_ENGLISH = {"zh", "ja", "ko", "th"}
_ENGLISH = "en"
_UNSTEMMED = ""


def encode_passage(chunk: Chunk) -> qdrant_edge.SparseVector:
    """Return the term frequencies of BM25. Qdrant itself computes inverse document frequencies."""
    return _encoder(_rules_of(chunk.language)).embed_document(to_words(chunk.passage))


def encode_question(text: str, languages: Collection[str]) -> qdrant_edge.SparseVector:
    """Return the words of a question, stemmed as in passages of each of these languages.

    A question is too short to detect its language reliably, and names and codes match in any language.
    """
    words = to_words(text)
    rules, *others = sorted({_rules_of(language) for language in languages}) or [_ENGLISH]
    if not others:
        return _encoder(rules).embed_query(words)
    # Only the stop words of its own language are dropped. In other languages they are rare and would weigh much.
    own = _encoder(_rules_of(detect_language(text)))
    content = " ".join(word for word in words.split() if own.embed_query(word).indices)
    indices = {index for it in (rules, *others) for index in _encoder(it).embed_query(content).indices}
    return qdrant_edge.SparseVector(sorted(indices), [1.0] * len(indices))


def _rules_of(language: str) -> str:
    """Return the language whose stemming and stop words apply to texts in `language`, or "" without any."""
    if language in _WITH_ENGLISH:
        return _ENGLISH
    return language if language in STEMMED else _UNSTEMMED


@cache
def _encoder(rules: str) -> qdrant_edge.Bm25:
    if rules:
        return qdrant_edge.Bm25(qdrant_edge.Bm25Config(avg_len=_AVERAGE_WORDS, language=rules))
    nothing = qdrant_edge.StopwordsSet(languages=set(), custom=set())
    return qdrant_edge.Bm25(
        qdrant_edge.Bm25Config(avg_len=_AVERAGE_WORDS, stemmer=qdrant_edge.DisabledStemmer(), stopwords=nothing)
    )
