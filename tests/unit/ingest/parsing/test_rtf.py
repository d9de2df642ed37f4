import time
from contextlib import suppress

import pytest

from ingest.parsing.rtf.parser import parse_rtf
from rag.errors import InvalidInput
from tests.support.formats.documents import section

_FONTS = rb"{\fonttbl{\f0\fcharset204 A;}{\f1\fcharset238 B;}{\f2\fcharset2 Symbol;}{\f3\fcharset128 C;}}"


def rtf(text: bytes) -> bytes:
    return rb"{\rtf1\ansi\ansicpg1252\deff4" + _FONTS + text + rb"\par}"


def text_of(text: bytes) -> str:
    return "\n".join(section.text for section in parse_rtf(rtf(text)).sections)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb"caf\'e9", "café"),
        (rb"\f0 \'cf\'f0\'e8\'e2\'e5\'f2", "Привет"),
        (rb"\f1 \'9d", "ť"),
        (rb"{\f3\'93\'fa\'96\'7b}", "日本"),
        (rb"\u8364?5 \uc2\u26085\'93\'fa\uc0\u26412.", "€5 日本."),
        (rb"\u-10179?\u-8704?", "😀"),
        (rb"\f2 a \f4 a", "\u03b1 a"),
        (rb"state\_of\~the\-art \{x\} \\", "state-of theart {x} \\"),
        (rb"5 10{\super 6} and 1{\super st}", "5 10^6 and 1st"),
        (rb"120 {\strike 95}{\strike  96} 97", "120 ~~95 96~~ 97"),
        (rb"{\v hidden}{\deleted gone }kept", "kept"),
        (rb"a{\*\unknown no{\nested no}}b", "ab"),
        (rb"{\field{\*\fldinst HYPERLINK x}{\fldrslt link}} after", "link after"),
        (rb"{\upr{old}{\*\ud{\u1071?}}}", "Я"),
        (rb"a{\pict\bin4 }}}}}b", "ab"),
        (rb"{\listtext 2.3\tab}item", "2.3 item"),
        (rb"{\listtext\f2\'b7\tab}item", "- item"),
    ],
)
def test_characters_and_runs_are_read_as_they_are_printed(written, read):
    assert text_of(written) == read


def test_headings_have_the_level_of_their_style_or_their_outline():
    outline = parse_rtf(
        rb"{\rtf1{\stylesheet{\s0 Normal;}{\s3 heading 2;}}{\info{\title The title}{\author Ann}}"
        rb"\pard\outlinelevel0 One\par\pard Text\par\pard\s3 Two\par\pard More\par}"
    )

    assert outline.title == "The title"
    assert outline.sections == (section("Text", "One"), section("More", "One", "Two"))


def test_the_rows_of_a_table_have_their_labels_and_merged_values():
    row = rb"\trowd%s\cellx100\cellx200\pard\intbl %s\cell %s\cell\row"
    table = b"".join(
        (
            row % (rb"\trhdr", b"Day", b"Name"),
            row % (rb"\clvmgf", b"Monday", rb"Ann\par Lee"),
            row % (rb"\clvmrg", b"", b"Bob"),
        )
    )

    assert text_of(table + rb"\pard After") == "Day: Monday | Name: Ann Lee\n\nDay: Monday | Name: Bob\n\nAfter"


def test_notes_comments_headers_and_text_boxes_are_read_once():
    text = text_of(
        rb"{\header Revision 6\par}{\footer\pard 7\par}Fee{\footnote Net.} due"
        rb"{\*\atnauthor Ann}{\*\annotation Check.} now\par{\headerf Revision 6\par}"
        rb"{\shp{\*\shpinst{\sp{\sn a}{\sv b}}{\shptxt In a box\par}}{\shprslt In a box}}Last"
    )

    assert text == (
        "Revision 6\n\nFee [footnote 1] due now\n\n[footnote 1] Net.\n\nComment by Ann: Check.\n\nLast\n\nIn a box"
    )


def test_a_fraction_and_a_power_of_a_formula_are_written_in_line():
    assert text_of(rb"{\mmath{\*\moMath{\mf{\mfPr x}{\mnum a+b}{\mden c}}=x{\msup 2}}}") == "(a+b)/c=x^2"


def test_cut_text_and_embedded_objects_are_reported():
    [truncated] = parse_rtf(rb"{\rtf1 Text that end").warnings
    [embedded] = parse_rtf(rtf(rb"Text{\object{\*\objdata 00}{\result{\pict 00}}}")).warnings

    assert truncated.code == "cut_text"
    assert embedded.code == "dropped_object"


def test_a_file_that_is_not_rtf_is_rejected():
    with pytest.raises(InvalidInput, match="not an RTF file"):
        parse_rtf(b"plain text")


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "piece", [rb"{", rb"}", rb"\u1?", rb"{\footnote x", rb"\trowd\cellx1\intbl\cell\row", rb"\'93", b"a"]
)
def test_time_grows_in_proportion_to_the_size(piece):
    began = time.process_time()
    with suppress(InvalidInput):
        parse_rtf(rtf(piece * 20_000))
    assert time.process_time() - began < 60
