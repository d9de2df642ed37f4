# ruff: noqa: RUF001 - letters of other alphabets look alike
"""Sentences are split, and compared with questions, in any script."""

import pytest

from service.sentences import coverage, is_supported, split_sentences


@pytest.mark.parametrize(
    "sentences",
    [
        ["水泵因漏油而停机。", "备件星期四到货！", "请先关闭阀门。"],
        ["ポンプは油漏れで停止した。", "部品は木曜日に届く。"],
        ["彼は「弁を閉じてください。」", "それから部屋を出ました。"],
        ["पंप तेल रिसाव से बंद हुआ।", "पुर्जा गुरुवार को आएगा।"],
        ["پمپ خراب ہو گیا ہے۔", "پرزہ جمعرات کو آئے گا۔"],
        ["توقفت المضخة أمس.", "تصل القطعة يوم الخميس."],
        ["펌프가 어제 다시 멈췄습니다.", "부품은 목요일에 도착합니다."],
        ["Насос остановлен из-за утечки.", "Деталь придёт в четверг."],
    ],
)
def test_sentences_end_at_the_marks_of_their_script(sentences):
    for between in ("", " ") if sentences[0][-1] in "。」" else (" ",):
        assert split_sentences(between.join(sentences)) == sentences


@pytest.mark.parametrize("question", ["水泵为什么停机？", "لماذا توقفت المضخة الآن؟"])
def test_a_question_is_not_a_statement_in_any_script(question):
    assert split_sentences(question) == []


def test_coverage_counts_words_of_scripts_without_blanks_and_ligatures():
    assert coverage("水泵停机", "水泵因漏油而停机。") > 0.5
    assert coverage("office filter", "The o\ufb03ce has a \ufb01lter.") == 1.0


def test_a_chinese_claim_needs_the_words_of_its_quote():
    assert is_supported("水泵因漏油停机。", "水泵因漏油停机，备件星期四到。", "为什么？")
    assert not is_supported("锅炉因漏水停机。", "水泵因漏油停机，备件星期四到。", "为什么？")
