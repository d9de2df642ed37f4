"""Read drawings: the alternative text of pictures, and the words of diagrams."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from ingest.parsing.ooxml.equations import linear
from ingest.parsing.ooxml.package import number_of

_PICTURES = {"pic", "imagedata", "blip"}


def alternative_text(drawing: Element) -> str:
    """Return what the author wrote about a picture, or "" for drawings with text of their own."""
    if drawing.find(".//txbxContent") is not None or not any(
        drawing.find(f".//{tag}") is not None for tag in _PICTURES
    ):
        return ""
    for element in drawing.iter():
        text = element.get("descr", "") or (element.get("alt", "") if element.tag == "shape" else "")
        if text.strip():
            return " ".join(text.split())
    return ""


def has_picture(element: Element) -> bool:
    """Return True if there is a picture other than the preview of an embedded object."""
    drawings = (child for tag in ("drawing", "pict") for child in element.iter(tag))
    return any(child.tag in _PICTURES for drawing in drawings for child in drawing.iter())


def diagram_lines(data: Element) -> Iterator[tuple[int, str]]:
    """Yield the depth and the text of each node of a SmartArt diagram, in its order."""
    points = {point.get("modelId", ""): point for point in data.iter("pt") if point.get("type") != "pres"}
    children: dict[str, list[tuple[int, str]]] = {}
    for connection in data.iter("cxn"):
        if connection.get("type", "parOf") == "parOf":
            order = number_of(connection.get("srcOrd"))
            children.setdefault(connection.get("srcId", ""), []).append((order, connection.get("destId", "")))
    roots = [id for id, point in points.items() if point.get("type") == "doc"]
    waiting = [(-1, id) for id in [*roots, *points][::-1]]
    while waiting:
        depth, id = waiting.pop()
        if (point := points.pop(id, None)) is None:
            continue
        if text := " ".join(paragraphs_of(point)):
            yield max(depth, 0), text
        waiting.extend((depth + 1, child) for _, child in sorted(children.get(id, ()), reverse=True))


def paragraphs_of(element: Element) -> Iterator[str]:
    """Yield the text of each DrawingML paragraph in an element."""
    for paragraph in element.iter("p"):
        if text := "".join(_pieces(paragraph)).strip():
            yield text


def _pieces(paragraph: Element) -> Iterator[str]:
    for element in paragraph:
        match element.tag:
            case "r" | "fld":
                yield element.findtext("t") or ""
            case "br":
                yield "\n"
            case "m" | "AlternateContent":
                yield from (f" {linear(equation)} " for equation in element.iter("oMath"))
