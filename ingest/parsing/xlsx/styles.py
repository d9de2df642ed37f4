"""Read the styles of an XLSX file: the number format of each cell style, and which styles are bold."""

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ingest.parsing.ooxml.package import is_on, number_of

GENERAL = "General"
# The formats that files name by a number alone. Short dates (14, 22) follow the reader's country: we show ISO dates.
_BUILTIN_FORMATS = {
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    5: "$#,##0;-$#,##0",
    6: "$#,##0;-$#,##0",
    7: "$#,##0.00;-$#,##0.00",
    8: "$#,##0.00;-$#,##0.00",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    14: "yyyy-mm-dd",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "yyyy-mm-dd h:mm",
    37: "#,##0;(#,##0)",
    38: "#,##0;(#,##0)",
    39: "#,##0.00;(#,##0.00)",
    40: "#,##0.00;(#,##0.00)",
    41: "#,##0",
    42: "$#,##0",
    43: "#,##0.00",
    44: "$#,##0.00",
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
    48: "##0.0E+0",
    49: "@",
}
# Countries of East Asia have numbers of their own for dates and times.
_BUILTIN_FORMATS.update(dict.fromkeys((*range(27, 32), 36, *range(50, 55), 57, 58), "yyyy-mm-dd"))
_BUILTIN_FORMATS.update(dict.fromkeys((*range(32, 36), 55, 56), "h:mm:ss"))


@dataclass(frozen=True, slots=True)
class Style:
    """How a cell shows its value."""

    format: str = GENERAL
    is_bold: bool = False


PLAIN = Style()


def read_styles(root: Element | None) -> tuple[Style, ...]:
    """Return the cell styles in the order in which cells number them."""
    if root is None:
        return ()
    formats: dict[int, str] = dict(_BUILTIN_FORMATS)
    for element in root.iterfind("numFmts/*"):
        formats[number_of(element.get("numFmtId"))] = element.get("formatCode", GENERAL)
    bold = [is_on(font.find("b")) for font in root.iterfind("fonts/*")]
    return tuple(
        Style(
            formats.get(number_of(xf.get("numFmtId")), GENERAL),
            0 <= (font := number_of(xf.get("fontId"))) < len(bold) and bold[font],
        )
        for xf in root.iterfind("cellXfs/*")
    )
