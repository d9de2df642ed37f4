"""Splitting of sentences and support of claims."""

from hypothesis import given
from hypothesis import strategies as st

from service.sentences import is_supported, keeps_lines, split_sentences

MARKDOWN = """The pump has two modes. Choose one of these:

- quiet mode for the night
- full mode for the day

```sh
pump --mode quiet
```

# Faults

Is it broken? Call Dr. Smith at 5.30 p.m. tomorrow."""


def test_sentences_list_items_and_code_blocks_are_separate():
    assert split_sentences(MARKDOWN) == [
        "The pump has two modes.",
        "Choose one of these:\n\n- quiet mode for the night",
        "- full mode for the day",
        "```sh\npump --mode quiet\n```",
        "Call Dr. Smith at 5.30 p.m. tomorrow.",
    ]


def test_a_sentence_with_a_colon_includes_the_next_item():
    assert split_sentences("Run this command:\n\n```sh\nmake run now\n```") == [
        "Run this command:\n\n```sh\nmake run now\n```"
    ]


@given(st.text(alphabet=st.sampled_from("ab .?!:\n-#`*|1é"), max_size=200))
def test_every_sentence_is_a_substring_of_its_passage(passage):
    position = 0
    for sentence in split_sentences(passage):
        position = passage.index(sentence, position) + len(sentence)


def test_the_rows_of_a_table_are_separate():
    assert split_sentences(
        "part | default | other\nmodel | SmolLM2 | any file\nstore | embedded engine | a server"
    ) == [
        "part | default | other",
        "model | SmolLM2 | any file",
        "store | embedded engine | a server",
    ]


def test_line_breaks_carry_meaning_in_lists_and_code_only():
    assert keeps_lines("Do this:\n\n- first")
    assert keeps_lines("```\nx = 1\n```")
    assert not keeps_lines("A sentence that is\nwrapped at the margin.")


def test_a_claim_is_supported_if_the_quote_contains_its_facts():
    quote = "The bridge was opened to traffic in March 1932."
    assert is_supported("It opened in March 1932.", quote, "When did the bridge open?")
    assert not is_supported("It opened in March 1933.", quote, "When did the bridge open?")
    assert not is_supported("It was opened by Queen Mary.", quote, "When did the bridge open?")
    assert not is_supported("It never opened in March 1932.", quote, "When did the bridge open?")


def test_a_claim_that_only_repeats_the_question_is_not_supported():
    assert not is_supported("The bridge did open.", "The bridge was opened in 1932.", "When did the bridge open?")
