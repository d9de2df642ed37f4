"""Parse e-mail messages: the fields that a reader sees, the text once, and the attachments."""

from collections.abc import Callable
from contextlib import suppress
from email import message_from_bytes, policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message

from ingest.parsing.encoding.decoding import Decoded, decode
from ingest.parsing.html.parser import add_html
from ingest.parsing.outline import Outline, OutlineBuilder
from rag.errors import InvalidInput
from rag.formats import media_type_of
from rag.types import DocumentId, RawDocument

ParseAttachment = Callable[[RawDocument], Outline]

_SHOWN_FIELDS = ("From", "To", "Cc", "Date")
# The decoder of fields takes quadratic time for hostile ones. A list of a thousand recipients has 40,000 characters.
_MAX_FIELD_CHARACTERS = 50_000
_MAX_ENCODED_WORDS = 2_000
_MAX_DEPTH = 20
_MAX_PARTS = 500
_SIGNATURES = {"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"}
_ENCRYPTED = {"application/pkcs7-mime", "application/x-pkcs7-mime", "application/pgp-encrypted"}
_HTML = "text/html"


def parse_mail(body: bytes, parse_attachment: ParseAttachment) -> Outline:
    """Parse a message; `parse_attachment` parses an attached file of a known format."""
    message = message_from_bytes(body, policy=policy.compat32)
    if not any(message.get(name) for name in ("From", "To", "Subject", "Date", "Received", "Content-Type")):
        raise InvalidInput("not an e-mail message: it has no fields such as From and Subject")
    builder = OutlineBuilder()
    reader = _Reader(builder, parse_attachment)
    reader.read_message(message, depth=0)
    return builder.build(title=_field(message, "Subject"))


class _Reader:
    def __init__(self, builder: OutlineBuilder, parse_attachment: ParseAttachment) -> None:
        self._builder = builder
        self._parse_attachment = parse_attachment
        self._parts = 0

    def read_message(self, message: Message, *, depth: int) -> None:
        fields = ((name, _field(message, name)) for name in _SHOWN_FIELDS)
        self._builder.add_block("\n".join(f"{name}: {value}" for name, value in fields if value))
        self._read(message, depth)

    def _read(self, part: Message, depth: int) -> None:
        self._parts += 1
        if depth > _MAX_DEPTH or self._parts > _MAX_PARTS:
            self._builder.warn("dropped_object", "The message has more parts than are read.")
            return
        content_type = part.get_content_type()
        if content_type == "multipart/encrypted" or content_type in _ENCRYPTED:
            self._builder.warn("dropped_object", "The message is encrypted: decrypt it and ingest it again.")
        elif part.is_multipart():
            self._read_parts(part, content_type, depth + 1)
        elif content_type in _SIGNATURES:
            return
        elif part.get_content_disposition() == "attachment" or not content_type.startswith("text/"):
            self._read_attachment(part)
        else:
            self._read_text(part)

    def _read_parts(self, part: Message, content_type: str, depth: int) -> None:
        children = _children(part)
        match content_type:
            case "multipart/alternative":
                children = [_best_of(children)] if children else []
            case "multipart/related" | "multipart/signed":
                # The other parts are pictures inside the text, or the signature.
                attached = [child for child in children[1:] if child.get_content_disposition() == "attachment"]
                children = [*children[:1], *attached]
            case "message/rfc822":
                for inner in children[:1]:
                    self._builder.add_heading(1, f"Attached message: {_field(inner, 'Subject') or 'without subject'}")
                    self.read_message(inner, depth=depth)
                return
        for child in children:
            self._read(child, depth)

    def _read_text(self, part: Message) -> None:
        decoded = _decoded_text(part)
        text = decoded.text
        self._builder.add_warnings(decoded.warnings)
        if part.get_content_type() == _HTML:
            add_html(text, self._builder)
            return
        if str(part.get_param("format", "")).lower() == "flowed":
            text = _unwrapped(text, drops_space=str(part.get_param("delsp", "")).lower() == "yes")
        self._builder.add_block(text)

    def _read_attachment(self, part: Message) -> None:
        name = _file_name(part)
        media_type = media_type_of(name, part.get_content_type())
        body = part.get_payload(decode=True)
        if media_type is None or not isinstance(body, bytes) or not body.strip():
            # Pictures without a name are shown inside the text.
            if name or not part.get_content_type().startswith("image/"):
                self._builder.warn("dropped_object", "Attachments have a format that is not read.", place=name)
            return
        raw = RawDocument(id=DocumentId(name), uri=f"file:///{name or 'attachment'}", media_type=media_type, body=body)
        try:
            outline = self._parse_attachment(raw)
        except InvalidInput as error:
            self._builder.warn("dropped_object", f"An attachment was not read: {error}", place=name)
            return
        self._builder.add_heading(1, f"Attachment {name}".strip())
        for section in outline.sections:
            for level, heading in enumerate(section.heading_path, 2):
                self._builder.add_heading(level, heading)
            self._builder.add_block(section.text)
        self._builder.add_warnings(outline.warnings, place=name)


def _children(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else []


def _best_of(alternatives: list[Message]) -> Message:
    """Return the richest form that is read: HTML, also with its pictures, or else plain text."""
    for part in reversed(alternatives):
        kinds = {inner.get_content_type() for inner in part.walk()}
        if _HTML in kinds and any(
            _decoded_text(inner).text.strip() for inner in part.walk() if inner.get_content_type() == _HTML
        ):
            return part
    is_text = (part for part in alternatives if part.get_content_maintype() in {"text", "multipart"})
    return next(is_text, alternatives[0])


def _decoded_text(part: Message) -> Decoded:
    body = part.get_payload(decode=True)
    if not isinstance(body, bytes) or not body.strip():
        return Decoded("")
    return decode(body, str(part.get_param("charset", "") or "").lower())


def _unwrapped(text: str, *, drops_space: bool) -> str:
    """Join the lines that a mail program has wrapped: they end with a space (RFC 3676)."""
    lines: list[str] = []
    open_quote = ""
    for line in text.splitlines():
        marked = line.lstrip(">")
        quote, content = line[: len(line) - len(marked)], marked.removeprefix(" ")
        is_flowed = content.endswith(" ") and content != "-- "
        content = content[:-1] if is_flowed and drops_space else content
        if lines and open_quote == f"{quote}+":
            lines[-1] += content
        else:
            lines.append(f"{quote} {content}" if quote else content)
        open_quote = f"{quote}+" if is_flowed else ""
    return "\n".join(lines)


def _file_name(part: Message) -> str:
    try:
        name = part.get_filename() or ""
    except (HeaderParseError, LookupError, ValueError, TypeError):
        name = ""
    return _decoded(name).replace("/", "_")[:200]


def _field(message: Message, name: str) -> str:
    """Return the first field of this name."""
    values = (value for field, value in message.raw_items() if field.lower() == name.lower())
    return _decoded(str(next(values, "")))


def _decoded(value: str) -> str:
    """Return the text of a field with encoded words such as =?utf-8?q?caf=C3=A9?=, or with raw bytes."""
    value = value[:_MAX_FIELD_CHARACTERS]
    if not value.isascii():
        raw = value.encode("utf-8", "surrogateescape")
        try:
            value = raw.decode()
        except UnicodeDecodeError:
            # A field is too short to detect its encoding. Programs that send raw bytes are old and western.
            value = raw.decode("cp1252", "replace")
    elif "=?" in value and value.count("=?") <= _MAX_ENCODED_WORDS:
        with suppress(HeaderParseError, LookupError, ValueError):
            value = str(make_header(decode_header(value)))
    return " ".join(value.split())
