"""Read the shapes of a slide: text, tables, pictures, diagrams and charts, with their places."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ingest.parsing.ooxml.charts import read_chart
from ingest.parsing.ooxml.drawings import diagram_lines
from ingest.parsing.ooxml.package import Package, Relation, is_on_attribute, number_of
from ingest.parsing.pptx.layout import Box, Transform, around, box_of, in_reading_order
from ingest.parsing.pptx.text import text_of
from ingest.parsing.tables.row import Cell, Row, SpannedRow, spread

TITLES = frozenset({"title", "ctrTitle"})
FOOTERS = frozenset({"dt", "ftr", "hdr"})
# A layout's and a master's placeholders of one kind have different names.
_MASTER_KINDS = {"ctrTitle": "title", "subTitle": "body", "obj": "body", "": "body"}
_ANY = "*"
_TEXTLESS = {"sldNum", "sldImg"}

Placeholders = Mapping[tuple[str, str], Box]
"""The boxes of the placeholders that a slide inherits, by kind and index."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape with text, in the coordinates of its slide."""

    text: str = ""
    rows: Sequence[Row] = ()
    placeholder: str = ""
    """The kind of placeholder, such as `title`, or empty."""
    box: Box | None = None
    shapes: Sequence["Shape"] = ()
    """The shapes of a group, in reading order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeReader:
    """A reader of the shapes of one part."""

    package: Package
    part: str
    inherited: Placeholders
    warn: Callable[[str], None]
    is_right_to_left: bool = False

    def read(self, tree: Element, transform: Transform | None = None) -> list[Shape]:
        """Return the visible shapes with text, in the order of the file. Groups have their own order inside."""
        transform = transform or Transform()
        return [shape for element in tree for shape in self._shapes(element, transform)]

    def _shapes(self, element: Element, transform: Transform) -> Iterator[Shape]:
        if any(is_on_attribute(names.get("hidden")) for names in element.iterfind("*/cNvPr")):
            return
        match element.tag:
            case "sp" | "cxnSp":
                yield from self._text_shape(element, transform)
            case "grpSp":
                look = element.find("grpSpPr/xfrm")
                members = self.read(element, transform.inside(look))
                if members:
                    own = box_of(look)
                    box = transform.apply(own) if own else around([shape.box for shape in members])
                    ordered = list(in_reading_order(members, is_right_to_left=self.is_right_to_left))
                    yield Shape(box=box, shapes=ordered)
            case "graphicFrame":
                box = box_of(element.find("xfrm"))
                for shape in self._graphic(element):
                    yield Shape(shape.text, shape.rows, box=transform.apply(box) if box else None)
            case "tbl":
                yield Shape(rows=self._table(element))
            case "pic":
                if description := _description(element.find("nvPicPr/cNvPr")):
                    box = box_of(element.find("spPr/xfrm"))
                    yield Shape(f"[Image: {description}]", box=transform.apply(box) if box else None)
            case "AlternateContent" | "Choice" | "Fallback":
                yield from self.read(element, transform)
            case "contentPart":
                self.warn("Ink and other content parts are not read.")

    def _text_shape(self, element: Element, transform: Transform) -> Iterator[Shape]:
        placeholder = element.find("nvSpPr/nvPr/ph")
        kind = "" if placeholder is None else placeholder.get("type", "obj")
        text = text_of(element.find("txBody"), self._relations, hides_numbers=True)
        if kind in _TEXTLESS or not text:
            return
        box = box_of(element.find("spPr/xfrm"))
        if box:
            box = transform.apply(box)
        elif placeholder is not None:
            box = _inherited_box(placeholder, self.inherited)
        yield Shape(text, placeholder=kind, box=box)

    def _graphic(self, frame: Element) -> Iterator[Shape]:
        for element in frame.iter():
            match element.tag:
                case "tbl":
                    yield Shape(rows=self._table(element))
                case "relIds":
                    yield from self._diagram(element)
                case "chart" if element.get("r:id"):
                    yield from self._chart(element)
                case "oleObj":
                    program = element.get("progId", "").partition(".")[0]
                    self.warn(f"Embedded objects are not read: {program or 'of an unknown kind'}.")

    def _table(self, table: Element) -> list[Row]:
        look = table.find("tblPr")
        has_header = look is not None and is_on_attribute(look.get("firstRow"))
        rows = []
        for number, row in enumerate(table.iterfind("tr")):
            cells = [self._cell(cell) for cell in row.iterfind("tc") if not is_on_attribute(cell.get("hMerge"))]
            # Every new table has a first row with another look, so the look alone does not make it a header.
            rows.append(SpannedRow(cells=cells, is_bold=has_header and number == 0))
        return list(spread(rows))

    def _cell(self, cell: Element) -> Cell:
        return Cell(
            text=text_of(cell.find("txBody"), self._relations),
            columns=max(1, number_of(cell.get("gridSpan"), 1)),
            continues_above=is_on_attribute(cell.get("vMerge")),
        )

    def _diagram(self, element: Element) -> Iterator[Shape]:
        data = self.package.referenced(self.part, element.get("r:dm"))
        if data is None:
            self.warn("A diagram without its data is not read.")
        else:
            yield Shape("\n".join(f"{'  ' * depth}- {text}" for depth, text in diagram_lines(data)))

    def _chart(self, element: Element) -> Iterator[Shape]:
        chart = read_chart(self.package.referenced(self.part, element.get("r:id")))
        if not chart.rows:
            self.warn("A chart without stored values is not read.")
        if chart.title:
            yield Shape(f"Chart: {chart.title}")
        if chart.rows:
            yield Shape(rows=chart.rows)

    @property
    def _relations(self) -> Mapping[str, Relation]:
        return self.package.relations(self.part)


def placeholders_of(tree: Element | None, below: Placeholders) -> dict[tuple[str, str], Box]:
    """Return the boxes of the placeholders of a layout or master, with the inherited ones."""
    boxes = dict(below)
    for shape in () if tree is None else tree.iter("sp"):
        placeholder = shape.find("nvSpPr/nvPr/ph")
        box = box_of(shape.find("spPr/xfrm"))
        if placeholder is None:
            continue
        if box := box or _inherited_box(placeholder, boxes):
            kind, index = placeholder.get("type", ""), placeholder.get("idx", "")
            boxes |= {(kind, index): box, (_ANY, index): box, (_MASTER_KINDS.get(kind, kind), ""): box}
    return boxes


def _inherited_box(placeholder: Element, inherited: Placeholders) -> Box | None:
    kind, index = placeholder.get("type", ""), placeholder.get("idx", "")
    same_index = inherited.get((_ANY, index)) if index else None
    return inherited.get((kind, index)) or same_index or inherited.get((_MASTER_KINDS.get(kind, kind), ""))


def _description(element: Element | None) -> str:
    return "" if element is None else " ".join(element.get("descr", "").split())
