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

_SPLIT = """async (pieces) => {
    const { MarkerSplitter } = await import("/page/markers.js");
    const splitter = new MarkerSplitter();
    return [...pieces.flatMap((piece) => splitter.push(piece)), splitter.flush()];
}"""


async def test_events_are_the_same_wherever_the_bytes_are_cut(page: Page) -> None:
    for size in (1, 2, 3, 5, 7, 1000):
        assert await page.evaluate(_READ, [list(STREAM.encode()), size]) == EVENTS, size


async def test_markers_are_found_wherever_the_text_is_cut(page: Page) -> None:
    cases: list[tuple[list[str], list[str | int]]] = [
        (["so it is [1]."], ["so it is ", 1, ".", ""]),
        (["[", "1", "2", "]", "[3]"], [12, 3, ""]),
        (["a[[1]"], ["a[", 1, ""]),
        (["[12", "34]"], ["[1234]", ""]),
        (["see [a]", " and [1"], ["see [a]", " and ", "[1"]),
    ]
    for pieces, expected in cases:
        assert await page.evaluate(_SPLIT, pieces) == expected
