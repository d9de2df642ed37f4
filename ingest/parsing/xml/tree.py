"""Parse XML without its dangers: no entities are expanded, no file is opened, and any depth is accepted."""

import re
from html.entities import html5
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from rag.errors import InvalidInput

_DECLARED_TEXT = re.compile(r"\A\s*<\?xml[^>]{0,300}?\?>")
_NAMESPACE_END = "}"


def to_tree(text: str, kind: str = "XML") -> Element:
    """Return the root; tags and attributes have no namespace. `kind` is the format's name for messages.

    Raises `InvalidInput` for XML that is not well-formed or that declares entities, which can expand to any size.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate("utf-8", _NAMESPACE_END)
    # Handlers receive text in pieces of this size instead of one call per line.
    parser.buffer_text = True
    parser.StartElementHandler = lambda tag, attributes: builder.start(
        _local(tag), {_local(name): value for name, value in attributes.items()}
    )
    parser.EndElementHandler = lambda tag: builder.end(_local(tag))
    parser.CharacterDataHandler = builder.data
    parser.SkippedEntityHandler = lambda name, _: builder.data(html5.get(f"{name};", f"&{name};"))

    def reject_entity(*_: object) -> None:
        raise InvalidInput(f"{kind} that declares entities, which can hide an XML bomb")

    parser.EntityDeclHandler = reject_entity
    # With a foreign document type, expat reports unknown entities instead of failing. It never opens that file.
    parser.UseForeignDTD(True)
    parser.ExternalEntityRefHandler = lambda *_: 1
    try:
        # The text is decoded already, so the declared encoding no longer holds.
        parser.Parse(_DECLARED_TEXT.sub("", text, count=1).encode("utf-8", "replace"), True)
        return builder.close()
    except expat.ExpatError as error:
        reason = expat.errors.messages[error.code]
        raise InvalidInput(f"invalid {kind} in line {error.lineno}, column {error.offset + 1}: {reason}") from error


def _local(name: str) -> str:
    return name.rpartition(_NAMESPACE_END)[2]
