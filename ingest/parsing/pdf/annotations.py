"""Read the content of a PDF page that is not part of its text: form fields, comments, links, attached files."""

import ctypes
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import pypdfium2 as pdfium
from pypdfium2 import raw

from ingest.parsing.text import one_line

_MAX_VALUE_BYTES = 1_000_000
_MAX_OPTIONS = 1_000
_COMMENTS = frozenset(
    {
        *(raw.FPDF_ANNOT_TEXT, raw.FPDF_ANNOT_HIGHLIGHT, raw.FPDF_ANNOT_UNDERLINE, raw.FPDF_ANNOT_SQUIGGLY),
        *(raw.FPDF_ANNOT_STRIKEOUT, raw.FPDF_ANNOT_CARET, raw.FPDF_ANNOT_INK, raw.FPDF_ANNOT_SQUARE),
        *(raw.FPDF_ANNOT_CIRCLE, raw.FPDF_ANNOT_LINE, raw.FPDF_ANNOT_POLYGON, raw.FPDF_ANNOT_POLYLINE),
        raw.FPDF_ANNOT_FILEATTACHMENT,
    }
)
# These show their text on the page, like the page itself.
_VISIBLE = frozenset({raw.FPDF_ANNOT_FREETEXT, raw.FPDF_ANNOT_STAMP})
_DOWNLOADS = frozenset(
    {
        *(".pdf", ".zip", ".gz", ".tgz", ".tar", ".7z", ".rar", ".exe", ".msi", ".dmg", ".deb", ".rpm", ".iso"),
        *(".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".odt", ".ods", ".odp", ".csv"),
    }
)
_IS_ON = frozenset({"yes", "on", "1", "true", "ja", "oui", "x"})
# Names that programs give to fields do not say what the field means.
_GENERATED_NAME = re.compile(
    r"(?:text|field|feld|textfeld|text ?box|check ?box|c|f|untitled|undefined|fill|cb|tb|combo ?box|dropdown)"
    r"[\W_]*\d*[\W_\d]*|.*_\d+",
    re.IGNORECASE | re.DOTALL,
)
_LABEL_WIDTH = 250


@dataclass(slots=True)
class Surroundings:
    """The content of a document's annotations, page by page."""

    attachments: list[str] = field(default_factory=list)
    seen_fields: set[str] = field(default_factory=set)


@contextmanager
def open_form(document: pdfium.PdfDocument) -> Iterator[Any]:
    """Open what PDFium needs to read form fields, and yield its handle, or None if there is no form.

    It must be open before the first page is loaded. Scripts of the form are not run.
    """
    if document.get_formtype() == raw.FORMTYPE_NONE:
        yield None
        return
    callbacks = raw.FPDF_FORMFILLINFO(version=2)
    form = raw.FPDFDOC_InitFormFillEnvironment(document, callbacks)
    try:
        yield form or None
    finally:
        if form:
            raw.FPDFDOC_ExitFormFillEnvironment(form)


def blocks_of(
    page: pdfium.PdfPage, textpage: pdfium.PdfTextPage, form: Any, page_text: str, found: Surroundings
) -> Iterator[str]:
    """Return the values of form fields, the comments and the link targets of the page as blocks of text.

    `form` is the handle of the form environment, or None if the document has no form.
    The names of attached files go to `found`.
    """
    fields: list[str] = []
    notes: list[str] = []
    links: list[str] = []
    for annotation in _annotations(page, form):
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        if raw.FPDFAnnot_GetFlags(annotation) & raw.FPDF_ANNOT_FLAG_HIDDEN:
            continue
        if kind == raw.FPDF_ANNOT_WIDGET and form:
            fields += _field(form, annotation, textpage, found.seen_fields)
        elif kind == raw.FPDF_ANNOT_LINK:
            links += _link(page, annotation, textpage, page_text)
        else:
            notes += _note(kind, annotation, textpage, found.attachments)
    yield from filter(None, ["\n".join(fields), "\n\n".join(notes), "\n".join(dict.fromkeys(links))])


def attachments_of(document: pdfium.PdfDocument) -> list[str]:
    """Return the names of the files that are attached to the document."""
    count = min(raw.FPDFDoc_GetAttachmentCount(document), _MAX_OPTIONS)
    return [_attachment_name(raw.FPDFDoc_GetAttachment(document, number)) for number in range(count)]


def _annotations(page: pdfium.PdfPage, form: Any) -> Iterator[Any]:
    count = raw.FPDFPage_GetAnnotCount(page)
    if form and count:
        # Without this call, each check box reads as empty.
        raw.FORM_OnAfterLoadPage(page, form)
    for index in range(count):
        if annotation := raw.FPDFPage_GetAnnot(page, index):
            try:
                yield annotation
            finally:
                raw.FPDFPage_CloseAnnot(annotation)
    if form and count:
        raw.FORM_OnBeforeClosePage(page, form)


def _field(form: Any, annotation: Any, textpage: pdfium.PdfTextPage, seen: set[str]) -> Iterator[str]:
    kind = raw.FPDFAnnot_GetFormFieldType(form, annotation)
    name = _string(raw.FPDFAnnot_GetFormFieldName, form, annotation)
    value = _string(raw.FPDFAnnot_GetFormFieldValue, form, annotation).strip()
    if kind == raw.FPDF_FORMFIELD_RADIOBUTTON:
        if not raw.FPDFAnnot_IsChecked(form, annotation):
            return
    elif kind == raw.FPDF_FORMFIELD_CHECKBOX:
        is_checked = raw.FPDFAnnot_IsChecked(form, annotation)
        value = ("yes" if not value or value.casefold() in _IS_ON else value) if is_checked else "no"
    elif kind == raw.FPDF_FORMFIELD_LISTBOX:
        value = _options(form, annotation) or value
    elif kind in {raw.FPDF_FORMFIELD_PUSHBUTTON, raw.FPDF_FORMFIELD_UNKNOWN}:
        value = ""
    if not value or (kind != raw.FPDF_FORMFIELD_CHECKBOX and name and name in seen):
        return
    seen.add(name)
    alternate = _string(raw.FPDFAnnot_GetFormFieldAlternateName, form, annotation)
    label = one_line(alternate).rstrip(" :") or _label(name, annotation, textpage)
    yield f"{label}: {value}" if label else value


def _label(name: str, annotation: Any, textpage: pdfium.PdfTextPage) -> str:
    """Return the field's name, or the text on its left if that says more or a program chose the name."""
    last = one_line(re.sub(r"\[\d+\]", "", name).rpartition(".")[2]).rstrip(" :")
    rectangle = _rectangle(annotation)
    if rectangle is None:
        return last
    left, bottom, _, top = rectangle
    beside = textpage.get_text_bounded(left=left - _LABEL_WIDTH, bottom=bottom, right=left, top=top)
    label = one_line(beside).rstrip(" :_.")
    says_more = not last or last.casefold() in label.casefold() or _GENERATED_NAME.fullmatch(last)
    return label if label and says_more else last


def _options(form: Any, annotation: Any) -> str:
    """Return all options of a list, which are visible on the page, and the chosen ones first."""
    count = min(raw.FPDFAnnot_GetOptionCount(form, annotation), _MAX_OPTIONS)
    labels = [_string(raw.FPDFAnnot_GetOptionLabel, form, annotation, number) for number in range(max(count, 0))]
    chosen = [label for number, label in enumerate(labels) if raw.FPDFAnnot_IsOptionSelected(form, annotation, number)]
    choices = f"(choices: {', '.join(labels)})" if labels else ""
    return f"{', '.join(chosen)} {choices}".strip()


def _link(page: pdfium.PdfPage, annotation: Any, textpage: pdfium.PdfTextPage, page_text: str) -> Iterator[str]:
    """Return the words of a link with its target, if that is contact data or a file."""
    action = raw.FPDFLink_GetAction(raw.FPDFAnnot_GetLink(annotation))
    if not action or raw.FPDFAction_GetType(action) != raw.PDFACTION_URI:
        return
    uri = _bytes(raw.FPDFAction_GetURIPath, page.pdf, action).decode("utf-8", "replace")
    target = _worth_keeping(uri)
    if not target or target in page_text:
        return
    rectangle = _rectangle(annotation)
    words = one_line(textpage.get_text_bounded(*rectangle)) if rectangle else ""
    yield f"{words}: {target}" if words else target


def _worth_keeping(uri: str) -> str:
    scheme, _, rest = uri.partition(":")
    if scheme.lower() == "mailto":
        return unquote(rest.partition("?")[0])
    if scheme.lower() in {"tel", "sms", "callto", "fax"}:
        return unquote(rest)
    try:
        suffix = PurePosixPath(urlsplit(uri).path).suffix.lower()
    except ValueError:
        return ""
    return uri if suffix in _DOWNLOADS else ""


def _note(kind: int, annotation: Any, textpage: pdfium.PdfTextPage, attachments: list[str]) -> Iterator[str]:
    if kind == raw.FPDF_ANNOT_FILEATTACHMENT:
        attachments.append(_attachment_name(raw.FPDFAnnot_GetFileAttachment(annotation)))
    contents = _value(annotation, b"Contents").strip()
    if kind in _VISIBLE:
        yield from filter(None, [contents or _appearance(annotation, textpage)])
    elif kind in _COMMENTS:
        rectangle = _rectangle(annotation) if kind == raw.FPDF_ANNOT_STRIKEOUT else None
        struck = one_line(textpage.get_text_bounded(*rectangle)) if rectangle else ""
        if struck:
            yield f"Struck out: {struck}"
        if contents:
            author = one_line(_value(annotation, b"T"))
            yield f"Comment by {author}: {contents}" if author else f"Comment: {contents}"


def _appearance(annotation: Any, textpage: pdfium.PdfTextPage) -> str:
    """Return the text that the annotation shows."""
    count = min(raw.FPDFAnnot_GetObjectCount(annotation), _MAX_OPTIONS)
    things = [raw.FPDFAnnot_GetObject(annotation, number) for number in range(max(count, 0))]
    texts = [thing for thing in things if raw.FPDFPageObj_GetType(thing) == raw.FPDF_PAGEOBJ_TEXT]
    return " ".join(_string(raw.FPDFTextObj_GetText, thing, textpage) for thing in texts)


def _attachment_name(attachment: Any) -> str:
    name = one_line(_string(raw.FPDFAttachment_GetName, attachment))
    return name or "a file without a name"


def _rectangle(annotation: Any) -> tuple[float, float, float, float] | None:
    """Return left, bottom, right and top."""
    box = raw.FS_RECTF()
    if not raw.FPDFAnnot_GetRect(annotation, box):
        return None
    return (box.left, min(box.bottom, box.top), box.right, max(box.bottom, box.top))


def _value(annotation: Any, key: bytes) -> str:
    return _string(raw.FPDFAnnot_GetStringValue, annotation, key)


def _string(function: Callable[..., int], *arguments: Any) -> str:
    """Return the UTF-16 string that a function of PDFium writes into a buffer."""
    text = _bytes(function, *arguments, end=2).decode("utf-16-le", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _bytes(function: Callable[..., int], *arguments: Any, end: int = 1) -> bytes:
    size = function(*arguments, None, 0)
    if not end < size <= _MAX_VALUE_BYTES:
        return b""
    buffer = ctypes.create_string_buffer(size)
    function(*arguments, ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)) if end > 1 else buffer, size)
    return buffer.raw[: size - end]
