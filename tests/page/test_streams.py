"""What arrives in pieces is read the same, wherever the pieces are cut."""

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
    const { readEvents } = await import("/page/events.js");
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

_READ_PIECES = """async ([text, isComplete]) => {
    const { readPieces } = await import("/page/pieces.js");
    return readPieces(text, { isComplete }).map(({ kind, text }) => [kind, text]);
}"""


async def test_events_are_the_same_wherever_the_bytes_are_cut(page: Page) -> None:
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
async def test_an_answer_is_read_into_pieces(page: Page, text: str, pieces: list[tuple[str, str]]) -> None:
    assert await page.evaluate(_READ_PIECES, [text, True]) == [list(piece) for piece in pieces]


async def test_what_is_shown_of_a_growing_answer_never_changes_what_it_is(page: Page) -> None:
    text = "Use `make` [1], or:\n\n```sh\nmake all\n```\n[2]\n\n- the end"
    final = await page.evaluate(_READ_PIECES, [text, True])
    for end in range(len(text)):
        *settled, last = await page.evaluate(_READ_PIECES, [text[:end], False]) or [["text", ""]]
        assert settled == final[: len(settled)], text[:end]
        kind, whole = final[len(settled)]
        assert last[0] == kind and whole.startswith(last[1]), text[:end]
