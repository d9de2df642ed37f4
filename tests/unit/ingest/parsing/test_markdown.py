import pytest

from tests.support.formats.documents import bare_sections, parse_document, section


def markdown(text: str):
    return parse_document(text, "text/markdown")


def only_text(text: str) -> str:
    [only] = markdown(text).sections
    return only.text


def test_headings_of_both_styles_make_the_heading_path():
    document = markdown("preamble\n\nGuide\n=====\nintro\n\n## Install\n### Linux\nmake\n## Use\nrun\n")

    assert bare_sections(document) == (
        section("preamble"),
        section("intro", "Guide"),
        section("make", "Guide", "Install", "Linux"),
        section("run", "Guide", "Use"),
    )


def test_a_heading_without_text_is_kept_as_text():
    assert bare_sections(markdown("# A\n## B\n## C\nc")) == (section("B", "A"), section("c", "A", "C"))


def test_markup_inside_a_heading_is_removed():
    assert markdown("# Use `make` & *go* [on](x.md) { #use .wide }\ntext").title == "Use make & go on"


def test_a_heading_in_a_code_block_is_code():
    assert bare_sections(markdown("# A\n```sh\n# install\nmake\n```")) == (section("```sh\n# install\nmake\n```", "A"),)


def test_inline_markup_is_removed_from_a_paragraph():
    source = "Read **the** [guide](https://a.b), `x < 1`,\nor <kbd>F1</kbd>&nbsp;<https://a.b>.\\\nEnd ![of it](a.png)"

    assert only_text(source) == "Read the guide, x < 1, or F1 https://a.b.\nEnd of it"


def test_lists_stay_lists():
    assert only_text("* a\n* b\n  1. c\n  2. d\n\n     more\n") == "- a\n- b\n  1. c\n  2. d\n    more"
    assert only_text("7. a\n8. b") == "7. a\n8. b"


def test_tables_stay_rows():
    assert only_text("| a | *b* |\n|---|---|\n| 1 | 2 |") == "a: 1 | b: 2"


def test_a_row_of_words_among_numbers_is_not_a_second_header():
    rows = ["| setting | default |", "|---|---|", "| mode | 1 |", "| type | name |", "| limit | 384 |", "| size | 64 |"]
    assert only_text("\n".join([*rows, "| width | 12 |"])).split("\n\n") == [
        "setting: mode | default: 1",
        "setting: type | default: name",
        "setting: limit | default: 384",
        "setting: size | default: 64",
        "setting: width | default: 12",
    ]


def test_code_keeps_its_lines_and_its_indentation():
    assert only_text("```python\ndef f():\n    return 1\n```") == "```python\ndef f():\n    return 1\n```"


def test_html_comments_and_tags_are_dropped_and_the_text_is_kept():
    source = (
        "<!-- secret -->\n\na <!-- b --> c<br>d\n\n<details><summary>More</summary>text</details>\n\n> <p>quoted</p>"
    )

    assert only_text(source) == "a c\nd\n\nMore\n\ntext\n\nquoted"


def test_a_heading_in_html_is_a_heading():
    document = markdown('<h1 align="center">Groundwork</h1>\n\ntext')

    assert document.title == "Groundwork"
    assert bare_sections(document) == (section("text", "Groundwork"),)


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
    assert bare_sections(document) == (section("text", "Heading"),)


def test_front_matter_is_read_as_yaml():
    document = markdown("---\n# internal\ntitle: >-\n  Rules for\n  the ferry\n---\nDogs travel free.")

    assert document.title == "Rules for the ferry"
    assert bare_sections(document) == (section("Dogs travel free."),)


def test_prose_and_facts_of_front_matter_are_text():
    front_matter = "---\ndescription: The bar closes at 23:00.\nowner: Ada\ndate: 2024-03-01\nweight: 7\n---\n"

    assert only_text(front_matter + "x") == "The bar closes at 23:00.\nowner: Ada\ndate: 2024-03-01\n\nx"


def test_front_matter_that_is_not_yaml_is_kept_as_text():
    document = markdown("---\ntitle: Ferry: rules\n---\nDogs travel free.")

    assert document.title == "Ferry: rules"
    assert document.sections[0].text == "title: Ferry: rules\n\nDogs travel free."


@pytest.mark.no_cover
@pytest.mark.parametrize("bomb", ["a: &a [x]\n" + "b: [*a, *a]\n" * 5_000, "a: " + "[" * 20_000])
def test_hostile_front_matter_is_harmless(bomb):
    assert only_text(f"---\n{bomb}\n---\nx").endswith("x")


def test_a_horizontal_rule_at_the_start_is_not_front_matter():
    assert only_text("---\nJust text\n\n---\nmore") == "Just text\n\nmore"


def test_without_a_title_the_file_name_is_the_title():
    assert markdown("text").title == "notes.md"


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "source", ["> " * 3_000 + "deep", "".join("  " * n + "- deep\n" for n in range(300)), "[" * 20_000]
)
def test_text_that_is_nested_too_deeply_is_kept(source):
    text = "".join(part.text for part in markdown(source).sections)

    assert "deep" in text or text.count("[") == 20_000


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Use Vec<T>, Map<String, Order> and <your-token>.", None),
        ("Set <title> or <date>, then call <host>:<port>/v2.", None),
        ("Send <host>db</host> now.", None),
        ("Install <package>\n\nand <b>run</b> it", "Install <package>\n\nand run it"),
        ("<Card title='Fuse'>\n\n16 A\n\n</Card>", "Fuse\n\n16 A"),
        ("10<sup>6</sup> of H<sub>2</sub>O", "10^6 of H2O"),
        ("[ERROR]: timeout\n[WARN]: disk\n[WARN]: net", "[ERROR]: timeout\n\n[WARN]: disk\n\n[WARN]: net"),
        ("see [a][b]\n\n[b]: /page\n[c]: https://a.b\n[//]: # (comment)", "see a"),
        ("Rose to 40[^1].\n\n[^1]: Preliminary", "Rose to 40 [1].\n\n[1] Preliminary"),
        ("Fuse\n: 16 *A*", "Fuse: 16 A"),
        ("~~120~~ 95 euros", "95 euros"),
        ("- [x] done\n- [ ] open", None),
        ("$a*b*c$ costs $5 and $10", None),
        ("3. a\n5. b", None),
        ("1. a\n1. b", "1. a\n2. b"),
        ("> [!WARNING]\n> Hot", "Warning: Hot"),
        (":::tip Gloves\nWear *them*.\n:::", "Tip: Gloves\nWear them."),
        ("a {/* b */} c", "a c"),
        ("::: grip.motor.Fuse", "grip.motor.Fuse"),
        ("!!! note\n    Wear *them*.", "Note\n\nWear them."),
        ("{{ version }} :smile: <Widget />", None),
        ("[map](files/map.pdf)", "map (files/map.pdf)"),
    ],
)
def test_extensions_of_markdown_keep_their_meaning(source, text):
    assert only_text(source) == (source if text is None else text)


def test_a_fence_inside_a_longer_fence_is_code():
    source = "````markdown\n```python\nx\n```\n````\n\n~~~\n# a\n~~~"

    assert only_text(source) == "````markdown\n```python\nx\n```\n````\n\n```\n# a\n```"


def test_html_tables_may_contain_blank_lines_and_markdown_tables_code():
    source = "<table>\n<tr><th>Item</th><th>Price</th></tr>\n\n<tr><td>Rope</td><td>12</td></tr>\n</table>"

    assert only_text(source) == "Item: Rope | Price: 12"
    assert only_text("| a | b |\n|---|---|\n| `x\\|y` | 2 |") == "a: x|y | b: 2"


def test_each_block_has_its_line_in_the_file():
    source = "---\ntitle: T\n---\n# H\n\none\ntwo\n\n- a\n- b\n\n<div>\nc\n</div>\n\n|x|y|\n|-|-|\n|1|2|\n"
    [only] = markdown(source).sections

    lines = [(only.text[offset:].split("\n")[0], place.line) for offset, place in only.places]
    assert lines == [("one two", 6), ("- a", 9), ("- b", 10), ("c", 12), ("x: 1 | y: 2", 18)]
