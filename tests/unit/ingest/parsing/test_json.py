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
    assert [only.text for only in sections('{"a": 1}\n{"a": 2}\n')] == ["a: 1\n\na: 2"]


def test_a_line_that_is_not_json_is_left_out_with_a_warning():
    document = parse_document('{"a": 1}\n{bad}\n\n{"a": 3}\n{"a": ', "application/x-ndjson")

    assert document.sections[0].text == "a: 1\n\na: 3"
    assert [place.line for _, place in document.sections[0].places] == [1, 4]
    [warning] = document.warnings
    assert (warning.code, warning.count, warning.place) == ("skipped_records", 2, "line 2, 5")
    assert "in line 2, column 2: Expecting property name" in warning.message


def test_a_line_that_is_nested_too_deeply_is_left_out_with_a_warning():
    document = parse_document('{"a": 1}\n' + "[" * 100_000, "application/x-ndjson")

    assert document.sections[0].text == "a: 1"
    assert "nested too deeply" in document.warnings[0].message


def test_values_of_equal_keys_are_kept():
    assert sections('{"note": "wet", "note": "cold"}') == (section("note: wet\nnote (2): cold"),)


def test_a_byte_order_mark_is_not_a_part_of_json():
    assert sections('\ufeff{"a": 1}') == (section("a: 1"),)


@pytest.mark.parametrize(
    ("body", "media_type", "reason"),
    [
        ('{"a": 1,', "application/json", "invalid JSON in line 1, column"),
        ('\n{"a": \n{"b"', "application/x-ndjson", "invalid JSON in line 2, column"),
        ("[" * 100_000, "application/json", "nested too deeply"),
        ('{"a":' * 100_000, "application/x-ndjson", "nested too deeply"),
    ],
)
def test_invalid_json_is_rejected_with_its_position(body, media_type, reason):
    with pytest.raises(InvalidInput, match=reason):
        parse_document(body, media_type)
