"""The rubric that a person could apply: is an answer right, partly right or wrong, by where the gold words stand.

docs/guides/evaluation.md has the rubric in words, and ADR 63 the reasons.
"""

from collections.abc import Sequence

from evals.answers.gold import GoldPassage, GoldQuestion
from evals.answers.matching import contains_words, split_answer, without_first_paragraph, without_markers
from evals.answers.matching import words as words_of

# Characters that a reader takes in at one glance: two to three lines of a page, or one reply of a chat.
_OPENING = 250
# A list, a table or code that is longer than the opening gets its own length, and a line that announces it.
_ANNOUNCEMENT = 100
# Shares of equal words from which a rewritten sentence still is the gold sentence.
_SAME_SENTENCE = 0.7


def grade(question: GoldQuestion, text: str, *, declined: bool, cited: bool, unsure: bool = False) -> dict[str, float]:
    """Return `right`, `partly` and `wrong`, of which one is 1, whether a wrong one is confident, and more for answers.

    A question without an answer is right if it is declined. A confident answer cites, and does not say that it is
    unsure. An unsure answer begins with a paragraph that says so; measures by sentence leave it out.
    """
    confident = cited and not declined and not unsure
    if not question.is_answerable:
        return _outcome(right=declined, partly=False, confident=confident)
    if not question.evidence:
        return {}
    plain = without_markers(text)
    right = not declined and all(any(_opens_with(passage, plain) for passage in group) for group in question.evidence)
    partly = not declined and any(_is_touched(passage, plain) for group in question.evidence for passage in group)
    answered = without_markers(without_first_paragraph(text)) if unsure else plain
    first = next(iter(split_answer(answered)), "")
    return {
        **_outcome(right=right, partly=partly and not right, confident=confident),
        "first_sentence": float(
            not declined and all(any(_holds(first, passage.words) for passage in group) for group in question.evidence)
        ),
        "sentence_f1": 0.0 if declined else max(sentence_f1(answered, gold) for gold in question.gold_sentences),
    }


def sentence_f1(text: str, gold: Sequence[str]) -> float:
    """Return the harmonic mean of precision and recall over sentences.

    An answer's sentence is right if it is a gold sentence, contains one, is a part of one, or has most of its words.
    """
    given = split_answer(text)
    wanted = [sentence for quote in gold for sentence in split_answer(quote)]
    if not given or not wanted:
        return 0.0
    precision = sum(any(_is_same(sentence, other) for other in wanted) for sentence in given) / len(given)
    recall = sum(any(_is_same(sentence, other) for sentence in given) for other in wanted) / len(wanted)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _outcome(*, right: bool, partly: bool, confident: bool) -> dict[str, float]:
    wrong = not right and not partly
    return {
        "right": float(right),
        "partly": float(partly),
        "right_or_partly": float(not wrong),
        "wrong": float(wrong),
        "wrong_with_confidence": float(wrong and confident),
        "not_misleading": float(not (wrong and confident)),
    }


def _opens_with(passage: GoldPassage, text: str) -> bool:
    end = max(_OPENING, len(passage.quote) + _ANNOUNCEMENT)
    # A word that the limit cuts in two is read to its end.
    return _holds(text[:end] + text[end:].split(maxsplit=1)[0] if text[end:].strip() else text, passage.words)


def _is_touched(passage: GoldPassage, text: str) -> bool:
    """Return whether at least half of the parts stand somewhere in the answer."""
    return 2 * sum(contains_words(text, part) for part in passage.words) >= len(passage.words)


def _holds(text: str, parts: Sequence[str]) -> bool:
    return all(contains_words(text, part) for part in parts)


def _is_same(sentence: str, gold: str) -> bool:
    if contains_words(sentence, gold) or contains_words(gold, sentence):
        return True
    mine, theirs = words_of(sentence).split(), words_of(gold).split()
    return 2 * len(set(mine) & set(theirs)) >= _SAME_SENTENCE * (len(set(mine)) + len(set(theirs)))
