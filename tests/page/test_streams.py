"""Streams are parsed the same way, wherever they are split."""

import pytest
from playwright.async_api import Page

pytestmark = pytest.mark.asyncio(loop_scope="package")

STREAM = (
    ": a comment\r\n\r\n"
    "event: token\r\ndata: {\r\ndata: }\r\n\r\n"
    "data:no space\n\n"
    "id: 7\nretry: 10\nevent: without data\n\n"
    "event: done\rdata:  two spaces: and a colon\r\r"
    "data\n\n"
    "data: déjà vu 文\n\n"
    "data: never finished\n"
)
EVENTS = [
    {"event": "token", "data": "{\n}"},
    {"event": "message", "data": "no space"},
    {"event": "done", "data": " two spaces: and a colon"},
    {"event": "message", "data": ""},
    {"event": "message", "data": "déjà vu 文"},
]

_READ = """async ([bytes, size]) => {
    const { readEvents } = await import("/page/server_sent_events.js");
    const body = new ReadableStream({
        start(controller) {
            for (let at = 0; at < bytes.length; at += size)
                controller.enqueue(new Uint8Array(bytes.slice(at, at + size)));
            controller.close();
        },
    });
    const events = [];
    for await (const event of readEvents(body)) events.push(event);
    return events;
}"""

_PARSE_ANSWER = """async ([text, isComplete]) => {
    const { parseAnswerText } = await import("/page/answer_text.js");
    return parseAnswerText(text, { isComplete }).map(({ kind, text }) => [kind, text]);
}"""


async def test_events_do_not_depend_on_how_the_bytes_are_split(page: Page) -> None:
    for size in (1, 2, 3, 5, 7, 1000):
        assert await page.evaluate(_READ, [list(STREAM.encode()), size]) == EVENTS, size


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("so it is [1].", [("text", "so it is "), ("marker", "1"), ("text", ".")]),
        ("[12][3]", [("marker", "12"), ("marker", "3")]),
        ("a[[1]", [("text", "a["), ("marker", "1")]),
        ("[1234], [a] and [1", [("text", "[1234], [a] and [1")]),
        ("- one\n[1]\n\n- two", [("text", "- one "), ("marker", "1"), ("text", "\n\n- two")]),
        ("with `make [1]` or `", [("text", "with "), ("code", "make [1]"), ("text", " or `")]),
        ("Run:\n\n```sh\na `b`\n\nc[1]\n```\n[1]", [("text", "Run:"), ("block", "a `b`\n\nc[1]"), ("marker", "1")]),
        ("~~~\n```\nnever closed", [("block", "```\nnever closed")]),
        ("It is not ```here```.", [("text", "It is not ``"), ("code", "here"), ("text", "``.")]),
    ],
)
async def test_an_answer_is_parsed_into_pieces(page: Page, text: str, pieces: list[tuple[str, str]]) -> None:
    assert await page.evaluate(_PARSE_ANSWER, [text, True]) == [list(piece) for piece in pieces]


async def test_the_pieces_of_a_growing_answer_never_change(page: Page) -> None:
    text = "Use `make` [1], or:\n\n```sh\nmake all\n```\n[2]\n\n- the end"
    final = await page.evaluate(_PARSE_ANSWER, [text, True])
    for end in range(len(text)):
        *settled, last = await page.evaluate(_PARSE_ANSWER, [text[:end], False]) or [["text", ""]]
        assert settled == final[: len(settled)], text[:end]
        kind, final_text = final[len(settled)]
        assert last[0] == kind and final_text.startswith(last[1]), text[:end]
