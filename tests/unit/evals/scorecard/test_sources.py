"""Sources in the fields of several products, and the documents that they are."""

import pytest

from evals.datasets import CorpusDocument
from evals.scorecard.asking import Reply
from evals.scorecard.sources import SourceMatcher, upload_name

KEYS = "docs/guides/keys.md"
MATCHER = SourceMatcher(
    [
        CorpusDocument(id=KEYS, title="", text="# Keys and *tenants*\n\nA key belongs to a tenant."),
        CorpusDocument(id="docs/keys.md", title="", text="# Overview\n\nNothing."),
        CorpusDocument(id="prometheus/overview.md", title="", text="# Overview\n\nNothing."),
    ]
)


@pytest.mark.parametrize(
    "body",
    [
        {"citations": ["https://wiki.example.org/docs/guides/keys.md?version=2#limits"]},
        {"citations": [{"title": "Keys and tenants", "content": "A key belongs …"}]},
        {"rag": {"citations": [{"document_id": upload_name(KEYS), "uri": "upload:1", "text": "docs/keys.md"}]}},
        {"choices": [{"message": {"annotations": [{"type": "url_citation", "url_citation": {"url": f"/a/{KEYS}"}}]}}]},
        {"choices": [{"message": {"context": {"citations": [{"filepath": KEYS}]}}}]},
        {"sources": [{"source": {"name": "keys"}, "metadata": [{"source": f"file:///corpus/{KEYS}"}]}]},
        {"search_results": [{"url": "http://localhost/docs%2Fguides%2Fkeys.md"}]},
    ],
    ids=["links", "titles", "our extension", "annotations", "Azure", "Open WebUI", "escaped links"],
)
def test_a_list_of_sources_is_found_and_recognised(body):
    assert MATCHER.sources_of(Reply(bodies=[{"id": "1"}, body])) == (1, [KEYS])


def test_what_is_cited_counts_before_what_was_found():
    found = {"rag": {"sources": [{"document_id": KEYS}, {"document_id": "docs/keys.md"}]}}
    cited = {"rag": {"citations": [{"document_id": "docs/keys.md"}]}}
    assert MATCHER.sources_of(Reply(bodies=[found, cited])) == (1, ["docs/keys.md"])
    assert MATCHER.sources_of(Reply(bodies=[found])) == (2, [KEYS, "docs/keys.md"])


def test_a_document_that_the_text_names_is_a_source_of_a_service_without_a_list():
    assert MATCHER.sources_of(Reply(text=f"A tenant. (Source: {KEYS})")) == (1, [KEYS])
    assert MATCHER.sources_of(Reply(text="A tenant. [1]")) == (0, [])


def test_a_source_of_another_corpus_or_an_ambiguous_title_is_not_recognised():
    body = {"citations": ["https://example.org/unknown.md", {"title": "Overview"}, "monkeys.md"]}
    assert MATCHER.sources_of(Reply(bodies=[body])) == (3, [])
