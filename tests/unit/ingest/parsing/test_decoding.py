# ruff: noqa: RUF001 - letters of other alphabets look alike
"""Decoding the bytes of text files: what is declared, what is detected, and what is warned about."""

import codecs
import struct
import time

import pytest

from ingest.parsing.encoding.decoding import Decoded, decode
from rag.errors import InvalidInput

ASCII = "".join(f"Line {number}: the valve was opened and closed again.\n" for number in range(1_500))
GERMAN = "Der Schlüssel der großen Tür hängt an der Küchenwand und wird täglich gezählt."
FRENCH = "Le garçon préfère la crème brûlée et les œufs à la coque, où qu'il déjeune cet été. "
ITALIAN = "La città è più bella di lunedì, perché c'è metà della società."
POLISH = "Pociąg spóźnił się, więc świeże źrebięta żuły trawę koło ogrodzenia aż do zmroku."
CZECH = "Řidič přišel pozdě, protože si nejdřív zašel pro čerstvé žemle a měkký sýr."
HUNGARIAN = "A hűvös őszi reggelen tíz gyűrűt őriztek a kőfalú épület előterében."
ROMANIAN = "Pădurea îşi schimbă culoarea, iar ţăranii strâng merele căzute lângă fântână."
CROATIAN = "Djeca su pošla u šumu po žireve, češere i gljive, a kući su došla kišna i sretna."
TURKISH = "Şoför köprüden geçerken ışığın söndüğünü gördü ve yağmurlu yolda yavaşladı."
LATVIAN = "Ģimene rītos ēda biezpienu ar krējumu un dzēra tēju ar ķiršu ievārījumu."
GREEK = "Ο φούρναρης ζύμωσε το ψωμί και το έψησε στον ξυλόφουρνο της γειτονιάς."
RUSSIAN = "Насос остановлен из-за утечки масла, запасная деталь придёт в четверг."
UKRAINIAN = "Насос зупинено через витік мастила, її заміна приїде щочетверга з Києва."
HEBREW = "המשאבה נעצרה בגלל דליפת שמן, וחלק החילוף יגיע ביום חמישי."
ARABIC = "توقفت المضخة بسبب تسرب الزيت وستصل القطعة البديلة يوم الخميس."
THAI = "ปั๊มหยุดทำงานเพราะน้ำมันรั่ว อะไหล่จะมาถึงวันพฤหัสบดี"
JAPANESE = "油漏れのためポンプが停止しました。交換部品は木曜日に届きます。"
CHINESE = "水泵因漏油而停机，备件将于星期四送达仓库。"
TAIWANESE = "水泵因漏油而停機，備件將於星期四送達倉庫。"
KOREAN = "기름이 새서 펌프가 멈췄습니다. 교체 부품은 목요일에 도착합니다."


def codes(decoded: Decoded) -> list[str]:
    return [warning.code for warning in decoded.warnings]


@pytest.mark.parametrize(
    ("text", "encodings"),
    [
        (GERMAN, "cp1252 iso8859-1 iso8859-15 mac-roman cp850"),
        (FRENCH, "cp1252 iso8859-15 mac-roman"),
        (ITALIAN, "cp1252 iso8859-1 mac-roman"),
        (POLISH, "cp1250 iso8859-2 cp852"),
        (CZECH, "cp1250 iso8859-2 cp852"),
        (HUNGARIAN, "cp1250 iso8859-2 cp852"),
        (ROMANIAN, "cp1250 iso8859-2"),
        (CROATIAN, "cp1250 iso8859-2 cp852"),
        (TURKISH, "cp1254 iso8859-9 cp857"),
        (LATVIAN, "cp1257 iso8859-13"),
        (GREEK, "cp1253 iso8859-7 cp737"),
        (RUSSIAN, "cp1251 koi8-r cp866 iso8859-5 mac-cyrillic"),
        (UKRAINIAN, "cp1251 koi8-u iso8859-5 mac-cyrillic"),
        (HEBREW, "cp1255 iso8859-8 utf-16-le utf-16-be"),
        (ARABIC, "cp1256 iso8859-6 utf-16-le utf-16-be"),
        (THAI, "cp874 utf-16-le utf-16-be"),
        (JAPANESE, "cp932 euc-jp iso2022-jp utf-16-le utf-16-be utf-32-le"),
        (CHINESE, "gb18030 utf-16-le utf-16-be utf-32-be"),
        (TAIWANESE, "big5"),
        (KOREAN, "euc-kr cp949 utf-16-le utf-16-be"),
    ],
)
def test_an_encoding_that_is_not_declared_is_detected(text, encodings):
    for encoding in encodings.split():
        assert decode(text.encode(encoding)).text == text, encoding


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(GERMAN, "cp1252"), (RUSSIAN, "cp1251"), (POLISH, "iso8859-2"), (JAPANESE, "cp932"), (CHINESE, "utf-16-le")],
)
def test_a_single_line_behind_much_ascii_decides(text, encoding):
    assert decode((ASCII + text).encode(encoding)).text == ASCII + text


@pytest.mark.parametrize("encoding", ["cp932", "euc-jp", "utf-8"])
def test_no_character_is_cut_at_any_length(encoding):
    for length in range(7_990, 8_010):
        text = ("x" * length) + JAPANESE * 40
        assert decode(text.encode(encoding)) == Decoded(text)


@pytest.mark.parametrize("label", ["windows-1251", "CP1251", "x-cp1251", '"windows-1251"'])
def test_a_declaration_outranks_detection(label):
    short = "Жук".encode("cp1251")

    assert decode(short, label) == Decoded("Жук")


def test_the_first_declaration_outranks_the_others_and_empty_ones_do_not_count():
    assert decode("Жук".encode("koi8-r"), "", "koi8-r", "windows-1251") == Decoded("Жук")


@pytest.mark.parametrize(
    ("label", "body", "text"),
    [
        ("iso-8859-1", b"12 \x80 \x96 caf\xe9", "12 € – café"),
        ("shift_jis", "①髙".encode("cp932"), "①髙"),
        ("gb2312", "喆".encode("gb18030"), "喆"),
        ("ks_c_5601-1987", "똠".encode("cp949"), "똠"),
        ("windows-874", "ไทย".encode("cp874"), "ไทย"),
        ("utf-16", "Größe".encode("utf-16-le"), "Größe"),
    ],
)
def test_a_label_stands_for_the_encoding_that_programs_write_under_it(label, body, text):
    assert decode(body, label) == Decoded(text)


@pytest.mark.parametrize(
    ("body", "label"),
    [
        (RUSSIAN.encode("cp1251"), "utf-8"),
        (RUSSIAN.encode("cp1251"), "shift_jis"),
        (RUSSIAN.encode("cp1251"), "klingon"),
        (RUSSIAN.encode("cp1251"), "unicode_escape"),
        (RUSSIAN.encode(), "windows-1251"),
        (RUSSIAN.encode(), "gb18030"),
    ],
)
def test_a_declaration_that_does_not_fit_is_passed_over_with_a_warning(body, label):
    decoded = decode(body, label)

    assert decoded.text == RUSSIAN
    assert codes(decoded) == ["guessed_encoding"]
    assert label in decoded.warnings[0].message


@pytest.mark.parametrize(
    "line",
    [
        "<?xml version='1.0' encoding='koi8-r'?>\n",
        '@charset "koi8-r";\n',
        "# -*- coding: koi8-r -*-\n",
        "#!/bin/sh\n# vim: set fileencoding=koi8-r :\n",
    ],
)
def test_a_file_can_declare_its_encoding_in_its_first_lines(line):
    body = (line + "Жук").encode("koi8-r")

    assert decode(body) == Decoded(line + "Жук")


def test_replaced_bytes_are_counted():
    body = b"\xff" + (FRENCH * 5).encode() + b"\xe2\x82"

    decoded = decode(body)

    assert decoded.text == "\ufffd" + FRENCH * 5 + "\ufffd"
    assert [(warning.code, warning.count, warning.loses_text) for warning in decoded.warnings] == [
        ("replaced_characters", 3, True)
    ]


def test_damage_after_a_byte_order_mark_is_counted():
    decoded = decode(codecs.BOM_UTF16_LE + "Größe".encode("utf-16-le") + b"\x00\xd8x\x00z")

    assert codes(decoded) == ["replaced_characters"]


def test_a_replacement_character_of_the_author_is_not_counted_as_damage():
    assert decode("The sign \ufffd means damage.".encode()) == Decoded("The sign \ufffd means damage.")


def test_a_text_too_short_to_tell_its_encoding_has_a_warning():
    assert codes(decode(b"caf\xe9")) == ["guessed_encoding"]


def test_a_long_text_in_a_detected_encoding_has_no_warning():
    assert decode((GERMAN * 5).encode("cp1252")) == Decoded(GERMAN * 5)


@pytest.mark.parametrize(
    "body", [b"".join(struct.pack("<I", n) for n in range(999)), bytes(range(256)) * 9, bytes(range(1, 32)) * 9]
)
def test_binary_data_is_rejected(body):
    with pytest.raises(InvalidInput, match="binary data"):
        decode(body)


@pytest.mark.no_cover
@pytest.mark.parametrize("between", ["\n", " "])
def test_the_time_of_detection_is_bounded_in_long_texts(between):
    body = between.join([GERMAN] * 40_000).encode("cp1252")
    began = time.process_time()

    assert decode(body).text.startswith(GERMAN)
    assert time.process_time() - began < 30
