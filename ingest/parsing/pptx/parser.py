"""The entry point for PPTX: bytes in, an outline out, with the number of its slide on each block."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from xml.etree.ElementTree import Element

from ingest.parsing.office_archive import DAMAGE, damaged, open_office
from ingest.parsing.ooxml.package import Package, is_on_attribute, number_of
from ingest.parsing.outline import Outline, OutlineBuilder
from ingest.parsing.pptx.comments import authors_of, comments_of
from ingest.parsing.pptx.layout import box_of, in_reading_order
from ingest.parsing.pptx.shapes import FOOTERS, TITLES, Placeholders, Shape, ShapeReader, placeholders_of
from ingest.parsing.tables.table import add_table
from rag.types import Place

_PRESENTATION = "ppt/presentation.xml"
_HIDDEN = {"0", "false", "off"}


def parse_pptx(body: bytes) -> Outline:
    archive = open_office(body, kind="PPTX", folder="ppt/")
    builder = OutlineBuilder()
    try:
        return _Presentation(Package(archive), builder).read()
    except DAMAGE as error:
        raise damaged("PPTX") from error


@dataclass(slots=True)
class _Presentation:
    """A presentation while it is read."""

    package: Package
    builder: OutlineBuilder
    # Footers, layouts and masters repeat on many slides, so each is read with the first slide that shows it.
    _repeated: set[str] = field(default_factory=set)
    _inherited: dict[str, Placeholders] = field(default_factory=dict)
    _is_right_to_left: bool = False
    _slide_area: float = 0

    def read(self) -> Outline:
        main = next(iter(self.package.related("", "officeDocument")), _PRESENTATION)
        root = self.package.tree(main)
        if root is None:
            raise KeyError(main)
        self._is_right_to_left = is_on_attribute(root.get("rtl"))
        size = root.find("sldSz")
        self._slide_area = 0 if size is None else number_of(size.get("cx")) * number_of(size.get("cy"))
        authors = authors_of(self.package, main)
        relations = self.package.relations(main)
        title = ""
        listed = (relations.get(element.get("r:id", "")) for element in root.iter("sldId"))
        for number, relation in enumerate(filter(None, listed), 1):
            heading = self._read_slide(relation.target, number, authors)
            title = title or heading
        return self.builder.build(fallback_title=title)

    def _read_slide(self, part: str, number: int, authors: Mapping[str, str]) -> str:
        """Add a slide to the outline and return its title."""
        root = self.package.tree(part)
        if root is None:
            return ""
        layout = next(iter(self.package.related(part, "slideLayout")), "")
        shapes = self._shapes(root, number, part, self._placeholders(layout))
        title = next((shape for shape in shapes if shape.placeholder in TITLES), None)
        body = [shape for shape in shapes if shape is not title and shape.placeholder not in FOOTERS]
        heading = " ".join(title.text.split()) if title else ""
        place = Place(slide=number)
        self.builder.leave_headings()
        # A heading of level 1 would become the title of the presentation.
        self.builder.add_heading(2, heading)
        if root.get("show") in _HIDDEN:
            self.builder.add_block("[Hidden slide]", place)
        self._add(in_reading_order(body, is_right_to_left=self._is_right_to_left), place)
        self._add_repeated((shape for shape in shapes if shape.placeholder in FOOTERS), place, "Footer")
        self._add_background(root, layout, place)
        for text in (*self._notes(part, number), *comments_of(self.package, part, authors)):
            self.builder.add_block(text, place)
        if not title and not body and self._is_picture(root):
            message = "Slides consist of a picture, whose text is not read: run text recognition (OCR) on them."
            self.builder.warn("page_without_text", message, place=f"slide {number}")
        return heading

    def _is_picture(self, slide: Element) -> bool:
        """Return True if a picture covers at least half of the slide."""
        boxes = (box_of(picture.find("spPr/xfrm")) for picture in slide.iter("pic"))
        covered = max((box.width * box.height for box in boxes if box), default=0)
        return slide.find("cSld/bg/bgPr/blipFill") is not None or covered * 2 >= self._slide_area > 0

    def _shapes(self, root: Element, number: int, part: str, inherited: Placeholders) -> list[Shape]:
        tree = root.find("cSld/spTree")
        reader = ShapeReader(
            package=self.package,
            part=part,
            inherited=inherited,
            warn=lambda message: self.builder.warn("dropped_object", message, place=f"slide {number}"),
            is_right_to_left=self._is_right_to_left,
        )
        return [] if tree is None else reader.read(tree)

    def _placeholders(self, layout: str) -> Placeholders:
        if layout not in self._inherited:
            master = next(iter(self.package.related(layout, "slideMaster")), "")
            of_master = placeholders_of(self.package.tree(master), {})
            self._inherited[layout] = placeholders_of(self.package.tree(layout), of_master)
        return self._inherited[layout]

    def _add(self, shapes: Iterable[Shape], place: Place) -> None:
        for shape in shapes:
            if shape.rows:
                add_table((replace(row, place=place) for row in shape.rows), self.builder)
            elif shape.shapes:
                self._add(shape.shapes, place)
            else:
                self.builder.add_block(shape.text, place)

    def _add_repeated(self, shapes: Iterable[Shape], place: Place, name: str) -> None:
        for shape in shapes:
            if shape.shapes:
                self._add_repeated(shape.shapes, place, name)
            elif shape.text and shape.text not in self._repeated:
                self._repeated.add(shape.text)
                self.builder.add_block(f"{name}: {shape.text}", place)

    def _add_background(self, slide: Element, layout: str, place: Place) -> None:
        """Add the texts that the slide shows of its layout and master. Their placeholders only prompt the author."""
        shows = slide.get("showMasterSp") not in _HIDDEN
        for part in (layout, *self.package.related(layout, "slideMaster")[:1]):
            # A layout decides for all its slides whether they show the master.
            if not shows or part in self._repeated:
                return
            self._repeated.add(part)
            root = self.package.tree(part)
            if root is None:
                return
            shapes = self._shapes(root, place.slide or 0, part, {})
            own = (shape for shape in shapes if not shape.placeholder and not shape.text.startswith("[Image"))
            self._add_repeated(own, place, "Background")
            shows = root.get("showMasterSp") not in _HIDDEN

    def _notes(self, slide: str, number: int) -> Iterator[str]:
        for part in self.package.related(slide, "notesSlide"):
            root = self.package.tree(part)
            if root is None:
                continue
            shapes = self._shapes(root, number, part, {})
            texts = [shape.text for shape in shapes if shape.text and shape.placeholder not in FOOTERS]
            if texts:
                yield "Notes: " + "\n".join(texts)
