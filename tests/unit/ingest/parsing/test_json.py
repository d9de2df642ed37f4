import pytest

from rag.errors import InvalidInput
from tests.support.documents import parsed, section


def sections(body: str):
    return parsed(body, "application/json").sections


def test_values_stand_behind_their_paths():
    assert sections('{"name": "Ada", "home": {"city": "Rome", "geo": {"lat": 41.90}}, "tags": ["a", "b"]}') == (
        section("name: Ada\ntags: a, b"),
        section("city: Rome\ngeo.lat: 41.90", "home"),
    )


def test_each_record_of_a_list_is_a_paragraph():
    assert sections('[{"n": 1, "ok": true}, {"n": 2, "ok": null}]') == (section("n: 1\nok: true\n\nn: 2"),)


def test_lists_within_records_keep_their_order():
    assert sections('{"a": {"b": [{"c": 1}, {"c": 2}]}}') == (section("b[0].c: 1\nb[1].c: 2", "a"),)


def test_numbers_stay_as_they_are_written():
    assert sections(f'{{"a": 1.10, "b": {"9" * 5000}, "c": NaN}}')[0].text == f"a: 1.10\nb: {'9' * 5000}\nc: NaN"


def test_a_title_in_the_file_is_its_title():
    assert parsed('{"title": "Prices", "a": 1}', "application/json").title == "Prices"


def test_json_lines_are_a_record_a_line():
    [only] = parsed('{"a": 1, "b": {"c": 2}}\n\n{"a": 3}\n', "application/x-ndjson").sections

    assert only.text == "a: 1 | b.c: 2\n\na: 3"


def test_json_lines_are_known_under_the_name_of_json():
    assert sections('{"a": 1}\n{"a": 2}\n') == (section("a: 1\n\na: 2"),)


@pytest.mark.parametrize(
    ("body", "media_type", "reason"),
    [
        ('{"a": 1,', "application/json", "broken JSON: line 1, column"),
        ('{"a": 1}\n{"a": ', "application/x-ndjson", "broken JSON lines: line 2, column"),
        ("[" * 100_000, "application/json", "nested too deep"),
        ('{"a":' * 100_000, "application/x-ndjson", "nested too deep"),
        ("{}", "application/json", "empty"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_place(body, media_type, reason):
    with pytest.raises(InvalidInput, match=reason):
        parsed(body, media_type)
