"""Write minimal Office files: ZIP archives with the XML parts that readers require."""

from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_SHOW = "http://schemas.openxmlformats.org/presentationml/2006/main"
_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
_FORMAT = "application/vnd.openxmlformats-officedocument"


def docx_of(body: str, **more: str) -> bytes:
    """Return a DOCX file; `body` is the XML inside `w:body`, written with `paragraph` and `word_table`."""
    document = f'<w:document xmlns:w="{_WORD}" xmlns:r="{_OFFICE}" xmlns:x="x"><w:body>{body}</w:body></w:document>'
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{name.replace(" ", "")}"><w:name w:val="{name}"/></w:style>'
        for name in ("Title", "heading 1", "heading 2")
    )
    numbering = (
        '<w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/></w:lvl></w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
    )
    parts = {
        "word/document.xml": document,
        "word/styles.xml": f'<w:styles xmlns:w="{_WORD}">{styles}</w:styles>',
        "word/numbering.xml": f'<w:numbering xmlns:w="{_WORD}">{numbering}</w:numbering>',
        "word/_rels/document.xml.rels": relations_of(
            {"s": ("styles", "styles.xml"), "n": ("numbering", "numbering.xml")}
        ),
    }
    return package("word/document.xml", f"{_FORMAT}.wordprocessingml.document.main+xml", parts | more)


def paragraph(text: str, *, style: str = "", is_item: bool = False) -> str:
    properties = f'<w:pStyle w:val="{style}"/>' if style else ""
    properties += '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>' if is_item else ""
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{escape(text)}</w:t></w:r></w:p>"


def run(text: str, look: str = "") -> str:
    """Return a run of text; `look` is a property such as `strike`."""
    return f'<w:r><w:rPr>{f"<w:{look}/>" if look else ""}</w:rPr><w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def field(instruction: str, result: str) -> str:
    """Return the runs of a field; the instruction can contain other fields."""
    mark = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>'
    before, nested, after = instruction, "", ""
    if "<" in instruction:
        before, rest = instruction.split("<", 1)
        nested, _, after = f"<{rest}".rpartition(">")
        nested += ">"
    code = f"{_instruction(before)}{nested}{_instruction(after)}"
    return f"{mark.format('begin')}{code}{mark.format('separate')}{result}{mark.format('end')}"


def word_table(rows: Sequence[Sequence[str]], *, header_rows: int = 0) -> str:
    lines = []
    for number, row in enumerate(rows):
        look = "<w:trPr><w:tblHeader/></w:trPr>" if number < header_rows else ""
        lines.append(f"<w:tr>{look}{''.join(merged_cell(paragraph(value)) for value in row)}</w:tr>")
    return f"<w:tbl>{''.join(lines)}</w:tbl>"


def merged_cell(content: str, look: str = "") -> str:
    """Return a table cell; `look` is XML such as `<w:vMerge/>`."""
    return f"<w:tc>{f'<w:tcPr>{look}</w:tcPr>' if look else ''}{content}</w:tc>"


def word_part(name: str, content: str) -> str:
    """Return the XML of a part of a Word document, such as its styles."""
    return f'<w:{name} xmlns:w="{_WORD}" xmlns:r="{_OFFICE}">{content}</w:{name}>'


def xlsx_of(sheets: Mapping[str, Sequence[Sequence[object]]], **more: str) -> bytes:
    parts = {f"xl/worksheets/sheet{number}.xml": _sheet(rows) for number, rows in enumerate(sheets.values(), 1)}
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{number}" r:id="r{number}"/>' for number, name in enumerate(sheets, 1)
    )
    parts["xl/workbook.xml"] = f'<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>'
    parts["xl/_rels/workbook.xml.rels"] = relations_of(
        {f"r{number}": ("worksheet", f"worksheets/sheet{number}.xml") for number in range(1, len(sheets) + 1)}
    )
    return package("xl/workbook.xml", f"{_FORMAT}.spreadsheetml.sheet.main+xml", parts | more)


def pptx_of(slides: Sequence[str], *, notes: Mapping[int, str] | None = None, **more: str) -> bytes:
    """Return a PPTX file; each slide is the XML of its shapes, written with `shape` and `slide_table`."""
    parts = {f"ppt/slides/slide{number}.xml": _slide(shapes) for number, shapes in enumerate(slides, 1)}
    for number, text in (notes or {}).items():
        parts[f"ppt/notesSlides/notes{number}.xml"] = _slide(shape(text))
        related = relations_of({"n": ("notesSlide", f"../notesSlides/notes{number}.xml")})
        parts[f"ppt/slides/_rels/slide{number}.xml.rels"] = related
    listed = "".join(f'<p:sldId id="{255 + number}" r:id="r{number}"/>' for number in range(1, len(slides) + 1))
    parts["ppt/presentation.xml"] = (
        f'<p:presentation xmlns:p="{_SHOW}" xmlns:r="{_OFFICE}"><p:sldIdLst>{listed}</p:sldIdLst></p:presentation>'
    )
    parts["ppt/_rels/presentation.xml.rels"] = relations_of(
        {f"r{number}": ("slide", f"slides/slide{number}.xml") for number in range(1, len(slides) + 1)}
    )
    return package("ppt/presentation.xml", f"{_FORMAT}.presentationml.presentation.main+xml", parts | more)


def shape(*lines: str, kind: str = "", at: tuple[int, int, int, int] | None = None) -> str:
    """Return a shape with text; `at` is its place on the slide: left, top, width and height."""
    placeholder = f'<p:nvSpPr><p:nvPr><p:ph type="{kind}"/></p:nvPr></p:nvSpPr>' if kind else ""
    look = f"<p:spPr><a:xfrm>{_box(at)}</a:xfrm></p:spPr>" if at else ""
    text = "".join(f"<a:p><a:r><a:t>{escape(line)}</a:t></a:r></a:p>" for line in lines)
    return f"<p:sp>{placeholder}{look}<p:txBody>{text}</p:txBody></p:sp>"


def group(shapes: str, *, at: tuple[int, int, int, int], inner: tuple[int, int, int, int]) -> str:
    """Return a group at a place on the slide, whose shapes have coordinates inside `inner`."""
    child = _box(inner).replace("a:off", "a:chOff").replace("a:ext", "a:chExt")
    return f"<p:grpSp><p:grpSpPr><a:xfrm>{_box(at)}{child}</a:xfrm></p:grpSpPr>{shapes}</p:grpSp>"


def _box(at: tuple[int, int, int, int]) -> str:
    left, top, width, height = at
    return f'<a:off x="{left}" y="{top}"/><a:ext cx="{width}" cy="{height}"/>'


def slide_table(rows: Sequence[Sequence[str]], *, has_header: bool = False) -> str:
    def cell(value: str) -> str:
        return f"<a:tc><a:txBody><a:p><a:r><a:t>{escape(value)}</a:t></a:r></a:p></a:txBody></a:tc>"

    look = '<a:tblPr firstRow="1"/>' if has_header else ""
    return f"<a:tbl>{look}{''.join('<a:tr>' + ''.join(map(cell, row)) + '</a:tr>' for row in rows)}</a:tbl>"


def package(main: str, content_type: str, parts: Mapping[str, str | bytes]) -> bytes:
    types = (
        f'<Types xmlns="{_TYPES}"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/><Override PartName="/{main}" '
        f'ContentType="{content_type}"/></Types>'
    )
    written = BytesIO()
    with ZipFile(written, "w", ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", types)
        archive.writestr("_rels/.rels", relations_of({"r": ("officeDocument", main)}))
        for name, content in parts.items():
            archive.writestr(name, content)
    return written.getvalue()


def _sheet(rows: Sequence[Sequence[object]]) -> str:
    lines = []
    for number, row in enumerate(rows, 1):
        cells = "".join(_cell(value, f"{_column(index)}{number}") for index, value in enumerate(row))
        lines.append(f'<row r="{number}">{cells}</row>')
    return f'<worksheet xmlns="{_SHEET}"><sheetData>{"".join(lines)}</sheetData></worksheet>'


def _cell(value: object, reference: str) -> str:
    if isinstance(value, int | float):
        return f'<c r="{reference}"><v>{value}</v></c>'
    return f'<c r="{reference}" t="inlineStr"><is><t>{escape(str(value))}</t></is></c>'


def _column(index: int) -> str:
    letters = ""
    while index >= 0:
        index, letter = index // 26 - 1, index % 26
        letters = chr(ord("A") + letter) + letters
    return letters


def _slide(shapes: str) -> str:
    tree = f"<p:cSld><p:spTree>{shapes}</p:spTree></p:cSld>"
    return f'<p:sld xmlns:p="{_SHOW}" xmlns:a="{_DRAWING}">{tree}</p:sld>'


def _instruction(code: str) -> str:
    return f"<w:r><w:instrText>{escape(code)}</w:instrText></w:r>"


def relations_of(targets: Mapping[str, tuple[str, str]], *, is_external: bool = False) -> str:
    """Return a part with relations: their kinds and targets by their ids."""
    mode = ' TargetMode="External"' if is_external else ""
    listed = "".join(
        f'<Relationship Id="{key}" Type="{_OFFICE}/{kind}" Target="{escape(target)}"{mode}/>'
        for key, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{_RELATIONS}">{listed}</Relationships>'
