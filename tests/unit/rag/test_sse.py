"""Server-sent events in every form that the specification allows, split at any byte."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.sse import EventDecoder, EventTooLong, ServerSentEvent

LIMIT = 1000

FORMS = {
    "a data line": (b"data: one\n\n", [("", "one")]),
    "no space behind the colon": (b"data:one\n\n", [("", "one")]),
    "only one space is removed": (b"data:  one\n\n", [("", " one")]),
    "several data lines": (b"data: one\ndata: two\n\n", [("", "one\ntwo")]),
    "an empty data line": (b"data\ndata:\n\n", [("", "\n")]),
    "other fields": (b"id: 7\nretry: 10\nevent: error\ndata: one\nunknown: x\n\n", [("error", "one")]),
    "a name lasts for one event": (b"event: a\ndata: 1\n\ndata: 2\n\n", [("a", "1"), ("", "2")]),
    "a name without data": (b"event: ping\n\ndata: one\n\n", [("", "one")]),
    "comments": (b": hello\n\n:\ndata: one\n: between\ndata: two\n\n", [("", "one\ntwo")]),
    "CR LF": (b"data: one\r\n\r\ndata: two\r\n\r\n", [("", "one"), ("", "two")]),
    "CR": (b"data: one\r\rdata: two\r\r", [("", "one"), ("", "two")]),
    "all line ends": (b"data: one\r\ndata: two\rdata: three\n\r\n", [("", "one\ntwo\nthree")]),
    "a byte order mark": (b"\xef\xbb\xbfdata: one\n\n", [("", "one")]),
    "characters of several bytes": ("data: Größe 🙂 日本\n\n".encode(), [("", "Größe 🙂 日本")]),
    "other line separators are text": ("data: a\u2028b\x0bc\x85d\n\n".encode(), [("", "a\u2028b\x0bc\x85d")]),
    "bytes that are not UTF-8": (b"data: a\xff\xfeb\n\n", [("", "a\ufffd\ufffdb")]),
    "no blank line at the end": (b"data: one\n\ndata: two\n", [("", "one"), ("", "two")]),
    "no line end at the end": (b"data: one\n\ndata: two", [("", "one"), ("", "two")]),
    "llama.cpp's field for errors": (b'error: {"code": 5}\n\ndata: one\n\n', [("error", '{"code": 5}'), ("", "one")]),
    "a line of JSON without a field": (b'data: one\n\n{"error": 5}\n', [("", "one"), ("", '{"error": 5}')]),
    "nothing": (b"", []),
}


def decode(*chunks: bytes) -> list[ServerSentEvent]:
    decoder = EventDecoder(limit=LIMIT)
    return [event for chunk in chunks for event in decoder.push(chunk)] + decoder.end()


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_read_whole_and_byte_by_byte(form):
    stream, expected = FORMS[form]
    events = [ServerSentEvent(name, data) for name, data in expected]
    assert decode(stream) == events
    assert decode(*(stream[at : at + 1] for at in range(len(stream)))) == events


@pytest.mark.slow
@given(
    st.lists(
        st.sampled_from(
            [b"data: x", b"data", b":c", b"event: e", b"\n", b"\r", b"\r\n", b"\xef\xbb\xbf", b"\xc3", b"\xa9"]
        )
    ),
    st.lists(st.integers(0, 80)),
)
def test_the_events_do_not_depend_on_where_the_bytes_are_split(parts, cuts):
    stream = b"".join(parts)
    bounds = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    assert decode(*(stream[a:b] for a, b in itertools.pairwise(bounds))) == decode(stream)


@pytest.mark.parametrize("endless", [b"data: x", b"x", b":", b"data: x\n", b"id: 1\n"])
def test_an_event_without_an_end_does_not_fill_the_memory(endless):
    decoder = EventDecoder(limit=LIMIT)
    with pytest.raises(EventTooLong):
        for _ in range(LIMIT + 1):
            decoder.push(endless)


def test_comments_may_keep_a_connection_open_for_hours():
    decoder = EventDecoder(limit=LIMIT)
    for _ in range(LIMIT):
        assert decoder.push(b": still here\n\n") == []
        assert decoder.push(b": and here\n") == []
    assert decoder.push(b"data: one\n\n") == [ServerSentEvent("", "one")]
