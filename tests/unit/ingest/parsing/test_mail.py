import time
from email.message import EmailMessage

import pytest

from rag.errors import InvalidInput
from rag.types import Document
from tests.support.formats.documents import parse_document


def mail(body: bytes | EmailMessage) -> Document:
    return parse_document(bytes(body), "message/rfc822", name="a.eml")


def message(text: str = "Plain text.", **fields: str) -> EmailMessage:
    written = EmailMessage()
    for name, value in ({"Subject": "Übersicht", "From": "Jürgen <j@x.example>"} | fields).items():
        written[name] = value
    written.set_content(text)
    return written


def test_a_message_has_its_subject_as_title_and_its_fields_before_the_text():
    document = mail(message(To="a@x.example, b@x.example", Date="Mon, 02 Nov 2026 10:00:00 +0100"))

    assert document.title == "Übersicht"
    assert document.sections[0].text == (
        "From: Jürgen <j@x.example>\nTo: a@x.example, b@x.example\nDate: Mon, 02 Nov 2026 10:00:00 +0100\n\nPlain text."
    )


def test_only_one_of_several_alternative_bodies_is_read():
    written = message("Plain form")
    written.add_alternative("<p>Rich <b>form</b></p>", subtype="html")
    text = mail(written).sections[0].text

    assert "Rich form" in text
    assert "Plain form" not in text


def test_attachments_are_read_or_named():
    written = message()
    written.add_attachment(b"Name,Born\nAda,1815\n", maintype="text", subtype="csv", filename="leute ü.csv")
    written.add_attachment(b"\x00\x01", maintype="application", subtype="octet-stream", filename="data.bin")
    written.add_attachment(b"not a PDF", maintype="application", subtype="pdf", filename="a.pdf")
    document = mail(written)

    [table] = [part for part in document.sections if part.heading_path == ("Attachment leute ü.csv",)]
    assert "1815" in table.text
    assert {(warning.code, warning.place) for warning in document.warnings} >= {
        ("dropped_object", "data.bin"),
        ("dropped_object", "a.pdf"),
    }


def test_an_attached_message_is_read_and_its_quoted_text_kept():
    written = message()
    written.add_attachment(message("Answer\n> Question", Subject="Inner"))
    [inner] = [part for part in mail(written).sections if part.heading_path]

    assert inner.heading_path == ("Attached message: Inner",)
    assert inner.text.endswith("Answer\n> Question")


def test_charsets_transfer_encodings_and_flowed_lines_are_decoded():
    document = mail(
        b"Subject: =?iso-8859-2?q?=A3=F3d=BC?=\r\nFrom: x\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=iso-8859-2; format=flowed\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=B1bc long=20\r\nline\r\n> quoted=20\r\n> more\r\nend\r\n"
    )

    assert document.title == "Łódź"
    assert document.sections[0].text.endswith("ąbc long line\n> quoted more\nend")


def test_raw_bytes_in_a_field_are_read_as_utf_8_or_as_western():
    assert mail("Subject: café\r\nFrom: x\r\n\r\ntext".encode()).title == "café"
    assert mail("Subject: café\r\nFrom: x\r\n\r\ntext".encode("latin-1")).title == "café"


def test_an_encrypted_message_is_reported():
    document = mail(b"Subject: a\r\nFrom: x\r\nContent-Type: application/pkcs7-mime; name=smime.p7m\r\n\r\nAAAA")

    assert [warning.code for warning in document.warnings] == ["dropped_object"]


def test_a_file_that_is_not_a_message_is_rejected():
    with pytest.raises(InvalidInput, match="not an e-mail message"):
        mail(b"Just some text\nwithout fields")


@pytest.mark.parametrize(
    "body",
    [
        b"Subject: " + b"=?utf-8?q?a?= " * 50_000 + b"\r\n\r\nx",
        b"Subject: " + b"=?a?q?" * 50_000 + b"\r\n\r\nx",
        b"From: a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 20_000,
        b"Content-Type: message/rfc822\r\nFrom: a\r\n\r\n" * 2_000 + b"x",
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(500))
        + b"\r\nx",
    ],
)
def test_hostile_messages_are_read_or_rejected_in_a_bounded_time(body):
    began = time.process_time()
    try:
        mail(body)
    except InvalidInput as error:
        assert str(error)
    assert time.process_time() - began < 60
