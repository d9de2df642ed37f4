"""Read the comments of slides, in the form of PowerPoint 2007 and in the form since 2021."""

from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from ingest.parsing.ooxml.package import Package
from ingest.parsing.pptx.text import text_of


def authors_of(package: Package, presentation: str) -> dict[str, str]:
    """Return the names of the authors of comments by their ids."""
    return {
        author.get("id", ""): author.get("name", "")
        for kind in ("commentAuthors", "authors")
        for part in package.related(presentation, kind)
        if (root := package.tree(part)) is not None
        for author in root
    }


def comments_of(package: Package, slide: str, authors: Mapping[str, str]) -> Iterator[str]:
    """Yield each comment and each reply on a slide, marked with its author."""
    for part in package.related(slide, "comments"):
        root = package.tree(part)
        for comment in () if root is None else root.iter():
            if comment.tag in {"cm", "reply"} and (text := _text(comment)):
                author = authors.get(comment.get("authorId", ""), "").strip()
                yield f"[Comment by {author}] {text}" if author else f"[Comment] {text}"


def _text(comment: Element) -> str:
    return comment.findtext("text") or text_of(comment.find("txBody"), {})
