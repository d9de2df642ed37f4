"""What a question asks for, and the term that it is about."""

import pytest

from service.quoting.questions import read_question


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("How do I restore a backup?", "how"),
        ("what are the steps to restore it", "how"),
        ("Why are answers declined?", "reason"),
        ("How many workers do I need?", "number"),
        ("What is the default port?", "number"),
        ("Which formats can be read?", "list"),
        ("What is a lease?", "definition"),
        ("Can I use a proxy?", "yes_no"),
        ("What happens to a document that crashes the parser?", "other"),
        ("Norway", "other"),
        ("What is the difference between PUT and POST?", "comparison"),
        ("native vs classic histograms", "comparison"),
        ("How do gauges and counters differ?", "comparison"),
        ("nginx config for the service", "code"),
        ("example of an alerting rule", "code"),
        ("For how long is a release supported?", "number"),
        ("gauge metric definition", "definition"),
        ("Where can I see the log?", "how"),
        ("I want another model. What do I run?", "how"),
        ("Is there a way to read it?", "how"),
    ],
)
def test_the_first_words_tell_what_a_question_asks_for(text, asks):
    assert read_question(text).asks == asks


@pytest.mark.parametrize(
    ("text", "term", "is_bare", "is_literal"),
    [
        ("E1234", "e1234", True, True),
        ("E1234?", "e1234", True, True),
        ("error E1234", "e1234", True, True),
        ("What does E1234 mean?", "e1234", False, True),
        ("the fuse E1234", "the fuse e1234", True, True),
        ("RAG_RETRIEVAL__LIMIT", "rag_retrieval__limit", True, True),
        ("--dry-run", "--dry-run", True, True),
        ('"per diem"', "per diem", True, False),
        ("What is a dead letter?", "dead letter", False, False),
        ("What is the salary of the manager?", "", False, False),
        ("what does revision mean here", "revision", False, False),
        ("What is the mode checked?", "checked", False, False),
        ("who wrote hamlet", "", False, False),
        ("How do I set RAG_PORT?", "", False, False),
    ],
)
def test_the_term_of_a_question(text, term, is_bare, is_literal):
    question = read_question(text)
    assert (question.term, question.is_bare, question.is_literal) == (term, is_bare, is_literal)


def test_a_code_is_named_between_chinese_letters_but_not_inside_another_code():
    assert read_question("E4711").is_named_in("错误代码E4711表示冷却泵没有电。")
    assert not read_question("E47").is_named_in("Error E4711 means that the pump has no power.")


@pytest.mark.parametrize(
    ("text", "section", "is_section"),
    [
        ("What does section 2.2 say?", "2.2", True),
        ("§ 4", "4", True),
        ("Summarise chapter 3", "3", True),
        ("Appendix B", "B", True),
        ("What does section 2.2 say about leave?", "2.2", False),
        ("How long does step 3 take?", "3", False),
        ("Which part of the text is read?", "", False),
        ("Are 5 sections enough?", "", False),
    ],
)
def test_the_section_of_a_question(text, section, is_section):
    question = read_question(text)
    assert (question.section, question.is_section) == (section, is_section)
