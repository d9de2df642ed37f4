"""The control words of RTF that matter for text."""

import re

CHARACTERS = {
    "tab": "\t",
    "line": "\n",
    "softline": "\n",
    "emdash": "—",
    "endash": "\u2013",
    "bullet": "•",
    "lquote": "\u2018",
    "rquote": "\u2019",
    "ldblquote": "“",
    "rdblquote": "”",
    "enspace": " ",
    "emspace": " ",
    "qmspace": " ",
    "zwj": "\u200d",
    "zwnj": "\u200c",
    "nestcell": " ",
    "nestrow": "; ",
}
SYMBOLS = {"~": "\u00a0", "_": "-", "\n": "\n", "\r": "\n", "\\": "\\", "{": "{", "}": "}", "\t": "\t"}
PARAGRAPH_ENDS = {"par", "sect", "page", "column"}
# Groups without text for a reader: tables of the program, pictures, field codes, and copies of text for old programs.
SKIPPED = {
    *("colortbl", "listtable", "listoverridetable", "rsidtbl", "revtbl", "filetbl", "pict", "fldinst", "pn"),
    *("template", "private", "xe", "tc", "rxe", "nonesttables", "ftnsep", "ftnsepc", "ftncn", "aftnsep", "aftnsepc"),
    *("aftncn", "sp", "shprslt", "nonshppict", "mmathPr", "mmathPict", "objdata", "objclass", "upr", "formfield"),
    *("themedata", "bkmkstart", "bkmkend", "generator", "pntxta", "pntxtb", "info", "fname", "levelText"),
    *("levelnumbers", "comment"),
}
READ_STARRED = {"shpinst", "ud", "do", "nesttableprops", "moMath", "moMathPara"}
"""Groups that begin with \\* and have text. Programs skip unknown ones."""
FLOWS = {
    "footnote": "footnote",
    "annotation": "comment",
    "shptxt": "box",
    "dptxbxtext": "box",
    "listtext": "number",
    **{name: "margin" for part in ("header", "footer") for name in (part, f"{part}f", f"{part}l", f"{part}r")},
    "pntext": "number",
    "atnauthor": "author",
    "title": "title",
    **{name: name for name in ("mnum", "mden", "msup", "msub")},
}
OPERATORS = {"mnum": "", "mden": "/", "msup": "^", "msub": "_"}
MATH_PROPERTIES = re.compile(r"m\w+Pr")
HEADING = re.compile(r"heading (\d)", re.IGNORECASE)
BODY_LEVEL = 9
POWER = re.compile(r"[-+\u2212]?\d{1,4}|n")
PAGES = {"mac": 10000, "pc": 437, "pca": 850}
SWITCHES: dict[str, dict[str, bool]] = {
    "v": {"is_hidden": True},
    "deleted": {"is_deleted": True},
    "strike": {"is_struck": True},
    "striked": {"is_struck": True},
    "super": {"is_raised": True},
    "sub": {"is_raised": False},
    "nosupersub": {"is_raised": False},
    "plain": {"is_hidden": False, "is_struck": False, "is_raised": False},
    "pard": {"is_in_table": False},
    "intbl": {"is_in_table": True},
}
"""Control words that switch properties on or off. A number of 0 after the word means the opposite."""
SURROGATES = range(0xD800, 0xE000)
