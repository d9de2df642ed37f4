import pytest

from rag.errors import InvalidInput
from tests.support.formats.documents import parse_document, section


def html(body: str | bytes):
    return parse_document(body, "text/html", name="page.html")


def only_text(body: str) -> str:
    [only] = html(body).sections
    return only.text


def test_headings_make_the_heading_path():
    document = html(
        "<title>T</title><p>pre<h1>Guide</h1><p>intro</p><h2>Use <code>it</code></h2><div>run</div><h3>Deep</h3>x"
    )

    assert document.sections == (
        section("pre"),
        section("intro", "Guide"),
        section("run", "Guide", "Use it"),
        section("x", "Guide", "Use it", "Deep"),
    )


def test_the_first_heading_is_the_title_else_the_title_element_else_the_file_name():
    assert html("<title>T</title><h1>H</h1>x").title == "H"
    assert html("<title> T\n t </title><h2>H</h2>x").title == "T t"
    assert html("<p>x").title == "page.html"


def test_elements_without_visible_text_are_dropped():
    body = "<nav>n</nav><script>s</script><style>c</style><noscript>j</noscript><template>t</template><p hidden>h</p>"
    extras = '<!-- c --><svg><title>v</title></svg><button>Copy</button><h1>A<a class="headerlink" href="#a">¶</a></h1>'

    assert html(body + extras + "text").sections == (section("text", "A"),)


def test_only_the_main_element_is_read_if_there_is_one():
    assert only_text("<header>menu</header><main><p>text</p></main><footer>imprint</footer>") == "text"
    assert only_text("<header>menu</header><main></main>") == "menu"


def test_paragraphs_are_separated_and_inline_elements_are_not():
    assert only_text("<p>a <b>b</b>\n  c<br>d</p><div>e<span>f</span></div>") == "a b c\nd\n\nef"


def test_lists_stay_lists():
    body = "<ul><li>a<li><p>b</p><ol><li>c</li><li>d</li></ol></li></ul>end"

    assert only_text(body) == "- a\n- b\n  1. c\n  2. d\n\nend"


def test_table_rows_stay_on_one_line_whatever_their_cells_contain():
    body = "<table><tr><th>a<th>b</tr><tr><td><p>1</p></td><td>2<br>3</td></tr></table>after"

    assert only_text(body) == "a: 1 | b: 2; 3\n\nafter"


def test_a_layout_table_is_read_as_blocks():
    body = "<table><tr><td><h2>Left</h2><p>a</p></td><td><ul><li>b</ul></td></tr></table>"

    assert html(body).sections == (section("a\n\n- b", "Left"),)


def test_code_keeps_its_lines_and_its_indentation():
    assert only_text("<p>x</p><pre><code>def f():\n    <b>return</b> 1\n</code></pre>") == "x\n\ndef f():\n    return 1"


def test_a_heading_that_is_never_closed_does_not_swallow_the_page():
    [only] = html("<h1>" + "word " * 1_000).sections

    assert only.text.count("word") == 1_000


@pytest.mark.parametrize(
    "body",
    [
        "<meta charset=utf-8><p>café".encode(),
        b'<meta http-equiv=Content-Type content="text/html; charset=ISO-8859-1"><p>caf\xe9 \x96',
        b"<meta charset='windows-1252'><p>caf\xe9",
        "\ufeff<meta charset=windows-1251><p>café".encode(),
        "\ufeff<p>café".encode("utf-16-le"),
        b"<meta charset=klingon><p>caf\xc3\xa9",
        b"<meta charset=unicode_escape><p>caf\xc3\xa9",
    ],
)
def test_the_encoding_comes_from_the_byte_order_mark_or_the_page_or_is_utf_8(body):
    assert html(body).sections[0].text.startswith("café")


def test_very_deeply_nested_elements_are_read():
    assert only_text("<div>" * 10_000 + "deep" + "</div>" * 10_000) == "deep"
    assert only_text("<ul><li>" * 5_000 + "deep").endswith("deep")


@pytest.mark.parametrize(
    "trap", ["<div>" * 100_000, "<a " + " ".join(f"a{n}=1" for n in range(50_000)) + ">x", "<i><table><td>" * 50_000]
)
def test_pages_that_would_take_quadratic_time_are_rejected(trap):
    with pytest.raises(InvalidInput, match="HTML element"):
        html(trap)


def test_a_page_without_text_is_empty():
    assert html("<html><body><script>render()</script></body></html>").sections == ()
