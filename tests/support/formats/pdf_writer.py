"""Write minimal PDF files with lines of text."""

from collections.abc import Mapping, Sequence

FULL_PAGE_IMAGE = "q 595 0 0 842 0 0 cm BI /W 1 /H 1 /CS /G /BPC 8 ID x EI Q"
"""A content stream with one image that covers the page."""


def pdf_of(
    pages: Sequence[Sequence[str] | str],
    title: str = "",
    *,
    fonts: str = "",
    catalog: str = "",
    annotations: Mapping[int, str] | None = None,
    objects: Sequence[str] = (),
) -> bytes:
    """Return a PDF with one page per sequence of ASCII lines, in Helvetica.

    A page that is a string is its content stream. `fonts` and `catalog` are further entries of these dictionaries.
    `annotations` are the annotations of a page, by its index. `objects` have the numbers after those of the pages:
    the first has `first_object(len(pages))`.
    """
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    written = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, page in enumerate(pages):
        content = page if isinstance(page, str) else lines_at(50, 780, page)
        layout = f"/MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R {fonts} >> >>"
        beside = f"/Annots [{annotations[number]}]" if annotations and number in annotations else ""
        written += [
            f"<< /Type /Page /Parent 2 0 R {layout} /Contents {5 + 2 * number} 0 R {beside} >>",
            f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        ]
    return _file_of([*written, *objects, f"<< /Title ({_escape(title)}) >>"])


def first_object(pages: int) -> int:
    return 4 + 2 * pages


def lines_at(left: int, top: int, lines: Sequence[str], *, size: int = 11) -> str:
    """Return a content stream that shows the lines."""
    shown = " ".join(f"({_escape(line)}) Tj T*" for line in lines)
    return f"BT /F1 {size} Tf {size + 3} TL {left} {top} Td {shown} ET"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _file_of(objects: Sequence[str]) -> bytes:
    body = b"%PDF-1.7\n"
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n".encode("ascii")
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    trailer = f"<< /Size {len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R >>"
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n{trailer}\nstartxref\n{len(body)}\n%%EOF"
    return body + end.encode("ascii")
