# ruff: noqa: RUF001 - letters of other alphabets look alike
"""The form in which questions and passages are compared, and the languages that are recognised."""

import pytest

from rag.languages import detect_language
from rag.store.bm25 import encode_passage, encode_question
from rag.words import normalise, to_words
from tests.support.passages import chunk


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("o\ufb03ce of the \ufb02oor", "office of the floor"),
        ("ＡＢＣ１２３", "ABC123"),
        ("ｶﾀｶﾅ", "カタカナ"),
        ("won\u00adder\u200bful\ufeff", "wonderful"),
        ("cafe\u0301", "café"),
        ("plain ASCII stays", "plain ASCII stays"),
    ],
)
def test_text_is_normalised(text, plain):
    assert normalise(text) == plain


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("检查锅炉", "检查 查锅 锅炉"),
        ("阀", "阀"),
        ("KX7731型号", "KX7731 型号"),
        ("ポンプは停止", "ポン ンプ プは は停 停止"),
        ("펌프 점검", "펌프 점검"),
        ("น้ำมัน", "นำ ำม มั ัน"),
        ("niqqud: שָׁלוֹם", "niqqud: שלום"),
    ],
)
def test_words_are_separated_by_blanks(text, words):
    assert to_words(text).split() == to_words(words).split()


def test_words_of_thai_do_not_depend_on_tone_marks_and_form():
    assert "นา" in to_words("น\u0e49า").split()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The valve is opened by hand and closed by the spring.", "en"),
        ("Das Ventil wird von Hand geöffnet und durch die Feder geschlossen.", "de"),
        ("La vanne est ouverte à la main et fermée par le ressort.", "fr"),
        ("La válvula se abre a mano y se cierra por el muelle.", "es"),
        ("La valvola si apre a mano e si chiude con la molla.", "it"),
        ("Klep wordt met de hand geopend en door een veer gesloten.", "nl"),
        ("Клапан открывается рукой и закрывается пружиной, но не сразу.", "ru"),
        ("Η βαλβίδα ανοίγει με το χέρι.", "el"),
        ("يفتح الصمام باليد ويغلق بالنابض.", "ar"),
        ("شیر با دست باز می‌شود و با فنر بسته می‌شود.", ""),
        ("阀门用手打开，由弹簧关闭。", "zh"),
        ("弁は手で開き、ばねで閉じます。", "ja"),
        ("밸브는 손으로 열고 스프링으로 닫습니다.", "ko"),
        ("วาล์วเปิดด้วยมือ", "th"),
        ("Zawór jest otwierany ręcznie i zamykany przez sprężynę, ale nie od razu.", "pl"),
        ("E4711 KX-7731 MX", "en"),
        ("4711 77 2026", ""),
        ("", ""),
    ],
)
def test_the_language_of_a_text_is_recognised(text, language):
    assert detect_language(text) == language


def test_names_in_another_language_do_not_change_the_language():
    assert detect_language("The café Über den Wolken opens at eight. It is next to the Rue de la Paix.") == "en"


def test_a_question_has_the_same_words_as_before_if_the_collection_is_english():
    question = encode_question("Which pumps are running?", ["en"])

    assert set(question.indices) == set(encode_passage(_passage("pump run", "en")).indices)


def test_stop_words_of_a_question_are_no_words_in_other_languages():
    assert set(encode_question("What is the pump?", ["en", "de", ""]).indices) == set(
        encode_question("pump", ["en", "de", ""]).indices
    )


@pytest.mark.parametrize(
    ("passage", "question", "language"),
    [("Zwei Häuser", "Haus", "de"), ("las válvulas abiertas", "válvula abierta", "es"), ("насосы", "насос", "ru")],
)
def test_a_question_finds_stems_of_each_language_of_the_collection(passage, question, language):
    words = set(encode_question(question, ["en", language, "fr"]).indices)

    assert words & set(encode_passage(_passage(passage, language)).indices)


def _passage(text, language):
    return chunk(text, heading="", language=language)
