"""Positions of shapes on a slide, and the order in which a person reads them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar
from xml.etree.ElementTree import Element

from ingest.parsing.ooxml.package import child_of, number_of

# Boxes that touch or overlap by less of their size still count as one below or next to the other.
_TOLERANCE = 0.25
# Real slides need four cuts. The limit bounds the time for slides that were made to be slow.
_MAX_CUTS = 12


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a slide, in the unit of the file."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Transform:
    """The scale and shift that a group applies to its shapes."""

    scale_x: float = 1
    scale_y: float = 1
    shift_x: float = 0
    shift_y: float = 0

    def apply(self, box: Box) -> Box:
        return Box(
            box.left * self.scale_x + self.shift_x,
            box.top * self.scale_y + self.shift_y,
            box.width * self.scale_x,
            box.height * self.scale_y,
        )

    def inside(self, group: Element | None) -> "Transform":
        """Return the transform of the shapes in a group, given by its `xfrm`."""
        outer, inner = box_of(group), box_of(group, "chOff", "chExt")
        if outer is None or inner is None:
            return self
        x = outer.width / inner.width if inner.width else 1
        y = outer.height / inner.height if inner.height else 1
        return Transform(
            self.scale_x * x,
            self.scale_y * y,
            self.scale_x * (outer.left - inner.left * x) + self.shift_x,
            self.scale_y * (outer.top - inner.top * y) + self.shift_y,
        )


class Placed(Protocol):
    """Something with a place on a slide."""

    @property
    def box(self) -> Box | None: ...


_Shape = TypeVar("_Shape", bound=Placed)


def box_of(transform: Element | None, offset: str = "off", extent: str = "ext") -> Box | None:
    """Return the rectangle in an element `xfrm`, or None if it has none."""
    place = child_of(transform, offset)
    size = child_of(transform, extent)
    if place is None or size is None:
        return None
    return Box(
        number_of(place.get("x")), number_of(place.get("y")), number_of(size.get("cx")), number_of(size.get("cy"))
    )


def around(boxes: Sequence[Box | None]) -> Box | None:
    """Return the smallest rectangle around others."""
    known = [box for box in boxes if box]
    if not known:
        return None
    left, top = min(box.left for box in known), min(box.top for box in known)
    right, bottom = max(box.left + box.width for box in known), max(box.top + box.height for box in known)
    return Box(left, top, right - left, bottom - top)


def in_reading_order(shapes: Sequence[_Shape], *, is_right_to_left: bool = False) -> Iterator[_Shape]:
    """Yield shapes in rows from top to bottom, and within a row from left to right.

    A row whose shapes form columns is read column by column. Shapes without a place keep their order and come first.
    """
    yield from (shape for shape in shapes if shape.box is None)
    placed = [(shape, shape.box) for shape in shapes if shape.box is not None]
    if is_right_to_left:
        placed = [(shape, Box(-box.left - box.width, box.top, box.width, box.height)) for shape, box in placed]
    yield from (shape for shape, _ in _cut(placed, _MAX_CUTS))


_Pair = tuple[_Shape, Box]


def _cut(shapes: Sequence[_Pair[_Shape]], cuts_left: int) -> Iterator[_Pair[_Shape]]:
    if len(shapes) > 1 and cuts_left:
        for interval in (lambda box: (box.top, box.height), lambda box: (box.left, box.width)):
            parts = _split(shapes, interval)
            if len(parts) > 1:
                for part in parts:
                    yield from _cut(part, cuts_left - 1)
                return
    yield from sorted(shapes, key=lambda pair: (pair[1].top, pair[1].left))


def _split(
    shapes: Sequence[_Pair[_Shape]], interval: Callable[[Box], tuple[float, float]]
) -> list[list[_Pair[_Shape]]]:
    """Split shapes at the gaps between their intervals in one direction."""
    parts: list[list[_Pair[_Shape]]] = []
    end, last = 0.0, 0.0
    for shape in sorted(shapes, key=lambda pair: interval(pair[1])):
        start, size = interval(shape[1])
        if parts and start < end - _TOLERANCE * min(size, last):
            parts[-1].append(shape)
        else:
            parts.append([shape])
            end, last = start, size
        if start + size > end:
            end, last = start + size, size
    return parts
