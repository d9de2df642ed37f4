"""A small, valid document of each media type."""

from tests.support.formats.office_writer import docx_of, paragraph, pptx_of, shape, slide_table, word_table, xlsx_of
from tests.support.formats.pdf_writer import pdf_of

_OFFICE = "application/vnd.openxmlformats-officedocument"

SAMPLES: dict[str, bytes] = {
    "text/markdown": b"# Title\n\nText with *emphasis*.\n\n- one\n\n| a | b |\n| - | - |\n| 1 | 2 |\n```sh\nls\n```\n",
    "text/plain": "Some words. Une phrase à part.\n".encode(),
    "text/html": b"<html><body><h1>Title</h1><p>Text</p><table><tr><td>1<td>2</table></body></html>",
    "text/x-rst": b"Title\n=====\n\nText with ``code`` and :func:`f`.\n\n.. note:: Careful.\n\nAs::\n\n    x = 1\n",
    "text/csv": b'Name,Born\nAda,1815\n"Alan, M.",1912\n',
    "text/x-code": b"import a\n\n# Adds.\ndef add(a, b):\n    return a + b\n\nclass C:\n    x = 1\n",
    "application/json": b'{"title": "T", "a": {"b": [1, 2.5, {"c": null}]}, "d": ["x", "y"]}',
    "application/x-ndjson": b'{"a": 1}\n{"a": [2, {"b": "c"}]}\n',
    "application/pdf": pdf_of([["Some words on a page.", "And more."], ["Second."]], title="Title"),
    f"{_OFFICE}.wordprocessingml.document": docx_of(
        paragraph("Title", style="Title") + paragraph("Item", is_item=True) + word_table([["a", "b"], ["1", "2"]])
    ),
    f"{_OFFICE}.presentationml.presentation": pptx_of(
        [shape("Title", kind="title") + slide_table([["a", "b"]]), shape("Text")], notes={1: "Notes"}
    ),
    f"{_OFFICE}.spreadsheetml.sheet": xlsx_of({"Sheet": [["Name", "Born"], ["Ada", 1815]]}),
}
