"""The charset that a Content-Type declares."""

import pytest

from rag.formats import charset_of


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("text/plain; charset=ISO-8859-2", "iso-8859-2"),
        ('text/html;CHARSET="UTF-8"; boundary=x', "utf-8"),
        ("text/csv; header=present; charset = 'windows-1254'", "windows-1254"),
        ("text/plain", ""),
        ("text/plain; charset=", ""),
        ("text/plain; charset=a b", ""),
        ("text/plain; charset=" + "x" * 41, ""),
        ("text/plain; x-charset=utf-8", ""),
    ],
)
def test_a_charset_is_read_from_a_content_type(content_type, charset):
    assert charset_of(content_type) == charset
