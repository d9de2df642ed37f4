"""Decide which elements of an HTML page its reader sees."""

import re

from selectolax.lexbor import LexborNode

TEXT = "-text"

_NOT_RENDERED = {"head", "script", "style", "template", "noframes", "datalist", "optgroup", "option", "rp"}
# Struck text lost its validity: a passage must not quote the old price beside the new one.
_STRUCK = {"del", "s", "strike"}
_FURNITURE = {"nav", "canvas", "audio", "video", "metadata", "mjx-math"}
_SKIPPED = _NOT_RENDERED | _STRUCK | _FURNITURE
_LABELS = {"title", "desc"}
_SKIPPED_CLASSES = {
    # Documentation tools append a link such as ¶ to each heading. It is not part of the heading's text.
    *("headerlink", "header-anchor", "hash-link", "anchor-link", "anchorjs-link"),
    # Line numbers of code.
    *("linenos", "lineno", "linenodiv", "line-number", "line-numbers-rows", "hljs-ln-numbers", "lnt", "ln"),
    # Links from a footnote back to its mark.
    *("footnote-backref", "reversefootnote", "footnote-back"),
    # Pictures and previews of formulas. The formula itself is next to them.
    *("mwe-math-fallback-image-inline", "mwe-math-fallback-image-display", "MathJax_Preview"),
    # The name of an icon in an icon font.
    *("material-icons", "material-symbols-outlined", "material-symbols-rounded"),
}
_DRAWN_FORMULAS = {"MathJax", "MathJax_Display", "MathJax_SVG", "MathJax_CHTML"}
_HIDING_STYLE = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6", "summary", "dt"}
_OPENING = ("aria-expanded", "aria-controls")
# A page that asks for JavaScript says so in this element. Other content replaces what a script would show.
_MAX_REQUEST_CHARACTERS = 200
_MIN_CONTENT_CHARACTERS = 12


def is_skipped(node: LexborNode, controlled: frozenset[str]) -> bool:
    """Return whether the reader of the page does not see the element.

    `controlled` has the ids of elements that a control on the page shows, such as the panels of tabs.
    """
    tag = node.tag or ""
    if not node.is_element_node:
        return tag != TEXT
    if tag in _SKIPPED:
        return not _is_shown_though_listed(tag, node)
    if tag in _LABELS:
        return not _is_label_of_picture(node)
    attributes = node.attributes
    if tag == "noscript" and not _has_content(node):
        return True
    if tag == "button" and not _opens_text(node):
        return True
    return bool(attributes) and (
        _has_skipped_class(attributes.get("class") or "", node)
        or (_is_hidden(attributes) and not _is_shown_on_demand(attributes, controlled))
    )


def _opens_text(button: LexborNode) -> bool:
    """Return whether the button is the heading of text that it opens, and not a command such as "Copy"."""
    is_heading = button.parent is not None and button.parent.tag in _HEADINGS
    return is_heading or any(name in button.attributes for name in _OPENING)


def _has_skipped_class(classes: str, node: LexborNode) -> bool:
    return bool(classes) and (not _SKIPPED_CLASSES.isdisjoint(classes.split()) or _is_drawn_formula(classes, node))


def _is_shown_though_listed(tag: str, node: LexborNode) -> bool:
    if tag == "script":
        return node.attrs.sget("type").startswith("math/tex")
    return tag == "template" and "shadowrootmode" in node.attrs


def _is_label_of_picture(label: LexborNode) -> bool:
    """Return whether the label belongs to a drawing with words or a role, and not to an icon."""
    drawing = label.parent
    if drawing is None or drawing.tag != "svg":
        return False
    return drawing.attrs.sget("role") == "img" or drawing.css_first("text") is not None


def _has_content(noscript: LexborNode) -> bool:
    text = noscript.text().strip()
    if len(text) < _MIN_CONTENT_CHARACTERS:
        return False
    return len(text) > _MAX_REQUEST_CHARACTERS or "javascript" not in text.lower()


def _is_drawn_formula(classes: str, node: LexborNode) -> bool:
    """Return whether a mathematics library drew the element from a formula next to it."""
    if "katex-html" in classes:
        return node.prev is not None and "katex-mathml" in node.prev.attrs.sget("class")
    if _DRAWN_FORMULAS.isdisjoint(classes.split()):
        return False
    source = node.next
    while source is not None and source.tag == TEXT:
        source = source.next
    return source is not None and source.attrs.sget("type").startswith("math/")


def _is_hidden(attributes: dict[str, str | None]) -> bool:
    if "hidden" in attributes and (attributes["hidden"] or "").strip().lower() != "until-found":
        return True
    style = attributes.get("style")
    # Wikipedia hides the formula and shows a picture of it.
    return bool(style and _HIDING_STYLE.search(style)) and "mwe-math" not in (attributes.get("class") or "")


def _is_shown_on_demand(attributes: dict[str, str | None], controlled: frozenset[str]) -> bool:
    return attributes.get("role") == "tabpanel" or attributes.get("id") in controlled
