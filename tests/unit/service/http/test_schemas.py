"""What the request bodies accept, and what they reject."""

import json
from dataclasses import replace

import pytest
from pydantic import ValidationError

from rag.types import Place
from service.answering.drafts import Citation
from service.http.schemas.answers import AnswerRequest
from service.http.schemas.search import CitationOut, FilterRequest, SearchRequest
from tests.support.passages import chunk, hit

HALF_A_PAIR = "\ud800"  # JSON can carry it as an escape, and UTF-8 cannot.


@pytest.mark.parametrize(
    "body",
    [
        {"uri": [HALF_A_PAIR]},
        {"uri_prefix": [HALF_A_PAIR]},
        {"document_id": [HALF_A_PAIR]},
        {"metadata": {HALF_A_PAIR: ["ops"]}},
        {"metadata": {"team": [HALF_A_PAIR]}},
    ],
)
def test_text_that_has_no_utf8_is_rejected_in_filters(body):
    with pytest.raises(ValidationError):
        FilterRequest.model_validate(body)


@pytest.mark.parametrize(
    ("place", "sent"),
    [
        (Place(page=3), {"page": 3}),
        (Place(sheet="Sales", rows=(4, 9)), {"sheet": "Sales", "rows": [4, 9]}),
        (Place(slide=2), {"slide": 2}),
        (Place(line=17), {"line": 17}),
        (Place(), {}),
    ],
)
def test_a_citation_says_only_what_is_known_of_its_place(place, sent):
    citation = Citation(number=1, hit=replace(hit("text"), chunk=replace(chunk("text"), place=place)))
    assert json.loads(CitationOut.from_citation(citation).model_dump_json())["place"] == sent


@pytest.mark.parametrize(
    "question", [HALF_A_PAIR, "", " \n\t", "\u200b", " \ufeff\u2060\n\u3164\u00ad", 7, None, ["x"]]
)
def test_a_question_is_visible_text(question):
    with pytest.raises(ValidationError):
        AnswerRequest.model_validate({"question": question})


@pytest.mark.parametrize("time", ["2026-01-31T12:00:00Z", "2026-01-31t12:00:00.5+01:00", "2026-01-31 12:00:00-23:59"])
def test_a_time_of_rfc_3339_is_accepted(time):
    assert FilterRequest.model_validate({"ingested_since": time}).to_chunk_filter().ingested_since > 0


@pytest.mark.parametrize(
    "time", [0, 1.5, True, "0", "1767225600", "2026-01-31", "2026-01-31T12:00:00", "2026-02-30T12:00:00Z", "now", ""]
)
def test_any_other_time_is_rejected(time):
    with pytest.raises(ValidationError):
        FilterRequest.model_validate({"ingested_before": time})


@pytest.mark.parametrize(("limit", "passages"), [(1, 1), (50, 50), (7.0, 7), (None, None)])
def test_a_whole_number_is_a_limit_in_either_form(limit, passages):
    assert SearchRequest.model_validate({"question": "Why?", "limit": limit}).limit == passages


@pytest.mark.parametrize("limit", [0, 51, 1.5, "5", True, 10**30, float("inf"), float("nan")])
def test_any_other_limit_is_rejected(limit):
    with pytest.raises(ValidationError):
        SearchRequest.model_validate({"question": "Why?", "limit": limit})
