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

_RENDER = """async ([text, isComplete]) => {
    const { renderMarkdown } = await import("/page/markdown.js");
    const createMarker = (n) => Object.assign(document.createElement("b"), { textContent: n });
    const element = document.createElement("div");
    element.append(...renderMarkdown(text, { isComplete, createMarker }));
    for (const button of element.querySelectorAll("button")) button.remove();
    return element.innerHTML;
}"""


async def test_events_do_not_depend_on_how_the_bytes_are_split(page: Page) -> None:
    for size in (1, 2, 3, 5, 7, 1000):
        assert await page.evaluate(_READ, [list(STREAM.encode()), size]) == EVENTS, size


_LINK = '<a href="https://x.example/a.png" target="_blank" rel="noopener noreferrer nofollow">a</a>'


def _table(head: str, body: str) -> str:
    return f"{_SCROLLING}<table>{head and f'<thead>{head}</thead>'}<tbody>{body}</tbody></table></div>"


_SCROLLING = '<div class="scrolling" tabindex="0" role="group" aria-label="Table">'
_TABLE = _table('<tr><th>a</th><th data-align="right">b</th></tr>', '<tr><td>1</td><td data-align="right">2</td></tr>')


def _row(**values: str) -> str:
    return _table("", "".join(f'<tr><th scope="row">{name}</th><td>{text}</td></tr>' for name, text in values.items()))


_ROW_LABELS = "<tr><th>Name</th><th>Default</th></tr>"


def _code(text: str) -> str:
    return f'<div class="code-block"><pre tabindex="0"><code>{text}</code></pre></div>'


# The HTML for each text.
_RENDERED = {
    "so it is [1].": "<p>so it is <b>1</b>.</p>",
    "[12][3]": "<p><b>12</b><b>3</b></p>",
    "[1234], [a] and [1": "<p>[1234], [a] and [1</p>",
    "[1]: the first": "<p><b>1</b>: the first</p>",
    "- one\n[1]\n\n- two": "<ul><li><p>one <b>1</b></p></li><li><p>two</p></li></ul>",
    "3. three\n4. four": '<ol start="3"><li>three</li><li>four</li></ol>',
    "with `make [1]`": "<p>with <code>make [1]</code></p>",
    "a\nb": "<p>a<br>b</p>",
    "### A\n###### B\n# C": "<h3>A</h3><h4>B</h4><h3>C</h3>",
    "<b>x</b> &amp; <img src=x>": "<p>&lt;b&gt;x&lt;/b&gt; &amp;amp; &lt;img src=x&gt;</p>",
    "<div onclick=x>\n\ny": "<p>&lt;div onclick=x&gt;</p><p>y</p>",
    "[x](javascript:alert(1))": "<p><span>x</span></p>",
    "![a](https://x.example/a.png)": f"<p>{_LINK}</p>",
    "| a | b |\n|--|--:|\n| 1 | 2 |": _TABLE,
    "Name: a | Default: `b` [1]": _row(Name="a", Default="<code>b</code> <b>1</b>"),
    "See\nName: a | Default: b:c\nName: d | Default: e\n[2]\n\nx": "<p>See</p>"
    + _table(_ROW_LABELS, "<tr><td>a</td><td>b:c</td></tr><tr><td>d</td><td>e <b>2</b></td></tr>")
    + "<p>x</p>",
    "Name: a | Default: b\nSize: 1 | Unit: m": _row(Name="a", Default="b") + _row(Size="1", Unit="m"),
    "Note: either a | b": "<p>Note: either a | b</p>",
    "Run:\n\n```sh\na `b`\n\nc[1]\n```\n[1]": f"<p>Run:</p>{_code('a `b`' + chr(10) * 2 + 'c[1]')}<p><b>1</b></p>",
    "~~~\n```\nnever closed": _code("```\nnever closed"),
    ">" * 200 + " deep": "<pre>" + "&gt;" * 200 + " deep</pre>",
}


async def test_markdown_is_rendered_without_html(page: Page) -> None:
    assert {text: await page.evaluate(_RENDER, [text, True]) for text in _RENDERED} == _RENDERED


async def test_the_focus_stays_on_a_citation_while_the_answer_grows(page: Page) -> None:
    grows = """async () => {
        const { renderMarkdown } = await import("/page/markdown.js");
        const { patchChildren } = await import("/page/patch.js");
        const text = "- one [1]\\n- two [2], and\\n\\n```\\nx\\ny\\n```\\nend";
        const createMarker = (n) => Object.assign(document.createElement("button"), { textContent: n });
        const element = document.createElement("div");
        document.body.append(element);
        let focused = null;
        for (let end = 1; end <= text.length; end += 1) {
            patchChildren(element, renderMarkdown(text.slice(0, end), { isComplete: false, createMarker }));
            if (focused === null && element.querySelector("button")) {
                focused = element.querySelector("button");
                focused.focus();
            }
        }
        return [document.activeElement === focused, element.textContent.replace(/Copy/g, "")];
    }"""
    assert await page.evaluate(grows) == [True, "one 1two 2, andx\nyend"]
