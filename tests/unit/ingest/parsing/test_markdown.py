import pytest

from tests.support.formats.documents import parse_document, section


def markdown(text: str):
    return parse_document(text, "text/markdown")


def only_text(text: str) -> str:
    [only] = markdown(text).sections
    return only.text


def test_headings_of_both_styles_make_the_heading_path():
    document = markdown("preamble\n\nGuide\n=====\nintro\n\n## Install\n### Linux\nmake\n## Use\nrun\n")

    assert document.sections == (
        section("preamble"),
        section("intro", "Guide"),
        section("make", "Guide", "Install", "Linux"),
        section("run", "Guide", "Use"),
    )


def test_a_heading_without_text_is_kept_as_text():
    assert markdown("# A\n## B\n## C\nc").sections == (section("B", "A"), section("c", "A", "C"))


def test_markup_inside_a_heading_is_removed():
    assert markdown("# Use `make` & *go* [on](x.md) { #use .wide }\ntext").title == "Use make & go on"


def test_a_heading_in_a_code_block_is_code():
    assert markdown("# A\n```sh\n# install\nmake\n```").sections == (section("```sh\n# install\nmake\n```", "A"),)


def test_inline_markup_is_removed_from_a_paragraph():
    source = "Read **the** [guide](https://a.b), `x < 1`,\nor <kbd>F1</kbd>&nbsp;<https://a.b>.\\\nEnd ![of it](a.png)"

    assert only_text(source) == "Read the guide, x < 1, or F1 https://a.b.\nEnd of it"


def test_lists_stay_lists():
    assert only_text("* a\n* b\n  1. c\n  2. d\n\n     more\n") == "- a\n- b\n  1. c\n  2. d\n    more"
    assert only_text("7. a\n8. b") == "7. a\n8. b"


def test_tables_stay_rows():
    assert only_text("| a | *b* |\n|---|---|\n| 1 | 2 |") == "a | b\n1 | 2"


def test_code_keeps_its_lines_and_its_indentation():
    assert only_text("```python\ndef f():\n    return 1\n```") == "```python\ndef f():\n    return 1\n```"


def test_html_comments_and_tags_are_dropped_and_the_text_is_kept():
    source = (
        "<!-- secret -->\n\na <!-- b --> c<br>d\n\n<details><summary>More</summary>text</details>\n\n> <p>quoted</p>"
    )

    assert only_text(source) == "a  c\nd\n\nMore\n\ntext\n\nquoted"


def test_a_heading_in_html_is_a_heading():
    document = markdown('<h1 align="center">Groundwork</h1>\n\ntext')

    assert document.title == "Groundwork"
    assert document.sections == (section("text", "Groundwork"),)


@pytest.mark.parametrize(
    "front_matter",
    [
        "---\ntitle: 'My notes'\ntags: [a]\n---\n",
        "---\nlayout: x\nTitle: My notes\n...\n",
        '+++\ntitle = "My notes"\n+++\n',
    ],
)
def test_front_matter_sets_the_title_and_is_not_text(front_matter):
    document = markdown(front_matter + "# Heading\ntext")

    assert document.title == "My notes"
    assert document.sections == (section("text", "Heading"),)


def test_a_horizontal_rule_at_the_start_is_not_front_matter():
    assert only_text("---\nJust text\n\n---\nmore") == "Just text\n\nmore"


def test_without_a_title_the_file_name_is_the_title():
    assert markdown("text").title == "notes.md"


@pytest.mark.parametrize(
    "source", ["> " * 3_000 + "deep", "".join("  " * n + "- deep\n" for n in range(300)), "[" * 20_000]
)
def test_text_that_is_nested_too_deeply_is_kept(source):
    text = "".join(part.text for part in markdown(source).sections)

    assert "deep" in text or text.count("[") == 20_000
