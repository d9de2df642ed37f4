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
    assert html("<title>T</title><meta property=og:title content=Shared><p>x").title == "Shared"
    assert html("<p>x").title == "page.html"


def test_elements_without_visible_text_are_dropped():
    body = "<nav>n</nav><script>s</script><style>c</style><noscript>j</noscript><template>t</template><p hidden>h</p>"
    extras = '<!-- c --><svg><title>v</title></svg><button>Copy</button><h1>A<a class="headerlink" href="#a">¶</a></h1>'

    assert html(body + extras + "text").sections == (section("text", "A"),)


def test_only_the_main_element_is_read_if_there_is_one():
    assert only_text("<header>menu</header><main><p>text</p></main><footer>imprint</footer>") == "text"
    assert only_text("<header>menu</header><main></main>") == "menu"


def test_every_main_element_and_the_articles_beside_it_are_read():
    body = "<main><p>one</p></main><aside>ad</aside><main><p>two</p></main><article>three</article><footer>f</footer>"

    assert [part.text for part in html(body).sections] == ["one\n\ntwo\n\nthree"]


def test_a_menu_that_is_left_out_is_told_but_loses_no_text():
    [warning] = html("<nav>one two three</nav><main><p>text of the page</p></main>").warnings

    assert (warning.code, warning.count, warning.loses_text) == ("page_frame", 3, False)
    assert not html("<main><p>text of <b>the</b> page</p></main>").warnings


def test_a_page_whose_main_element_is_filled_by_a_script_is_read_as_a_whole():
    assert only_text("<div><p>A day ticket costs 14 euros.</p></div><main><script>render()</script></main>") == (
        "A day ticket costs 14 euros."
    )
    long = "The ferry leaves at 6:40. " * 20
    assert only_text(f"<div><p>{long}</p></div><main>Loading</main>").startswith("The ferry leaves")


@pytest.mark.parametrize(
    "shown",
    [
        "<p hidden=until-found>Fuse</p>",
        "<div role=tabpanel hidden>Fuse</div>",
        "<button aria-controls=more>+</button><div id=more style='display:none'>Fuse</div>",
        "<div><template shadowrootmode=open><p>Fuse</p></template></div>",
        '<iframe srcdoc="&lt;p&gt;Fuse&lt;/p&gt;"></iframe>',
        "<noscript><p>Fuse of 16 amperes</p></noscript>",
        "<details><summary>Fuse</summary></details>",
        "<dialog>Fuse</dialog>",
        "<span aria-hidden=true>Fuse</span>",
        "<svg><text>Fuse</text></svg>",
        "<h2><button>Fuse</button></h2>",
        "<textarea>Fuse</textarea>",
    ],
)
def test_text_that_a_reader_can_see_is_kept(shown):
    assert "Fuse" in str(html(f"<p>x</p>{shown}<p>y</p>").sections)


@pytest.mark.parametrize(
    "hidden",
    [
        "<p style='color:red; display : none'>Fuse</p>",
        "<p style=visibility:hidden>Fuse</p>",
        "<noscript>This page needs JavaScript, Fuse</noscript>",
        "<template><p>Fuse</p></template>",
        "<input type=hidden value=Fuse>",
        "<del>Fuse</del><s>Fuse</s>",
    ],
)
def test_text_that_no_reader_sees_is_left_out(hidden):
    assert only_text(f"<p>x {hidden} y</p>").split() == ["x", "y"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("3 &times; 10<sup>6</sup> cells", "3 \u00d7 10^6 cells"),
        ("10<sup>-3</sup> m, 25 km<sup>2</sup>, e<sup>x + 1</sup>", "10^-3 m, 25 km^2, e^(x + 1)"),
        ("4<sup>2</sup> = 16", "4^2 = 16"),
        ("CO<sub>2</sub>, x<sub>1</sub>, SO<sub>4</sub><sup>2+</sup>", "CO2, x_1, SO4^2+"),
        ("the 1<sup>st</sup> Grip<sup>TM</sup> of <sup>14</sup>C", "the 1st Grip™ of ^14C"),
        ("rose to 40<sup>1</sup> units", "rose to 40 [1] units"),
        ("1,250<sup>2</sup> and 7.5<sup>a</sup> and growth<sup>3,4</sup>", "1,250 [2] and 7.5 [a] and growth [3,4]"),
        ('60<sup><a href="#fn7">7</a></sup>%', "60 [7]%"),
        ('60<a role="doc-noteref" href="#n">7</a>%', "60 [7]%"),
        ("<sup>1</sup> Preliminary", "[1] Preliminary"),
    ],
)
def test_raised_and_lowered_characters_are_not_part_of_the_number_before_them(body, text):
    assert only_text(f"<p>{body}</p>") == text


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ("<ol start=3><li>a<li>b</ol>", "3. a\n4. b"),
        ("<ol><li>a<li value=7>b<li>c</ol>", "1. a\n7. b\n8. c"),
        ("<ol reversed><li>a<li>b</ol>", "2. a\n1. b"),
        ("<ol type=a><li>a<li>b</ol>", "a. a\nb. b"),
        ("<ol type=I start=3><li>a<li>b</ol>", "III. a\nIV. b"),
        ("<ol style='list-style-type: lower-roman'><li>a<li>b</ol>", "i. a\nii. b"),
    ],
)
def test_list_items_have_the_numbers_that_a_browser_shows(items, text):
    assert only_text(items) == text


@pytest.mark.parametrize(
    ("link", "text"),
    [
        ("<a href='tel:+49-351-555'>the office</a>", "the office (+49-351-555)"),
        ("<a href='mailto:help@park.example?subject=x'>us</a>", "us (help@park.example)"),
        ("<a href='mailto:help@park.example'>help@park.example</a>", "help@park.example"),
        ("<a href='/map.pdf'>map</a>", "map (https://park.example/map.pdf)"),
        ("<a href='data' download>data</a>", "data (https://park.example/x/data)"),
        ("<a href='prices.html'>prices</a>", "prices"),
    ],
)
def test_the_target_of_a_link_stays_beside_its_words_if_it_is_a_contact_or_a_file(link, text):
    assert only_text(f"<base href='https://park.example/x/'><p>{link}</p>") == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<abbr title='Central Time'>CT</abbr> or <abbr title='Central Time'>CT</abbr>", "CT (Central Time) or CT"),
        ("<del>120</del> <ins>95</ins> euros", "95 euros"),
        ("<q>Hi</q>", "\u201cHi\u201d"),
        ("<ruby>東<rp>(</rp><rt>とう</rt><rp>)</rp>京<rt>きょう</rt></ruby>", "東京(とうきょう)"),
        ("<time datetime='2024-05-06'>last May</time>", "last May (2024-05-06)"),
        ("su<wbr>per", "super"),
        ("Name <input value=Ada><input type=checkbox checked>yes", "Name Ada [x] yes"),
        ("<select><option>a<option selected>b</select>", "b"),
    ],
)
def test_inline_elements_keep_their_meaning(body, text):
    assert only_text(f"<p>{body}</p>") == text


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        ("<math><msup><mi>c</mi><mn>2</mn></msup><mo>=</mo><mi>d</mi></math>", "c^2 = d"),
        (
            "<math><mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><msqrt><mn>2</mn></msqrt></mfrac></math>",
            "(a + b)/(√(2))",
        ),
        (
            "<span class=katex-mathml><math><semantics><mi>E</mi><annotation encoding='application/x-tex'>E=m"
            "</annotation></semantics></math></span><span class=katex-html aria-hidden=true>E=m</span>",
            "E=m",
        ),
        ("<script type='math/tex'>x^2</script>", "x^2"),
        ("<math alttext='{\\displaystyle x^2}'><mi>x</mi></math>", "x^2"),
    ],
)
def test_a_formula_is_written_once_on_one_line(formula, text):
    assert only_text(f"<p>{formula}</p>") == text


def test_a_term_stays_with_its_definition():
    assert only_text("<dl><dt>Fuse<dd>16 A<dt>Lamp<dt>Bulb<dd><p>5 W</p><p>more</p><dt>Alone</dl>") == (
        "Fuse: 16 A\n\nLamp, Bulb: 5 W\n\nmore\n\nAlone"
    )


def test_paragraphs_are_separated_and_inline_elements_are_not():
    assert only_text("<p>a <b>b</b>\n  c<br>d</p><div>e<span>f</span></div>") == "a b c\nd\n\nef"


def test_lists_stay_lists():
    body = "<ul><li>a<li><p>b</p><ol><li>c</li><li>d</li></ol></li></ul>end"

    assert only_text(body) == "- a\n- b\n  1. c\n  2. d\n\nend"


def test_table_rows_stay_on_one_line_whatever_their_cells_contain():
    body = "<table><tr><th>a<th>b</tr><tr><td><p>1</p></td><td>2<br>3</td></tr></table>after"

    assert only_text(body) == "a: 1 | b: 2; 3\n\nafter"


def test_each_value_of_a_table_stands_behind_its_column_with_spans_and_lists_and_tables_in_cells():
    head = "<tr><th rowspan=2>Item<th colspan=2>2024</tr><tr><th>low<th>high</tr>"
    inner = "<table><tr><th>c<th>d</tr><tr><td>5<td>6</tr></table>"

    assert only_text(f"<table>{head}<tr><td>Rope<td><ul><li>a<li>b</ul><td>{inner}</tr></table>") == (
        "Item: Rope | 2024 / low: a; b | 2024 / high: c: 5 | d: 6"
    )
    assert only_text("<table><tr><th>Price<td>12</tr><tr><th>Owner<td>Ana</tr></table>") == "Price: 12\n\nOwner: Ana"


def test_header_rows_below_other_rows_begin_a_table_of_their_own():
    body = "<table><tr><th>a<th>b</tr><tr><td>1<td>2</tr><tr><th>c<th>d</tr><tr><td>3<td>4</tr></table>"

    assert only_text(body) == "a: 1 | b: 2\n\nc: 3 | d: 4"


def test_a_caption_stands_before_its_table():
    assert only_text("<table><caption>Fees</caption><tr><th>a<th>b</tr><tr><td>1<td>2</tr></table>") == (
        "Fees\n\na: 1 | b: 2"
    )


def test_line_numbers_are_not_part_of_code():
    beside = "<table><tr><td class=linenos><pre>1\n2</pre></td><td class=code><pre>a\nb</pre></td></tr></table>"

    assert only_text(beside) == "a\nb"
    assert only_text("<pre><span class=lineno>1 </span>a\n<span class=lineno>2 </span>b</pre>") == "a\nb"


def test_an_embedded_file_is_named_and_warned_about():
    document = html("<p>x</p><object data=rules.pdf></object>")

    assert "rules.pdf" in document.sections[0].text
    assert [warning.code for warning in document.warnings] == ["dropped_object"]


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


@pytest.mark.no_cover
def test_very_deeply_nested_elements_are_read():
    assert only_text("<div>" * 10_000 + "deep" + "</div>" * 10_000) == "deep"
    assert only_text("<ul><li>" * 5_000 + "deep").endswith("deep")


@pytest.mark.parametrize(
    "trap", ["<div>" * 100_000, "<a " + " ".join(f"a{n}=1" for n in range(50_000)) + ">x", "<i><table><td>" * 50_000]
)
def test_pages_that_would_take_quadratic_time_are_rejected(trap):
    with pytest.raises(InvalidInput, match="HTML element"):
        html(trap)


def test_a_page_that_only_its_scripts_write_is_rejected():
    with pytest.raises(InvalidInput, match="no text: it shows only pictures, frames or what its scripts write"):
        html("<html><body><script>render()</script></body></html>")


def test_a_page_that_shows_nothing_is_empty():
    assert html("<html><head><title>T</title></head><body><p> </p></body></html>").sections == ()
