"""Collections of earlier schemas: their payloads get the fields that they lack, and their live points are counted."""

from rag.store.base import Survey
from rag.store.earlier import EarlierReader, to_current
from rag.store.schema import SCHEMA


def test_the_language_of_an_earlier_passage_is_detected():
    current = to_current({"text": "Das Ventil wird von Hand geöffnet und durch die Feder geschlossen."}, 3)

    assert (current["language"], current["place"], current["warnings"]) == ("de", {}, [])


def test_a_payload_of_this_schema_does_not_change():
    payload = {"text": "Das Ventil ist offen.", "language": ""}

    assert to_current(payload, SCHEMA) == payload


async def test_a_survey_counts_the_live_points_behind_a_staged_one():
    places = [("staged", 0, 400.0), ("live", 0, 100.0), ("live", 1, 200.0), ("staged", 0, 400.0), ("live", 0, 300.0)]

    async def scan(_, with_vector):
        assert not with_vector, "a survey reads no vectors"
        for state, ordinal, ingested_at in places:
            yield {"state": state, "tenant": "acme", "ordinal": ordinal, "ingested_at": ingested_at, "text": ""}, None

    survey = await EarlierReader(scan, SCHEMA - 1).survey(since=200.0)

    assert survey == Survey(tenants=("acme",), documents=2, chunks=3, recent_chunks=2, newest=300.0)
