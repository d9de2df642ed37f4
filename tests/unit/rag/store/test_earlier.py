"""Payloads of earlier schemas get the fields that they lack."""

from rag.store.earlier import to_current
from rag.store.schema import SCHEMA


def test_the_language_of_an_earlier_passage_is_detected():
    current = to_current({"text": "Das Ventil wird von Hand geöffnet und durch die Feder geschlossen."}, 3)

    assert (current["language"], current["place"], current["warnings"]) == ("de", {}, [])


def test_a_payload_of_this_schema_does_not_change():
    payload = {"text": "Das Ventil ist offen.", "language": ""}

    assert to_current(payload, SCHEMA) == payload
