import pytest

from rag.errors import InvalidInput
from tests.support.formats.documents import parse_document, section


def sections(body: str):
    return parse_document(body, "application/json").sections


def test_values_follow_their_paths():
    assert sections('{"name": "Ada", "home": {"city": "Rome", "geo": {"lat": 41.90}}, "tags": ["a", "b"]}') == (
        section("name: Ada\ntags: a, b"),
        section("city: Rome\ngeo.lat: 41.90", "home"),
    )


def test_each_record_of_a_list_is_a_paragraph():
    assert sections('[{"n": 1, "ok": true}, {"n": 2, "ok": null}]') == (section("n: 1\nok: true\n\nn: 2"),)


def test_lists_within_records_keep_their_order():
    assert sections('{"a": {"b": [{"c": 1}, {"c": 2}]}}') == (section("b[0].c: 1\nb[1].c: 2", "a"),)


def test_numbers_keep_their_notation():
    assert sections(f'{{"a": 1.10, "b": {"9" * 5000}, "c": NaN}}')[0].text == f"a: 1.10\nb: {'9' * 5000}\nc: NaN"


def test_the_title_field_is_the_title():
    assert parse_document('{"title": "Prices", "a": 1}', "application/json").title == "Prices"


def test_json_lines_have_one_block_per_record():
    [only] = parse_document('{"a": 1, "b": {"c": 2}}\n\n{"a": 3}\n', "application/x-ndjson").sections

    assert only.text == "a: 1 | b.c: 2\n\na: 3"


def test_json_lines_with_the_media_type_of_json_are_recognised():
    assert sections('{"a": 1}\n{"a": 2}\n') == (section("a: 1\n\na: 2"),)


@pytest.mark.parametrize(
    ("body", "media_type", "reason"),
    [
        ('{"a": 1,', "application/json", "invalid JSON in line 1, column"),
        ('{"a": 1}\n{"a": ', "application/x-ndjson", "invalid JSON in line 2, column"),
        ("[" * 100_000, "application/json", "nested too deeply"),
        ('{"a":' * 100_000, "application/x-ndjson", "nested too deeply"),
        ("{}", "application/json", "empty"),
    ],
)
def test_invalid_json_is_rejected_with_its_position(body, media_type, reason):
    with pytest.raises(InvalidInput, match=reason):
        parse_document(body, media_type)
