"""Rewrite XHTML for an HTML parser, which reads `<title/>` as the start of a title that never ends."""

import re
from html import escape

from ingest.parsing.html.tree import VOID

_EMPTY_ELEMENT = re.compile(r"""<([a-zA-Z][\w.-]{0,80})((?:\s[^<>"']{0,2000}(?:"[^"<]*"|'[^'<]*'))*\s*)/>""")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)


def to_html(text: str) -> str:
    """Give each empty element an end tag, and write CDATA sections as text."""
    # In scripts and styles a CDATA section is a comment, and their content is not read anyway.
    text = _CDATA.sub(lambda section: escape(section[1], quote=False), text)
    return _EMPTY_ELEMENT.sub(lambda tag: tag[0] if tag[1].lower() in VOID else f"<{tag[1]}{tag[2]}></{tag[1]}>", text)
